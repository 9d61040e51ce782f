# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a run wants - the texts of ufw's files, the policies, what of the kernel is not what these files say - and what it returns of that."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _change, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses
from ansible_collections.portcullis.msports.plugins.module_utils._change import Change
from ansible_collections.portcullis.msports.plugins.module_utils._limits import UNSAYABLE
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import walk, xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host as hosts
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import kernel, render, rulefile, settings
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.host import Found
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.render import Named
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.settings import Policies
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import Rule
from ansible_collections.portcullis.msports.plugins.module_utils._match import Match, covered, typed
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options, Result
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused, checked_rules


class Desired(t.NamedTuple):
    """``given_rules`` complete rules; ``rules`` ``{family: [(name, Rule)]}`` and their canonical ``lines``; ``files`` the ``RuleFile``
    of the new texts; ``defaults`` the new text of /etc/default/ufw and ``record`` what it changed; ``policies`` and ``closed`` by direction;
    ``change`` of rules; by family the ``differences`` of the kernel from what is wanted, and its ``drift`` from what is saved; ``kinds`` the kinds of
    chains that were compared; ``base`` the parts of ours besides rules that differ; ``disorder`` the families whose order of rules is wrong."""

    given_rules: t.List[t.Dict[str, t.Any]]
    rules: Named
    lines: t.Dict[str, str]
    files: t.Dict[int, RuleFile]
    defaults: str
    record: settings.Record
    policies: Policies
    closed: t.Dict[str, bool]
    change: Change
    differences: t.Dict[int, t.List[kernel.Difference]]
    drift: t.Dict[int, t.List[kernel.Difference]]
    kinds: t.Sequence[str]
    base: t.List[str]
    disorder: t.List[int]
    warnings: t.List[str]


ECHO = {4: typed(1, [8]), 6: typed(58, [128])}
START = {"in": "before-input", "out": "before-output"}


def desire(options: Options, found: Found, versions: t.Sequence[int]) -> Desired:
    """Return ``Desired``; raise ``Refused`` with every problem at once."""
    absent = options["state"] == "absent"
    given_rules = [] if absent else checked_rules(options)
    asked = {"in": "keep" if absent else options["default_inbound"], "out": "keep" if absent else options["default_outbound"]}
    audit = options["mode"] == "audit" and not absent
    wanted = settings.asked(asked, audit)
    planned = settings.plan(found.defaults, found.record, wanted, [direction for direction in wanted if _log_follows(found, versions, direction)])
    policies = settings.read(planned.text, found.conf).policies
    meant = {direction: default in ("block", "reject") for direction, default in asked.items()}
    keeps = {direction: default == "keep" for direction, default in asked.items()}
    context = render.Context(found.no_ipv6, policies, meant, keeps, audit, _pings(found), found.igmp, audit and options["audit_log"])
    rendered = render.render(given_rules, options["address_sets"], context)
    if rendered.problems:
        raise Refused(UNSAYABLE.format("ufw"), rendered.problems)
    pairs = [pair for version in (4, 6) for pair in rendered.rules[version]]
    (have, there), (want, base) = (_apart(lines) for lines in (rulefile.rule_lines(*found.files.values()), rulefile.wanted_lines(pairs)))
    try:
        change = _change.plan_change(want, have, options["purge"] or absent, None if absent else options["max_removals"])
    except _change.TooManyRemovals as error:
        raise Refused(str(error)) from error
    rules = _with_extra(found, rendered.rules, set(change.extra))
    disorder = [version for version, file in sorted(found.files.items()) if not file.well_ordered()]
    new = {version: _file(found.files[version], rules[version], options["owner"]) for version in (4, 6)}
    for version in versions:
        for direction in planned.logged:
            text = settings.with_line(new[version].text, version, direction, policies[direction], found.settings.level)
            new[version] = new[version] if text == new[version].text else rulefile.RuleFile(text, options["owner"], version)
    kinds = _kinds(found, new, planned.record)
    drift = _differences(found, versions, found.files, found.settings.policies, kinds)
    same = new == found.files and policies == found.settings.policies
    differences = drift if same else _differences(found, versions, new, policies, kinds)
    return Desired(
        given_rules,
        rules,
        rulefile.wanted_lines([pair for version in (4, 6) for pair in rules[version]]),
        new,
        planned.text,
        planned.record,
        policies,
        {direction: not audit and (meant[direction] or (asked[direction] == "keep" and policy != "ACCEPT")) for direction, policy in policies.items()},
        change,
        differences,
        drift,
        kinds,
        [name.strip("'") for name in _change.differing(base, there)],
        disorder,
        planned.warnings + rendered.warnings,
    )


