# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan
short_description: The rulesets of all hosts, from their variables
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Compiles the C(msports_*) variables of all inventory hosts and the catalogs into a plan, all hosts at once.
  - The cost is linear in the number of hosts. Compile once, in a task with C(run_once), and reuse the result.
  - The M(portcullis.msports.plan) action does the same and saves the plan; prefer it in playbooks that apply.
  - Fails with every problem of the inventory at once.
options:
  _input:
    description: Always C(hostvars).
    type: dict
    required: true
  partial_inventory:
    description: Whether C(hostvars) hold a part of the inventory. A plan of a part cannot be applied.
    type: bool
    default: false
seealso:
  - plugin: portcullis.msports.explain
    plugin_type: filter
  - plugin: portcullis.msports.matrix
    plugin_type: filter
"""

EXAMPLES = r"""
- name: How many hosts get a ruleset
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan).hosts | length }} hosts get a ruleset"
  run_once: true
  # => 21 hosts get a ruleset
"""

RETURN = r"""
_value:
  description: The plan as plain data. Its format is in C(docs/plan.md).
  type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called, mapping
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import compile_plan
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of


def plan(hostvars, partial_inventory=False):
    with ansible_errors(AnsibleFilterError):
        mapping(hostvars, "plan", "the variables of all hosts: hostvars | portcullis.msports.plan")
        return compile_plan(inventory_of(hostvars, whole=not partial_inventory))


class FilterModule:
    def filters(self):
        return {"plan": called(AnsibleFilterError, plan)}
