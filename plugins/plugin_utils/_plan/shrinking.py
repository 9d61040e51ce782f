# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Fewer is never silent: hosts that left the inventory, and many rules that would go, since the saved plan."""

from __future__ import annotations

import fnmatch
import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError, Problem, some
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, union

Plain = t.Mapping[str, t.Any]
FEW = 20  # so many rules may always go
SHARE = 4  # and a quarter of all
OVER_A_WHOLE = (
    "the plan that is saved there is of the whole inventory, and one of a part would take its place, and with it what the next one is compared with; "
    "give it a directory of its own"
)


def check_shrinking(before: Plain, plan: Plain, difference: Plain, expected: t.Sequence[str] = (), most: t.Optional[int] = None) -> None:
    """Raise :class:`InventoryError` when ``plan`` lacks hosts of the saved plan that are not ``expected`` to be gone, or too many of its rules.

    ``expected`` are names of hosts or patterns (``web*``). ``most`` is how many rules may go from hosts that stay; by default a quarter of them,
    and always ``FEW``. A rule goes when most of what it let through is let through by no rule of the host any more, whatever the rules are called.
    ``difference`` is that of the two plans. A plan of a part of the inventory knows nothing of hosts that it lacks.
    """
    if plan["partial_inventory"] and before.get("partial_inventory") is False:
        raise InventoryError([Problem("partial_inventory", "true", OVER_A_WHOLE)])
    if plan["partial_inventory"] or before.get("partial_inventory"):
        return
    gone = sorted(set(before.get("inputs", {})) - set(plan["inputs"]))
    problems = []
    surprising = [name for name in gone if not any(fnmatch.fnmatchcase(name, pattern) for pattern in expected)]
    if surprising:
        names = ", ".join(surprising) if len(surprising) <= FEW else some(surprising, FEW)
        problems.append(
            Problem(
                "expect_removed_hosts",
                None,
                f"these hosts are in the saved plan and no longer in the inventory: {names}. Their peers would no longer admit them. Mend the inventory, or, "
                f"if they are gone, name them: expect_removed_hosts: [{', '.join(surprising[:3])}{', ...' if surprising[3:] else ''}]",
            )
        )
    staying = {name: host for name, host in before["hosts"].items() if name not in gone}
    lost = _Lost(before, plan)
    removed = {name: lost.count(name, {*found["removed"], *found["changed"]}) for name, found in difference["hosts"].items() if name in staying}
    total, count = sum(len(host["rules"]) for host in staying.values()), sum(removed.values())
    bound = max(FEW, total // SHARE) if most is None else most
    if count > bound:
        first = sorted((name for name in removed if removed[name]), key=lambda name: (-removed[name], name))[:3]
        where = ", ".join(f"{name} ({removed[name]})" for name in first) + (", ..." if sum(map(bool, removed.values())) > len(first) else "")
        problems.append(
            Problem(
                "max_removed_rules",
                str(bound),
                f"{count} of the {total} rules of the saved plan would go or lose most of their addresses, most of them at {where}. See which "
                f"(plan with -e plan_directory=new, and compare with the playbook diff), and mend the inventory, or accept it: max_removed_rules: {count}",
            )
        )
    if problems:
        raise InventoryError(problems)


class _Lost:
    """Counts rules that let through less than half of what they did; many rules name the same few sets, so each pair of sets is compared once."""

    def __init__(self, before: Plain, plan: Plain) -> None:
        self._before, self._plan = before, plan
        self._is_lost = functools.cache(self._compare)

    def count(self, host: str, names: t.Container[str]) -> int:
        """Return how many rules of ``names`` at ``host`` are lost; the others are as they were."""
        now: dict[tuple[t.Any, ...], list[str]] = {}
        for rule in self._plan["hosts"].get(host, {}).get("rules", ()):
            now.setdefault(_ports_of(rule), []).append(rule["remote"])
        return sum(self._is_lost(rule["remote"], tuple(now.get(_ports_of(rule), ()))) for rule in self._before["hosts"][host]["rules"] if rule["name"] in names)

    def _compare(self, was: str, now: tuple[str, ...]) -> bool:
        old = Addresses.parse(self._before["sets"][was]["addresses"])
        left = old - union(Addresses.parse(self._plan["sets"][name]["addresses"]) for name in now)
        return any(2 * size > _sizes(old)[version] for version, size in _sizes(left).items())


def _ports_of(rule: Plain) -> tuple[t.Any, ...]:
    return (rule["direction"], rule["protocol"], tuple(rule["local_ports"]), tuple(rule["remote_ports"]), rule["local"])


def _sizes(addresses: Addresses) -> dict[int, int]:
    """Return the number of addresses by family: one network of IPv6 has more than all of IPv4."""
    found: dict[int, int] = {}
    for version, first, last in addresses.intervals:
        found[version] = found.get(version, 0) + last - first + 1
    return found
