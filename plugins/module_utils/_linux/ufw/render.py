# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""From the rules of a ruleset to tuples of ufw, and what ufw cannot say.

ufw has no sets and no ranges of addresses: each network of a rule becomes a tuple of its own, in the file of its family, for each list of
at most 15 ports. It has no ICMP: ``before.rules`` decide about ping. It has no helpers of connection tracking either.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _limits, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses
from ansible_collections.portcullis.msports.plugins.module_utils._limits import Refusal, matching, of_every_backend, place
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import settings, tuples
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.settings import Policies
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.tuples import ANYWHERE, Rule
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import AddressSets, Options

# ufw reads all its rules at each of its commands; with so many in one file one command takes about two seconds.
LIMIT = 10000
BROADCAST_ANSWERS = "netbios-ns"


class Known(t.NamedTuple):
    """``policies`` ufw's own after the run by direction, ``None`` where only the host knows; ``keeps`` by direction whether they are left alone;
    ``audit`` the mode; ``ipv6`` whether ufw filters it, ``None`` where only the host knows."""

    policies: Policies
    keeps: t.Mapping[str, bool]
    audit: bool
    ipv6: t.Optional[t.Any]


ZERO = "{0}: ufw knows the ports 1 to 65535, not 0; begin at 1"
PING = "ufw has no rules for ICMP: before.rules decide about ping, edit the line with echo-request there, and leave this rule out"
TFTP = "TFTP answers from another port, ufw has no helper of connection tracking, and its default for {0} is {1}: {2}"
TFTP_ADVICE = {"in": "let outbound pass", "out": "let inbound pass, or allow the answers by a rule of their own"}
MANY = "{0} rules of ufw for IPv{1}, and {2} are the most: ufw has no sets, so each address takes a rule for every 15 ports; name networks in {3}"
WORDS = {"in": "inbound", "out": "outbound"}


def known_of(options: Options) -> Known:
    """Return what the options of a run alone tell; in audit mode no default becomes tighter."""
    asked = {"in": options["default_inbound"], "out": options["default_outbound"]}
    audit = options["mode"] == "audit"
    return Known(settings.asked(asked, audit), {direction: default == "keep" for direction, default in asked.items()}, audit, None)


def refusals(rules: t.Iterable[Plain], address_sets: AddressSets, what: t.Any) -> t.List[Refusal]:
    """Return a ``Refusal`` for each reason of each complete, checked rule, and for too many of them; ``what`` is ``Known``."""
    found, counted = [], {4: [], 6: []}
    for index, rule, remote, local in matching(rules, address_sets):
        reasons = of_every_backend(rule, remote, local) + _of_ufw(rule, what)
        found += [Refusal(index, rule["name"], reason) for reason in reasons]
        if not reasons:
            for version, count in _counts(rule, remote, local, what):
                counted[version].append((count, Refusal(index, rule["name"], "")))
    for version, counts in counted.items():
        total = sum(count for count, _rule in counts)
        if total > LIMIT:
            most = sorted(counts, key=lambda item: (-item[0], item[1].index))[:3]
            longest = ", ".join("{0} ({1})".format(place(one), count) for count, one in most)
            found.append(Refusal(-1, "", MANY.format(total, version, LIMIT, longest)))
    return found


def _of_ufw(rule: Plain, what: t.Any) -> t.List[str]:
    if rule["protocol"] == "icmp_echo":
        return [PING] if rule["action"] == "block" else []
    reasons = [ZERO.format(key) for key in ("local_ports", "remote_ports") if any(first == 0 for first, _last in _ports.restriction(rule[key]))]
    other = {"in": "out", "out": "in"}[rule["direction"]]
    if rule["helper"] == "tftp" and what.policies[other] not in (None, "ACCEPT"):
        reasons.append(TFTP.format(WORDS[other], what.policies[other], TFTP_ADVICE[rule["direction"]]))
    return reasons


def idle(direction: str, what: t.Any) -> bool:
    """Tell whether allow rules of a direction are not written, because ufw's own default lets all of it pass and is kept."""
    return direction == "out" and what.keeps["out"] and what.policies["out"] == "ACCEPT"


