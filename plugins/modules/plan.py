#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Compile the rulesets of all hosts from the inventory
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Reads the C(msports_*) variables of all inventory hosts and the catalogs, checks them, and compiles the ruleset of every managed host.
  - Saves the plan in a directory that diffs in review - sorted, without timestamps.
  - Compiles once per run. Later batches and the free strategy reuse the plan while the inputs of their host are the same.
  - Runs on the controller and connects to no host. Use it in a play of its own on V(localhost), or as the first task of a play.
  - With a problem in the inventory nothing is written, and all problems are told at once.
  - Refuses C(msports_*) variables that a play or role sets, because other hosts could not see them.
extends_documentation_fragment:
  - portcullis.msports.apply
options:
  partial_inventory:
    description:
      - Whether Ansible was started with a part of the inventory's files. C(--limit) is no matter.
      - A plan of a part can be looked at, but M(portcullis.msports.apply) refuses it.
    type: bool
    default: false
  expect_removed_hosts:
    description:
      - Hosts of the saved plan that may be missing in the inventory now, by name or pattern such as V(web*).
      - Other hosts that are missing are refused - an inventory that lost them by mistake would cut them off from their peers.
    type: list
    elements: str
    default: []
  max_removed_rules:
    description:
      - How many rules of the saved plan may go from hosts that stay. More are refused, and nothing is written.
      - A rule goes when most of the addresses that it let through are let through by no rule of the host any more. Its name does not count.
      - Unset, a quarter of them may, and always 20.
    type: int
attributes:
  check_mode:
    support: full
    description: Compiles and compares, and writes only to the temporary folder of the run, from where M(portcullis.msports.apply) reads it.
  diff_mode:
    support: full
    description: Shows one line for each rule, option and address that came or went.
  platform:
    support: full
    platforms: posix
    description: The controller.
seealso:
  - module: portcullis.msports.apply
  - plugin: portcullis.msports.plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Plan
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Compile the rulesets of all hosts
      portcullis.msports.plan:
        directory: msports-plan
      register: planned

    - name: Show what differs from the plan before
      ansible.builtin.debug:
        var: planned.difference
"""

RETURN = r"""
path:
  description: Where the plan lies. In check mode a temporary folder.
  returned: success
  type: str
digest:
  description: The digest of the whole plan, as it stands in its C(index.json). It says which plan is meant where one is published.
  returned: success
  type: str
generation:
  description: A number that grows whenever a changed plan is saved, so that an older plan can be told from a newer one. It is a time in seconds.
  returned: success
  type: int
hosts:
  description: Hosts that have a ruleset in the plan.
  returned: success
  type: list
  elements: str
rules:
  description: The number of rules of all hosts.
  returned: success
  type: int
notes:
  description: What is worth knowing and does not stop the plan, each with C(code), C(host) and C(text).
  returned: success
  type: list
  elements: dict
"off":
  description: Documented flows that make no rules here, each with C(flow) and C(why).
  returned: success
  type: list
  elements: dict
orphaned:
  description: Hosts that were planned or applied to before and hold no role any more. One leaves the list when O(portcullis.msports.apply#module:state=absent)
    was applied to it.
  returned: success
  type: list
  elements: str
lagging:
  description: Hosts to which another ruleset was applied last than the plan has for them, as far as that was recorded here.
  returned: success
  type: list
  elements: str
difference:
  description:
    - What differs from the saved plan, as the P(portcullis.msports.plan_diff#filter) filter gives it; nothing when RV(reused).
    - Holds about 5000 rules, and as many addresses, at most - the first hosts and address sets by name, each whole. RV(left_out) counts the others.
  returned: success
  type: dict
left_out:
  description:
    - The number of C(hosts) and of address C(sets) that differ, too, and are more than RV(difference) has room for. Mostly none.
    - Diff mode shows all of them, and P(portcullis.msports.plan_diff#filter) with the paths of two plan directories returns everything.
  returned: success
  type: dict
  sample: {"hosts": 0, "sets": 0}
summary:
  description: The plan in a few lines, as M(portcullis.msports.summary) prints them. What closes comes first.
  returned: success
  type: list
  elements: str
reused:
  description: Whether an earlier task of the run had compiled the plan.
  returned: success
  type: bool
"""
