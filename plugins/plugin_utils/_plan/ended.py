# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""A plan without the rules whose last day is over by now: it may be older than that day, and nobody takes such a rule for one that holds."""

from __future__ import annotations

import sys
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._ruleset import today
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import Latest, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import plan_from

__all__ = ["plan_as_of_today", "today", "without_ended"]


def without_ended(plan: Plain, names: t.Iterable[str], now: float) -> Plain:
    """Return a plan without the rules of some hosts whose last day is over; the plan itself where there are none. Hosts that share rules go on sharing them."""
    left: dict[int, list[Plain]] = {}
    hosts = {}
    for name in names:
        host = plan["hosts"][name]
        if id(host["rules"]) not in left:
            left[id(host["rules"])] = [rule for rule in host["rules"] if not _ruleset.is_over(rule.get("until", ""), now)]
        rules = left[id(host["rules"])]
        if len(rules) < len(host["rules"]):
            hosts[name] = {**host, "rules": rules}
    return {**plan, "hosts": {**plan["hosts"], **hosts}} if hosts else plan


_of_day = Latest(lambda plan, _day: without_ended(plan, plan["hosts"], time.time()))


def plan_as_of_today(value: t.Any) -> Plain:
    """Return a plan that is given as data or as the path of a plan directory, as it holds today."""
    plan = plan_from(value)
    day = today()
    # Without a last day anywhere, and on the day of planning, every rule of a plan holds.
    return plan if plan.get("today") in (None, day) else _of_day(plan, sys.intern(day))
