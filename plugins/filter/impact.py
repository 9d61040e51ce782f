# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: impact
short_description: What a new plan treats otherwise, of what was seen
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Judges observations under two plans, and gives those on which the plans differ.
positional: _input, after, observations
options:
  _input:
    description: The plan before, or the path of its directory.
    type: raw
    required: true
  after:
    description: The plan after, or the path of its directory.
    type: raw
    required: true
  observations:
    description: Observations, as P(portcullis.msports.findings#filter) takes them.
    type: raw
    required: true
  catalog_paths:
    description: Folders with your own catalogs, as in C(msports_catalog_paths).
    type: list
    elements: path
"""

EXAMPLES = r"""
- name: Whom does a new plan stop that the saved one does not
  ansible.builtin.debug:
    msg: "{{ ('msports-plan' | portcullis.msports.impact(hostvars | portcullis.msports.plan, 'msports-plan')).stopped.findings | map(attribute='text') }}"
  when: "'msports-plan/index.json' is file"

- name: A plan that says the same stops nobody
  ansible.builtin.debug:
    msg: "{{ (plan | portcullis.msports.impact(plan, seen)).stopped.findings }}"
  vars:
    plan: "{{ hostvars | portcullis.msports.plan }}"
    seen:
      - {host: linux01, direction: in, peer: 10.9.0.20, protocol: tcp, port: 8080, seen: session, outcome: passed, process: java, times: 3,
         first: "2026-11-01", last: "2026-11-20"}
  # => []
"""

RETURN = r"""
_value:
  description: The differences.
  type: dict
  contains:
    stopped:
      description: What the plan after does not allow, and the plan before did, or did not cut. As P(portcullis.msports.findings#filter) gives it.
      type: dict
    admitted:
      description: What the plan after allows, and the plan before did not, with the reasons under the plan before.
      type: dict
    uncertain:
      description: What is uncertain under the plan after only.
      type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import impact_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.store import observations_from
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today, today
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import plan_from


def impact(before, after, observations, catalog_paths=None):
    with ansible_errors(AnsibleFilterError):
        seen = observations_from(to_plain(observations), today())
        return impact_of(plan_from(to_plain(before)), plan_as_of_today(to_plain(after)), seen, listed(catalog_paths))


class FilterModule:
    def filters(self):
        return {"impact": called(AnsibleFilterError, impact)}
