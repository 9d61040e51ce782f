# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""From wire rules to tuples of ufw, and what ufw cannot say.

ufw has no sets and no ranges of addresses: each network of a rule becomes a tuple of its own, in the file of its family, for each list of
at most 15 ports. It has no ICMP: ``before.rules`` decide about ping. It has no helpers of connection tracking either.
"""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _intervals
from ansible_collections.portcullis.msports.plugins.module_utils._ufw import tuples
from ansible_collections.portcullis.msports.plugins.module_utils._ufw.tuples import ANYWHERE, Rule

# ufw reads all its rules at each of its commands; with so many in one file one command takes about two seconds.
LIMIT = 10000
# No name of a rule holds a quote, so nothing else can be called this.
AUDIT = "'audit {0}'"
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


def is_structure(name):
    """Tell whether a name of ours is no rule that somebody gave, but a part of ours like the base rules."""
    return name.startswith("'")


Rendered = collections.namedtuple("Rendered", "rules problems warnings")
Rendered.__doc__ = """``rules`` is ``{4: [(name, Rule), ...], 6: [...]}`` in the order of the file."""

Context = collections.namedtuple("Context", "ipv6 policies closed keeps audit pings igmp")
Context.__doc__ = """What the host says: ``ipv6`` is "" or why there is none, ``policies`` are ufw's own after the run by direction, ``closed`` tells
by direction whether a default that stops is asked for, ``keeps`` whether ufw's own is kept, ``audit`` the mode, ``pings`` is a function of
direction, family and intervals that tells whether ``before.rules`` admit them, ``igmp`` whether the system knows that protocol by its name."""

BROADCAST_ANSWERS = "netbios-ns"


def render(rules, address_sets, context):
    """Return ``Rendered`` for complete, checked wire rules; every problem is told."""
    collapsed = {name: _intervals.parse_addresses(texts) for name, texts in address_sets.items()}
    found, problems = {4: [], 6: []}, []
    told = collections.OrderedDict((kind, []) for kind in TOLD)
    for rule in sorted(rules, key=lambda rule: rule["name"]):
        remote, local = (_addresses(rule[key], collapsed) for key in ("remote_addresses", "local_addresses"))
        if not remote or not local:
            told["nobody"].append(rule["name"])
            continue
        wrong, silent = _judge(rule, remote, local, context)
        problems += ["rule {0!r}: {1}".format(rule["name"], problem) for problem in wrong]
        if silent:
            told[silent].append(rule["name"])
        if wrong or (silent and silent != "half"):
            continue
        made = list(_tuples(rule, remote, local))
        if rule["helper"] == BROADCAST_ANSWERS and rule["direction"] == "out":
            answers = dict(rule, direction="in")
            made += _tuples(answers, remote, local) if context.policies["in"] != "ACCEPT" else []
            made = [pair for pair in made if pair[1].direction == "in" or not _idle("out", context)]
        if not made:
            problems.append("rule {0!r}: its local and its remote addresses have no family in common".format(rule["name"]))
        for version, line in made:
            if version == 4 or not context.ipv6:
                found[version].append((rule["name"], line))
    for direction in ("in", "out"):
        if context.closed[direction] and not context.audit:
            base = [part for part in BASE[direction] if not (part[0] == 6 and context.ipv6)]
            told["igmp"] += [name.strip("'") for _version, name, rule in base if rule.protocol == "igmp" and not context.igmp]
            for version, name, rule in base:
                found[version] += [(name, rule)] if rule.protocol != "igmp" or context.igmp else []
        if context.audit and context.closed[direction] and context.policies[direction] == "ACCEPT":
            for version in (4, 6) if not context.ipv6 else (4,):
                # ufw deletes a RETURN without conditions from its chains of logging, so each has a protocol.
                for protocol in ("tcp", "udp"):
                    anything = Rule("allow_log", protocol, "any", ANYWHERE[version], "any", ANYWHERE[version], direction)
                    found[version].append((AUDIT.format(direction), anything))
    for version, lines in found.items():
        if len(lines) > LIMIT:
            text = "{0} rules of ufw for IPv{1}, and {2} are the most: ufw has no sets, so each address takes a rule for every 15 ports; name networks"
            problems.append(text.format(len(lines), version, LIMIT))
    return Rendered(found, problems, [TOLD[kind].format(_some(names)) for kind, names in told.items() if names])


TOLD = collections.OrderedDict(
    [
        ("idle", "these allow rules are not written, because ufw's own default for outbound is allow and is kept: {0}"),
        ("nobody", "these rules match nobody, because their address sets are empty, and are not written: {0}"),
        ("ping", "these rules write nothing, because the echo requests that they are about pass already, by before.rules or by the default: {0}"),
        ("blocks", "mode is audit: ufw cannot log what a rule would block and let it pass, so these blocks are not written: {0}"),
        ("igmp", "without /etc/protocols ufw and iptables do not know IGMP, and multicast may stop after minutes: {0} is not written"),
        ("half", "IPv6 is off for ufw, which stops all of it: these rules for any address are written for IPv4 only: {0}"),
    ]
)


def _some(names):
    return ", ".join(names[:5]) + (" and {0} more".format(len(names) - 5) if len(names) > 5 else "")


def _addresses(texts, collapsed):
    if not texts:
        return _intervals.ANY
    return collapsed[texts[0][1:]] if texts[0].startswith("@") else _intervals.parse_addresses(texts)


def _idle(direction, context):
    return direction == "out" and context.keeps["out"] and context.policies["out"] == "ACCEPT"


def _judge(rule, remote, local, context):
    """Return ``(problems, kind of silence or "")`` of one wire rule."""
    allows, direction = rule["action"] == "allow", rule["direction"]
    if rule["protocol"] == "icmp_echo":
        return _judge_ping(rule, remote, context)
    if rule["helper"] and rule["protocol"] != "udp":
        return ["the helper {0} needs protocol udp".format(rule["helper"])], ""
    if rule["helper"] and not allows:
        return ["a rule that blocks takes no helper"], ""
    problems = []
    if rule["helper"] == "tftp":
        other = {"in": "out", "out": "in"}[direction]
        if context.policies[other] != "ACCEPT":
            text = "TFTP answers from another port, ufw has no helper of connection tracking, and its default for {0} is {1}: {2}"
            advice = {"in": "let outbound pass", "out": "let inbound pass, or allow the answers by a rule of their own"}[direction]
            problems.append(text.format({"in": "inbound", "out": "outbound"}[other], context.policies[other], advice))
    for key in ("local_ports", "remote_ports"):
        if any(first == 0 for first, _last in _intervals.parse_ports(rule[key])):
            problems.append("{0}: ufw knows the ports 1 to 65535, not 0".format(key))
    sixes = [interval for interval in remote + local if interval[0] == 6]
    half = bool(context.ipv6 and sixes)
    if half and allows:
        named = [interval for interval in sixes if interval not in _intervals.ANY]
        if named or not any(interval[0] == 4 for interval in remote) or not any(interval[0] == 4 for interval in local):
            problems.append("IPv6 addresses ({0}), but {1}".format(_intervals.address_text((named or sixes)[0]), context.ipv6))
    if problems:
        return problems, ""
    if not allows and context.audit:
        return [], "blocks"
    if not allows and context.ipv6 and not any(interval[0] == 4 for interval in remote):
        # ufw stops all IPv6 then.
        return [], "half"
    if allows and _idle(direction, context) and rule["helper"] != BROADCAST_ANSWERS:
        return [], "idle"
    return [], "half" if half and allows else ""


def _judge_ping(rule, remote, context):
    if rule["action"] == "block":
        return ["ufw has no rules for ICMP: before.rules decide about ping, edit the line with echo-request there"], ""
    if context.policies[rule["direction"]] == "ACCEPT":
        return [], "ping"
    missing = [v for v in (4, 6) if not (v == 6 and context.ipv6) and not context.pings(rule["direction"], v, tuple(i for i in remote if i[0] == v))]
    if missing:
        families = " and ".join("before{0}.rules".format({4: "", 6: "6"}[version]) for version in missing)
        return ["ufw has no rules for ICMP, and {0} do not admit these echo requests ({1}): add them there".format(families, rule["direction"])], ""
    return [], "ping"


def _tuples(rule, remote, local):
    """Yield ``(version, Rule)`` for each network and each list of ports of one wire rule."""
    inbound = rule["direction"] == "in"
    near, far = (tuples.chunks(_intervals.parse_ports(rule[key])) for key in ("local_ports", "remote_ports"))
    action = "allow" if rule["action"] == "allow" else "deny"
    for version in (4, 6):
        others, ours = (_networks(intervals, version) for intervals in (remote, local))
        for other in others:
            for own in ours:
                for near_ports in near:
                    for far_ports in far:
                        ends = (near_ports, own, far_ports, other) if inbound else (far_ports, other, near_ports, own)
                        yield version, Rule(action, rule["protocol"], ends[0], ends[1], ends[2], ends[3], rule["direction"])


def _networks(intervals, version):
    """Return the networks of one family that cover the intervals exactly, as text."""
    found = []
    for family, first, last in intervals:
        while family == version and first <= last:
            bits = _intervals.LAST[version].bit_length()
            size = 1 << min((first & -first).bit_length() - 1 if first else bits, (last - first + 1).bit_length() - 1)
            network = (version, first, first + size - 1)
            found.append(ANYWHERE[version] if size > _intervals.LAST[version] else _intervals.address_text(network))
            first += size
    return found