def _apart(lines: t.Mapping[str, str]) -> t.List[t.Dict[str, str]]:
    """Return the canonical lines of rules, and those of the parts that are none."""
    return [{name: line for name, line in lines.items() if render.is_structure(name) is kind} for kind in (False, True)]


def _log_follows(found: Found, versions: t.Iterable[int], direction: str) -> bool:
    policy, level = found.settings.policies[direction], found.settings.level
    return all(settings.follows(found.files[version].text, version, direction, policy, level) for version in versions)


def _kinds(found: Found, files: t.Mapping[int, RuleFile], record: settings.Record) -> t.Tuple[str, ...]:
    """Return the kinds of chains whose content we keep: rules always, logging where it is about rules or defaults of ours."""
    entries = [entry for file in list(found.files.values()) + list(files.values()) for entry in file.entries if entry.name is not None]
    logged = any("_log" in entry.parsed.rule.action for entry in entries)
    return ("user",) + (("user-logging",) if logged else ()) + (("after-logging",) if found.record or record else ())


def _differences(
    found: Found, versions: t.Iterable[int], files: t.Mapping[int, RuleFile], policies: Policies, kinds: t.Sequence[str]
) -> t.Dict[int, t.List[kernel.Difference]]:
    """Return by family what the kernel holds otherwise than the files say; nothing where ufw is not meant to be loaded."""
    if found.state == hosts.BROKEN:
        return {version: [kernel.Difference("chains of ufw", ["ufw is enabled, but chains of it are missing or empty"], [])] for version in versions}
    if found.state != hosts.RUNNING:
        return {}
    return {version: kernel.differences(found.tables[version], version, policies, files[version].text, kinds) for version in versions}


def _pings(found: Found) -> t.Callable[[str, int, Addresses], bool]:
    """Return the function that tells whether before.rules admit the echo requests of a direction from or to all of some intervals."""
    accepted = {}

    def pings(direction: str, version: int, intervals: Addresses) -> bool:
        key = (direction, version)
        if key not in accepted:
            start = "{0}-{1}".format("ufw6" if version == 6 else "ufw", START[direction])
            accepted[key] = walk.accepts(xtables.filter_lines(found.before[version]), version, direction, start)
        return not intervals or covered(accepted[key], Match(ECHO[version], _ports.ALL, intervals, True))

    return pings


def _with_extra(found: Found, rules: Named, extra: t.Container[str]) -> Named:
    """Return the rules with those of ours that stay because nothing is purged."""
    made = {version: list(pairs) for version, pairs in rules.items()}
    for version, file in found.files.items():
        for name, entries in file.own().items():
            if name in extra:
                wrong = [text for _rule, text in (rulefile.entry_texts(entry, version) for entry in entries) if text]
                if wrong:
                    raise Refused("purge is false, but a rule with our comment cannot be kept, because it is none of ours; give it another comment", wrong)
                made[version] += [(name, entry.parsed.rule) for entry in entries]
    return {version: sorted(pairs) for version, pairs in made.items()}


