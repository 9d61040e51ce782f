# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""From the rules of a ruleset to the table that must be in the kernel. Rules of any number share two chains; base rules have their own.

One rule becomes one nft rule for each family that its addresses name, or one for both when it names none.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _limits, _ports, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import HOOKS, RULE_CHAINS
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.table import Chain, Rules, Table, in_order
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import AddressSets

Sets = t.Dict[str, t.Tuple[int, t.Tuple[Interval, ...]]]

# Beyond so many intervals of one family a list of addresses becomes a named set of the table.
INLINE = 4
# Names of sets have room for 31 characters on every kernel.
SET_LABEL = 19
# The kernel compares with its clock, so a rule ends by itself, also after a reboot. Seconds mean the same in every time zone.
ENDS = "meta time < {0}"
LOG = "log"  # the mode of an audit that writes down what would be dropped
LOG_LIMIT = "limit rate 10/second burst 20 packets"

# What keeps a host alive, by direction: interface lo, what belongs to known connections, ICMP errors, neighbour discovery
# (hop limit 255: from this link only), multicast membership (its loss shows after minutes), address assignment.
_BOTH = (
    ("replies", "ct state established,related accept"),
    ("ICMP errors", "icmp type { 3, 11-12 } accept"),
    ("ICMPv6 errors", "icmpv6 type 1-4 accept"),
    ("neighbour discovery", "icmpv6 type 133-136 ip6 hoplimit 255 accept"),
    ("MLD", "icmpv6 type { 130-132, 143 } accept"),
    ("IGMP", "ip protocol 2 accept"),
)
BASE = {
    "in": (
        (("loopback", 'iif "lo" accept'),)
        + _BOTH
        + (
            ("DHCP answers", "meta nfproto ipv4 udp sport 67 udp dport 68 accept"),
            ("DHCPv6 answers", "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept"),
        )
    ),
    "out": (
        (("loopback", 'oif "lo" accept'),)
        + _BOTH
        + (
            ("DHCP requests", "meta nfproto ipv4 udp sport 68 udp dport 67 accept"),
            ("DHCPv6 requests", "meta nfproto ipv6 udp sport 546 udp dport 547 accept"),
        )
    ),
}
HELPERS = {"tftp": ("tftp", "udp", "inet"), "netbios-ns": ("netbios-ns", "udp", "ip")}
# Which address and port fields are ours (local) and theirs (remote), by direction. Rules name the source first, as packets do: the kernel
# joins neighbouring fields into one comparison and gives them back in that order.
FIELDS = {"in": {"remote": "saddr", "local": "daddr", "remote_port": "sport", "local_port": "dport"}}
FIELDS["out"] = {"remote": "daddr", "local": "saddr", "remote_port": "dport", "local_port": "sport"}
ECHO = {4: "icmp type 8", 6: "icmpv6 type 128"}


class Rendered(t.NamedTuple):
    table: Table
    problems: t.List[str]
    warnings: t.List[str]


class Addresses(t.NamedTuple):
    label: str
    intervals: t.Optional[t.Tuple[Interval, ...]]


def render(
    rules: t.Iterable[Plain],
    address_sets: AddressSets,
    default_inbound: str,
    default_outbound: str,
    owner: str,
    mode: str = "enforce",
    helpers: t.Sequence[str] = ("tftp", "netbios-ns"),
) -> Rendered:
    """Return ``Rendered``: the table for complete, checked rules, what cannot be expressed, and what has no effect.

    ``helpers`` are the kernel's connection tracking helpers; without ``netbios-ns`` the answers to a broadcast come in by
    a rule on their source port instead.
    """
    collapsed = {name: Addresses(name, _addresses.parse(texts)) for name, texts in address_sets.items()}
    found: t.Dict[str, t.List[t.Tuple[str, str]]] = {"in": [], "out": []}
    sets: Sets = {}
    used: t.Set[str] = set()
    idle: t.List[str] = []
    nobody: t.List[str] = []
    defaults = {"in": default_inbound, "out": default_outbound}
    refused = _limits.refusals(rules, address_sets)
    unsaid = {refusal.name for refusal in refused}
    for rule in sorted((rule for rule in rules if rule["name"] not in unsaid), key=lambda rule: rule["name"]):
        direction = rule["direction"]
        remote, local = (_addresses_of(rule[key], collapsed) for key in ("remote_addresses", "local_addresses"))
        if () in (remote.intervals, local.intervals):
            nobody.append(rule["name"])
            continue
        helper = rule["helper"] if rule["helper"] in helpers else ""
        if rule["helper"] == "netbios-ns" and not helper and direction == "out" and defaults["in"] in ("block", "reject"):
            found["in"] += [(rule["name"], text) for text in _answers(rule, remote, local, sets)]
        if defaults[direction] == "keep" and rule["action"] == "allow" and not rule["helper"]:
            idle.append(rule["name"])
            continue
        matches = list(_matches(rule, remote, local, sets))
        found[direction] += [(rule["name"], text) for text in _rule_texts(rule, matches, helper, defaults[direction], owner, mode)]
        used.update([helper] if helper else [])
    chains = {}
    for direction in ("in", "out"):
        if defaults[direction] != "keep" or found[direction]:
            chains.update(chains_of(direction, tuple(found[direction]), defaults[direction], owner, mode))
    warnings = []
    if idle:
        text = "these allow rules are not loaded, because the default of their direction is keep and nftables needs no rule to allow: "
        warnings.append(text + _limits.some(idle))
    if nobody:
        warnings.append("these rules match nobody, because their address sets are empty, and are not loaded: " + _limits.some(nobody))
    table = Table(chains, sets, {name.replace("-", "_"): HELPERS[name] for name in sorted(used)}, ())
    return Rendered(table, _limits.texts(refused), warnings)


