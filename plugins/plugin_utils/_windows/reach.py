# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a Windows rule can match, for comparing and judging: as a shape, and as a wire rule for the lockout guard.

A rule that allows is taken for no more than it certainly admits, a rule that blocks for everything that it may stop.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._match import Match, typed
from ansible_collections.portcullis.msports.plugins.module_utils._options import DYNAMIC_PORTS
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import values
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Rule

# What stands behind a keyword, as far as it can be said in numbers. The endpoint mapper has 593 (RPC over HTTP), too, where that is installed:
# on a domain controller, for instance (MS-FASP 2.2.14).
KEYWORD_PORTS = {"RPC-EPMap": ("135", "593"), "IPHTTPS": ("443",)}
DYNAMIC = (DYNAMIC_PORTS,)  # behind RPC, unless the plan says otherwise of this host
# Keywords behind which there are only some of the listeners of these ports: a rule with one of them does not admit whatever listens there.
NARROW = frozenset(["RPC"])
TYPED = (1, 58)
_KEYWORDS = frozenset(values.ADDRESS_KEYWORDS.values())


def shape(rule: Rule, dynamic: values.Texts = DYNAMIC) -> Match:
    """Return which new connections a rule can match at most, and whether it certainly matches all of them.

    Program and service are left out, ``binding`` has them; so are the profiles. ``dynamic`` are the ports of RPC on the host.
    """
    inbound = rule.direction != "out"
    near, far = (rule.local_ports, rule.remote_ports) if inbound else (rule.remote_ports, rule.local_ports)
    ports, known_ports = _ports_of(near, dynamic)
    addresses, known_addresses = _addresses_of(rule.remote_addresses)
    protocols, known_protocols = _protocols(rule)
    limited = far != values.ANY or rule.local_addresses != values.ANY
    certain = known_ports and known_addresses and known_protocols and not limited and unconditional(rule)
    return Match(protocols, ports, addresses, certain)


def parts(rule: Rule) -> list[t.Tuple[t.FrozenSet[str], Rule]]:
    """Return what a rule matches in parts, each with the narrow keyword that it is written with: all else together, then keyword by keyword."""
    narrow = [text for text in rule.local_ports if text in NARROW]
    if not narrow or rule.direction == "out":
        return [(frozenset(), rule)]
    rest = tuple(text for text in rule.local_ports if text not in NARROW)
    whole = [(frozenset(), rule._replace(local_ports=rest))] if rest else []
    return whole + [(frozenset([text]), rule._replace(local_ports=(text,))) for text in narrow]


def holding(rule: Rule, keywords: t.AbstractSet[str], dynamic: values.Texts = DYNAMIC) -> t.Optional[Match]:
    """Return what a rule surely matches of traffic that is written with these narrow keywords, or ``None``: numbers hold them, and they hold no numbers."""
    known = tuple(text for text in rule.local_ports if text not in NARROW or text in keywords)
    if known == rule.local_ports or rule.direction == "out":
        return shape(rule, dynamic)
    return shape(rule._replace(local_ports=known), dynamic) if known else None


def binding(rule: Rule) -> t.Tuple[str, str]:
    """Return the program and the service that a rule is bound to."""
    return rule.program, rule.service


def within(inner: t.Tuple[str, str], outer: t.Tuple[str, str]) -> bool:
    """Tell whether all traffic of one binding is traffic of another."""
    return all(theirs in ("", mine) for mine, theirs in zip(inner, outer))


def apart(left: t.Tuple[str, str], right: t.Tuple[str, str]) -> bool:
    """Tell whether no traffic can have both bindings."""
    programs, services = zip(left, right)
    return all(programs) and programs[0] != programs[1] or all(services) and "*" not in services and services[0] != services[1]


def unconditional(rule: Rule) -> bool:
    """Tell whether a rule has no condition besides addresses, ports, profiles, program and service."""
    return rule.enabled and (rule.interface_types, rule.interfaces, rule.secure, rule.users) == (values.ANY, values.ANY, 0, "")


def uncertain(rule: Rule, judged: bool = False) -> t.Tuple[int, str]:
    """Return ``(rank, words)`` of the first condition of a rule of which nobody can tell from here whether it is met, ``words`` are ``""`` for none.

    The lower the rank, the more likely it is met. ``judged``: the guard takes the rule for what it certainly admits, so only addresses are left
    that it does not know. A rule of an app, or of a program that serves no management, has nothing to do with it.
    """
    if not may_serve(rule) or any(part.startswith("S-1-") for part in rule.users.split("|")):
        return 0, ""
    odd = ", ".join(text for column in (rule.remote_addresses, rule.local_addresses) for text in column if text != "any" and not is_address(text))
    conditions: t.Tuple[t.Tuple[str, str], ...] = (
        ("profiles", ", ".join(text for text in rule.profiles if text.startswith("?"))),
        ("interface types", "" if rule.interface_types == values.ANY else ", ".join(rule.interface_types)),
        ("interfaces", "" if rule.interfaces == values.ANY else ", ".join(rule.interfaces)),
        ("IPsec", str(rule.secure or "")),
        ("users or computers", rule.users),
        ("ports", ", ".join(text for text in (*rule.local_ports, *rule.remote_ports) if text.startswith("?"))),
        ("service", rule.service),
        ("program", rule.program),
    )
    found = [(rank, f"{name} {value}") for rank, (name, value) in enumerate((("addresses", odd), *(() if judged else conditions))) if value]
    return found[0] if found else (0, "")