def _counts(rule: Plain, remote: Addresses, local: Addresses, what: t.Any) -> t.Iterator[t.Tuple[int, int]]:
    """Yield ``(version, number of tuples)`` that are certainly written for a rule."""
    allows = rule["action"] == "allow"
    if rule["protocol"] == "icmp_echo" or (what.audit and not allows):
        return
    may_be_idle = allows and idle(rule["direction"], what._replace(policies={key: policy or "ACCEPT" for key, policy in what.policies.items()}))
    answers = rule["helper"] == BROADCAST_ANSWERS and rule["direction"] == "out" and what.policies["in"] not in (None, "ACCEPT")
    times = (not may_be_idle) + answers
    lists = len(tuples.chunks(_ports.restriction(rule["local_ports"]))) * len(tuples.chunks(_ports.restriction(rule["remote_ports"])))
    for version in (4, 6):
        # Where ufw does not filter IPv6, rules that allow are refused for it or have no more of it than of IPv4; those that block say nothing.
        if version == 4 or what.ipv6 or (what.ipv6 is None and allows):
            ends = [sum(1 for _network in _addresses.networks(_addresses.of_family(intervals, version))) for intervals in (remote, local)]
            yield version, times * lists * ends[0] * ends[1]


Named = t.Dict[int, t.List[t.Tuple[str, Rule]]]  # by family

# No name of a rule holds a quote, so nothing else can be called this.
AUDIT = "'audit {0}'"
IPV4_ONLY = "give this rule addresses of IPv4 only, or put that right first"
# What a default of ours must let through besides what before.rules let through: multicast membership, whose loss shows after minutes, and
# requests for addresses, whose loss shows when the lease ends.
BASE = {
    "in": ((4, "'base IGMP in'", Rule("allow", "igmp", "any", ANYWHERE[4], "any", ANYWHERE[4], "in")),),
    "out": (
        (4, "'base IGMP out'", Rule("allow", "igmp", "any", ANYWHERE[4], "any", ANYWHERE[4], "out")),
        (4, "'base DHCP out'", Rule("allow", "udp", "67", ANYWHERE[4], "68", ANYWHERE[4], "out")),
        (6, "'base DHCPv6 out'", Rule("allow", "udp", "547", ANYWHERE[6], "546", ANYWHERE[6], "out")),
    ),
}


def is_structure(name: str) -> bool:
    """Tell whether a name of ours is no rule that somebody gave, but a part of ours like the base rules."""
    return name.startswith("'")


class Rendered(t.NamedTuple):
    """``rules`` is ``{4: [(name, Rule), ...], 6: [...]}`` in the order of the file."""

    rules: Named
    problems: t.List[str]
    warnings: t.List[str]


class Context(t.NamedTuple):
    """What the host says: ``ipv6`` is "" or why there is none, ``policies`` are ufw's own after the run by direction, ``closed`` tells
    by direction whether a default that stops is asked for, ``keeps`` whether ufw's own is kept, ``audit`` the mode, ``pings`` is a function of
    direction, family and intervals that tells whether ``before.rules`` admit them, ``igmp`` whether the system knows that protocol by its name,
    ``logs`` whether an audit logs what a default would stop."""

    ipv6: str
    policies: Policies
    closed: t.Mapping[str, bool]
    keeps: t.Mapping[str, bool]
    audit: bool
    pings: t.Callable[[str, int, Addresses], bool]
    igmp: bool
    logs: bool = False


def render(rules: t.Iterable[Plain], address_sets: AddressSets, context: Context) -> Rendered:
    """Return ``Rendered`` for complete, checked rules; every problem is told."""
    found = {4: [], 6: []}
    known = Known(context.policies, context.keeps, context.audit, not context.ipv6)
    refused = refusals(rules, address_sets, known)
    unsaid = {refusal.index for refusal in refused}
    told = collections.OrderedDict((kind, []) for kind in TOLD)
    matched = list(matching(rules, address_sets))
    told["nobody"] = sorted({rule["name"] for rule in rules} - {rule["name"] for _index, rule, _remote, _local in matched})
    for index, rule, remote, local in sorted(matched, key=lambda match: match[1]["name"]):
        wrong, silent = _examine(rule, remote, local, context)
        refused += [Refusal(index, rule["name"], reason) for reason in wrong]
        if wrong or index in unsaid:
            continue
        if silent:
            told[silent].append(rule["name"])
        if silent and silent != "half":
            continue
        made = list(_tuples(rule, remote, local))
        if rule["helper"] == BROADCAST_ANSWERS and rule["direction"] == "out":
            answers = dict(rule, direction="in")
            made += _tuples(answers, remote, local) if context.policies["in"] != "ACCEPT" else []
            made = [pair for pair in made if pair[1].direction == "in" or not idle("out", known)]
        for version, line in made:
            if version == 4 or not context.ipv6:
                found[version].append((rule["name"], line))
    for direction in ("in", "out"):
        if context.closed[direction] and not context.audit:
            base = [part for part in BASE[direction] if not (part[0] == 6 and context.ipv6)]
            told["igmp"] += [name.strip("'") for _version, name, rule in base if rule.protocol == "igmp" and not context.igmp]
            for version, name, line in base:
                found[version] += [(name, line)] if line.protocol != "igmp" or context.igmp else []
        if context.logs and context.closed[direction] and context.policies[direction] == "ACCEPT":
            for version in (4, 6) if not context.ipv6 else (4,):
                # ufw deletes a RETURN without conditions from its chains of logging, so each has a protocol.
                for protocol in ("tcp", "udp"):
                    anything = Rule("allow_log", protocol, "any", ANYWHERE[version], "any", ANYWHERE[version], direction)
                    found[version].append((AUDIT.format(direction), anything))
    return Rendered(found, _limits.texts(refused), [TOLD[kind].format(_limits.some(names)) for kind, names in told.items() if names])


