# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: render
short_description: The options of a ruleset module for one host of a plan
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Gives what the M(portcullis.msports.apply) action hands to a backend's module, so that it can be looked at, or applied by a task of your own.
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
      - The backend to render for. Any host can be rendered for any backend.
      - Everything that the backend cannot say, whatever the host is like, is refused at once, with each rule, the reason, and what to do instead.
        Such are the default V(reject) with V(windows), a helper on another port than its own with V(firewalld), and port 0 with V(ufw).
      - What depends on the host (the version of firewalld, IPv6 that is off for ufw) is refused there, by the module. The mode is taken to be V(enforce).
    type: str
    choices: [nftables, firewalld, ufw, windows]
    default: nftables
seealso:
  - module: portcullis.msports.linux_ruleset
  - module: portcullis.msports.win_firewall_ruleset
"""

EXAMPLES = r"""
- name: What may come in at the fallback status point over TCP
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.render('fsp01')).rules | selectattr('protocol', 'eq', 'tcp') | map(attribute='name') }}"
  # =>
  #   - in tcp/22 from management:10.9.0.0/24
  #   - in tcp/80 from configmgr.client@CAS.tree
  #   - ...

- name: The endpoint mapper of a site server, as the Windows firewall says it
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.render('site01', 'windows')).rules | selectattr('service', 'defined') | first }}"
  # =>
  #   name: in tcp/135 from configmgr.console@CAS.tree
  #   local_ports: ["135"]
  #   program: "%SystemRoot%\\system32\\svchost.exe"
  #   service: RpcSs
  #   "...": "..."
"""

RETURN = r"""
_value:
  description: Options of the module, such as C(rules), C(address_sets), C(default_inbound), C(default_outbound) and C(management).
  type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today
from ansible_collections.portcullis.msports.plugins.plugin_utils._render import wire


def render(plan, host, backend="nftables"):
    with ansible_errors(AnsibleFilterError):
        return wire.render(plan_as_of_today(to_plain(plan)), to_plain(host), to_plain(backend))


class FilterModule:
    def filters(self):
        return {"render": called(AnsibleFilterError, render)}
