# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: show
short_description: The ruleset of one host as text of its backend
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Gives what would be on the host, from the plan alone. Nothing is connected to, and no tool of the system is needed.
  - For nftables that is the file for C(nft -f), for firewalld and ufw the parts of their files, for Windows a PowerShell command for each rule, to read.
  - What only the host knows, such as the version of firewalld or the settings of ufw, is taken to be what a new installation has.
positional: _input, host
options:
  _input:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
  host:
    description: The inventory host.
    type: str
    required: true
  backend:
    description:
      - The backend. V(auto) is V(windows) for Windows and V(nftables) for Linux, where only the host knows which manager is active.
    type: str
    choices: [auto, nftables, firewalld, ufw, windows]
    default: auto
seealso:
  - plugin: portcullis.msports.render
    plugin_type: filter
"""

EXAMPLES = r"""
- name: What the fallback status point would load for its clients, were it a Linux host
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.show('fsp01', 'nftables')).splitlines() | select('search', 'dport 80 ') | map('trim') }}"
  # =>
  #   - 'ip saddr { 10.1.2.10/31, 10.9.0.10, 10.20.0.0/16 } tcp dport 80 counter accept comment "in tcp/80 from configmgr.client@CAS.tree"'
  #   - 'ip6 saddr fd00:20::/32 tcp dport 80 counter accept comment "in tcp/80 from configmgr.client@CAS.tree"'
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today
from ansible_collections.portcullis.msports.plugins.plugin_utils._render import text


def show(plan, host, backend="auto"):
    with ansible_errors(AnsibleFilterError):
        return text.text(plan_as_of_today(to_plain(plan)), to_plain(host), to_plain(backend))


class FilterModule:
    def filters(self):
        return {"show": called(AnsibleFilterError, show)}
