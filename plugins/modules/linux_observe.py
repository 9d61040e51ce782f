#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_observe
short_description: See who listens on a Linux host, and who speaks with whom
version_added: 0.1.0
description:
  - Reads the sockets of the host with their processes, the conversations that it has learned, how many packets the rules of the collection have counted,
    and new connections in the kernel's log that rules stop or would stop. Changes nothing.
  - Rules count on nftables and in ufw. Those of firewalld have no counters that could be told apart.
  - Of the log, lines of the audit mode, of ufw and of firewalld are read as far as the kernel still has them, to and from the addresses of this host.
  - Sockets on the loopback interface are left out, and those of UDP that wait for an answer.
  - M(portcullis.msports.observe) calls this module and keeps what it returns beside the plan.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - Python 3.8 or later
  - root, to see the processes of other users and what was learned
options:
  mark:
    description:
      - What RV(mark) was at the look before. Counters and the log then tell what came since. Without it, all that the host still has.
    type: dict
    default: {}
extends_documentation_fragment:
  - portcullis.msports.observe.owner
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems that it runs on.
seealso:
  - module: portcullis.msports.observe
  - module: portcullis.msports.linux_learning
"""

EXAMPLES = r"""
- name: Who is there
  portcullis.msports.linux_observe:
  register: seen

- name: Show the listeners
  ansible.builtin.debug:
    msg: "{{ seen.observations | selectattr('seen', 'eq', 'listener') }}"
"""

RETURN = r"""
observations:
  description:
    - What was seen, one entry for what is alike. C(direction) is V(in) where the peer reaches a port of this host.
    - C(seen) is V(listener), V(session), V(flow) (learned), V(counter) or V(log). C(process) is the name of the process at this host, empty where unknown.
    - A counter has C(rule), the name of the rule, in place of peer and port. A line of the log has its days, C(first) and C(last).
  returned: success
  type: list
  elements: dict
  sample: [{direction: in, peer: 10.1.1.20, protocol: tcp, port: 1433, seen: session, outcome: passed, process: sqlservr, times: 2}]
unknown:
  description: What could not be seen, in sentences. Not seen is not absent.
  returned: success
  type: list
  elements: str
learning:
  description: Whether the host learns conversations.
  returned: success
  type: bool
unbroken:
  description:
    - What tells of everything since the look that left O(mark). V(counters) of rules, which were not loaded anew since then, or learned V(conversations).
    - Empty after a first look, a restart of the host, or a reload of the rules.
  returned: success
  type: list
  elements: str
mark:
  description: Where the next look goes on, to be given as O(mark).
  returned: success
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux import observe
from ansible_collections.portcullis.msports.plugins.module_utils._options import OWNER


def main():
    module = AnsibleModule(argument_spec=dict({"mark": {"type": "dict", "default": {}}}, **OWNER), supports_check_mode=True)
    module.exit_json(changed=False, **observe.look(module.params["owner"], module.params["mark"]))


if __name__ == "__main__":
    main()
