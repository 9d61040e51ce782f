#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_rollback
short_description: Confirm a change of firewall rules, so that the host does not take it back
version_added: 0.1.0
description:
  - The second call of M(portcullis.msports.linux_ruleset) to a host whose rules it has changed. It comes over a new connection, which shows that the new rules
    let it in. It is internal, and its parameters and its result may change in any release.
  - When the host has taken the change back already, it says so and changes nothing.
author:
  - portcullis.msports contributors (@portcullis)
options:
  owner:
    description:
      - Mark of ownership, as in M(portcullis.msports.linux_ruleset).
    type: str
    default: msports
  nonce:
    description:
      - The name of the change, as the module that made it has returned it.
    type: str
    required: true
attributes:
  check_mode:
    description: Nothing is confirmed in check mode, because nothing waits then.
    support: none
seealso:
  - module: portcullis.msports.linux_ruleset
"""

EXAMPLES = r"""
- name: Confirm by hand what a run that was ended left waiting
  portcullis.msports.linux_rollback:
    owner: msports
    nonce: 0123456789abcdef
"""

RETURN = r"""
confirmed:
  description: Whether the change stays.
  returned: success
  type: bool
rolled_back:
  description: What the host did by itself, in sentences, when it was faster.
  returned: success
  type: list
  elements: str
  sample: ["the controller did not confirm the change in time", "the rules from before are in force again"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.sessions import find_sessions
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.reconcile import failures
from ansible_collections.portcullis.msports.plugins.module_utils._linux.rollback import confirm
from ansible_collections.portcullis.msports.plugins.module_utils._options import OWNER
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused


def main():
    module = AnsibleModule(argument_spec=dict(OWNER, nonce={"type": "str", "required": True}))
    own = find_sessions().own
    try:
        result = confirm(Shelf(module.params["owner"]), module.params["nonce"], own)
    except (OSError, Refused, ValueError) + failures() as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
