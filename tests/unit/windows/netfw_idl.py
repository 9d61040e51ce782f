# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads COM declarations from IDL, as far as Wine's netfw.idl and icftypes.idl go. What it does not understand is an error."""

from __future__ import annotations

import re

from ansible_collections.portcullis.msports.tests.unit.windows.declarations import Declarations, Interface, Member

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_INTERFACE = re.compile(r"\[(?P<attributes>[^\]]*)\]\s*interface\s+(?P<name>\w+)\s*:\s*(?P<base>\w+)\s*\{(?P<body>[^}]*)\}")
_CLASS = re.compile(r"\[(?P<attributes>[^\]]*)\]\s*coclass\s+(?P<name>\w+)\s*\{")
_UUID = re.compile(r"\buuid\(\s*([0-9A-Fa-f-]{36})\s*\)")
_ENUM = re.compile(r"typedef\s+enum\s+\w+\s*\{(?P<body>[^}]*)\}\s*(?P<name>\w+)\s*;")
_MEMBER = re.compile(r"\s*\[(?P<attributes>[^\]]*)\]\s*HRESULT\s+(?P<name>\w+)\s*\((?P<parameters>.*)\)\s*\Z", re.DOTALL)
_PARAMETER = re.compile(r"\s*\[(?P<flags>[^\]]*)\]\s*(?P<type>\w+)\s*(?P<stars>\**)\s*(?P<name>\w+)\s*\Z")
_ID = re.compile(r"\bid\(\s*(\w+)\s*\)")
_IDS = {"DISPID_NEWENUM": -4}
_TYPES = {"LONG": "long"}


def read(*texts: str) -> Declarations:
    text = "\n".join(_COMMENT.sub(" ", one) for one in texts)
    own: dict[str, Interface] = {}
    bases = {}
    for match in _INTERFACE.finditer(text):
        bases[match["name"]] = match["base"]
        own[match["name"]] = Interface(_uuid(match["attributes"]), tuple(_member(statement) for statement in match["body"].split(";") if statement.strip()))
    interfaces = {name: Interface(interface.uuid, _inherited(name, own, bases)) for name, interface in own.items()}
    classes = {match["name"]: _uuid(match["attributes"]) for match in _CLASS.finditer(text)}
    return Declarations(interfaces, classes, {match["name"]: _enum(match["body"]) for match in _ENUM.finditer(text)})


def _inherited(name: str, own: dict[str, Interface], bases: dict[str, str]) -> tuple[Member, ...]:
    """The members with those of the base interfaces before them; IDispatch ends the line (a dual interface has it in either language)."""
    if name == "IDispatch":
        return ()
    return _inherited(bases[name], own, bases) + own[name].members


def _uuid(attributes: str) -> str:
    match = _UUID.search(attributes)
    if match is None:
        raise ValueError(f"no uuid in [{attributes}]")
    return match[1].lower()


def _member(statement: str) -> Member:
    match = _MEMBER.match(statement)
    if match is None:
        raise ValueError(f"not a member: {statement}")
    number = _ID.search(match["attributes"])
    if number is None:
        raise ValueError(f"no id: {statement}")
    words = set(re.split(r"[,\s]+", match["attributes"]))
    kind = "get" if "propget" in words else "put" if "propput" in words else "method"
    parameters = []
    returns = "void"
    for parameter in match["parameters"].split(",") if match["parameters"].strip() else ():
        # "[out, retval] X* y" has a comma of its own
        parameters.append(parameter if not parameters or parameters[-1].count("[") == parameters[-1].count("]") else f"{parameters.pop()},{parameter}")
    types = []
    for parameter in parameters:
        found = _PARAMETER.match(parameter)
        if found is None:
            raise ValueError(f"not a parameter: {parameter} of {statement}")
        flags = set(re.split(r"[,\s]+", found["flags"].strip()))
        type_name = _TYPES.get(found["type"], found["type"])
        # An interface is passed as a pointer; whatever comes out, by a pointer more.
        stars = len(found["stars"]) - (1 if type_name.startswith("I") else 0)
        if flags == {"out", "retval"} and stars == 1:
            returns = type_name
        elif flags == {"in"} and stars == 0:
            types.append(type_name)
        else:
            types.append(f"{'/'.join(sorted(flags))} {type_name}{found['stars']}")
    return Member(kind, match["name"], _IDS.get(number[1]) or int(number[1]), tuple(types), returns)


def _enum(body: str) -> dict[str, int]:
    values: dict[str, int] = {}
    following = 0
    for item in filter(str.strip, body.split(",")):
        name, _equals, value = (part.strip() for part in item.partition("="))
        values[name] = int(value, 0) if value else following
        following = values[name] + 1
    return values
