# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The rules as they travel to a target: plain dicts, checked as a whole before any system tool sees them.

A rule has the keys of ``RULE_KEYS``:

``name``               unique, at most 128 printable ASCII characters without quotes and backslashes
``direction``          ``in`` or ``out``
``action``             ``allow`` or ``block``
``protocol``           ``tcp``, ``udp``, ``icmp_echo`` or ``any``
``local_ports``        list of ``"443"`` or ``"49152-65535"``; empty = any
``remote_ports``       the same
``remote_addresses``   list of addresses, CIDR networks, ``first-last`` ranges, ``any``, or one ``@name`` of an address set; never empty
``local_addresses``    the same, but empty = any
``helper``             ``""``, ``tftp`` or ``netbios-ns``: the connection tracking helper that the traffic needs
``until``              ``""``, or the last day on which the rule holds, as ``2027-01-31``, in UTC; backends that know no time ignore it
``description``        text for people; no meaning for filtering

Rules for Windows may have two keys more, of ``WINDOWS_KEYS``, and the keywords of ``PORT_KEYWORDS`` among the local ports of
inbound TCP, in any spelling:

``program``            path of the program that the rule is bound to; ``""`` = any
``service``            short name of the service; ``""`` = any
"""

from __future__ import annotations

import calendar
import difflib
import re
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports

RULE_KEYS = (
    "name",
    "direction",
    "action",
    "protocol",
    "local_ports",
    "remote_ports",
    "remote_addresses",
    "local_addresses",
    "helper",
    "until",
    "description",
)
WINDOWS_KEYS = ("program", "service")
DEFAULTS = {
    "action": "allow",
    "local_ports": [],
    "remote_ports": [],
    "local_addresses": [],
    "helper": "",
    "until": "",
    "description": "",
}
CHOICES = {
    "direction": ("in", "out"),
    "action": ("allow", "block"),
    "protocol": ("tcp", "udp", "icmp_echo", "any"),
    "helper": ("", "tftp", "netbios-ns"),
}
# What stands for ports that Windows knows by itself: letters and digits in lower case -> the spelling of the policy store.
PORT_KEYWORDS = {"rpc": "RPC", "rpcepmap": "RPC-EPMap"}
NAME_LIMIT = 128
DAY = 24 * 60 * 60  # seconds
LISTS = ("local_ports", "remote_ports", "remote_addresses", "local_addresses")
_NAME = re.compile(r"^[A-Za-z0-9_.,:;@/+*()\[\]{}<>=#%&!?~^$| -]+\Z")


def check(
    rules: t.Iterable[t.Mapping[str, t.Any]], address_sets: t.Mapping[str, t.Any], windows: bool = False
) -> t.Tuple[t.List[t.Dict[str, t.Any]], t.List[str]]:
    """Return ``(rules, problems)``: complete rules with defaults filled in, and every problem with its index.

    ``problems`` is a list of strings ``rules[3].local_ports[0]: '70000': expected ...``; when it is not empty the rules
    must not be used. With ``windows``, the keys and keywords of Windows are let through.
    """
    keys = RULE_KEYS + (WINDOWS_KEYS if windows else ())
    defaults = dict(DEFAULTS, **{key: "" for key in WINDOWS_KEYS if windows})
    problems = []
    complete = []
    names = {}
    for name in sorted(address_sets):
        where = "address_sets.{0}".format(name)
        if isinstance(address_sets[name], (list, tuple)):
            _check_addresses(address_sets[name], where, {}, problems, allow_empty=True)
        else:
            problems.append("{0}: {1!r}: expected a list of addresses".format(where, address_sets[name]))
    for index, given in enumerate(rules):
        where = "rules[{0}]".format(index)
        rule = dict(defaults, **{key: value for key, value in given.items() if value is not None})
        for key in sorted(set(rule) - set(keys), key=str):
            problems.append("{0}.{1}: {2}".format(where, key, unknown(key, keys)))
            del rule[key]
        absent = [key for key in keys if key not in rule]
        problems.extend("{0}.{1}: missing".format(where, key) for key in absent)
        lists = [key for key in LISTS if key in rule and not isinstance(rule[key], (list, tuple))]
        for key in lists:
            problems.append("{0}.{1}: {2!r}: expected a list".format(where, key, rule[key]))
        for key in WINDOWS_KEYS if windows else ():
            if not isinstance(rule[key], str):
                problems.append("{0}.{1}: {2!r}: expected text".format(where, key, rule[key]))
        for key, choices in sorted(CHOICES.items()):
            if key in rule and rule[key] not in choices:
                problems.append("{0}.{1}: {2!r}: expected one of {3}".format(where, key, rule[key], ", ".join(repr(c) for c in choices)))
        if last_second(rule["until"]) is None:
            problems.append("{0}.until: {1!r}: expected a day, YYYY-MM-DD".format(where, rule["until"]))
        if "name" in rule:
            _check_name(rule["name"], index, names, problems)
        for key in ("local_ports", "remote_ports"):
            if key in lists:
                continue
            keywords = windows and key == "local_ports" and rule.get("direction") == "in" and rule.get("protocol") == "tcp"
            _check_ports(rule[key], "{0}.{1}".format(where, key), problems, keywords)
            if rule[key] and rule.get("protocol", "tcp") not in ("tcp", "udp"):
                problems.append("{0}.{1}: {2!r}: protocol {3} has no ports".format(where, key, rule[key], rule["protocol"]))
        for key in ("remote_addresses", "local_addresses"):
            if key in rule and key not in lists:
                _check_addresses(rule[key], "{0}.{1}".format(where, key), address_sets, problems, allow_empty=key == "local_addresses")
        if not absent and not lists:
            complete.append(rule)
    return complete, problems


def last_second(day: t.Any) -> t.Optional[int]:
    """Return the second since 1970 with which a day is over in UTC, 0 for no day at all, and ``None`` for what is no day."""
    if day == "":
        return 0
    try:
        return calendar.timegm(time.strptime(day, "%Y-%m-%d")) + DAY
    except (TypeError, ValueError):
        return None


def today(now: t.Optional[float] = None) -> str:
    """Return the day of a second since 1970 (``None``: now), as ``2027-01-31``. A day is one in UTC everywhere, whatever the time zone of the machine."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() if now is None else now))


