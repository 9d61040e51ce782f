# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whether the kernel holds what the daemon believes: the rules of our policies in the table ``inet firewalld``, and the way to them.

The daemon never looks at the kernel again; a chain that somebody flushed is seen here only. A rule of the kernel and a rich rule are
compared as sets of conditions: versions of firewalld and nft write the same rule with more or fewer of those that others imply.
"""

from __future__ import annotations

import collections
import json
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import rich as rich_rules
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.express import NotKnown, address, number_range
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain

Form = t.FrozenSet[t.Tuple[t.Any, ...]]
Rules = t.Mapping[str, t.List[t.Any]]


class Kernel(t.NamedTuple):
    """``missing`` is ``{policy: rules that the kernel lacks}``, ``wrong`` is ``{part: [line, ...]}`` of everything else."""

    missing: t.Dict[str, t.List[str]]
    wrong: t.Dict[str, t.List[str]]


NOTHING = Kernel({}, {})

TABLE = ("inet", "firewalld")
SUFFIXES = ("pre", "log", "deny", "allow", "post")
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "igmp": 2, "icmpv6": 58, "ipv6-icmp": 58}
ICMP = {
    "echo-request": {4: 8, 6: 128},
    "destination-unreachable": {4: 3, 6: 1},
    "time-exceeded": {4: 11, 6: 3},
    "parameter-problem": {4: 12, 6: 4},
    "redirect": {4: 5, 6: 137},
    "router-advertisement": {4: 9, 6: 134},
    "router-solicitation": {4: 10, 6: 133},
    "packet-too-big": {6: 2},
    "neighbour-solicitation": {6: 135},
    "neighbour-advertisement": {6: 136},
}
VERSIONS = {"ipv4": 4, "ipv6": 6}
FAMILY_OF = {"ip": 4, "ip6": 6, "icmp": 4, "icmpv6": 6}
# A protocol that one family alone has: the kernel gives a rule for it back without the family.
ONE_FAMILY = {1: 4, 58: 6}


def examine(listed: t.Iterable[t.Tuple[str, Plain]], own: objects.Objects, versions: t.Sequence[int] = (4, 6)) -> Kernel:
    """Return ``Kernel`` for the objects that nft printed (``listed``) and the own objects in the daemon; ``versions`` are the families that it serves."""
    chains, rules, sets = {}, collections.defaultdict(list), {}
    for kind, value in listed:
        if (value.get("family"), value.get("table")) == TABLE:
            if kind == "chain":
                chains[value["name"]] = value
            elif kind == "rule":
                rules[value["chain"]].append(value["expr"])
            elif kind == "set":
                sets[value["name"]] = value
    missing, wrong = {}, {}
    for name, policy in own.policies.items():
        base = "filter_{0}_policy_{1}".format("IN" if "HOST" in policy.egress else "OUT", name)
        complaints = _chain(base, policy, chains, rules)
        there = collections.Counter(normal(expr) for suffix in SUFFIXES for expr in rules["{0}_{1}".format(base, suffix)])
        lacking = [line for line in policy.rules if not _taken(forms(line, own.services, versions, own.sets), there)]
        complaints += ["kernel: policy {0} has one more rule: {1}".format(name, _shown(form)) for form in sorted(there.elements(), key=repr)]
        if lacking:
            missing[name] = lacking
        if complaints:
            wrong["kernel policy " + name] = complaints
    for name, content in own.sets.items():
        if content[0] in versions and _elements(sets.get(name), content[0]) != content[1]:
            wrong["kernel ipset " + name] = ["kernel: the set {0} is missing or holds other addresses".format(name)]
    return Kernel(missing, wrong)


def _chain(base: str, policy: objects.Policy, chains: t.Mapping[str, Plain], rules: Rules) -> t.List[str]:
    hook = "input" if "HOST" in policy.egress else "output"
    if base not in _reached(hook, chains, rules):
        return ["kernel: no packet reaches the chain {0}".format(base)]
    targets = [expr[-1]["jump"]["target"] for expr in rules[base] if len(expr) == 1 and "jump" in expr[-1]]
    if targets != ["{0}_{1}".format(base, suffix) for suffix in SUFFIXES]:
        return ["kernel: the chain {0} does not hold what firewalld has put there".format(base)]
    verdicts = [next(iter(expr[-1])) for expr in rules[base] if len(expr) == 1 and "jump" not in expr[-1]]
    wanted = [] if policy.target == "CONTINUE" else [policy.target.lower()]
    if [verdict for verdict in verdicts if verdict in ("accept", "drop", "reject")] != wanted:
        return ["kernel: the target of the chain {0} is not {1}".format(base, policy.target)]
    return []


def _reached(hook: str, chains: t.Mapping[str, Plain], rules: Rules) -> t.Set[str]:
    """Return the chains that packets reach from the hook."""
    waiting = [name for name, chain in chains.items() if chain.get("hook") == hook and chain.get("type") == "filter"]
    found = set(waiting)
    while waiting:
        for expr in rules.get(waiting.pop(), ()):
            for part in expr:
                target = (part.get("jump") or part.get("goto") or {}).get("target")
                if target and target not in found:
                    found.add(target)
                    waiting.append(target)
    return found


def _elements(found: t.Any, version: int) -> t.Any:
    try:
        return tuple(sorted(_element(version, item) for item in found.get("elem", [])))
    except (AttributeError, NotKnown, ValueError, TypeError, KeyError):
        return None


def _element(version: int, item: t.Any) -> t.Tuple[t.Any, ...]:
    if not isinstance(item, dict) or set(item) != {"concat"}:
        return address(version, item)
    end, protocol, port = item["concat"]
    first, last = port["range"] if isinstance(port, dict) else (port, port)
    names = {number: name for name, number in PROTOCOLS.items() if name in ("tcp", "udp")}
    return address(version, end) + (names.get(protocol, protocol), int(first), int(last))


def _taken(expected: t.Optional[t.List[Form]], there: t.Counter[Form]) -> bool:
    """Take the forms of one rich rule out of those that are there; tell whether all were."""
    if expected is None or any(there[form] < 1 for form in expected):
        return False
    for form in expected:
        there[form] -= 1
    return True


def forms(line: str, services: t.Mapping[str, str], versions: t.Sequence[int], sets: t.Optional[t.Mapping[str, t.Any]] = None) -> t.Optional[t.List[Form]]:
    """Return the forms of a rich rule's text, one for each rule of the kernel, or ``None`` when it is none of ours."""
    try:
        rich = rich_rules.parse(line)
    except ValueError:
        return None
    families = [VERSIONS[rich.family]] if rich.family else list(versions)
    sets = sets or {}
    common: t.Set[t.Tuple[t.Any, ...]] = {("log",), ("limit",)} if rich.action[0] == "log" else {(rich.action[0],)}
    for field, text in (("saddr", rich.source), ("daddr", rich.destination)):
        if text.startswith("ipset:"):
            ends = text[6:] in sets and objects.has_ports(sets[text[6:]][1])
            common.add((field + " and port" if ends else field, "@" + text[6:]))
        elif text:
            common.add((field, _addresses.parse_one(text)))
    kind, values = (rich.element[0], rich.element[1:]) if rich.element else ("", ())
    if kind == "icmp-type":
        found = [{("icmp", version, ICMP[values[0]][version]), ("family", version)} for version in families if version in ICMP.get(values[0], {})]
        return [frozenset(part | common) for part in found if set(versions) & set(families)]
    if kind == "service":
        helper = services.get(values[0], "")
        port = int(objects.HELPER_PORTS.get(helper, 0))
        return [frozenset([("dport", port, port), ("l4proto", 17), ("helper", helper)])]
    if kind in ("port", "source-port"):
        first, last = _ports.PortRange.parse(values[0])
        common |= {("dport" if kind == "port" else "sport", first, last), ("l4proto", PROTOCOLS[values[1]])}
    elif kind == "protocol":
        common |= _of_protocol(PROTOCOLS.get(values[0], 0))
    # What rejects with a reset is for TCP of either family: the kernel gives the rule back without one.
    resets = rich.action == ("reject", "tcp-reset") and not (rich.source or rich.destination)
    common |= {("family", VERSIONS[rich.family])} if rich.family and not resets else set()
    return [frozenset(common)] if set(families) & set(versions) else []


