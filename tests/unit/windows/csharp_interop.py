# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads COM declarations from C#, in the style of _FirewallInterop.cs. What it does not understand is an error.

A C# type counts as an IDL type only together with its marshalling: a ``bool`` without ``VariantBool`` is told as ``bool/none``.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.tests.unit.windows.declarations import Declarations, Interface, Member

_COMMENT = re.compile(r"//[^\n]*")
_BLOCK = re.compile(
    r"(?P<attributes>(?:\[[^\]]*\]\s*)*)public\s+(?P<kind>enum|class|interface)\s+(?P<name>\w+)(?:\s*:\s*(?P<bases>[\w, ]+))?\s*"
    r"\{(?P<body>(?:[^{}]|\{[^{}]*\})*)\}"
)
_GUID = re.compile(r'\bGuid\("([0-9A-Fa-f-]{36})"\)')
_MEMBER = re.compile(
    r"\s*(?P<attributes>(?:\[[^\]]*\]\s*)+)(?P<type>\w+)\s+(?P<name>\w+)\s*(?:\((?P<parameters>(?:[^()]|\([^()]*\))*)\)\s*;|\{(?P<accessors>[^{}]*)\})"
)
_ACCESSOR = re.compile(r"\s*(?:\[(?P<target>return|param):\s*MarshalAs\(UnmanagedType\.(?P<marshal>\w+)\)\]\s*)?(?P<kind>get|set)\s*;")
_PARAMETER = re.compile(r"\s*\[In(?:,\s*MarshalAs\(UnmanagedType\.(?P<marshal>\w+)\))?\]\s*(?P<type>\w+)\s+\w+\s*\Z")
_DISPID = re.compile(r"\[DispId\((-?\d+)\)\]")
_RETURN = re.compile(r"\[return:\s*MarshalAs\(UnmanagedType\.(\w+)\)\]")
_TYPES = {
    ("string", "BStr"): "BSTR",
    ("bool", "VariantBool"): "VARIANT_BOOL",
    ("object", "Struct"): "VARIANT",
    ("object", "IUnknown"): "IUnknown",
    ("int", None): "long",
    ("void", None): "void",
}


def read(text: str) -> Declarations:
    """Every ``[ComImport]`` interface and class, and every enumeration whose name begins with NET_FW."""
    text = _COMMENT.sub("", text)
    interfaces, classes, enums = {}, {}, {}
    for block in _BLOCK.finditer(text):
        name = block["name"]
        if block["kind"] == "enum" and name.startswith("NET_FW"):
            enums[name] = {item.split("=")[0].strip(): int(item.split("=")[1], 0) for item in block["body"].split(",")}
        elif "ComImport" in block["attributes"] and block["kind"] == "class":
            classes[name] = _guid(block["attributes"])
        elif "ComImport" in block["attributes"]:
            if "InterfaceType(ComInterfaceType.InterfaceIsDual)" not in block["attributes"]:
                raise ValueError(f"{name}: not declared as dual, so its vtable begins elsewhere")
            if block["bases"]:
                raise ValueError(f"{name}: inherits {block['bases']}, which .NET does not lay out")
            interfaces[name] = Interface(_guid(block["attributes"]), tuple(_members(name, block["body"])))
        elif re.match(r"INetFw", name):
            raise ValueError(f"{name}: no ComImport")
    return Declarations(interfaces, classes, enums)


def _guid(attributes: str) -> str:
    match = _GUID.search(attributes)
    if match is None:
        raise ValueError(f"no Guid in {attributes}")
    return match[1].lower()


def _members(interface: str, body: str) -> t.Iterator[Member]:
    at = 0
    while body[at:].strip():
        match = _MEMBER.match(body, at)
        dispid = match and _DISPID.search(match["attributes"])
        if match is None or dispid is None:
            raise ValueError(f"{interface}: not a member with a DispId: {body[at : at + 200].strip()}")
        at = match.end()
        number = int(dispid[1])
        if match["accessors"] is not None:
            yield from _property(interface, match, number)
            continue
        kind, name = "method", match["name"]
        if name.startswith(("get_", "set_")):
            kind, name = {"get": "get", "set": "put"}[name[:3]], name[4:]
        marshal = _RETURN.search(match["attributes"])
        yield Member(kind, name, number, tuple(_parameters(match["parameters"])), _type(match["type"], marshal and marshal[1]))


def _property(interface: str, match: re.Match[str], number: int) -> t.Iterator[Member]:
    accessors = match["accessors"]
    at = 0
    while accessors[at:].strip():
        accessor = _ACCESSOR.match(accessors, at)
        if accessor is None or accessor["target"] not in (None, {"get": "return", "set": "param"}[accessor["kind"]]):
            raise ValueError(f"{interface}.{match['name']}: not an accessor: {accessors[at:].strip()}")
        at = accessor.end()
        found = _type(match["type"], accessor["marshal"])
        if accessor["kind"] == "get":
            yield Member("get", match["name"], number, (), found)
        else:
            yield Member("put", match["name"], number, (found,), "void")


def _parameters(text: str) -> t.Iterator[str]:
    for parameter in re.split(r",(?![^\[]*\])", text) if text.strip() else ():
        match = _PARAMETER.match(parameter)
        if match is None:
            raise ValueError(f"not a parameter with [In]: {parameter.strip()}")
        yield _type(match["type"], match["marshal"])


def _type(name: str, marshal: t.Optional[str]) -> str:
    if (name, marshal) in _TYPES:
        return _TYPES[name, marshal]
    if (name.startswith("INetFw") and marshal == "Interface") or (name.startswith("NET_FW") and marshal is None):
        return name
    return f"{name}/{marshal or 'none'}"