def is_over(day: str, now: float) -> bool:
    """Tell whether a last day (``""``: none) is over at a second since 1970."""
    return bool(day) and (last_second(day) or 0) <= now


def unknown(key: t.Any, keys: t.Iterable[t.Any]) -> str:
    """Return what to say of a key that is none of ``keys``, with the nearest of them."""
    near = difflib.get_close_matches(str(key), [str(known) for known in keys], 1, 0.7)
    return "unknown key{0}; expected one of {1}".format(", did you mean {0!r}?".format(near[0]) if near else "", ", ".join(keys))


def _check_name(name: t.Any, index: int, names: t.Dict[str, int], problems: t.List[str]) -> None:
    where = "rules[{0}].name".format(index)
    if not isinstance(name, str) or not _NAME.match(name) or len(name) > NAME_LIMIT:
        problems.append(
            "{0}: {1!r}: expected 1 to {2} printable ASCII characters without quotes, backslashes and control characters".format(where, name, NAME_LIMIT)
        )
    elif name in names:
        problems.append("{0}: {1!r}: the same name as rules[{2}]; names are unique".format(where, name, names[name]))
    else:
        names[name] = index


def port_keyword(text: t.Any) -> t.Optional[str]:
    """Return the spelling of the policy store of a keyword for ports (``RPCEPMap``: ``RPC-EPMap``), or ``None`` when it is none."""
    return PORT_KEYWORDS.get(str(text).strip().lower().replace("-", ""))


def _check_ports(ports: t.Iterable[t.Any], where: str, problems: t.List[str], keywords: bool = False) -> None:
    for index, port in enumerate(ports):
        if keywords and port_keyword(port):
            continue
        if not _is_port(port):
            more = ", first-last, " + " or ".join(sorted(PORT_KEYWORDS.values())) if keywords else " or first-last"
            problems.append("{0}[{1}]: {2!r}: expected a port (0-65535){3}".format(where, index, port, more))


def _is_port(text: str) -> bool:
    try:
        return bool(_ports.PortRange.parse(text))
    except ValueError:
        return False


def _check_addresses(addresses: t.Sequence[t.Any], where: str, address_sets: t.Mapping[str, t.Any], problems: t.List[str], allow_empty: bool) -> None:
    if not addresses and not allow_empty:
        problems.append("{0}: expected at least one address; empty is nobody, write 'any' for everybody".format(where))
    for index, address in enumerate(addresses):
        if isinstance(address, str) and address.startswith("@"):
            if address[1:] not in address_sets:
                problems.append("{0}[{1}]: {2!r}: no such address set".format(where, index, address))
            elif len(addresses) > 1:
                problems.append("{0}[{1}]: {2!r}: an address set stands alone".format(where, index, address))
        elif address == "any":
            if len(addresses) > 1:
                problems.append("{0}[{1}]: 'any' stands alone".format(where, index))
        else:
            wrong = why_no_address(address, "expected an IP address, a network in CIDR form without host bits, or first-last; names are not looked up")
            problems += ["{0}[{1}]: {2!r}: {3}".format(where, index, address, wrong)] if wrong else []


def why_no_address(text: t.Any, expected: str) -> t.Optional[str]:
    """Return why ``text`` is no address, network without host bits, or ``first-last`` range of one family that rules can have; ``None`` where it is one."""
    odd = _addresses.odd_form(text)
    if odd:
        return odd
    try:
        _addresses.parse_one(text)
        return None
    except ValueError:
        return expected
