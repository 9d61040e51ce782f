# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The COM declarations in C# are those of netfw.idl, member by member: an early-bound one that is not fails on Windows alone, by a crash."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.windows import csharp_interop, netfw_idl
from ansible_collections.portcullis.msports.tests.unit.windows.declarations import Declarations, differences
from ansible_collections.portcullis.msports.tests.windows import fetch_netfw_idl

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = (ROOT / "plugins" / "module_utils" / "_FirewallInterop.cs").read_text(encoding="utf-8")
CLASS_MARKS = '[ComImport, Guid("E2B3C97F-6AE1-41AC-817A-F6F92166D7DD")]'


@pytest.fixture(scope="module")
def idl() -> Declarations:
    folder = fetch_netfw_idl.folder()
    return netfw_idl.read(*((folder / name).read_text(encoding="utf-8") for name in fetch_netfw_idl.FILES[:2]))


@pytest.fixture(scope="module")
def ours() -> Declarations:
    return csharp_interop.read(SOURCE)


def test_every_declaration_is_that_of_the_idl(ours: Declarations, idl: Declarations) -> None:
    assert differences(ours, idl) == []


def test_what_is_compared_is_all_there_is(ours: Declarations) -> None:
    assert set(ours.interfaces) == {"INetFwRule", "INetFwRule3", "INetFwRules", "INetFwServiceRestriction", "INetFwPolicy2", "INetFwProduct", "INetFwProducts"}
    assert set(ours.classes) == {"NetFwPolicy2", "NetFwRule", "NetFwProducts"}
    assert set(ours.enums) == {"NET_FW_PROFILE_TYPE2", "NET_FW_RULE_DIRECTION", "NET_FW_ACTION", "NET_FW_MODIFY_STATE"}
    # get and put of 18 and 25 properties
    assert {name: len(interface.members) for name, interface in ours.interfaces.items()} == {
        "INetFwRule": 36,
        "INetFwRule3": 50,
        "INetFwRules": 5,
        "INetFwServiceRestriction": 3,
        "INetFwPolicy2": 22,
        "INetFwProduct": 5,
        "INetFwProducts": 4,
    }
    # Counted in the text, so that no reader leaves one out.
    assert SOURCE.count("[ComImport") == len(ours.interfaces) + len(ours.classes)
    assert SOURCE.count("[DispId(") == 18 + 25 + 5 + 3 + 22 + 3 + 4


def test_known_members_are_read_right(ours: Declarations) -> None:
    rule3 = [str(member) for member in ours.interfaces["INetFwRule3"].members]
    assert rule3[:2] == ["[1] get Name() -> BSTR", "[1] put Name(BSTR) -> void"]
    assert rule3[-1] == "[25] put SecureFlags(long) -> void"
    assert str(ours.interfaces["INetFwRules"].members[-1]) == "[-4] get _NewEnum() -> IUnknown"
    policy = [str(member) for member in ours.interfaces["INetFwPolicy2"].members]
    assert "[12] put DefaultInboundAction(NET_FW_PROFILE_TYPE2, NET_FW_ACTION) -> void" in policy
    assert "[9] method EnableRuleGroup(long, BSTR, VARIANT_BOOL) -> void" in policy


def replaced(old: str, new: str, count: int = 1) -> t.Callable[[str], str]:
    def change(text: str) -> str:
        assert text.count(old) >= 1, old
        return text.replace(old, new, count)

    return change


def swapped(first: str, second: str) -> t.Callable[[str], str]:
    """Two lines in each other's place, everywhere."""

    def change(text: str) -> str:
        lines = text.splitlines()
        for index, line in enumerate(lines[:-1]):
            if first in line and second in lines[index + 1]:
                lines[index], lines[index + 1] = lines[index + 1], lines[index]
        return "\n".join(lines)

    return change


SETTER = "[In] NET_FW_PROFILE_TYPE2 profileType, [In] NET_FW_ACTION action"
BSTR_GET, BSTR_PUT = "[return: MarshalAs(UnmanagedType.BStr)] get;", "[param: MarshalAs(UnmanagedType.BStr)] set;"
BSTR = f"{BSTR_GET} {BSTR_PUT}"
BOOL = "[return: MarshalAs(UnmanagedType.VariantBool)] get; [param: MarshalAs(UnmanagedType.VariantBool)] set;"

