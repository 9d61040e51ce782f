# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every spelling that Windows, netsh and NetSecurity have for a value becomes one; what is none stays apart from all of ours."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import values
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import COLUMNS, Rule, canonical, differing, held, line
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import NEW_RULE


@pytest.mark.parametrize(
    "text", ["10.0.0.5", "10.0.0.5/32", "10.0.0.5/255.255.255.255", " 10.0.0.5 ", "10.0.0.5,", "10.0.0.5,10.0.0.5/32", "10.0.0.5-10.0.0.5"]
)
def test_a_single_address_in_every_form(text: str) -> None:
    assert values.addresses(text) == ("10.0.0.5",)


@pytest.mark.parametrize("text", ["10.0.0.0/24", "10.0.0.0/255.255.255.0", "10.0.0.0-10.0.0.255", "10.0.0.0 - 10.0.0.255"])
def test_a_network_in_every_form(text: str) -> None:
    assert values.addresses(text) == ("10.0.0.0/24",)


@pytest.mark.parametrize("text", ["fd00::/64", "FD00:0:0:0::/64", "fd00:0000:0000:0000:0000:0000:0000:0000/64", "fd00::-fd00::ffff:ffff:ffff:ffff"])
def test_ipv6_in_every_form(text: str) -> None:
    assert values.addresses(text) == ("fd00::/64",)


@pytest.mark.parametrize("nothing", [None, "", "*", "any", "Any", "ANY", " * ", "*,"])
def test_no_limit_in_every_form(nothing: t.Optional[str]) -> None:
    assert values.addresses(nothing) == values.ports(nothing) == values.icmp(nothing) == values.ANY


@pytest.mark.parametrize(
    ("spellings", "canonical_text"),
    [
        (["LocalSubnet", "localsubnet", "LOCALSUBNET", "LocalSubnet,"], "LocalSubnet"),
        (["LocalSubnet4", "LOCALSUBNET4"], "LocalSubnet4"),
        (["LocalSubnet6", "localSubnet6"], "LocalSubnet6"),
        (["DefaultGateway", "defaultgateway"], "DefaultGateway"),
        (["DHCP", "dhcp"], "DHCP"),
        (["DNS", "dns"], "DNS"),
        (["WINS", "Wins"], "WINS"),
        (["Internet", "INTERNET"], "Internet"),
        (["Intranet", "intranet"], "Intranet"),
        (["RmtIntranet", "IntranetRemoteAccess", "intranetremoteaccess"], "RmtIntranet"),
        (["Ply2Renders", "PlayToDevice"], "Ply2Renders"),
    ],
)
def test_address_keywords(spellings: list[str], canonical_text: str) -> None:
    assert {values.addresses(text) for text in spellings} == {(canonical_text,)}


@pytest.mark.parametrize(
    ("spellings", "canonical_text"),
    [
        (["RPC", "rpc", "RPC,"], "RPC"),
        (["RPC-EPMap", "RPCEPMap", "rpc-epmap,", "RPC-EPMAP"], "RPC-EPMap"),
        (["IPHTTPS", "IPHTTPSIn", "iphttpsout", "IPTLSIn"], "IPHTTPS"),
        (["Teredo", "TEREDO"], "Teredo"),
        (["Ply2Disc", "PlayToDiscovery"], "Ply2Disc"),
        (["443", " 443", "443,", "0443", "443-443"], "443"),
        (["49152-65535", "49152 - 65535"], "49152-65535"),
    ],
)
def test_ports_and_their_keywords(spellings: list[str], canonical_text: str) -> None:
    assert {values.ports(text) for text in spellings} == {(canonical_text,)}


