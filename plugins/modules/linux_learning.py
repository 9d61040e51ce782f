#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_learning
short_description: Let a Linux host learn its conversations
version_added: 0.1.0
description:
  - Loads a table of nftables, C(<owner>_learning), that remembers each new conversation over TCP and UDP, with whom and over which port, for both families.
  - The table stops nothing. It stands behind all other rules, so it holds what passed, and it works beside firewalld, ufw and any other rules.
  - The kernel keeps what was learned in sets of a fixed size, without a log. M(portcullis.msports.linux_observe) reads them, and says when one is full.
  - A restart of the host ends the learning, and what was not observed by then is lost.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - root
  - nftables 0.9.3 or later with JSON support, whatever manages the firewall
options:
  state:
    description:
      - V(present) starts the learning, V(absent) ends it and forgets what was learned.
    type: str
    choices: [present, absent]
    default: present
  size:
    description:
      - How many conversations each of eight sets holds, for each direction, protocol and family.
      - Another size starts the learning anew.
    type: int
    default: 65536
  days:
    description:
      - For how many days a conversation is remembered that is not opened again.
    type: int
    default: 7
extends_documentation_fragment:
  - portcullis.msports.observe.owner
attributes:
  check_mode:
    support: full
    description: Says whether something would change.
  diff_mode:
    support: none
    description: Shows no difference.
  platform:
    support: full
    platforms: linux
    description: Systems that it runs on.
seealso:
  - module: portcullis.msports.linux_observe
"""

EXAMPLES = r"""
- name: Learn for a while
  portcullis.msports.linux_learning:

- name: Enough
  portcullis.msports.linux_learning:
    state: absent
"""

RETURN = r"""
table:
  description: The table that learns.
  returned: success
  type: str
  sample: inet msports_learning
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import learning
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError
from ansible_collections.portcullis.msports.plugins.module_utils._options import OWNER
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused, check_owner

SPEC = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "size": {"type": "int", "default": learning.SIZE},
    "days": {"type": "int", "default": learning.DAYS},
}


def main():
    module = AnsibleModule(argument_spec=dict(SPEC, **OWNER), supports_check_mode=True)
    state, owner, size, days = (module.params[name] for name in ("state", "owner", "size", "days"))
    if size < 1 or days < 1:
        module.fail_json(msg="size and days are numbers from 1, like size: 65536 and days: 7")
    try:
        check_owner(owner)
        nft = Nft()
        if module.check_mode:
            changed = learning.would_change(nft, owner, state, size, days)
        else:
            changed = learning.start(nft, owner, size, days) if state == "present" else learning.stop(nft, owner)
    except (NftError, Refused) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, table="inet " + learning.table_of(owner))


if __name__ == "__main__":
    main()
