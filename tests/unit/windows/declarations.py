# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""COM declarations as values, whichever language they were written in, and what differs between two of them.

A property is one or two members, as in the vtable: ``get`` and ``put``. The type that a getter or a method gives back is ``returns``
(``void`` if none). Types are named as in the IDL, without the pointer that the calling convention asks for: ``BSTR``, ``long``,
``VARIANT_BOOL``, ``VARIANT``, ``IUnknown``, ``INetFwRule``, ``NET_FW_ACTION``.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    kind: str
    name: str
    dispid: int
    parameters: tuple[str, ...]
    returns: str

    def __str__(self) -> str:
        return f"[{self.dispid}] {self.kind} {self.name}({', '.join(self.parameters)}) -> {self.returns}"


@dataclass(frozen=True)
class Interface:
    """``members`` in the order of the vtable, those of base interfaces before its own."""

    uuid: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Declarations:
    interfaces: t.Mapping[str, Interface]
    classes: t.Mapping[str, str]
    enums: t.Mapping[str, t.Mapping[str, int]]


def differences(ours: Declarations, theirs: Declarations) -> list[str]:
    """One text for each declaration of ours that ``theirs`` does not have in the same way. What only they have is no difference."""
    found = []
    for name, interface in ours.interfaces.items():
        other = theirs.interfaces.get(name)
        if other is None:
            found.append(f"{name}: there is no such interface")
            continue
        if interface.uuid != other.uuid:
            found.append(f"{name}: uuid {interface.uuid}, expected {other.uuid}")
        for index in range(max(len(interface.members), len(other.members))):
            mine, its = (str(members[index]) if index < len(members) else "nothing" for members in (interface.members, other.members))
            if mine != its:
                found.append(f"{name}, member {index + 1}: {mine}, expected {its}")
    for name, uuid in ours.classes.items():
        if theirs.classes.get(name) != uuid:
            found.append(f"class {name}: uuid {uuid}, expected {theirs.classes.get(name)}")
    for name, values in ours.enums.items():
        if theirs.enums.get(name) != values:
            found.append(f"enum {name}: {dict(values)}, expected {theirs.enums.get(name)}")
    return found
