# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What others admit beyond our rules and what they stop of them: zones, policies, other tables, other managers."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._limits import some
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import foreign_allows
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.asked import Asked
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.kernel import TABLE
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.persist import Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.render import ALLOW, PRIORITIES, REST
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import compare, iptables, managers, portless, services, tracking
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import Environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Objects
from ansible_collections.portcullis.msports.plugins.module_utils._match import BASE, Match, Plain, Rule, covered, named, touches, typed
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options


NFTABLES = (
    "nftables.service is enabled beside firewalld: at the next boot it loads /etc/nftables.conf, too. Disable it ('systemctl disable nftables'), or see "
    "that its rules and firewalld's go together"
)
# What our default admits besides what keeps a host alive on every backend: redirects of this link's routers, which firewalld always admits.
REDIRECTS = Match(typed(58, [137]), _ports.ALL, _addresses.ANY, True)
CLOSED = ("block", "reject")


def examine(
    daemon: t.Optional[Asked],
    objects: Objects,
    rules: t.Optional[t.Sequence[Plain]],
    options: Options,
    own: t.Container[str],
    store: Store,
    root: str = "/",
    proc: str = "/proc",
) -> Environment:
    """Return ``Environment``; ``daemon`` is ``None`` while it does not run, ``rules`` are complete rules or ``None`` for nobody's."""
    nftables = store.setting("FirewallBackend", "nftables") == "nftables"
    rest = [item for item in objects if not _is_its_own(item[0], item[1], nftables)]
    tables = Tables(rest)
    reasons, warnings = [], []
    managers, later = _managers(objects, rest, nftables, root, proc)
    warnings += later
    reasons += ["another manager filters here too: " + text for text in managers]
    closed = {
        "in": options["mode"] == "enforce" and options["default_inbound"] in CLOSED,
        "out": options["mode"] == "enforce" and options["default_outbound"] in CLOSED,
    }
    if rules is not None:
        cut, killed = compare.compare(tables, rules, options, closed)
        reasons += cut
        warnings += killed + portless.warnings(rules, options, proc) + tracking.warnings(proc)
    if daemon is None:
        return Environment(managers, ["firewalld is not running: the rules are saved and take effect when it is started"] + reasons, warnings)
    if daemon.call("", "queryPanicMode"):
        reasons.append("firewalld is in panic mode: every packet is dropped")
    found_zones = foreign_allows.zones(daemon)
    for direction in ("in", "out"):
        if direction == "in" or closed["out"]:
            found = foreign_allows.rules(daemon, found_zones, own, direction)
            more, passed = _compare(found, rules or [], options, direction)
            reasons += compare.capped(more)
            warnings += compare.capped(passed)
    reasons += compare.capped(_sent_away(rule, rules or [], options) for rule in foreign_allows.forwards(daemon, found_zones, own))
    if options["default_inbound"] == "allow":
        reasons.append("default_inbound is allow: what no rule names passes unless a zone stops it")
    if options["mode"] != "enforce":
        reasons.append("mode is audit: what would be dropped is left to the zones")
    if not services.starts("firewalld", root):
        warnings.append("firewalld.service is not enabled: nothing loads the rules at the next boot")
    if not nftables:
        warnings.append("firewalld uses iptables: the daemon is asked for its rules, but the kernel is not looked at")
    return Environment(managers, reasons, warnings)


def _is_its_own(kind: str, value: Plain, nftables: bool) -> bool:
    """Tell whether an object that nft printed is firewalld's; with iptables its rules are in the tables that others use, too."""
    family, table = value.get("family"), value.get("name" if kind == "table" else "table")
    return (family, table) == TABLE or (not nftables and family in iptables.TOOLS and table in iptables.TABLES)


def _managers(objects: Objects, rest: Objects, nftables: bool, root: str, proc: str) -> t.Tuple[t.List[str], t.List[str]]:
    """Return ``(active, warnings)`` about other managers: two that are active would undo each other's work, and one that is enabled will at the next boot."""
    if not nftables:
        # Among firewalld's own tables of iptables, the chains of ufw are known by their names.
        rest = rest + [item for item in objects if item not in rest and item[0] == "chain" and item[1].get("name", "").startswith("ufw")]
    active, later = managers.other_managers(Tables(rest), managers.legacy_tables(proc), root, proc)
    if services.starts("nftables", root):
        later = later + [NFTABLES]
    return [text for text in active if not text.startswith("firewalld")], later


def consulted(foreign: foreign_allows.ForeignRule, options: Options) -> bool:
    """Tell whether a packet that no rule of ours names can still meet a foreign rule."""
    default, rest = options["default_inbound"], PRIORITIES[options["firewalld_precedence"]][REST]
    if options["mode"] != "enforce" or default == "keep":
        return True
    if foreign.priority < 0 or options["firewalld_precedence"] == "override":
        return foreign.priority < rest and foreign.priority != 0
    # Our default is asked before the target of a zone, and before what a zone without rules of its own says of ICMP.
    return not (foreign.rule.text.startswith(("target ", "ICMP")) and foreign.priority == 0) and foreign.priority < rest


def _sent_away(rule: Rule, rules: t.Sequence[Plain], options: Options) -> str:
    names = [name for name, match in named(rules, options["address_sets"], "in", "allow") if touches(rule.match, match)]
    takes = "; it takes what we allow: {0}".format(some(names, compare.SOME)) if names else ""
    word = "admits" if rule.match.certain else "may admit"
    return "{0} {1} and sends elsewhere what no rule of ours is asked about: {2}{3}".format(rule.place, word, rule.text, takes)


def _compare(found: t.Iterable[foreign_allows.ForeignRule], rules: t.Sequence[Plain], options: Options, direction: str) -> t.Tuple[t.List[str], t.List[str]]:
    """Return ``(reasons, warnings)``: what foreign rules admit beyond ours and stop of ours, and what they would stop if ours were not asked first."""
    own = named(rules, options["address_sets"], direction, "allow")
    admitted = [match for _name, match in own] + list(BASE[direction]) + [REDIRECTS]
    allows = PRIORITIES[options["firewalld_precedence"]][ALLOW]
    reasons, passed = [], []
    for foreign in found:
        rule, certain = foreign.rule, foreign.rule.match.certain
        if rule.allows:
            if consulted(foreign, options) and options["default_inbound"] != "allow" and not covered(admitted, rule.match):
                reasons.append("{0} {1}: {2}".format(rule.place, "admits" if certain else "may admit", rule.text))
            continue
        if foreign.priority == 0 and rule.text.startswith("target "):
            continue
        hit = [name for name, match in own if touches(rule.match, match)]
        if hit and foreign.priority < allows:
            word = "stops" if certain else "may stop"
            reasons.append("{0} {1} what we allow ({2}): {3}".format(rule.place, word, rule.text, some(hit, compare.SOME)))
        elif hit and not rule.text.startswith("target "):
            passed.append("{0} is passed over ({1}), because our rules are asked before it: {2}".format(rule.place, rule.text, some(hit, compare.SOME)))
    return reasons, passed
