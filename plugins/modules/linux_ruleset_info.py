#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_ruleset_info
short_description: Read the owned ruleset of a Linux host from nftables, firewalld or ufw
version_added: 0.1.0
description:
  - Tells which rules of this owner the host saves and enforces, and what filters beside them. Changes nothing.
  - The host decides which backend is asked, as with M(portcullis.msports.linux_ruleset).
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - what M(portcullis.msports.linux_ruleset) requires for the backend that is asked
options:
  backend:
    description:
      - The backend. V(auto) takes that of the manager which is active on the host.
    type: str
    choices: [auto, nftables, firewalld, ufw]
    default: auto
  owner:
    description:
      - The mark of ownership.
    type: str
    default: msports
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Shows one canonical line a rule.
  platform:
    support: full
    platforms: linux
    description: Systems that it runs on.
seealso:
  - module: portcullis.msports.linux_ruleset
"""

EXAMPLES = r"""
- name: Read what is in force
  portcullis.msports.linux_ruleset_info:
  register: ruleset

- name: Show the rules
  ansible.builtin.debug:
    var: ruleset.lines

- name: Show what else filters on this host
  ansible.builtin.debug:
    var: ruleset.effective.reasons
"""

RETURN = r"""
backend:
  description: The backend that was asked.
  returned: success
  type: str
  sample: nftables
backend_reason:
  description: Why it was this one.
  returned: success
  type: str
  sample: no other manager of firewall rules is active
present:
  description: Whether the host has rules of this owner, in force or saved.
  returned: success
  type: bool
running:
  description: Whether firewalld runs.
  returned: with the backend firewalld
  type: bool
names:
  description: Names of the rules.
  returned: success
  type: list
  elements: str
lines:
  description: Canonical lines. Those of nftables and firewalld begin with the structure (chains, sets, policies), then follows one line a rule.
  returned: success
  type: list
  elements: str
  sample: ["in 'in tcp/443 from clients': ip saddr 10.20.0.0/16 tcp dport 443 accept"]
saved:
  description: What is kept for the next boot. With nftables the files and units, with firewalld the files, with ufw its defaults and what they were before.
  returned: success
  type: list
  elements: str
  sample: ["/etc/firewalld/policies/msports-in-allow.xml"]
effective:
  description:
    - V(in_force) tells whether the rules that are there are in force. V(reasons) say what else filters on the host.
      V(guarded) lists the management sessions.
  returned: success
  type: dict
problems:
  description: The single reasons of a refusal.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.reconcile import Refused, failures, inspect
from ansible_collections.portcullis.msports.plugins.module_utils._options import LINUX, OWNER, backend_spec


def main():
    module = AnsibleModule(argument_spec=dict(backend_spec(LINUX), **OWNER), supports_check_mode=True)
    try:
        result = inspect(module.params["owner"], module.params["backend"])
    except Refused as refusal:
        module.fail_json(msg=str(refusal), problems=refusal.problems)
    except failures() as error:
        module.fail_json(msg=str(error), problems=[str(error)])
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
