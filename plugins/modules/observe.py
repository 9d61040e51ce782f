#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: observe
short_description: Keep what is seen at a host beside the plan
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Reads who listens on the host, who speaks with whom, what it has learned, what rules have counted, and what the kernel's log has of packets, in one call.
    Changes nothing there.
  - A Windows host learns by the log of its firewall (C(pfirewall.log)), which V(audit) of O(portcullis.msports.apply#module:mode) switches on.
    Without the log the peers of UDP are not seen there. Windows has no counters of rules.
  - Adds it to the observations beside the plan directory, where P(portcullis.msports.findings#filter) reads them.
  - Check mode reads, and keeps nothing.
options:
  directory:
    description:
      - The plan directory. Observations lie beside it, in C(<directory>.observed). The plan itself need not be there yet.
    type: path
    default: msports-plan
extends_documentation_fragment:
  - portcullis.msports.observe.owner
attributes:
  check_mode:
    support: full
    description: Reads, and keeps nothing.
  diff_mode:
    support: none
    description: Changes nothing on the host.
  platform:
    support: full
    platforms: linux, windows
    description: Systems of the hosts.
seealso:
  - module: portcullis.msports.linux_observe
  - module: portcullis.msports.linux_learning
  - module: portcullis.msports.win_observe
"""

EXAMPLES = r"""
- name: Who is there
  portcullis.msports.observe:
"""

RETURN = r"""
observations:
  description:
    - What was seen, one entry for what is alike. C(direction) is V(in) where the peer reaches a port of this host.
    - C(seen) is V(listener), V(session), V(flow) (learned), V(counter), or V(log), which on Windows is the log of its firewall.
    - C(process) is the name of the process at this host, on Windows with its services, and empty where it is unknown.
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
  description: Whether the host learns conversations. On Windows, whether what passes is logged in every profile.
  returned: success
  type: bool
unbroken:
  description:
    - What tells of everything since the look before. V(counters) of rules, or V(conversations), learned or logged.
    - Only as long as this goes on does P(portcullis.msports.unused_rules#filter) say of a rule that nobody uses it.
  returned: success
  type: list
  elements: str
mark:
  description: Where the next look goes on. It is kept with the observations.
  returned: success
  type: dict
directory:
  description: Where the observations are kept.
  returned: success
  type: str
  sample: /home/you/msports-plan.observed
"""
