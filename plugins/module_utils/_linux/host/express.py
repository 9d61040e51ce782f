# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What ``nft -j`` prints of a rule, put into one canonical spelling of nft's syntax.

Versions of nft print names or numbers, networks or ranges, bare values or sets; the kernel holds one thing. Whatever is
not known here comes back behind ``unknown:`` as JSON, so that it never looks like a rule of ours.
"""

from __future__ import annotations

import calendar
import functools
import json
import socket
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Interval
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain

CT_STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
L4PROTO = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
NFPROTO = {2: "ipv4", 10: "ipv6"}
NUMBERS = {
    ("ip", "protocol"): {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17},
    ("icmp", "type"): {
        "echo-reply": 0,
        "destination-unreachable": 3,
        "source-quench": 4,
        "redirect": 5,
        "echo-request": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "parameter-problem": 12,
    },
    ("icmpv6", "type"): {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "echo-reply": 129,
        "mld-listener-query": 130,
        "mld-listener-report": 131,
        "mld-listener-done": 132,
        "mld-listener-reduction": 132,
        "nd-router-solicit": 133,
        "nd-router-advert": 134,
        "nd-neighbor-solicit": 135,
        "nd-neighbor-advert": 136,
        "nd-redirect": 137,
        "mld2-listener-report": 143,
    },
    ("ip6", "hoplimit"): {},
    ("tcp", "sport"): {},
    ("tcp", "dport"): {},
    ("udp", "sport"): {},
    ("udp", "dport"): {},
}
ICMPX = {0: "no-route", 1: "port-unreachable", 2: "host-unreachable", 3: "admin-prohibited"}
UNKNOWN = "unknown: "
VERDICTS = ("accept", "drop", "return", "continue")


class NotKnown(Exception):
    """A piece of a rule that the canonical spelling has no form for."""


def rule_text(expressions: t.Iterable[Plain]) -> str:
    """Return the canonical text of a rule's ``expr`` list."""
    expressions = [expression for expression in expressions if not _counts(expression)]
    try:
        return " ".join(_statement(expression) for expression in expressions)
    except (NotKnown, KeyError, ValueError, TypeError, AttributeError, IndexError):
        return UNKNOWN + json.dumps(expressions, sort_keys=True)


def _counts(expression: Plain) -> bool:
    """Tell whether a piece only counts packets, for this rule alone."""
    return set(expression) == {"counter"} and not isinstance(expression["counter"], str)


def shown(expressions: t.Iterable[Plain]) -> str:
    """Return a rule of others for people: no counters, iptables' own parts by name, what has no canonical form as JSON."""
    return " ".join(_shown(*item) for expression in expressions for item in expression.items() if item[0] != "counter")


def _shown(kind: str, value: t.Any) -> str:
    if kind == "xt":
        return "iptables:{0}".format((value or {}).get("name", "?"))
    text = rule_text([{kind: value}])
    return text if not text.startswith(UNKNOWN) else kind if value is None else json.dumps({kind: value}, sort_keys=True)


def _statement(expression: Plain) -> str:
    ((kind, value),) = expression.items()
    if kind in VERDICTS and value is None:
        return kind
    handler = _STATEMENTS.get(kind)
    if handler is None:
        raise NotKnown(kind)
    return handler(value)


def _match(value: Plain) -> str:
    left, right, operation = value["left"], value["right"], value["op"]
    ((kind, key),) = left.items()
    if kind == "ct" and key == {"key": "state"} and operation in ("in", "=="):
        return "ct state " + ",".join(_states(right))
    if kind == "meta" and key["key"] == "time" and operation == "<":
        return "meta time < {0}".format(calendar.timegm(time.strptime(right, "%Y-%m-%d %H:%M:%S")))
    if operation != "==":
        raise NotKnown(operation)
    if kind == "meta":
        return _meta(key["key"], right)
    if kind == "payload":
        return _payload(key["protocol"], key["field"], right)
    raise NotKnown(kind)


def _states(right: t.Any) -> t.List[str]:
    if isinstance(right, dict):
        right = right.get("|", right.get("set"))
    names = right if isinstance(right, list) else [right]
    known = {name: number for number, name in CT_STATES.items()}
    numbers = sorted(known[name] if isinstance(name, str) else name for name in names)
    return [CT_STATES[number] for number in numbers]


