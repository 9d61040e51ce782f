# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: unused_rules
short_description: Rules of a plan that nothing was seen to use
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Names the rules that no permitted observation used within a window of days.
  - A host that was not observed over the whole window says nothing about its rules. It is named in C(not_observed).
  - Looks cover a window where counters went on, or the host learned, from one look to the next. After a restart of the host or a reload of its rules
    the days are counted anew.
positional: _input, observations, days, watched
options:
  _input:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
  observations:
    description: Observations, as P(portcullis.msports.findings#filter) takes them.
    type: raw
    required: true
  days:
    description: How many days the window has. It ends with the latest day of all observations.
    type: int
    required: true
  watched:
    description:
      - Of observations that do not come from the looks of M(portcullis.msports.observe), the hosts that were watched without a gap.
      - Each has the first and the last of these days. Without it nothing is known of such hosts.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Nothing used these rules for 20 days
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.unused_rules(seen, 20, watched)).rules.fsp01 | select('search', 'tcp/80|tcp/10050') }}"
  vars:
    watched: {fsp01: ["2026-10-31", "2026-11-20"]}
    seen:
      - {host: fsp01, direction: in, peer: 10.20.0.10, protocol: tcp, port: 80, seen: session, outcome: passed, process: "", times: 3,
         first: "2026-11-01", last: "2026-11-20"}
  # => ["in tcp/10050 from allow:group:monitoring"]
"""

RETURN = r"""
_value:
  description: The rules, and how far they were looked at.
  type: dict
  contains:
    rules:
      description: Host to names of rules.
      type: dict
    unknown:
      description: Host to names of rules of which nothing that was observed would have told, like one over ICMP where conversations were learned.
      type: dict
    not_observed:
      description: Managed hosts that were not observed over the whole window, or with a gap.
      type: list
      elements: str
    from:
      description: The first day of the window. Empty without observations.
      type: str
    to:
      description: The last day of the window.
      type: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.store import observations_from, watched_from, watched_in
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today, today


def unused_rules(plan, observations, days, watched=None):
    with ansible_errors(AnsibleFilterError):
        given = to_plain(observations)
        looks = {**watched_in(given), **watched_from(to_plain(watched or {}))}
        return _compile.unused_rules(plan_as_of_today(to_plain(plan)), observations_from(given, today()), to_plain(days), looks)


class FilterModule:
    def filters(self):
        return {"unused_rules": called(AnsibleFilterError, unused_rules)}