def test_order_does_not_matter_and_nothing_is_merged() -> None:
    assert values.ports("81,80,RPC,79") == values.ports("RPC,79,80,81,") == ("79", "80", "81", "RPC")
    assert values.addresses("10.0.1.0/24,10.0.0.0/24") == values.addresses("10.0.0.0/255.255.255.0,10.0.1.0/255.255.255.0") != values.addresses("10.0.0.0/23")
    assert values.ports("0-65535") != values.ANY, "it covers as much, but it is not what we write"


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (values.addresses, "10.0.0.7/24"),
        (values.addresses, "10.0.0.0/0.0.0.255"),
        (values.addresses, "10.0.0.0/255.0.255.0"),
        (values.addresses, "10.0.0.9-10.0.0.1"),
        (values.addresses, "10.0.0.1-fd00::1"),
        (values.addresses, "fe80::1%4"),
        (values.addresses, "server.example.com"),
        (values.addresses, "LocalSubnet9"),
        (values.addresses, 7),
        (values.ports, "70000"),
        (values.ports, "9-1"),
        (values.ports, "http"),
        (values.ports, 443),
        (values.icmp, "8:300"),
        (values.icmp, "echo"),
        (values.interface_types, "Tunnel"),
        (values.interfaces, "Ethernet"),
        (values.profiles, 0),
        (values.profiles, 8),
        (values.profiles, None),
        (values.profiles, "Domain"),
    ],
)
def test_what_cannot_be_read_stays_as_it_is(function: t.Callable[[t.Any], values.Texts], value: t.Any) -> None:
    assert function(value) == (f"?{value}",)


def test_icmp_lists() -> None:
    assert values.icmp("8:*,3:4") == values.icmp("3:4;8") == values.icmp("8 : *, 3:4,") == ("3:4", "8:*")


def test_protocols() -> None:
    assert [values.protocol(value) for value in (6, "6", "TCP", 17, "udp", 256, "Any", 1, "ICMPv4", 58, "ICMPv6", 0)] == [
        6,
        6,
        6,
        17,
        17,
        256,
        256,
        1,
        1,
        58,
        58,
        0,
    ]
    assert [values.protocol(value) for value in (257, -1, None, True, "gre")] == ["?257", "?-1", "?None", "?True", "?gre"]


def test_profiles() -> None:
    assert values.profiles(7) == values.profiles(0x7FFFFFFF) == values.ANY
    assert [values.profiles(mask) for mask in (1, 2, 4, 5)] == [("domain",), ("private",), ("public",), ("domain", "public")]


@pytest.mark.parametrize(
    ("spellings", "canonical_text"),
    [
        (
            [
                "%SystemRoot%\\System32\\svchost.exe",
                "C:\\Windows\\system32\\SVCHOST.EXE",
                "%windir%\\system32\\svchost.exe",
                "%SystemDrive%\\Windows\\system32\\svchost.exe",
            ],
            "%systemroot%\\system32\\svchost.exe",
        ),
        (["%ProgramFiles%\\x.exe", "C:\\Program Files\\X.exe", "%ProgramW6432%\\x.exe"], "%programfiles%\\x.exe"),
        (["D:\\Windows\\x.exe"], "d:\\windows\\x.exe"),
        (["D:\\Program Files\\x.exe"], "d:\\program files\\x.exe"),
        (["%SystemRoot%"], "%systemroot%"),
        (["%ProgramFiles(x86)%\\x.exe", "C:\\Program Files (x86)\\x.exe"], "%programfiles(x86)%\\x.exe"),
        (["System", "SYSTEM", " system "], "system"),
        (["", None], ""),
        (["C:\\Windows.old\\x.exe"], "c:\\windows.old\\x.exe"),
    ],
)
def test_programs(spellings: list[t.Optional[str]], canonical_text: str) -> None:
    assert {values.program(text, "C:\\Windows") for text in spellings} == {canonical_text}
    assert values.program(canonical_text, "C:\\Windows") == canonical_text


@pytest.mark.parametrize(
    ("text", "root", "canonical_text"),
    [
        ("D:\\WinNT\\system32\\x.exe", "D:\\WINNT\\", "%systemroot%\\system32\\x.exe"),
        ("%SystemDrive%\\WinNT\\x.exe", "D:\\WINNT", "%systemroot%\\x.exe"),
        ("C:\\Windows\\x.exe", "D:\\Windows", "c:\\windows\\x.exe"),
        ("C:\\Windows\\x.exe", "", "c:\\windows\\x.exe"),
        ("%windir%\\x.exe", "", "%systemroot%\\x.exe"),
        ("C:\\x.exe", "C:\\", "c:\\x.exe"),
    ],
)
def test_the_folder_of_windows_is_the_one_of_the_host(text: str, root: str, canonical_text: str) -> None:
    assert values.program(text, root) == canonical_text