def _meta(key: str, right: t.Any) -> str:
    if key in ("iif", "oif") and isinstance(right, str):
        return '{0} "{1}"'.format(key, right)
    if key in ("l4proto", "nfproto") and isinstance(right, (int, str)):
        names: t.Mapping[t.Any, str] = {"l4proto": L4PROTO, "nfproto": NFPROTO}[key]
        return "meta {0} {1}".format(key, names.get(right, right))
    raise NotKnown(key)


def _payload(protocol: str, field: str, right: t.Any) -> str:
    if (protocol in ("ip", "ip6")) and field in ("saddr", "daddr"):
        version = 4 if protocol == "ip" else 6
        if isinstance(right, str) and right.startswith("@"):
            return "{0} {1} {2}".format(protocol, field, right)
        return "{0} {1} {2}".format(protocol, field, _values(right, lambda item: address(version, item), _addresses.text_of))
    numbers = NUMBERS[(protocol, field)]
    return "{0} {1} {2}".format(protocol, field, _values(right, lambda item: _number(item, numbers), _ports.text_of))


def _values(right: t.Any, parse: t.Callable[[t.Any], t.Any], spell: t.Callable[[t.Any], str]) -> str:
    if isinstance(right, dict) and set(right) == {"set"}:
        return "{{ {0} }}".format(", ".join(spell(interval) for interval in sorted(parse(item) for item in right["set"])))
    return spell(parse(right))


def number_range(protocol: str, field: str, item: t.Any) -> t.Tuple[int, int]:
    """Return ``(first, last)`` of one number, name or range in a field of a header, such as the type of ICMP."""
    return _number(item, NUMBERS[(protocol, field)])


def _number(item: t.Any, numbers: t.Mapping[str, int]) -> t.Tuple[int, int]:
    if isinstance(item, dict):
        first, last = item["range"]
        return (_number(first, numbers)[0], _number(last, numbers)[0])
    if isinstance(item, str):
        item = numbers[item]
    return (item, item)


def _number_of(family: int, text: str) -> int:
    try:
        return int.from_bytes(socket.inet_pton(family, text), "big")
    except OSError as error:
        raise NotKnown(text) from error


_NUMBER_OF = {4: functools.partial(_number_of, socket.AF_INET), 6: functools.partial(_number_of, socket.AF_INET6)}


def address(version: int, item: t.Any) -> Interval:
    """Return the interval of one address, ``prefix`` or ``range`` as ``nft -j`` prints it."""
    make = _NUMBER_OF[version]
    if isinstance(item, dict):
        if set(item) == {"prefix"}:
            bits = (32 if version == 4 else 128) - item["prefix"]["len"]
            first = make(item["prefix"]["addr"])
            return (version, first, first | ((1 << bits) - 1))
        if set(item) == {"range"}:
            first, last = item["range"]
            return (version, make(first), make(last))
        raise NotKnown(item)
    return (version, make(item), make(item))


def _limit(value: Plain) -> str:
    if value.get("inv") or value.get("rate_unit", "packets") != "packets":
        raise NotKnown("limit")
    return "limit rate {0}/{1} burst {2} packets".format(value["rate"], value["per"], value["burst"])


def _log(value: Plain) -> str:
    if set(value) != {"prefix"} or '"' in value["prefix"]:
        raise NotKnown("log")
    return 'log prefix "{0}"'.format(value["prefix"])


def _reject(value: Plain) -> str:
    if value == {"type": "tcp reset"}:
        return "reject with tcp reset"
    if set(value) == {"type", "expr"} and value["type"] == "icmpx":
        return "reject with icmpx " + ICMPX.get(value["expr"], str(value["expr"]))
    raise NotKnown("reject")


_STATEMENTS: t.Dict[str, t.Callable[[t.Any], str]] = {
    "match": _match,
    "jump": lambda value: "jump " + value["target"],
    "ct helper": 'ct helper set "{0}"'.format,
    "limit": _limit,
    "log": _log,
    "reject": _reject,
}
