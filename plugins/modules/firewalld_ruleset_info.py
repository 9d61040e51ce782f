#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: firewalld_ruleset_info
short_description: Read the owned ruleset of a host with firewalld
version_added: 0.1.0
description:
  - Tells which rules of this owner are saved, in the daemon and in the kernel, and what zones and policies of others admit beside them. Changes nothing.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - firewalld 0.9 or later on the target
options:
  owner:
    description:
      - Mark of ownership and beginning of all names.
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
  - module: portcullis.msports.firewalld_ruleset
"""

EXAMPLES = r"""
- name: Read what is in force
  portcullis.msports.firewalld_ruleset_info:
  register: ruleset

- name: Show what zones admit beside the rules
  ansible.builtin.debug:
    var: ruleset.effective.reasons
"""

RETURN = r"""
present:
  description: Whether this owner has a policy, saved or running.
  returned: success
  type: bool
running:
  description: Whether firewalld runs.
  returned: success
  type: bool
names:
  description: Names of the rules.
  returned: success
  type: list
  elements: str
lines:
  description: The canonical lines - policies, ipsets and services, then one line a rule. What is missing in one place is said behind a rule.
  returned: success
  type: list
  elements: str
  sample: ["in 'in tcp/443 from clients': family=\"ipv4\" source address=\"10.20.0.0/16\" port port=\"443\" protocol=\"tcp\" accept"]
saved:
  description: The files of this owner.
  returned: success
  type: list
  elements: str
  sample: ["/etc/firewalld/policies/msports-in-allow.xml"]
effective:
  description:
    - V(in_force) tells whether the rules that are there are in the daemon and in the kernel, V(reasons) say what else filters on the host, V(guarded)
      which management
      sessions are open.
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import FirewalldError, Refused, inspect
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError


def main():
    module = AnsibleModule(argument_spec={"owner": {"type": "str", "default": "msports"}}, supports_check_mode=True)
    try:
        result = inspect(module.params["owner"])
    except (Refused, FirewalldError, BusError, NftError) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
