# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: findings
short_description: What a plan says of what was seen
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Judges observations under a plan. What is as planned is counted; what is not is listed as findings, alike ones as one, each with the reasons
    that P(portcullis.msports.explain#filter) gives and with a remedy.
  - Remedies come in this order, a missing role, a feature, a setting, a network, and only last an entry of C(msports_allow). None is wider than what was seen.
  - An observation is uncertain where nobody can know, such as dynamic RPC on Windows, answers that connection tracking relates, and names.
positional: _input, observations
options:
  _input:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
  observations:
    description:
      - The path of a plan directory, whose observations lie beside it, of a directory that ends with C(.observed), or of a CSV table.
      - Or a list of mappings with the fields of an observation.
    type: raw
    required: true
  catalog_paths:
    description: Folders with your own catalogs, as in C(msports_catalog_paths).
    type: list
    elements: path
  accepted:
    description: Names of findings that are meant to be stopped, like V(sql01 tcp/5432), or patterns of names, like V(* tcp/5432).
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: What would this plan cut of what was seen
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.findings(seen)).findings | selectattr('cut') | map(attribute='text') }}"
  vars:
    seen:
      - {host: linux01, direction: in, peer: 10.9.0.20, protocol: tcp, port: 8080, seen: session, outcome: passed, process: java, times: 3,
         first: "2026-11-01", last: "2026-11-20"}
  # => ["mon01 -> linux01 tcp/8080 (java)"]

- name: What the observations beside a saved plan come to
  ansible.builtin.debug:
    msg: "{{ ('msports-plan' | portcullis.msports.findings('msports-plan')).counts }}"
  when: "'msports-plan/index.json' is file"
"""

RETURN = r"""
_value:
  description: What was found.
  type: dict
  contains:
    counts:
      description: How many observations there are of each word, V(permitted), V(passed_though_not_planned), V(stopped_as_planned),
        V(stopped_though_planned), V(not_planned) where nobody knows whether it passed, and V(uncertain).
      type: dict
    cut:
      description: Of how many findings applying the plan would stop new connections.
      type: int
    refused:
      description: What would be cut that is in use and not accepted, in sentences with remedies; and that not all is known, where there are too many findings.
      type: list
      elements: str
    accepted:
      description: Names of findings that would be cut, are in use, and are accepted.
      type: list
      elements: str
    managed:
      description: The hosts that the plan has rules for.
      type: list
      elements: str
    left_out:
      description: How many observations are in no finding, because there are too many findings.
      type: int
    findings:
      description: What is not as planned, what would be cut first. Each with C(name), C(text), C(advice) (the text with the remedy), C(accepted), C(live)
        (somebody uses it, it is not a listener alone), C(verdict), C(word), C(source), C(destination) (empty for addresses
        that no host has), C(peers) (those addresses), C(more) (addresses beyond), C(protocol), C(port), C(cut), C(why), C(why_not), C(seen),
        C(processes), C(times), C(first), C(last) and C(remedy) with C(kind) and C(text).
      type: list
      elements: dict
    suggestions:
      description: The remedies, each once, with C(kind), C(host) (null for the estate), C(text), C(variables) for the inventory, and C(findings), how many
        it answers. Variables have a suffix, like C(msports_allow__seen_sql01), so they join what groups declare, and hide nothing of it.
      type: list
      elements: dict
    inventory:
      description: The variables of all suggestions together, by where they go, like C(host_vars/sql01) and C(group_vars/all). Review them, then add them there.
      type: dict
      sample: {"host_vars/dp01": {"msports_features__seen_dp01": ["configmgr.pxe"]}}
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import judge_observations
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.store import observations_from
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today, today


def findings(plan, observations, catalog_paths=None, accepted=None):
    with ansible_errors(AnsibleFilterError):
        day = today()
        seen = observations_from(to_plain(observations), day)
        return judge_observations(plan_as_of_today(to_plain(plan)), seen, listed(catalog_paths), listed(accepted))


class FilterModule:
    def filters(self):
        return {"findings": called(AnsibleFilterError, findings)}
