#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_ruleset_info
short_description: Read the owned ruleset of a host with nftables
version_added: 0.1.0
description:
  - Tells which rules of this owner the kernel holds, what is kept for the next boot, and what filters beside them. Changes nothing.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - nft (nftables) 0.9.3 or later with JSON support, on the target
options:
  owner:
    description:
      - Mark of ownership and name of the table.
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
  - module: portcullis.msports.nftables_ruleset
"""

EXAMPLES = r"""
- name: Read what is in force
  portcullis.msports.nftables_ruleset_info:
  register: ruleset

- name: Show the rules
  ansible.builtin.debug:
    var: ruleset.lines
"""

RETURN = r"""
present:
  description: Whether the kernel holds a table of this owner.
  returned: success
  type: bool
names:
  description: Names of the rules in the kernel.
  returned: success
  type: list
  elements: str
lines:
  description: The canonical lines of the table - chains, base rules, helpers and address sets, then one line a rule.
  returned: success
  type: list
  elements: str
  sample: ["in 'in tcp/443 from clients': ip saddr 10.20.0.0/16 tcp dport 443 accept"]
saved:
  description: Lines about the files and units that are kept for the next boot.
  returned: success
  type: list
  elements: str
effective:
  description:
    - V(in_force) tells whether a table is there, V(reasons) say what else filters on the host, V(guarded) which management sessions are open.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Refused, inspect


def main():
    module = AnsibleModule(argument_spec={"owner": {"type": "str", "default": "msports"}}, supports_check_mode=True)
    try:
        result = inspect(module.params["owner"])
    except (Refused, NftError) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