def _ports_of(texts: values.Texts, dynamic: values.Texts) -> t.Tuple[t.Tuple[t.Tuple[int, int], ...], bool]:
    if "any" in texts:
        return _ports.ALL, True
    known = [port for text in texts for port in numbers(text, dynamic)]
    if any(not _ports.is_number(text[0]) for text in known):
        return _ports.ALL, False
    return _ports.of_rule(known), True


@functools.lru_cache(maxsize=1 << 12)
def _addresses_of(texts: values.Texts) -> t.Tuple[t.Tuple[t.Tuple[int, int, int], ...], bool]:
    if "any" in texts:
        return _addresses.ANY, True
    if not all(is_address(text) for text in texts):
        return _addresses.ANY, False
    return _addresses.parse(texts), True


def numbers(text: str, dynamic: values.Texts) -> values.Texts:
    """Return the ports behind a keyword, as far as they can be said in numbers; any other text as it is."""
    return dynamic if text == "RPC" else KEYWORD_PORTS.get(text, (text,))


def is_address(text: str) -> bool:
    """Tell whether a canonical text is an address, a network or a range, and no keyword."""
    return text[0] != "?" and text not in _KEYWORDS


def _protocols(rule: Rule) -> t.Tuple[t.Optional[t.FrozenSet[t.Any]], bool]:
    number = rule.protocol
    if isinstance(number, str) or number == values.ANY_PROTOCOL:
        return None, not isinstance(number, str)
    if number not in TYPED:
        return frozenset([number]), True
    if "any" in rule.icmp:
        return typed(number), True
    pairs = [text.partition(":")[::2] for text in rule.icmp]
    if not all(_ports.is_number(kind) for kind, _code in pairs):
        return typed(number), False
    return typed(number, [int(kind) for kind, _code in pairs]), all(code == "*" for _kind, code in pairs)


# What serves management: WinRM listens in the kernel, so its program is System; the server of ssh is a program of its own.
WINRM_PORTS = ("5985", "5986")
SERVERS = ("", "sshd", "winrm", "*")


def may_serve(rule: Rule) -> bool:
    """Tell whether a rule's program and service, if it has any, may be those of a server of management."""
    return rule.program.rpartition("\\")[2] in ("", "system", "sshd.exe", "svchost.exe") and rule.service in SERVERS


def as_wire(rule: Rule, ssh_ports: t.Collection[str], winrm_ports: t.Collection[str] = (), dynamic: values.Texts = DYNAMIC) -> t.Optional[t.Dict[str, t.Any]]:
    """Return an inbound rule as the guard's judge takes it, or ``None`` when it says nothing certain about TCP connections to a server of management.

    ``winrm_ports`` are further ports of WinRM on this host; a rule of the kernel admits to them where it names them.
    """
    if rule.direction == "out" or not rule.enabled or rule.protocol not in (6, values.ANY_PROTOCOL) and not isinstance(rule.protocol, str):
        return None
    made = {
        "name": rule.name,
        "direction": "in",
        "protocol": "tcp",
        "action": rule.action,
        "local_ports": _plain(rule.local_ports),
        "remote_ports": _plain(rule.remote_ports),
        "local_addresses": _plain(rule.local_addresses),
        "remote_addresses": list(rule.remote_addresses),
    }
    return _blocking(rule, made, dynamic) if rule.action != "allow" else _allowing(rule, made, ssh_ports, winrm_ports)


def _plain(texts: values.Texts) -> list[str]:
    return [] if "any" in texts else list(texts)


def _blocking(rule: Rule, made: t.Dict[str, t.Any], dynamic: values.Texts) -> t.Optional[t.Dict[str, t.Any]]:
    """Widen what is not known; leave out what is bound to a program that serves no management."""
    if not may_serve(rule):
        return None
    ports = [port for text in made["local_ports"] for port in numbers(text, dynamic)]
    made["local_ports"] = ports if all(_ports.is_number(text[0]) for text in ports) else []
    made["remote_ports"] = []
    made["local_addresses"] = made["local_addresses"] if all(map(is_address, made["local_addresses"])) else []
    made["remote_addresses"] = made["remote_addresses"] if all(map(is_address, made["remote_addresses"])) else ["any"]
    return dict(made, action="block")


def _allowing(rule: Rule, made: t.Dict[str, t.Any], ssh_ports: t.Collection[str], winrm_ports: t.Collection[str]) -> t.Optional[t.Dict[str, t.Any]]:
    """Leave out what is not certain, part by part."""
    if not unconditional(rule) or rule.service or isinstance(rule.protocol, str):
        return None
    for key, known in (("local_ports", _is_number), ("remote_ports", _is_number), ("local_addresses", is_address), ("remote_addresses", is_address)):
        sure = [text for text in made[key] if known(text)]
        if made[key] and not sure:
            return None
        made[key] = sure
    if rule.program:
        named = tuple(port for port in winrm_ports if port in rule.local_ports)
        served = WINRM_PORTS + named if rule.program == "system" else tuple(ssh_ports) if rule.program.endswith("\\sshd.exe") else ()
        intervals = _ports.of_rule(made["local_ports"])
        made["local_ports"] = [port for port in served if any(int(port) in ports for ports in intervals)]
        if not made["local_ports"]:
            return None
    return made


def _is_number(text: str) -> bool:
    return _ports.is_number(text[0])
