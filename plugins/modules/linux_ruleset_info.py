#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_ruleset_info
short_description: Read the owned ruleset of a Linux host from whichever firewall manager is active there
version_added: 0.1.0
description:
  - Tells what M(portcullis.msports.nftables_ruleset_info), M(portcullis.msports.firewalld_ruleset_info) or M(portcullis.msports.ufw_ruleset_info) tells,
    whichever fits the host. Changes nothing.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - those of the backend that is used
options:
  backend:
    description:
      - The backend. V(auto) takes that of the manager which is active on the host.
    type: str
    choices: [auto, nftables, firewalld, ufw]
    default: auto
  owner:
    description:
      - Mark of ownership, in the names or comments of everything that is ours.
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
  description: Whether the host has rules of this owner.
  returned: success
  type: bool
names:
  description: Names of the rules.
  returned: success
  type: list
  elements: str
lines:
  description: One canonical line a rule.
  returned: success
  type: list
  elements: str
  sample: ["'in tcp/443 from clients': in allow tcp to port 443 from 10.20.0.0/16"]
saved:
  description: What is kept for the next boot, as the backend's own module tells it.
  returned: success
  type: list
  elements: str
effective:
  description:
    - V(in_force) tells whether the kernel holds what the files say, V(reasons) say what else filters on the host,
      V(guarded) which management sessions are open.
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


def main():
    module = AnsibleModule(
        argument_spec={
            "backend": {"type": "str", "choices": ["auto", "nftables", "firewalld", "ufw"], "default": "auto"},
            "owner": {"type": "str", "default": "msports"},
        },
        supports_check_mode=True,
    )
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