MUTATIONS: dict[str, tuple[t.Callable[[str], str], str]] = {
    "two properties swapped": (swapped("string LocalPorts", "string RemotePorts"), "INetFwRule3, member 11"),
    "two methods swapped": (swapped("void Add(", "void Remove("), "INetFwRules, member 2"),
    "put before get": (replaced(f"string Description {{ {BSTR}", f"string Description {{ {BSTR_PUT} {BSTR_GET}"), "member 3"),
    "two profile functions swapped": (
        lambda text: text.replace("get_Block", "?").replace("get_Fire", "get_Block").replace("?", "get_Fire"),
        "INetFwPolicy2, member 2",
    ),
    "wrong dispid": (replaced("[DispId(14)] bool Enabled", "[DispId(15)] bool Enabled"), "[15] get Enabled"),
    "wrong dispid of the enumerator": (replaced("[DispId(-4)]", "[DispId(5)]"), "[5] get _NewEnum"),
    "a number instead of a text": (replaced(f"string Grouping {{ {BSTR} }}", "int Grouping { get; set; }"), "get Grouping() -> long"),
    "a wide number": (replaced("int Profiles", "long Profiles"), "long/none"),
    "an unsigned number": (replaced("int SecureFlags", "uint SecureFlags"), "uint/none"),
    "another enumeration": (replaced("NET_FW_ACTION Action", "NET_FW_RULE_DIRECTION Action"), "get Action() -> NET_FW_RULE_DIRECTION"),
    "text of another kind": (replaced(f"string Name {{ {BSTR}", f"string Name {{ {BSTR.replace('BStr', 'LPWStr')}"), "string/LPWStr"),
    "truth of four bytes": (replaced(f"bool EdgeTraversal {{ {BOOL}", f"bool EdgeTraversal {{ {BOOL.replace('VariantBool', 'Bool')}"), "bool/Bool"),
    "truth without marshalling": (replaced(f"bool Enabled {{ {BOOL}", "bool Enabled { get; set;"), "bool/none"),
    "variant as an interface": (
        replaced("[return: MarshalAs(UnmanagedType.Struct)] get;", "[return: MarshalAs(UnmanagedType.IUnknown)] get;"),
        "get Interfaces() -> IUnknown",
    ),
    "a parameter less": (replaced(SETTER, "[In] NET_FW_ACTION action"), "put DefaultInboundAction(NET_FW_ACTION)"),
    "parameters swapped": (replaced(SETTER, "[In] NET_FW_ACTION action, [In] NET_FW_PROFILE_TYPE2 profileType"), "(NET_FW_ACTION, NET"),
    "nothing given back": (
        replaced("[DispId(12)] NET_FW_ACTION get_DefaultInboundAction", "[DispId(12)] void get_DefaultInboundAction"),
        "get DefaultInboundAction(NET_FW_PROFILE_TYPE2) -> void",
    ),
    "a derived interface to add": (replaced("INetFwRule rule)", "INetFwRule3 rule)"), "method Add(INetFwRule3)"),
    "a member left out": (lambda text: re.sub(r"(?m)^.*\[DispId\(11\)\] void RestoreLocalFirewallDefaults.*\n", "", text), "INetFwPolicy2, member 17"),
    "a put left out": (replaced("int Protocol { get; set; }", "int Protocol { get; }"), "INetFwRule, member 10"),
    "a member too many": (
        replaced("[DispId(25)] int SecureFlags { get; set; }", "[DispId(25)] int SecureFlags { get; set; }\n[DispId(26)] int More { get; }"),
        "expected nothing",
    ),
    "another interface's id": (replaced("B21563FF-D696-4222-AB46-4E89B73AB34A", "9C27C8DA-189B-4DDE-89F7-8B39A316782C"), "INetFwRule3: uuid"),
    "another class's id": (replaced("2C5BC43E", "2C5BC43F"), "class NetFwRule: uuid"),
    "an interface of another name": (replaced("public interface INetFwRules\n", "public interface INetFwRuleSet\n"), "INetFwRuleSet: there is no such"),
    "another value": (replaced("NET_FW_PROFILE2_PUBLIC = 0x0004", "NET_FW_PROFILE2_PUBLIC = 0x0003"), "enum NET_FW_PROFILE_TYPE2"),
    "values swapped": (replaced("NET_FW_ACTION_BLOCK = 0", "NET_FW_ACTION_BLOCK = 2"), "enum NET_FW_ACTION"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_declaration_is_found(name: str, idl: Declarations) -> None:
    change, expected = MUTATIONS[name]
    mutated = change(SOURCE)
    assert mutated != SOURCE
    found = differences(csharp_interop.read(mutated), idl)
    assert found
    assert expected in "\n".join(found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (replaced("InterfaceIsDual", "InterfaceIsIUnknown"), "INetFwRule: not declared as dual"),
        (replaced("public interface INetFwRule3\n", "public interface INetFwRule3 : INetFwRule\n"), "INetFwRule3: inherits INetFwRule"),
        (replaced('[ComImport, Guid("8267BBE3', '[Guid("8267BBE3'), "INetFwServiceRestriction: no ComImport"),
        (replaced("[DispId(16)] int Profiles", "int Profiles"), "INetFwRule: not a member with a DispId: int Profiles"),
        (replaced("[In] int profileTypesBitmask", "[Out] int profileTypesBitmask"), "not a parameter with [In]: [Out] int profileTypesBitmask"),
        (replaced("[return: MarshalAs(UnmanagedType.BStr)] get;", "[param: MarshalAs(UnmanagedType.BStr)] get;"), "INetFwRule.Name: not an accessor"),
        (replaced(CLASS_MARKS, "[ComImport]"), "no Guid in [ComImport]"),
    ],
)
def test_a_declaration_of_another_kind_is_not_passed_over(change: t.Callable[[str], str], expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        csharp_interop.read(change(SOURCE))


def test_a_member_of_the_idl_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a member"):
        netfw_idl.read("[uuid(af230d27-baba-4e42-aced-f524f22cfce2)] interface A : IDispatch { void Name(); }")