def _addresses_of(texts: t.Sequence[str], collapsed: t.Mapping[str, Addresses]) -> Addresses:
    """Return the addresses of a rule; ``any`` and no list at all are the same here: no match on addresses."""
    if not texts or list(texts) == ["any"]:
        return Addresses("", None)
    if texts[0].startswith("@"):
        return collapsed[texts[0][1:]] if collapsed[texts[0][1:]].intervals != _addresses.ANY else Addresses("", None)
    return Addresses("", _addresses.parse(texts))


def _rule_texts(rule: Plain, matches: t.Iterable[t.Tuple[t.Optional[int], str]], helper: str, default: str, owner: str, mode: str) -> t.Iterator[str]:
    """Yield the nft rules of one rule. Where the default is kept, an allow rule only attaches its helper."""
    for family, match in matches:
        parts = [match] if match else []
        parts += [ECHO[family]] if family and rule["protocol"] == "icmp_echo" else _transport(rule)
        parts += [ENDS.format(_ruleset.last_second(rule["until"]))] if rule["until"] else []
        attach = helper and (family != 6 or HELPERS[helper][2] != "ip")
        if attach:
            parts.append('ct helper set "{0}"'.format(helper.replace("-", "_")))
        if rule["action"] == "block":
            # in an audit without a log it only counts
            parts += {"enforce": ["drop"], LOG: [_log(owner, rule["direction"])]}.get(mode, [])
        elif default != "keep":
            parts.append("accept")
        elif not attach:
            continue
        yield " ".join(parts)


def _transport(rule: Plain) -> t.List[str]:
    """Return the matches on protocol and ports. ``meta l4proto`` sees through IPv6 extension headers."""
    fields = FIELDS[rule["direction"]]
    sides = sorted(("remote_port", "local_port"), key=lambda key: fields[key], reverse=True)
    parts = ["{0} {1} {2}".format(rule["protocol"], fields[key], _port_match(rule[key + "s"])) for key in sides if _port_match(rule[key + "s"])]
    return parts or (["meta l4proto " + rule["protocol"]] if rule["protocol"] in ("tcp", "udp") else [])


def _answers(rule: Plain, remote: Addresses, local: Addresses, sets: Sets) -> t.Iterator[str]:
    """Yield the inbound rules that admit unicast answers to a broadcast of ours, where the kernel cannot relate them."""
    answer = dict(rule, direction="in", helper="", action="allow")
    for _family, match in _matches(answer, remote, local, sets):
        yield " ".join(([match] if match else []) + _transport(answer) + ["accept"])


def _matches(rule: Plain, remote: Addresses, local: Addresses, sets: Sets) -> t.Iterator[t.Tuple[t.Optional[int], str]]:
    """Yield ``(family, match on addresses)``, family ``None`` for both at once."""
    sides = [(side, addresses) for side, addresses in (("remote", remote), ("local", local)) if addresses.intervals is not None]
    if not sides and rule["protocol"] != "icmp_echo":
        yield None, ""
        return
    for family, name in ((4, "ip"), (6, "ip6")):
        shares = [(side, addresses.label, _addresses.of_family(addresses.intervals or (), family)) for side, addresses in sides]
        if all(intervals for _side, _label, intervals in shares):
            fields = FIELDS[rule["direction"]]
            ordered = sorted(shares, key=lambda share: fields[share[0]], reverse=True)
            texts = (fields[side] + " " + _address_list(label, family, intervals, sets) for side, label, intervals in ordered)
            yield family, " ".join(name + " " + text for text in texts)


def _address_list(label: str, family: int, intervals: t.Tuple[Interval, ...], sets: Sets) -> str:
    if len(intervals) <= INLINE:
        texts = [_addresses.text_of(interval) for interval in intervals]
        return texts[0] if len(texts) == 1 else "{{ {0} }}".format(", ".join(texts))
    identity = label or repr(intervals)
    readable = re.sub(r"[^A-Za-z0-9]+", "_", label or "list").strip("_")[:SET_LABEL]
    name = "p_{0}_{1}_{2}".format(readable, hashlib.sha256(identity.encode("utf-8")).hexdigest()[:6], family)
    sets[name] = (family, intervals)
    return "@" + name


def _port_match(texts: t.Iterable[t.Union[str, int]]) -> str:
    ports = _ports.texts(_ports.restriction(texts))
    return ports[0] if len(ports) == 1 else "{{ {0} }}".format(", ".join(ports)) if ports else ""


def _log(owner: str, direction: str) -> str:
    return '{0} log prefix "{1} would drop {2}: "'.format(LOG_LIMIT, owner, direction)


def chains_of(direction: str, rules: Rules, default: str, owner: str, mode: str) -> t.Dict[str, Chain]:
    """Return the three chains of one direction. Base rules come before all others, rules that block before those that allow."""
    base, own, hook = "base_" + direction, RULE_CHAINS[direction], HOOKS[direction]
    closed = default in ("block", "reject")
    steps = [("", "jump " + base), ("", "jump " + own)]
    if closed and mode != "enforce":
        steps += [("", _log(owner, direction))] if mode == LOG else []
    elif default == "reject":
        steps += [("", "meta l4proto tcp reject with tcp reset"), ("", "reject with icmpx admin-prohibited")]
    elif closed:
        # The policy says it as well, but when a table replaces another, the kernel sets the policy of a new chain only after its rules are in force
        # and the old chain is gone: what no rule stops would come through for that moment.
        steps.append(("", "drop"))
    return {
        base: Chain(None, BASE[direction]),
        own: Chain(None, in_order(rules)),
        hook: Chain((hook, 0, "drop" if closed and mode == "enforce" else "accept"), tuple(steps)),
    }
