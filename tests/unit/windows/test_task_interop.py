# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces of the Task Scheduler have in C# the places, and where they are called the parameters, that taskschd.idl gives them."""

from __future__ import annotations

import pathlib
import re

import pytest

from ansible_collections.portcullis.msports.tests.windows import fetch_netfw_idl

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = (ROOT / "plugins" / "module_utils" / "_FirewallTask.cs").read_text(encoding="utf-8")
CALLED = {"GetFolder", "Connect", "DeleteTask", "RegisterTask"}
TYPES = {"BSTR": "BStr string", "VARIANT": "Struct object", "LONG": "int", "TASK_LOGON_TYPE": "int"}


@pytest.fixture(scope="module")
def idl() -> str:
    return fetch_netfw_idl.folder().joinpath("taskschd.idl").read_text(encoding="utf-8")


def of_idl(text: str, interface: str) -> list[tuple[str, list[str]]]:
    """Name and types of the [in] parameters, in the order of the vtable."""
    body = re.search(rf"interface {interface} : IDispatch\s*\{{(.*?)\n\}}", text, re.S)
    assert body is not None
    members = re.findall(r"HRESULT (\w+)\((.*?)\);", body[1], re.S)
    return [(name, [TYPES.get(kind, kind) for kind in re.findall(r"\[in[^\]]*\]\s*(\w+)", parameters)]) for name, parameters in members]


def of_csharp(interface: str) -> list[tuple[str, list[str]]]:
    body = re.search(rf"public interface {interface}\n    \{{(.*?)\n    \}}", SOURCE, re.S)
    assert body is not None
    members = re.findall(r"(?:void|object|ITaskFolder) (\w+)\((.*?)\);", body[1], re.S)
    kinds = [(name, re.findall(r"\[In(?:, MarshalAs\(UnmanagedType\.(\w+)\))?\] (\w+)", parameters)) for name, parameters in members]
    return [(name, [" ".join(filter(None, pair)) for pair in pairs]) for name, pairs in kinds]


@pytest.mark.parametrize("interface", ["ITaskService", "ITaskFolder"])
def test_every_member_has_its_place_and_those_that_are_called_their_parameters(interface: str, idl: str) -> None:
    ours, theirs = of_csharp(interface), of_idl(idl, interface)
    assert [name for name, _kinds in ours] == [name for name, _kinds in theirs][: len(ours)]
    called = CALLED - ({"GetFolder"} if interface == "ITaskFolder" else set())  # of a folder, nobody asks for another one
    assert all(kinds == theirs[number][1] for number, (name, kinds) in enumerate(ours) if name in called)
    assert ours[-1][0] in CALLED, "no member is there for nothing"


@pytest.mark.parametrize("name", ["ITaskService", "ITaskFolder", "TaskScheduler"])
def test_the_identifiers_are_those_of_the_idl(name: str, idl: str) -> None:
    theirs = re.search(rf"uuid\(([0-9a-f-]+)\)\s*\]\s*(?:interface {name} :|coclass {name}\b)", idl)
    ours = re.search(rf'Guid\("([0-9A-F-]+)"\)[^\n]*\]\n    public (?:interface|class) {name}\b', SOURCE)
    assert theirs and ours and ours[1].lower() == theirs[1]
