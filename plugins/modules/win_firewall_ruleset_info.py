#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: win_firewall_ruleset_info
short_description: Read the owned ruleset of a host with Windows Firewall
version_added: 0.1.0
description:
  - Tells which rules of this owner a Windows host holds, and what filters beside them. One call, which changes nothing.
  - Works over WinRM, PSRP and ssh, as M(portcullis.msports.win_firewall_ruleset) does.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - Windows Server 2016 or Windows 10 or later with Windows PowerShell 5.1 or PowerShell 7
options:
  owner:
    description:
      - Mark of ownership. The rules are in the group C(portcullis:<owner>).
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
    platforms: windows
    description: Systems that it runs on.
seealso:
  - module: portcullis.msports.win_firewall_ruleset
"""

EXAMPLES = r"""
- name: Read what is in force
  portcullis.msports.win_firewall_ruleset_info:
  register: ruleset

- name: Show which foreign rules admit more
  ansible.builtin.debug:
    var: ruleset.effective.foreign_allows
"""

RETURN = r"""
present:
  description: Whether there are rules of this owner.
  returned: success
  type: bool
names:
  description: Names of the rules.
  returned: success
  type: list
  elements: str
lines:
  description: One line a profile with its default actions and logging, then one canonical line a rule.
  returned: success
  type: list
  elements: str
  sample: ["in 'in tcp/443 from clients': allow tcp local_ports=443 remote_addresses=10.20.0.0/16"]
effective:
  description:
    - V(in_force) tells whether Windows decides by these rules in every active profile, V(reasons) say what else filters on the host, V(guarded) which
      management sessions are open, V(profiles) has it profile by profile, V(foreign_allows) lists foreign rules that admit more.
  returned: success
  type: dict
calls:
  description: How often the host was called, its rules were enumerated, and its policy store was written.
  returned: success
  type: dict
  sample: {"remote_calls": 1, "enumerations": 1, "commits": 0}
"""