def test_a_service_of_its_own_is_not_every_service() -> None:
    assert [values.service(text) for text in ("RpcSs", None, "", "*")] == ["rpcss", "", "", "*"]


def test_interface_types_and_interfaces() -> None:
    assert values.interface_types("All") == values.interface_types(None) == values.ANY
    assert values.interface_types("Wireless,LAN") == values.interface_types("lan, wireless") == ("Lan", "Wireless")
    assert values.interfaces(None) == values.interfaces([]) == values.ANY
    assert values.interfaces(["Ethernet 2", "Ethernet"]) == ("Ethernet", "Ethernet 2")


# --- rules -----------------------------------------------------------------------------------------------------------


def test_a_row_of_a_host_becomes_a_line() -> None:
    columns = {
        **NEW_RULE,
        "id": "0123456789abcdef",
        "name": "in tcp/443 from clients",
        "description": "web  (document, section 2)",
        "enabled": True,
        "protocol": 6,
        "local_ports": "RPC-EPMap,443,",
        "remote_ports": None,
        "remote_addresses": "fd00::/64,10.0.0.0/255.255.255.0",
        "profiles": 7,
        "program": "C:\\Windows\\system32\\svchost.exe",
        "service": "RpcSs",
        "grouping": "portcullis:msports",
    }
    (found,) = held(COLUMNS, [[columns[column] for column in COLUMNS]], "C:\\Windows")
    assert (found.id, found.grouping) == ("0123456789abcdef", "portcullis:msports")
    assert line(found.rule) == (
        "in 'in tcp/443 from clients': allow tcp local_ports=443,RPC-EPMap remote_addresses=fd00::/64,10.0.0.0/24 "
        'program="%systemroot%\\\\system32\\\\svchost.exe" service="rpcss" description="web (document, section 2)"'
    )


def test_everything_that_filters_stands_in_the_line() -> None:
    plain = canonical({**NEW_RULE, "name": "x", "enabled": True})
    assert line(plain) == "in 'x': allow any remote_addresses=any"
    differences = {
        "description": "why",
        "enabled": False,
        "direction": 2,
        "action": 0,
        "protocol": 6,
        "local_ports": "1",
        "remote_ports": "1",
        "local_addresses": "10.0.0.1",
        "remote_addresses": "10.0.0.1",
        "profiles": 1,
        "program": "System",
        "service": "x",
        "interface_types": "Lan",
        "interfaces": ["Ethernet"],
        "icmp": "8:*",
        "edge": 1,
        "secure": 1,
        "users": "D:(A;;CC;;;S-1-5-11)",
    }
    assert set(differences) == set(Rule._fields) - {"name"}
    lines = {line(plain)}
    for column, value in differences.items():
        other = canonical({**NEW_RULE, "name": "x", "enabled": True, column: value})
        assert differing(plain, other) == [column]
        lines.add(line(other))
    assert len(lines) == len(differences) + 1


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(), TEXTS, st.lists(TEXTS, max_size=2), st.sampled_from(["*", "any", "?*", "1,2", "a=b c"])
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Rule._fields, ODD)))
def test_the_canonical_form_is_total_and_its_line_tells_it_from_any_other(columns: dict[str, t.Any]) -> None:
    """Whatever a host sends has a canonical form; a line that is equal to another rule's is only there when the rules are equal."""
    rule = canonical(columns)
    assert isinstance(line(rule), str) and hash(rule) == hash(canonical(dict(columns)))


@given(st.fixed_dictionaries(dict.fromkeys(("remote_addresses", "local_ports", "program", "users", "interfaces"), ODD)), st.data())
def test_lines_are_equal_only_for_equal_rules(columns: dict[str, t.Any], data: st.DataObject) -> None:
    column = data.draw(st.sampled_from(sorted(columns)))
    other = {**columns, column: data.draw(ODD)}
    assert (line(canonical(columns)) == line(canonical(other))) == (canonical(columns) == canonical(other))