def normal(expr: t.Iterable[Plain]) -> Form:
    """Return the form of a rule of the kernel: a frozen set of conditions and of what it does."""
    found = set()
    for part in expr:
        ((kind, value),) = part.items()
        try:
            found |= _match(value) if kind == "match" else _statement(kind, value)
        except (NotKnown, KeyError, ValueError, TypeError, AttributeError):
            found.add(("unknown", json.dumps(part, sort_keys=True)))
    if found == {("reject",), ("l4proto", 6)} | {item for item in found if item[0] == "family"}:
        found = {("reject",), ("l4proto", 6)}
    return frozenset(found)


def _statement(kind: str, value: t.Any) -> t.Set[t.Tuple[t.Any, ...]]:
    if kind in ("accept", "drop", "reject", "log", "limit"):
        return {(kind,)}
    if kind == "ct helper":
        name = value if isinstance(value, str) else value.get("name", "")
        return {("helper", name.replace("helper-", "", 1).rpartition("-")[0] or name)}
    if kind == "counter":
        return set()
    return {("unknown", json.dumps({kind: value}, sort_keys=True))}


def _match(value: Plain) -> t.Set[t.Tuple[t.Any, ...]]:
    left, right, operation = value["left"], value["right"], value["op"]
    ((kind, field),) = left.items()
    if kind == "concat":
        return _ends(field, right)
    if kind == "ct" and field["key"] == "state":
        # Versions before 1.0 name the states that are left over at this place.
        return set()
    if operation != "==":
        raise NotKnown(operation)
    if kind == "meta" and field["key"] == "nfproto":
        return {("family", {"ipv4": 4, "ipv6": 6, 2: 4, 10: 6}[right])}
    if kind == "meta" and field["key"] == "l4proto":
        return _of_protocol(PROTOCOLS[right] if isinstance(right, str) else int(right))
    protocol, name = field["protocol"], field["field"]
    if name in ("saddr", "daddr"):
        version = FAMILY_OF[protocol]
        return {("family", version), (name, right if isinstance(right, str) and right.startswith("@") else address(version, right))}
    if name in ("sport", "dport"):
        first, last = right["range"] if isinstance(right, dict) else (right, right)
        return {(name, int(first), int(last)), ("l4proto", PROTOCOLS[protocol])}
    if name == "code" and protocol in FAMILY_OF and right == 0:
        # Newer versions also name the one code that a type has.
        return set()
    if name == "type" and protocol in FAMILY_OF:
        first, last = number_range(protocol, name, right)
        if first == last:
            return {("icmp", FAMILY_OF[protocol], first), ("family", FAMILY_OF[protocol])}
    raise NotKnown(name)


def _of_protocol(number: int) -> t.Set[t.Tuple[t.Any, ...]]:
    return {("l4proto", number)} | ({("family", ONE_FAMILY[number])} if number in ONE_FAMILY else set())


def _ends(fields: t.Any, right: t.Any) -> t.Set[t.Tuple[t.Any, ...]]:
    """Return the condition on one end: its address, the protocol and its port together in an ipset."""
    place, protocol, port = (part.get("payload", part.get("meta")) for part in fields)
    if protocol != {"key": "l4proto"} or port["field"] != {"saddr": "sport", "daddr": "dport"}[place["field"]] or not right.startswith("@"):
        raise NotKnown(right)
    return {("family", FAMILY_OF[place["protocol"]]), (place["field"] + " and port", right)}


def _shown(form: Form) -> str:
    return " ".join(sorted("/".join(str(part) for part in item) for item in form))
