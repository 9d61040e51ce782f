#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: summary
short_description: Say in a few lines what a run planned and applied
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Prints, without C(-v), what M(portcullis.msports.plan) and M(portcullis.msports.apply) did in this run. What was removed or newly closed comes first.
  - Then come unusual notes of the plan, hosts that failed, foreign rules that keep a host from being exactly the plan, hosts without rules, and hosts that
    lag behind the plan.
  - Tells each thing once. With C(serial) each batch ends with the lines of its own hosts.
  - The role and the playbooks end with it. Runs on the controller and connects to no host, so one task with C(run_once) is enough.
extends_documentation_fragment:
  - portcullis.msports.apply
attributes:
  check_mode:
    support: full
    description: Says what would change.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    support: full
    platforms: posix
    description: The controller.
seealso:
  - module: portcullis.msports.plan
  - module: portcullis.msports.apply
"""

EXAMPLES = r"""
- name: Firewalls by tasks of your own
  hosts: all
  gather_facts: false
  tasks:
    - name: Compile the rulesets of all hosts
      portcullis.msports.plan:
      run_once: true

    - name: Apply
      block:
        - name: Reconcile the firewall of this host
          portcullis.msports.apply:
          become: true
      always:
        - name: Say what was done
          portcullis.msports.summary:
          run_once: true
"""

RETURN = r"""
msg:
  description: The lines.
  returned: always
  type: list
  elements: str
  sample:
    - "REMOVED: 1 rule at 1 host: mp01: in tcp/8530 from configmgr.client"
    - "1 of 21 hosts changed: rules 0 added, 0 changed, 1 removed"
"""
