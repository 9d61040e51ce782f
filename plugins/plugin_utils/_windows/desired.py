# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From wire rules to rules of Windows Firewall: the columns to write, and every reason why Windows could not hold them."""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports, _refusals, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._options import defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import UNUSABLE, Refused
from ansible_collections.portcullis.msports.plugins.module_utils._windows import limits
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import values
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import NUMBERS, Rule, canonical

Options = t.Mapping[str, t.Any]
Columns = t.Dict[str, t.Any]

OPTIONS: Options = defaults("windows")
PROTOCOLS = {"tcp": 6, "udp": 17, "any": values.ANY_PROTOCOL}
# Family -> what stands behind the name of its half of an icmp_echo rule, its protocol, and the type of an echo request.
ECHO = {4: (" (ICMPv4)", 1, "8:*"), 6: (" (ICMPv6)", 58, "128:*")}


class Wanted(t.NamedTuple):
    """One rule to hold: its canonical form, and the columns that make it."""

    rule: Rule
    columns: Columns


class Desired(t.NamedTuple):
    """``rules`` by name, and what is worth a warning."""

    rules: t.Dict[str, Wanted]
    warnings: t.List[str]


def desire(options: Options) -> Desired:
    """Return what the options want of a host; raise ``Refused`` with every problem at once. Needs nothing from the host.

    With ``mode: audit`` rules that block are made, but not enabled, because nothing may be stopped.
    """
    if options["state"] == "absent":
        problems = _refusals.management_problems(options["management"])
        if problems:
            raise Refused(UNUSABLE, problems)
        return Desired({}, [])
    rules, wrong = _refusals.examined_rules(options, windows=True)
    problems = limits.of_options(options) + wrong
    made: t.Dict[str, Wanted] = {}
    spelled: t.Dict[str, t.Tuple[str, str]] = {}
    nobody = []
    places = iter(enumerate(options["rules"]))
    for rule in rules:  # in the order in which they were given, but for those that are too wrong to be here
        where = next(f"rules[{index}]" for index, given in places if given.get("remote_addresses") is rule["remote_addresses"])
        problems += [f"{where}.{reason}" for reason in limits.of_texts(rule)]
        found: list[Columns] = []
        if not any(problem.startswith((where + ".", *_sets_of(rule))) for problem in problems):
            ends = limits.ends(rule, options["address_sets"])
            problems += [f"{where}.{reason}" for reason in limits.of_ends(ends)]
            found = list(_columns(rule, ends, options)) if all(ends.values()) else []
            if not all(ends.values()):
                nobody.append(rule["name"])
        for name in [columns["name"] for columns in found] or [str(rule["name"])]:
            first, there = spelled.setdefault(name.lower(), (name, where))
            if there != where and f"{where}.name: {name!r}: the same name as {there}; names are unique" not in problems:
                problems.append(f"{where}.name: {_clash(name, first, there)}")
        made.update({columns["name"]: Wanted(canonical(columns), columns) for columns in found})
    if problems:
        raise Refused(UNUSABLE, sorted(dict.fromkeys(problems), key=_place))
    text = "these rules match nobody, because their address sets are empty, and are not written: "
    return Desired(made, [text + some(nobody)] if nobody else [])


def _sets_of(rule: t.Mapping[str, t.Any]) -> list[str]:
    """Return how problems of the address sets that a rule uses begin."""
    used = [text[1:] for key in ("remote_addresses", "local_addresses") for text in rule[key] if isinstance(text, str) and text.startswith("@")]
    return [f"address_sets.{name}{end}" for name in used for end in (":", "[")]


def _clash(name: str, first: str, there: str) -> str:
    if name == first:
        return f"{name!r}: the very name that {there} has on Windows, where each family of icmp_echo is a rule of its own; name one of them otherwise"
    return f"{name!r}: the same as {first!r} of {there}, but for its case; Windows may take them for one, name one of them otherwise"


def at(rules: t.Mapping[str, Wanted], root: str) -> t.Dict[str, Wanted]:
    """Return the rules as they are on a host where Windows is at ``root``: there the folder and the variable for it are one."""
    return {
        name: wanted._replace(rule=wanted.rule._replace(program=values.program(wanted.rule.program, root))) if wanted.rule.program else wanted
        for name, wanted in rules.items()
    }


def _place(problem: str) -> int:
    """Return where a problem stands in the list: options first, then rule by rule."""
    match = re.match(r"rules\[(\d+)\]", problem)
    return int(match.group(1)) if match else -1


def _columns(rule: t.Mapping[str, t.Any], ends: t.Mapping[str, t.Any], options: Options) -> t.Iterator[Columns]:
    """Yield the columns of a rule, of an ``icmp_echo`` rule for each family that both its ends have."""
    common = {
        "description": values.description(rule["description"]),
        "enabled": not (options["mode"] == "audit" and rule["action"] == "block"),
        "direction": NUMBERS[rule["direction"]],
        "action": NUMBERS[rule["action"]],
        "profiles": values.profile_mask(options["windows_profiles"]),
        "edge": 0,
        **{key: rule[key].strip() for key in _ruleset.WINDOWS_KEYS if rule[key].strip()},
    }
    if rule["protocol"] != "icmp_echo":
        ports = {key: text for key in ("local_ports", "remote_ports") if (text := _port_list(rule[key])) != "*"}
        addresses = {key: _address_list(intervals) for key, intervals in ends.items()}
        yield {"name": rule["name"], **common, "protocol": PROTOCOLS[rule["protocol"]], **ports, **addresses}
        return
    for version, (suffix, number, types) in ECHO.items():
        parts = {key: _addresses.of_family(intervals, version) for key, intervals in ends.items()}
        if all(parts.values()):
            addresses = {key: "*" if ends[key] == _addresses.ANY else _address_list(part) for key, part in parts.items()}
            yield {"name": rule["name"] + suffix, **common, "protocol": number, "icmp": types, **addresses}


def _port_list(texts: t.Sequence[str]) -> str:
    """Return ports as Windows takes them: the fewest ranges, then keywords."""
    keywords = {word for text in texts if (word := _ruleset.port_keyword(text))}
    numbers = [text for text in texts if not _ruleset.port_keyword(text)]
    parsed = _ports.restriction(numbers)
    if not parsed and (numbers or not keywords):
        return "*"
    return ",".join([_ports.text_of(interval) for interval in parsed] + sorted(keywords))


@functools.lru_cache(maxsize=1 << 12)
def _address_list(intervals: t.Tuple[t.Tuple[int, int, int], ...]) -> str:
    return "*" if intervals == _addresses.ANY else ",".join(map(_addresses.text_of, intervals))
