# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: probed
short_description: What the answers to probes say of a plan
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Judges the answers that M(portcullis.msports.linux_probe) and M(portcullis.msports.win_probe) gave on hosts, as
    P(portcullis.msports.findings#filter) judges other observations.
positional: _input, results
options:
  _input:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
  results:
    description:
      - Host to a list of what its tasks registered. Of M(portcullis.msports.linux_probe) and M(portcullis.msports.win_probe) the C(answers) count, each with
        C(address), C(port) and C(answer).
      - Of M(portcullis.msports.win_observe) the listening sockets count. Windows refuses nothing, so silence of a port where nobody listens says nothing there.
      - A host with a failed or unreachable result gave no full answer. Its silence says nothing, unless its sockets are known.
      - Skipped and empty results say nothing. What is no such result is refused.
    type: dict
    required: true
  probes:
    description: Host to the probes that it had to try (C(by_source) of P(portcullis.msports.probes#filter)). Those without an answer are in C(not_tested).
    type: dict
  catalog_paths:
    description: Folders with your own catalogs, as in C(msports_catalog_paths).
    type: list
    elements: path
"""

EXAMPLES = r"""
- name: Is it as planned
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.probed({'mp01': [registered]})).wrong }}"
  vars:
    registered: {answers: [{address: 10.1.1.11, port: 1433, answer: filtered}]}
  # => ["stopped though planned: mp01 -> sql01 tcp/1433"]
"""

RETURN = r"""
_value:
  description: The verdict.
  type: dict
  contains:
    wrong:
      description: What passed though it is not planned, and what was stopped though it is planned.
      type: list
      elements: str
    tested:
      description: How many answers there are.
      type: int
    not_tested:
      description: What could not be tried, and why.
      type: list
      elements: str
    unreached:
      description: The hosts of the plan that gave no answer to a task, with why.
      type: dict
    not_asked:
      description: The hosts of the plan that have no results.
      type: list
      elements: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import judge_answers
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today, today


def probed(plan, results, catalog_paths=None, probes=None):
    with ansible_errors(AnsibleFilterError):
        return judge_answers(plan_as_of_today(to_plain(plan)), to_plain(results), today(), listed(catalog_paths), to_plain(probes))


class FilterModule:
    def filters(self):
        return {"probed": called(AnsibleFilterError, probed)}