def _file(file: RuleFile, rules: t.Sequence[t.Tuple[str, Rule]], owner: str) -> RuleFile:
    """Return the file with the rules; the very same when it holds them already, in an order that means the same."""
    there = [(name, rulefile.entry_texts(entry, file.version)) for name, entries in file.own().items() for entry in entries]
    if collections.Counter(there) == collections.Counter((name, (rule, "")) for name, rule in rules) and file.well_ordered():
        return file
    return rulefile.RuleFile(file.with_rules(rules), owner, file.version)


def as_found(found: Found, versions: t.Sequence[int]) -> Desired:
    """Return ``Desired`` for a host that shall stay as it is, for those who only look."""
    rules = {version: [(name, entry.parsed.rule) for name, entries in file.own().items() for entry in entries] for version, file in found.files.items()}
    policies = found.settings.policies
    closed = {direction: policy != "ACCEPT" for direction, policy in policies.items()}
    change = _change.Change([], [], [], [], [])
    drift = _differences(found, versions, found.files, policies, _kinds(found, found.files, found.record))
    return Desired([], rules, {}, found.files, found.defaults, found.record, policies, closed, change, drift, drift, (), [], [], [])


WORDS = {"in": "inbound", "out": "outbound"}
STATES = {
    hosts.INACTIVE: "ufw is inactive: the rules are saved, and 'ufw enable' puts them in force",
    hosts.STOPPED: "ufw is enabled, but its service is stopped: the rules are saved, and 'systemctl start ufw' puts them in force",
    hosts.REMOVED: "ufw is removed from this host: what its files say is in force nowhere",
}


def structure(found: hosts.Found, wanted: Desired) -> t.Tuple[t.List[str], t.List[str]]:
    """Return ``(names, lines)`` of the parts other than rules that are not right, as they were before the run."""
    names, lines = [], []
    for direction, policy in sorted(wanted.policies.items()):
        if found.settings.policies[direction] != policy:
            names.append("default " + WORDS[direction])
    for version in wanted.disorder:
        name = "order of " + hosts.USER[version].rpartition("/")[2]
        names.append(name)
        lines.append(name + ": an allow stands before a block of ours, or a denial of others behind an allow of ours")
    for version, differences in sorted(wanted.drift.items()):
        for difference in differences:
            names.append("{0} (IPv{1})".format(difference.part, version))
            lines += ["{0} (IPv{1}): {2}".format(difference.part, version, text) for text in difference.found]
    names += wanted.base
    if wanted.record != found.record:
        names.append("saved")
    return sorted(set(names)), lines


def present(options: Options, found: hosts.Found, wanted: Desired, changed: bool, in_force: bool, outside: Environment, watched: t.List[str]) -> Result:
    """Return the result of a run, but for its warnings."""
    names, lines = structure(found, wanted)
    own = rulefile.rule_lines(*found.files.values())
    before = _defaults(found.settings.policies) + lines + [line for _name, line in sorted(own.items())]
    after = _defaults(wanted.policies) + [line for _name, line in sorted(wanted.lines.items())]
    reasons = outside.reasons + _change.staying(wanted.change)
    if wanted.policies["in"] == "ACCEPT":
        reasons.insert(0, "ufw's default for inbound is ACCEPT: what no rule names passes")
    if options["mode"] == "audit":
        reasons.append("mode is audit: blocks are not written, and no default of ufw is made tighter")
    if not in_force:
        reasons.insert(0, STATES.get(found.state, "the rules are not in force"))
    return _change.result(wanted.change, changed, before, after, names, in_force, reasons, watched)


def absent(options: Options, found: hosts.Found, wanted: Desired, changed: bool, watched: t.List[str]) -> Result:
    """Return the result of ``state: absent``, but for its warnings."""
    done = present(options, found, wanted, changed, False, NOBODY, watched)
    done["effective"].update(exact=False, reasons=["rules of {0} are absent".format(options["owner"])])
    return done


# Nothing was examined.
NOBODY = Environment([], [], [])


def _defaults(policies: Policies) -> t.List[str]:
    return ["default {0}: {1}".format(WORDS[direction], policy) for direction, policy in sorted(policies.items())]
