#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ufw_ruleset_info
short_description: Read the owned ruleset of a host with ufw
version_added: 0.1.0
description:
  - Tells which rules of this owner ufw has, whether the kernel holds them, and what filters beside them. Changes nothing.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - ufw 0.35 or later, on the target
options:
  owner:
    description:
      - Mark of ownership, with which the comments of the rules begin.
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
  - module: portcullis.msports.ufw_ruleset
"""

EXAMPLES = r"""
- name: Read what is in force
  portcullis.msports.ufw_ruleset_info:
  register: ruleset

- name: Show the rules
  ansible.builtin.debug:
    var: ruleset.lines
"""

RETURN = r"""
present:
  description: Whether ufw has rules of this owner.
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
  description: The defaults of ufw, and what they were before they were changed by this owner.
  returned: success
  type: list
  elements: str
effective:
  description:
    - V(in_force) tells whether the kernel holds what the files say, V(reasons) say what else filters on the host,
      V(guarded) which management sessions are open.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.reconcile import Refused, inspect


def main():
    module = AnsibleModule(argument_spec={"owner": {"type": "str", "default": "msports"}}, supports_check_mode=True)
    try:
        result = inspect(module.params["owner"])
    except (Refused, UfwError) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
