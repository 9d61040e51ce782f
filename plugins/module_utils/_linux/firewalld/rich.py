# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rich rules: one value for their text (what the daemon prints), their XML (what is saved) and what they match.

The text is that of firewalld 0.9 to 2.x, word by word, so that what the daemon answers is compared as text.
"""

from __future__ import annotations

import re
import typing as t


class Rich(t.NamedTuple):
    """``family`` is ``""``, ``ipv4`` or ``ipv6``; ``source`` and ``destination`` are ``""``, an address, or ``ipset:<name>``.

    ``element`` is ``()`` or one of ``("port", "443", "tcp")``, ``("source-port", "67", "udp")``, ``("protocol", "tcp")``,
    ``("icmp-type", "echo-request")`` and ``("service", name)``; ``action`` is ``("accept",)``, ``("drop",)``, ``("reject", type)`` or
    ``("log", prefix, limit)``.
    """

    priority: int
    family: str
    source: str
    destination: str
    element: t.Tuple[str, ...]
    action: t.Tuple[str, ...]


ELEMENTS = {
    "port": ("port", "protocol"),
    "source-port": ("port", "protocol"),
    "protocol": ("value",),
    "icmp-type": ("name",),
    "service": ("name",),
}
_WORD = re.compile(r'([a-z-]+)="([^"]*)"|(\S+)')


def rule(
    family: str = "",
    source: str = "",
    destination: str = "",
    element: t.Tuple[str, ...] = (),
    action: t.Tuple[str, ...] = ("accept",),
    priority: int = 0,
) -> Rich:
    return Rich(priority, family, source, destination, element, action)


def text(rich: Rich) -> str:
    """Return the rule as the daemon prints it."""
    parts = ["rule"]
    parts += ['priority="{0}"'.format(rich.priority)] if rich.priority else []
    parts += ['family="{0}"'.format(rich.family)] if rich.family else []
    for word, address in (("source", rich.source), ("destination", rich.destination)):
        if address:
            parts.append('{0} {1}="{2}"'.format(word, *_attribute(address)))
    if rich.element:
        names = ELEMENTS[rich.element[0]]
        parts += [rich.element[0]] + ['{0}="{1}"'.format(*pair) for pair in zip(names, rich.element[1:])]
    return " ".join(parts + _action(rich.action))


def _attribute(address: str) -> t.Tuple[str, str]:
    return ("ipset", address[6:]) if address.startswith("ipset:") else ("address", address)


def _action(action: t.Tuple[str, ...]) -> t.List[str]:
    if action[0] == "reject":
        return ["reject"] + (['type="{0}"'.format(action[1])] if action[1] else [])
    if action[0] == "log":
        return ['log prefix="{0}" level="info" limit value="{1}"'.format(*action[1:])]
    return [action[0]]


def xml(rich: Rich) -> t.List[str]:
    """Return the lines of the rule in the file of a policy."""
    head = ['priority="{0}"'.format(rich.priority)] if rich.priority else []
    head += ['family="{0}"'.format(rich.family)] if rich.family else []
    lines = ["  <{0}>".format(" ".join(["rule"] + head))]
    for word, address in (("source", rich.source), ("destination", rich.destination)):
        if address:
            lines.append('    <{0} {1}="{2}"/>'.format(word, *_attribute(address)))
    if rich.element:
        pairs = ['{0}="{1}"'.format(*pair) for pair in zip(ELEMENTS[rich.element[0]], rich.element[1:])]
        lines.append("    <{0} {1}/>".format(rich.element[0], " ".join(pairs)))
    if rich.action[0] == "log":
        lines.append('    <log prefix="{0}" level="info"><limit value="{1}"/></log>'.format(*rich.action[1:]))
    else:
        attribute = ' type="{0}"'.format(rich.action[1]) if rich.action[1:] and rich.action[1] else ""
        lines.append("    <{0}{1}/>".format(rich.action[0], attribute))
    return lines + ["  </rule>"]


def parse(line: str) -> Rich:
    """Return the ``Rich`` of a text; ValueError for everything that has no place in one (inverted addresses, marks, forwarding)."""
    words = [match.groups() for match in _WORD.finditer(line)]
    if not words or words.pop(0)[2] != "rule":
        raise ValueError(line)
    found: t.Dict[str, str] = {}
    element: t.Tuple[str, ...] = ()
    action: t.Tuple[str, ...] = ()
    place = ""
    for name, value, word in words:
        if word:
            place = word
            if word in ("accept", "drop", "reject", "log") and not action:
                action = {"reject": ("reject", ""), "log": ("log", "", "")}.get(word, (word,))
            elif word not in ("source", "destination", "limit") and word not in ELEMENTS:
                raise ValueError(line)
        elif place == "" and name in ("priority", "family"):
            found[name] = value
        elif place in ("source", "destination") and name in ("address", "ipset"):
            found[place] = ("ipset:" if name == "ipset" else "") + value
        elif place in ELEMENTS and name in ELEMENTS[place]:
            element = (element or (place,)) + (value,)
        elif place in ("reject", "log", "limit") and name in ("type", "prefix", "level", "value"):
            if name != "level":
                action = tuple(part for part in action if part) + (value,)
        else:
            raise ValueError(line)
    family, source, destination = (found.get(key, "") for key in ("family", "source", "destination"))
    made = Rich(int(found.get("priority", 0)), family, source, destination, element, action)
    if not made.action or text(made) != line:
        raise ValueError(line)
    return made