TOLD = collections.OrderedDict(
    [
        ("idle", "these allow rules are not written, because ufw's own default for outbound is allow and is kept: {0}"),
        ("nobody", "these rules match nobody, because their address sets are empty, and are not written: {0}"),
        ("ping", "these rules write nothing, because the echo requests that they are about pass already, by before.rules or by the default: {0}"),
        ("blocks", "mode is audit: ufw cannot log what a rule would block and let it pass, so these blocks are not written: {0}"),
        ("igmp", "without /etc/protocols ufw and iptables do not know IGMP, and multicast may stop after minutes: {0} is not written"),
        ("half", "IPv6 is off for ufw, which stops all of it: these rules are written for IPv4 only: {0}"),
    ]
)


def _examine(rule: Plain, remote: Addresses, local: Addresses, context: Context) -> t.Tuple[t.List[str], str]:
    """Return ``(reasons, kind of silence or "")`` of one rule: why this host cannot have it, besides what ``refusals`` says."""
    allows, direction = rule["action"] == "allow", rule["direction"]
    if rule["protocol"] == "icmp_echo":
        return _examine_ping(rule, remote, context)
    # A packet has one family: both ends of a rule have it, or the rule is not about it.
    families = {interval[0] for interval in remote} & {interval[0] for interval in local}
    half = bool(context.ipv6 and 6 in families)
    if half and allows and 4 not in families:
        sixes = sorted((interval for interval in remote + local if interval[0] == 6), key=lambda interval: interval in _addresses.ANY)
        return ["IPv6 addresses ({0}), but {1}; {2}".format(_addresses.text_of(sixes[0]), context.ipv6, IPV4_ONLY)], ""
    if not allows and context.audit:
        return [], "blocks"
    if not allows and half and 4 not in families:
        # ufw stops all IPv6 then.
        return [], "half"
    if allows and idle(direction, context) and rule["helper"] != BROADCAST_ANSWERS:
        return [], "idle"
    return [], "half" if half and allows else ""


def _examine_ping(rule: Plain, remote: Addresses, context: Context) -> t.Tuple[t.List[str], str]:
    if rule["action"] == "block":
        return [], ""
    if context.policies[rule["direction"]] == "ACCEPT":
        return [], "ping"
    missing = [v for v in (4, 6) if not (v == 6 and context.ipv6) and not context.pings(rule["direction"], v, tuple(i for i in remote if i[0] == v))]
    if missing:
        families = " and ".join("before{0}.rules".format({4: "", 6: "6"}[version]) for version in missing)
        return ["ufw has no rules for ICMP, and {0} do not admit these echo requests ({1}): add them there".format(families, rule["direction"])], ""
    return [], "ping"


def _tuples(rule: Plain, remote: Addresses, local: Addresses) -> t.Iterator[t.Tuple[int, Rule]]:
    """Yield ``(version, Rule)`` for each network and each list of ports of one rule."""
    inbound = rule["direction"] == "in"
    near, far = (tuples.chunks(_ports.restriction(rule[key])) for key in ("local_ports", "remote_ports"))
    action = "allow" if rule["action"] == "allow" else "deny"
    for version in (4, 6):
        others, ours = (_networks(intervals, version) for intervals in (remote, local))
        for other in others:
            for own in ours:
                for near_ports in near:
                    for far_ports in far:
                        ends = (near_ports, own, far_ports, other) if inbound else (far_ports, other, near_ports, own)
                        yield version, Rule(action, rule["protocol"], ends[0], ends[1], ends[2], ends[3], rule["direction"])


def _networks(intervals: Addresses, version: int) -> t.List[str]:
    """Return the networks of one family that cover the intervals exactly, as text."""
    whole = (version, 0, _addresses.LAST[version])
    return [ANYWHERE[version] if network == whole else _addresses.text_of(network) for network in _addresses.networks(_addresses.of_family(intervals, version))]
