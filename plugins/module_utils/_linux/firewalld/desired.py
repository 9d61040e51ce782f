# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the owner must have in firewalld for the options of a run, what that changes of what is there, and what a run returns of that."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change
from ansible_collections.portcullis.msports.plugins.module_utils._change import Change
from ansible_collections.portcullis.msports.plugins.module_utils._limits import UNSAYABLE
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import actual_state, objects, render
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.actual_state import Actual
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.kernel import Kernel
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import set_type
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.rich import Rich, parse
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, has_netbios
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused, checked_rules

SETS = (
    "{0}: the type {1} is not to be had from this host's firewalld. It uses iptables (FirewallBackend), and the program ipset is missing: install the package "
    "ipset and restart firewalld, or set FirewallBackend=nftables in /etc/firewalld/firewalld.conf"
)


class Desired(t.NamedTuple):
    """``rules`` complete rules, ``objects`` what must be there, ``change`` what it adds, changes, removes and keeps."""

    rules: t.List[t.Dict[str, t.Any]]
    objects: objects.Objects
    change: Change
    warnings: t.List[str]


def desire(options: Options, nft: t.Optional[Nft], actual: Actual, version: t.Tuple[int, ...], set_types: t.Optional[t.Sequence[str]] = None) -> Desired:
    """Return ``Desired``; raise ``Refused`` with every problem at once.

    ``nft`` may be ``None``, ``version`` is firewalld's, ``set_types`` are those of ipsets that it takes, ``None`` for all.
    """
    rules = checked_rules(options)
    helpers = ["tftp"] + (["netbios-ns"] if any(rule["helper"] == "netbios-ns" for rule in rules) and _has_netbios(nft, actual) else [])
    rendered = render.render(rules, options["address_sets"], options, helpers, version)
    if rendered.problems:
        raise Refused(UNSAYABLE.format("firewalld"), rendered.problems)
    wanted = rendered.objects
    have = actual_state.rule_lines(actual, wanted)
    want = actual_state.rule_lines(actual_state.of(wanted, actual.running is not None))
    try:
        change = _change.plan_change(want, have, options["purge"], options["max_removals"])
    except _change.TooManyRemovals as error:
        raise Refused(str(error)) from error
    problems = missing_sets(wanted.sets, set_types)
    if problems:
        raise Refused("firewalld cannot hold the ipsets of these rules, nothing was changed", problems)
    if not options["purge"]:
        wanted = _with_extra(wanted, actual, set(change.extra))
    return Desired(rules, wanted, change, rendered.warnings)


def _has_netbios(nft: t.Optional[Nft], actual: Actual) -> bool:
    """Tell whether the kernel has the helper: the daemon uses it already, or the kernel accepts it in a check."""
    if any(helper == "netbios-ns" for side in actual_state.sides(actual) for helper in side.services.values()):
        return True
    return nft is not None and has_netbios(nft)


def missing_sets(sets: t.Mapping[str, t.Any], types: t.Optional[t.Sequence[str]]) -> t.List[str]:
    """Return a complaint for each ipset of ``{name: (version, entries)}`` whose type is not among ``types``; ``None`` when all are to be had."""
    if types is None:
        return []
    needed = {name: set_type(entries) for name, (_version, entries) in sets.items()}
    return [SETS.format(name, needed[name]) for name in sorted(needed) if needed[name] not in types]


def _with_extra(wanted: objects.Objects, actual: Actual, names: t.Container[str]) -> objects.Objects:
    """Return ``wanted`` with the own rules ``names`` that stay because nothing is purged, and with what they refer to."""
    policies, sets, services, strange = dict(wanted.policies), dict(wanted.sets), dict(wanted.services), []
    for place in sorted({name for side in actual_state.sides(actual) for name in side.policies}):
        there = next(side.policies[place] for side in actual_state.sides(actual) if place in side.policies)
        record = actual_state.record_of(actual, place, wanted)
        texts = sorted({line for side in actual_state.sides(actual) if place in side.policies for line in side.policies[place].rules})
        known = {digest for digests in record.values() for digest in digests}
        if place not in wanted.policies or wanted.policies[place].record or record:
            strange += ["{0}: {1}".format(place, line) for line in texts if objects.digest(line) not in known and not place.endswith("-rest")]
        more = {name: digests for name, digests in record.items() if name in names}
        if not more:
            continue
        own = {digest for digests in more.values() for digest in digests}
        lines = [line for line in texts if objects.digest(line) in own]
        for line in lines:
            _copy(parse(line), actual, sets, services, strange)
        base = policies.get(place, there._replace(rules=(), record={}))
        policies[place] = base._replace(rules=tuple(sorted(set(base.rules) | set(lines))), record=dict(more, **base.record))
    if strange:
        text = "purge is false, but rules in our policies cannot be kept, because they are none of ours; move them to a policy of their own"
        raise Refused(text, strange)
    return objects.Objects(policies, sets, services)


def _copy(rich: Rich, actual: Actual, sets: t.Dict[str, t.Any], services: t.Dict[str, str], strange: t.List[str]) -> t.Any:
    names = [address[6:] for address in (rich.source, rich.destination) if address.startswith("ipset:")]
    for name in names:
        content = next((side.sets[name] for side in actual_state.sides(actual) if name in side.sets), None)
        # A set that the wanted rules fill otherwise must not change what a rule that stays meant.
        if content is None or sets.setdefault(name, content) != content:
            strange.append("the ipset {0} is gone or would change".format(name))
    if rich.element and rich.element[0] == "service":
        helper = next((side.services[rich.element[1]] for side in actual_state.sides(actual) if rich.element[1] in side.services), None)
        if helper is None or services.setdefault(rich.element[1], helper) != helper:
            strange.append("the service {0} is gone or would change".format(rich.element[1]))


def present(options: Options, actual: Actual, wanted: Desired, changed: bool, in_force: bool, outside: Environment, watched: t.List[str]) -> Result:
    """Return the result of ``state: present``, but for its warnings."""
    reasons = outside.reasons + _change.staying(wanted.change)
    if not in_force and actual.running is not None:
        reasons.insert(0, "the rules are not in force")
    after = actual_state.of(wanted.objects, actual.running is not None)
    before, lines = actual_state.all_lines(actual, wanted.objects), actual_state.all_lines(after)
    structure = _change.differing(*map(actual_state.structure_lines, (after, actual))) + (["saved"] if actual.saved != wanted.objects else [])
    return _change.result(wanted.change, changed, before, lines, structure, in_force, reasons, watched)


def absent(owner: str, actual: Actual, changed: bool, watched: t.List[str]) -> Result:
    """Return the result of ``state: absent``, but for its warnings."""
    lines, names = actual_state.all_lines(actual), actual_state.rule_lines(actual)
    return _change.absent(changed, lines, names, "the rules of {0} are absent".format(owner), watched)


def complaints(kernel: Kernel) -> str:
    """Return in words what the kernel lacks or has too much."""
    lines = [line for part in sorted(kernel.wrong) for line in kernel.wrong[part]]
    lines += ["{0} lacks {1}".format(policy, line) for policy, missing in sorted(kernel.missing.items()) for line in missing]
    return "; ".join(lines[:4]) + (" and {0} more".format(len(lines) - 4) if len(lines) > 4 else "")
