# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The oracle of the packet proof, point by point, with inventories of two or three hosts."""

import ast
import pathlib
import sys
import textwrap
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
CATALOGS = ROOT / "plugins" / "catalogs"
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from oracle import Oracle

CM, EX, DB, WS = "configmgr", "exchange", "databox", "windows_server"
STRICT = {"default_outbound": "block"}


def ask(hosts: t.Mapping[str, t.Any], catalogs: pathlib.Path = CATALOGS, today: str | None = None, **everywhere: t.Any) -> Oracle:
    """Each host is its roles (one text, or a list), or a mapping of variables without ``msports_``; ``at`` is its address, ``groups`` its groups."""
    inventory: dict[str, t.Any] = {"hosts": {}}
    everywhere = {"releases": {"configmgr": "1806", "exchange": "2013", "databox": "2019-12"}, **everywhere}  # what the expectations were written from
    for number, (name, given) in enumerate(hosts.items(), 10):
        told = {**everywhere, **(given if isinstance(given, dict) else {"roles": [given] if isinstance(given, str) else given})}
        groups = told.pop("groups", [])
        variables = {"ansible_host": told.pop("at", f"10.0.0.{number}"), **{f"msports_{key}": value for key, value in told.items()}}
        inventory["hosts"][name] = {"vars": variables, "groups": groups}
    return Oracle({**inventory, **({"today": today} if today else {})}, catalogs)


def passes(oracle: Oracle, question: str, family: int = 4) -> bool:
    """``mp site tcp/445``"""
    source, destination, asked = question.split()
    protocol, _slash, port = asked.partition("/")
    return oracle.allows(source, destination, protocol, int(port) if port else None, family)


# ---------------------------------------------------------------- independence


def test_imports_nothing_of_the_collection() -> None:
    found = set()
    modules = sorted((ROOT / "tests" / "lab" / "oracle").glob("*.py"))
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level in (0, 1), path
                found.add(node.module.split(".")[0] if node.level == 0 else f".{node.module.split('.')[0]}")
    assert len(modules) >= 3
    outside = {name for name in found if not name.startswith(".")}
    assert outside <= {*sys.stdlib_module_names, "yaml"}
    assert not outside & {"importlib", "runpy", "subprocess"}
    assert {name[1:] for name in found - outside} <= {path.stem for path in modules}


# ---------------------------------------------------------------- who is a peer (MEANING 1)

TWO_SITES = {
    "cas": {"roles": [f"{CM}.site_server"], "site": "CAS"},
    "p01": {"roles": [f"{CM}.site_server"], "site": "P01"},
    "s01": {"roles": [f"{CM}.site_server"], "site": "S01"},
    "x01": {"roles": [f"{CM}.site_server"], "site": "X01"},
    "mp": {"roles": [f"{CM}.management_point"], "site": "P01"},
    "client": {"roles": [f"{CM}.client"], "site": "S01"},
    "alien": {"roles": [f"{CM}.client"], "site": "X01"},
    "ca": f"{WS}.certification_authority",
    "console": {"roles": [f"{CM}.console"], "site": "P01"},
}
TREE = {"P01": "CAS", "S01": "P01"}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("p01 mp tcp/445", True),  # site
        ("cas mp tcp/445", False),
        ("s01 mp tcp/445", False),
        ("cas p01 tcp/445", True),  # parent or child, one edge of the hierarchy
        ("p01 cas tcp/445", True),
        ("s01 cas tcp/445", False),
        ("x01 cas tcp/445", False),
        ("client mp tcp/10123", True),  # hierarchy
        ("alien mp tcp/10123", False),
        ("console s01 tcp/135", True),
        ("console x01 tcp/135", False),
        ("ca cas tcp/135", True),  # top site
        ("ca x01 tcp/135", True),
        ("ca p01 tcp/135", False),
        ("cas ca udp/135", True),
        ("s01 ca udp/135", False),
    ],
)
def test_scopes(question: str, expected: bool) -> None:
    assert passes(ask(TWO_SITES, hierarchy=TREE), question) is expected


def test_no_site_anywhere_is_one_site() -> None:
    oracle = ask({"site": f"{CM}.site_server", "mp": f"{CM}.management_point"})
    assert passes(oracle, "site mp tcp/445")
    assert not passes(oracle, "site mp tcp/446")


def test_several_sites_of_one_host() -> None:
    hosts = {
        "sql": {"roles": [f"{CM}.sql_server"], "site": ["A", "B"]},
        "mpa": {"roles": [f"{CM}.management_point"], "site": "A"},
        "mpb": {"roles": [f"{CM}.management_point"], "site": {CM: "B", EX: "A"}},
        "mpc": {"roles": [{"role": f"{CM}.management_point", "site": "C"}], "site": "A"},
    }
    oracle = ask(hosts)
    assert [passes(oracle, f"{name} sql tcp/1433") for name in ("mpa", "mpb", "mpc")] == [True, True, False]


def test_roaming_narrowed() -> None:
    hosts = {
        "mp": {"roles": [f"{CM}.management_point"], "site": "P01"},
        "near": {"roles": [f"{CM}.client"], "site": "P01"},
        "far": {"roles": [f"{CM}.client"], "site": "S01"},
        "console": {"roles": [f"{CM}.console"], "site": "S01"},
        "provider": {"roles": [f"{CM}.sms_provider"], "site": "P01"},
    }
    free, narrow = (ask(hosts, hierarchy={"S01": "P01"}, settings={"configmgr.client_roaming": value}) for value in (True, False))
    assert passes(free, "far mp tcp/10123")
    assert not passes(narrow, "far mp tcp/10123")
    assert passes(narrow, "near mp tcp/10123")
    assert passes(narrow, "console provider tcp/135")


def test_networks_count_by_address_and_by_site() -> None:
    hosts = {
        "mp": {"roles": [f"{CM}.management_point"], "site": "P01"},
        "visitor": {"at": "10.20.0.5"},
        "elsewhere": {"at": "10.21.0.5"},
        "other_site": {"at": "10.30.0.5"},
    }
    oracle = ask(hosts, networks={f"{CM}.client": {"P01": ["10.20.0.0/16"], "X01": ["10.30.0.0/16"]}})
    assert passes(oracle, "visitor mp tcp/10123")
    assert not passes(oracle, "elsewhere mp tcp/10123")
    assert not passes(oracle, "other_site mp tcp/10123")


def test_networks_without_a_site_hold_for_all() -> None:
    hosts = {"mp": {"roles": [f"{CM}.management_point"], "site": "P01"}, "visitor": {"at": "10.20.0.5"}}
    assert passes(ask(hosts, networks={f"{CM}.client": ["10.20.0.0/16"]}), "visitor mp tcp/10123")


def test_a_host_in_a_network_holds_no_role_of_it() -> None:
    """Its peers see the address; its own rules come from the roles that it holds."""
    hosts = {"console": f"{CM}.console", "relay": {"roles": [f"{WS}.dhcp_relay"], "at": "10.20.0.2"}, "client": {"roles": [f"{CM}.client"], "at": "10.20.0.3"}}
    oracle = ask(hosts, networks={f"{CM}.client": ["10.20.0.0/16"]})
    assert passes(oracle, "console client tcp/2701")
    assert not passes(oracle, "console relay tcp/2701")
    assert passes(oracle, "relay client udp/25536")
    assert not passes(oracle, "client relay udp/25536")


def test_groups_are_roles() -> None:
    hosts = {
        "mp": {"groups": ["configmgr_management_point", "configmgr_servers"]},
        "pc": {"groups": ["desks"]},
        "old": {"groups": ["configmgr_client"]},
    }
    oracle = ask(hosts, group_roles={"desks": [f"{CM}.client"]}, ignore_groups=["configmgr_client"])
    assert passes(oracle, "pc mp tcp/10123")
    assert not passes(oracle, "old mp tcp/10123")


def test_unions_of_suffixed_variables() -> None:
    hosts = {
        "mp": {"roles": [f"{WS}.file_server"], "roles__more": [f"{CM}.management_point"], "settings": {"configmgr.client_https": 8443}},
        "pc": {"roles": f"{CM}.client", "ping__a": [], "ping": []},
        "desk": {"at": "10.7.0.1"},
    }
    oracle = ask(hosts, networks={f"{CM}.client": ["10.6.0.0/16"]}, networks__b={f"{CM}.client": ["10.7.0.0/16"]}, settings__b={"configmgr.client_http": 8000})
    assert passes(oracle, "pc mp tcp/8443")
    assert passes(oracle, "desk mp tcp/8000")
    assert not passes(oracle, "desk mp tcp/80")


def test_declared_dns_counts_as_holder() -> None:
    hosts = {"member": f"{WS}.domain_member", "edge": {"roles": [f"{EX}.edge_transport"], **STRICT}, "dns": {"at": "10.3.0.1"}, "no_dns": {"at": "10.3.0.2"}}
    oracle = ask(hosts, infrastructure={"dns": ["10.3.0.1"]})
    assert oracle.why("edge", "dns", "udp", 53)[1:] == ["exchange.edge_transport.dns_server.dns.udp", "msports_infrastructure dns"]
    assert not passes(oracle, "edge no_dns udp/53")
    hosts["dns"] = {"at": "10.3.0.1", "roles": [f"{WS}.file_server"]}
    assert passes(ask(hosts, infrastructure={"dns": ["10.3.0.1"]}), "member dns tcp/53")
    assert not passes(ask(hosts), "member dns tcp/53")


# ---------------------------------------------------------------- both ends (MEANING 2)


def test_wrong_direction() -> None:
    oracle = ask({"mp": f"{CM}.management_point", "pc": f"{CM}.client"})
    assert passes(oracle, "pc mp tcp/10123")
    assert not passes(oracle, "mp pc tcp/10123")


@pytest.mark.parametrize(("option", "expected"), [(False, True), (True, False)])
def test_note_5(option: bool, expected: bool) -> None:
    mp = {"role": f"{CM}.management_point", "settings": {"site_server_initiates": option}}
    oracle = ask({"site": f"{CM}.site_server", "mp": {"roles": [mp]}})
    assert passes(oracle, "site mp tcp/445")
    assert passes(oracle, "mp site tcp/445") is expected


def test_some_site_systems_never_start() -> None:
    oracle = ask({"site": f"{CM}.site_server", "dp": f"{CM}.distribution_point", "rsp": f"{CM}.reporting_services_point"})
    assert [passes(oracle, f"site {name} tcp/445") for name in ("dp", "rsp")] == [True, True]
    assert [passes(oracle, f"{name} site tcp/445") for name in ("dp", "rsp")] == [False, False]


def test_data_box() -> None:
    hosts = {"box": {"roles": [f"{DB}.device"], "managed": False}, "pc": f"{DB}.lan_client", "managed_box": f"{DB}.device"}
    oracle = ask(hosts)
    assert passes(oracle, "pc box tcp/9999")
    assert not passes(oracle, "box pc tcp/443")
    assert passes(oracle, "pc managed_box tcp/443")
    assert not passes(oracle, "pc managed_box tcp/2049")
    on = ask(hosts, features=["databox.device_initiates", "databox.nfs"])
    assert passes(on, "box pc tcp/443")
    assert not passes(on, "box pc tcp/5985")
    assert passes(on, "pc managed_box tcp/2049")


MAIL = {
    "ca": f"{EX}.client_access",
    "mb": f"{EX}.mailbox",
    "lync": f"{EX}.lync_server",
    "dc": f"{WS}.domain_controller",
    "mp": f"{CM}.management_point",
    "world": {"at": "8.8.8.8"},
}
MAIL_EDGE = {**MAIL, "edge": {"roles": [f"{EX}.edge_transport"], "at": "172.16.0.1"}}


@pytest.mark.parametrize("pair", ["ca mb", "mb ca", "ca lync", "lync mb", "mb dc", "dc ca"])
def test_unrestricted_pairs(pair: str) -> None:
    oracle = ask(MAIL_EDGE)
    for asked in ("tcp/1", "udp/65535", "icmp_echo", "gre"):
        assert passes(oracle, f"{pair} {asked}")
    assert not passes(ask(MAIL_EDGE, settings={"exchange.internal_unrestricted": False}), f"{pair} tcp/1")


@pytest.mark.parametrize("pair", ["edge mb", "mb edge", "edge dc", "dc edge", "edge ca", "lync edge", "dc lync", "mp mb", "mb mp", "dc mp"])
def test_restricted_pairs(pair: str) -> None:
    oracle = ask(MAIL_EDGE)
    for asked in ("tcp/1", "udp/65535", "gre"):
        assert not passes(oracle, f"{pair} {asked}")


def test_the_two_tables_of_mail_flow_exclude_each_other() -> None:
    without, with_edge = ask(MAIL), ask(MAIL_EDGE)
    assert passes(without, "world ca tcp/25")
    assert not passes(with_edge, "world ca tcp/25")
    assert passes(with_edge, "world edge tcp/25")
    assert passes(with_edge, "edge mb tcp/25")
    assert not passes(with_edge, "edge ca tcp/25")


def test_edge_by_subscribed_site() -> None:
    hosts = {
        "paris": {"roles": [f"{EX}.mailbox"], "site": {EX: "Paris"}},
        "rome": {"roles": [f"{EX}.mailbox"], "site": {EX: "Rome"}},
        "edge": {"roles": [f"{EX}.edge_transport"], "site": {EX: "Paris"}},
    }
    oracle = ask(hosts)
    assert passes(oracle, "paris edge tcp/50636")
    assert not passes(oracle, "rome edge tcp/50636")
    assert passes(oracle, "paris rome tcp/50636")


# ---------------------------------------------------------------- what the wire does (MEANING 3)

PXE = {
    "dp": {"roles": [f"{CM}.distribution_point"], "features": ["configmgr.pxe"], **STRICT},
    "pc": {"roles": [f"{CM}.client"], **STRICT},
    "dhcp": f"{WS}.dhcp_server",
    "alien": {},
}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("alien dp udp/67", True),
        ("alien dhcp udp/67", True),
        ("alien dp udp/68", False),
        ("alien dp udp/69", False),
        ("alien dp udp/4011", False),
        ("pc dp udp/69", True),
        ("pc dp udp/4011", True),
        ("pc dp udp/67", False),  # strict: requests leave from 68
        ("dp pc udp/68", False),
        ("dp alien udp/68", False),
        ("dp alien udp/50000", False),  # TFTP answers belong to a request
        ("dhcp pc udp/68", False),
    ],
)
def test_dhcp_and_pxe(question: str, expected: bool) -> None:
    assert passes(ask(PXE), question) is expected


def test_pxe_off() -> None:
    hosts = {**PXE, "dp": f"{CM}.distribution_point"}
    oracle = ask(hosts)
    assert not passes(oracle, "alien dp udp/67")
    assert not passes(oracle, "pc dp udp/69")


def test_nobody_may_ask_a_server_without_clients() -> None:
    """Nor is its own client, which would ask inside the host, a reason to open it."""
    assert not passes(ask({"dp": PXE["dp"], "alien": {}}), "alien dp udp/67")
    alone = {**PXE["dp"], "roles": [f"{CM}.distribution_point", f"{CM}.client"]}
    assert not passes(ask({"dp": alone, "alien": {}}), "alien dp udp/67")


def test_multicast_goes_to_the_group() -> None:
    oracle = ask({"dp": {"roles": [f"{CM}.distribution_point"], "features": ["configmgr.multicast"]}, "pc": f"{CM}.client"})
    assert passes(oracle, "pc dp udp/63000")
    assert passes(oracle, "pc dp udp/64000")
    assert not passes(oracle, "pc dp udp/64001")
    assert not passes(oracle, "dp pc udp/63000")


def test_netbios_by_feature_only() -> None:
    hosts = {"a": f"{WS}.domain_member", "b": f"{WS}.domain_member"}
    for asked in ("udp/137", "udp/138", "tcp/139"):
        assert not passes(ask(hosts), f"a b {asked}")
        assert passes(ask(hosts, features=["windows_server.netbios"]), f"a b {asked}")


def test_dynamic_range_of_the_destination() -> None:
    hosts = {
        "site": {"roles": [f"{CM}.site_server"], "dynamic_ports": "1025-5000"},
        "mp": {"roles": [f"{CM}.management_point"], "dynamic_ports": "50000-50100"},
    }
    oracle = ask(hosts)
    assert [passes(oracle, f"site mp tcp/{port}") for port in (49999, 50000, 50100, 50101)] == [False, True, True, False]
    assert [passes(oracle, f"mp site tcp/{port}") for port in (1024, 1025, 5000, 5001)] == [False, True, True, False]


def test_icmp_echo() -> None:
    hosts = {"a": f"{CM}.client", "b": f"{CM}.client", "mp": f"{CM}.management_point", "pinger": {"at": "10.9.0.1"}}
    oracle = ask(hosts, ping=["10.9.0.0/24"])
    assert passes(oracle, "a b icmp_echo")
    assert not passes(oracle, "a mp icmp_echo")
    assert passes(oracle, "pinger mp icmp_echo")
    assert not passes(oracle, "pinger mp tcp/7")


# ---------------------------------------------------------------- addresses (MEANING 4)


def test_families() -> None:
    hosts = {
        "mp": {"roles": [f"{CM}.management_point"], "addresses": ["10.0.0.1", {"address": "fd00::1", "shared": False}]},
        "pc": {"roles": [f"{CM}.client"], "addresses": ["10.20.0.1", "fd00:20::1"]},
        "old": {"roles": [f"{CM}.client"]},
        "visitor": {"addresses": ["10.99.0.1", "fd00:20::2"]},
    }
    oracle = ask(hosts, networks={f"{CM}.client": ["fd00:20::/32"]})
    assert passes(oracle, "pc mp tcp/10123", 4)
    assert passes(oracle, "pc mp tcp/10123", 6)
    assert not passes(oracle, "old mp tcp/10123", 6)
    assert passes(oracle, "visitor mp tcp/10123", 6)
    assert not passes(oracle, "visitor mp tcp/10123", 4)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.1.1", False),
        ("192.0.2.1", False),
        ("203.1.0.7", False),
        ("2600::1", True),
        ("4000::1", False),
    ],
)
def test_internet(address: str, expected: bool) -> None:
    hosts = {"edge": {"roles": [f"{EX}.edge_transport"], "addresses": ["172.16.0.1", "fd00::1"]}, "world": {"at": address}}
    oracle = ask(hosts, networks={f"{EX}.client": ["203.1.0.0/24"]})
    assert passes(oracle, "world edge tcp/25", 6 if ":" in address else 4) is expected


def test_internet_written_out() -> None:
    hosts = {"edge": f"{EX}.edge_transport", "inside": {"at": "10.1.2.3"}, "world": {"at": "8.8.8.8"}}
    assert passes(ask(hosts, networks={"internet": ["any"]}), "inside edge tcp/25")
    assert not passes(ask(hosts, networks={"internet": ["9.0.0.0/8"]}), "world edge tcp/25")


def test_external_ends_default_to_the_internet() -> None:
    hosts = {"scp": {"roles": [f"{CM}.service_connection_point"], **STRICT}, "world": {"at": "8.8.8.8"}, "intune": {"at": "20.0.0.1"}}
    assert passes(ask(hosts), "scp world tcp/443")
    assert not passes(ask(hosts), "scp world tcp/80")
    own = ask(hosts, networks={f"{CM}.microsoft_intune": ["20.0.0.0/8"], f"{CM}.azure": ["20.0.0.0/8"]})
    assert passes(own, "scp intune tcp/443")
    assert not passes(own, "scp world tcp/443")


def test_proxy() -> None:
    hosts = {
        "sup": {"roles": [f"{CM}.software_update_point"], **STRICT},
        "mp": {"roles": [f"{CM}.management_point"], **STRICT},
        "proxy": {"at": "10.3.0.9"},
        "world": {"at": "8.8.8.8"},
    }
    oracle = ask(hosts, infrastructure={"proxy": [{"address": "10.3.0.9", "port": 8080}]})
    assert passes(oracle, "sup proxy tcp/8080")
    assert not passes(oracle, "sup proxy tcp/80")
    assert not passes(oracle, "sup world tcp/80")
    assert not passes(oracle, "mp proxy tcp/8080")
    assert passes(ask(hosts), "sup world tcp/80")
    hosts["proxy"] = {"at": "10.3.0.9", "roles": [f"{WS}.file_server"]}
    managed = ask(hosts, infrastructure={"proxy": [{"address": "10.3.0.9", "port": 8080}]})
    assert passes(managed, "sup proxy tcp/8080")
    assert not passes(managed, "world proxy tcp/8080")


def test_sender_reputation_uses_a_port_of_its_own() -> None:
    hosts = {"edge": {"roles": [f"{EX}.edge_transport"], "features": ["exchange.sender_reputation_proxy"], **STRICT}, "proxy": {"at": "10.3.0.9"}}
    proxy = {"proxy": [{"address": "10.3.0.9", "port": 8080}]}
    unset = ask(hosts, infrastructure=proxy)
    assert not any(passes(unset, f"edge proxy tcp/{port}") for port in (8080, 3128))
    oracle = ask(hosts, infrastructure=proxy, settings={"exchange.sender_reputation_proxy_port": 3128})
    assert passes(oracle, "edge proxy tcp/3128")
    assert not passes(oracle, "edge proxy tcp/8080")


# ---------------------------------------------------------------- conditions (MEANING 5)


def test_settings_role_entry_before_variable_before_default() -> None:
    hosts = {
        "pc": f"{CM}.client",
        "default": f"{CM}.management_point",
        "variable": {"roles": [f"{CM}.management_point"], "settings": {"configmgr.client_https": 8443}},
        "entry": {"roles": [{"role": f"{CM}.management_point", "settings": {"client_https": 9443}}], "settings": {"configmgr.client_https": 8443}},
    }
    oracle = ask(hosts)
    ports = {name: [port for port in (443, 8443, 9443) if passes(oracle, f"pc {name} tcp/{port}")] for name in ("default", "variable", "entry")}
    assert ports == {"default": [443], "variable": [8443], "entry": [9443]}


def test_settings_of_the_site() -> None:
    hosts = {
        "a": {"roles": [f"{CM}.client"], "site": "A"},
        "a2": {"roles": [f"{CM}.client"], "site": "A"},
        "b": {"roles": [f"{CM}.client"], "site": "B"},
        "b2": {"roles": [f"{CM}.client"], "site": "B"},
        "site_a": {"roles": [f"{CM}.site_server"], "site": "A", "settings": {"configmgr.wake_on_lan": 12287}},
        "site_b": {"roles": [f"{CM}.site_server"], "site": "B"},
    }
    oracle = ask(hosts)
    assert passes(oracle, "a a2 udp/12287")
    assert not passes(oracle, "a a2 udp/9")
    assert passes(oracle, "b b2 udp/9")
    assert passes(oracle, "site_a a udp/12287")
    assert not passes(oracle, "site_a a udp/9")


def test_settings_follow_in_both_directions_and_alternatives_never_count() -> None:
    sup = {"role": f"{CM}.software_update_point", "settings": {"wsus_http": 9000, "wsus_https": 9001}}
    oracle = ask({"site": f"{CM}.site_server", "sup": {"roles": [sup]}, "pc": f"{CM}.client"})
    assert [passes(oracle, f"pc sup tcp/{port}") for port in (9000, 9001, 8530, 80)] == [True, True, False, False]
    assert [passes(oracle, f"sup site tcp/{port}") for port in (9000, 8530, 80)] == [True, False, False]


def test_implied_upstream() -> None:
    up = {"role": f"{CM}.software_update_point", "settings": {"wsus_http": 80, "wsus_https": 443}}
    hosts = {
        "up": {"roles": [up], "site": "CAS"},
        "down": {"roles": [f"{CM}.software_update_point"], "site": "P01", **STRICT},
        "deeper": {"roles": [f"{CM}.software_update_point"], "site": "S01"},
    }
    oracle = ask(hosts, hierarchy=TREE)
    assert passes(oracle, "down up tcp/443")
    assert not passes(oracle, "down up tcp/8531")
    assert passes(oracle, "deeper down tcp/8530")
    assert not passes(oracle, "deeper up tcp/443")
    assert not passes(oracle, "up down tcp/8530")
    entry = ask(
        {**hosts, "up": {"roles": [{**up, "site": "CAS"}]}, "down": {"roles": [{"role": f"{CM}.software_update_point", "site": "P01"}]}}, hierarchy=TREE
    )
    assert passes(entry, "down up tcp/443")
    assert not passes(entry, "deeper up tcp/443")
    flat = ask({"a": f"{CM}.software_update_point", "b": f"{CM}.software_update_point", "wsus": f"{CM}.wsus_server"})
    assert passes(flat, "a wsus tcp/8530")
    assert passes(flat, "a b tcp/8530")  # the first one of a site is upstream of the others


def test_domain_membership_is_implied() -> None:
    hosts = {"dc": f"{WS}.domain_controller", "mp": f"{CM}.management_point", "edge": f"{EX}.edge_transport", "lync": f"{EX}.lync_server", "pc": f"{CM}.client"}
    oracle = ask(hosts)
    assert [passes(oracle, f"{name} dc tcp/88") for name in ("mp", "edge", "lync", "pc")] == [True, False, False, False]


def test_features_at_the_right_end() -> None:
    hosts = {
        "ca": {"roles": [f"{EX}.client_access"], "features": ["exchange.imap4"]},
        "ca2": f"{EX}.client_access",
        "pc": {"roles": [f"{EX}.client"], "features": ["exchange.pop3"]},
    }
    oracle = ask(hosts)
    assert [passes(oracle, f"pc {name} tcp/143") for name in ("ca", "ca2")] == [True, False]
    assert not passes(oracle, "pc ca tcp/110")


def test_features_at_the_source() -> None:
    hosts = {"on": {"roles": [f"{EX}.client_access"], "features": ["exchange.outbound_proxy"], **STRICT}, "off": {"roles": [f"{EX}.client_access"], **STRICT}}
    oracle = ask({**hosts, "world": {"at": "8.8.8.8"}})
    assert [passes(oracle, f"{name} world tcp/25") for name in ("on", "off")] == [True, False]


def test_releases() -> None:
    hosts = {"cmg": f"{CM}.cmg_connection_point", "mp": f"{CM}.management_point"}
    for release, ports in ((None, [443]), ("1710", [80, 443]), ("1802", [443])):
        oracle = ask(hosts, **({"releases": {CM: release}} if release else {}))
        assert [port for port in (80, 443) if passes(oracle, f"cmg mp tcp/{port}")] == ports


def test_without_by_pattern() -> None:
    hosts = {"pc": f"{CM}.client", "mp": f"{CM}.management_point", "dp": f"{CM}.distribution_point"}
    oracle = ask(hosts, excluded_flows=[{"flow": "configmgr.client.*.http.tcp", "because": "HTTPS only"}])
    assert [passes(oracle, f"pc {name} tcp/80") for name in ("mp", "dp")] == [False, False]
    assert passes(oracle, "dp mp tcp/80")
    assert passes(oracle, "pc mp tcp/443")


def test_supplements_by_name_and_by_group() -> None:
    hosts = {"dc": f"{WS}.domain_controller", "pc": f"{WS}.domain_member", "dc2": f"{WS}.domain_controller"}
    assert not passes(ask(hosts), "pc dc tcp/9389")
    assert passes(ask(hosts, supplements=["adws"]), "pc dc tcp/9389")
    one = ask(hosts, supplements=["windows_server.domain_member.domain_controller.adws.tcp"])
    assert passes(one, "pc dc tcp/9389")
    assert not passes(one, "dc2 dc tcp/9389")


# ---------------------------------------------------------------- what keeps a host alive (MEANING 6)


def test_management() -> None:
    hosts = {"mp": f"{CM}.management_point", "awx": {"groups": ["awx"], "at": "10.8.0.1"}, "desk": {"at": "10.9.0.1"}, "alien": {}, "console": f"{CM}.console"}
    oracle = ask(hosts, management={"from": ["10.9.0.0/24", "group:awx", f"{CM}.console"], "services": ["ssh", "tcp/2222"]})
    assert [passes(oracle, f"{name} mp tcp/22") for name in ("awx", "desk", "console", "alien")] == [True, True, True, False]
    assert passes(oracle, "awx mp tcp/2222")
    assert not passes(oracle, "awx mp udp/22")
    assert not passes(oracle, "awx mp tcp/5986")


def test_defaults() -> None:
    hosts = {
        "plain": f"{CM}.management_point",
        "reject": {"roles": [f"{CM}.management_point"], "default_inbound": "reject"},
        "allow": {"roles": [f"{CM}.management_point"], "default_inbound": "allow"},
        "keep_linux": {"roles": [f"{CM}.management_point"], "default_inbound": "keep"},
        "keep_windows": {"roles": [f"{CM}.management_point"], "default_inbound": "keep", "system": "windows"},
        "unmanaged": {"roles": [f"{CM}.management_point"], "managed": False, **STRICT},
        "no_role": {"default_inbound": "block", **STRICT},
        "alien": {},
    }
    oracle = ask(hosts)
    admitting = [name for name in hosts if name != "alien" and passes(oracle, f"alien {name} tcp/9")]
    assert admitting == ["allow", "keep_linux", "unmanaged", "no_role"]
    assert passes(oracle, "unmanaged no_role tcp/9")  # without a ruleset nothing is strict
    assert passes(oracle, "no_role unmanaged tcp/9")


def test_strict_outbound() -> None:
    hosts = {
        "mp": {"roles": [f"{CM}.management_point"], **STRICT},
        "free": f"{CM}.management_point",
        "lync": {"roles": [f"{EX}.lync_server"], **STRICT},
        "sql": {"roles": [f"{CM}.sql_server"], "managed": False},
        "dns": {"at": "10.3.0.1"},
        "ntp": {"at": "10.3.0.2"},
        "alien": {},
    }
    allow = [{"name": "syslog", "out": "udp/514", "to": ["host:alien"], "because": "x"}]
    oracle = ask(hosts, infrastructure={"dns": ["10.3.0.1"], "ntp": ["10.3.0.2"]}, allow=allow)
    admitted = [f"{name} {asked}" for name in ("sql", "dns", "ntp", "alien") for asked in QUESTIONS if passes(oracle, f"mp {name} {asked}")]
    assert admitted == ["sql tcp/1433", "dns udp/53", "dns tcp/53", "ntp udp/123", "alien udp/514"]
    no_member = [f"{name} {asked}" for name in ("sql", "dns", "ntp") for asked in QUESTIONS if passes(oracle, f"lync {name} {asked}")]
    assert no_member == ["dns udp/53", "dns tcp/53", "ntp udp/123"]
    assert all(passes(oracle, f"free {name} {asked}") for name in ("sql", "dns", "ntp", "alien") for asked in QUESTIONS)


QUESTIONS = ("tcp/1433", "udp/53", "tcp/53", "udp/123", "tcp/123", "udp/514", "tcp/443", "icmp_echo")


def test_both_firewalls_decide() -> None:
    """A declared time server that is a domain controller still lets in only its own members."""
    hosts = {"edge": {"roles": [f"{EX}.edge_transport"], **STRICT}, "dc": {"roles": [f"{WS}.domain_controller"], "at": "10.3.0.1"}}
    oracle = ask(hosts, infrastructure={"ntp": ["10.3.0.1"]})
    assert not passes(oracle, "edge dc udp/123")


def test_own_rules() -> None:
    entries = [
        {"name": "agent", "in": ["tcp/10050-10052", "udp/161,162"], "from": ["group:monitoring"], "because": "x"},
        {"name": "old", "in": "tcp/3389", "from": ["any"], "because": "x", "until": "2026-05-01"},
    ]
    hosts = {"mp": f"{CM}.management_point", "mon": {"groups": ["monitoring"]}, "alien": {}}
    oracle = ask(hosts, today="2026-05-01", allow=entries)
    assert [passes(oracle, f"mon mp {asked}") for asked in ("tcp/10050", "tcp/10052", "tcp/10053", "udp/162", "udp/10050")] == [True, True, False, True, False]
    assert not passes(oracle, "alien mp tcp/10050")
    assert passes(oracle, "alien mp tcp/3389")
    assert not passes(ask(hosts, today="2026-05-02", allow=entries), "alien mp tcp/3389")


def test_igmp_is_a_base_rule() -> None:
    oracle = ask({"mp": {"roles": [f"{CM}.management_point"], **STRICT}, "alien": {}})
    assert passes(oracle, "alien mp igmp")
    assert not passes(oracle, "alien mp gre")


# ---------------------------------------------------------------- the oracle's own ways


def test_why() -> None:
    oracle = ask({"pc": f"{CM}.client", "mp": {"roles": [f"{CM}.management_point"]}})
    assert oracle.why("pc", "mp", "tcp", 443) == ["configmgr.client.management_point.https.tcp", "msports_default_outbound"]
    assert oracle.why("pc", "mp", "tcp", 444) == []
    assert oracle.why("mp", "mp", "tcp", 444) == ["the same host"]


def test_unknown_hosts_are_an_error() -> None:
    oracle = ask({"pc": f"{CM}.client"})
    with pytest.raises(KeyError, match="nobody"):
        oracle.allows("pc", "nobody", "tcp", 1)


def test_ports_with_edges_and_changed_settings() -> None:
    hosts = {
        "mp": {"roles": [f"{CM}.management_point"], "settings": {"configmgr.client_https": 8443}, "dynamic_ports": "50000-50100"},
        "sup": {"roles": [{"role": f"{CM}.software_update_point", "settings": {"wsus_http": 9000, "wsus_https": 9001}}]},
    }
    allow = [{"name": "x", "in": "udp/600-603", "because": "x"}]
    ports = ask(
        hosts, allow=allow, management={"from": ["any"], "services": ["winrm_https"]}, infrastructure={"proxy": [{"address": "10.3.0.9", "port": 3129}]}
    ).ports()
    assert sorted(ports) == ["tcp", "udp"]
    assert ports["tcp"] == sorted(set(ports["tcp"]))
    assert {443, 8443, 8530, 80, 9000, 9001, 5986, 3129, 50636, 49999, 50000, 50050, 50100, 50101, 49151, 65535} <= set(ports["tcp"])
    assert {62999, 63000, 63500, 64000, 64001, 599, 600, 601, 603, 604, 67, 4011} <= set(ports["udp"])
    assert not {0, 65536} & {*ports["tcp"], *ports["udp"]}
    assert 8443 not in ports["udp"]


def test_own_catalogs_and_editions(tmp_path: pathlib.Path) -> None:
    """A catalog of the user's, in two editions, with a feature and a setting read from the estate and a site."""

    def write(edition: str, port: int) -> None:
        flow = {"id": "shop.till.server.sale.tcp", "source": "shop.till", "destination": "shop.server", "service": "sale", "protocol": "tcp"}
        catalog = {
            "product": "shop", "edition": edition, "documents": {"d": {"title": "d"}}, "notes": {}, "supplements": [], "flows": [
                {**flow, "ports": [str(port)], "reference": {"section": "s", "row": 1}},
                {**flow, "id": "shop.till.server.card.tcp", "ports": [], "setting": "card", "setting_of": "estate", "feature": "cards", "feature_at": "estate",
                 "reference": {"section": "s", "row": 2}},
                {**flow, "id": "shop.till.server.vault.tcp", "ports": ["7100"], "only_with": ["shop.vault"], "reference": {"section": "s", "row": 3}},
            ],
            "roles": {"till": {"kind": "host"}, "server": {"kind": "host"}, "vault": {"kind": "host"}},
            "settings": {"card": {"type": "port"}}, "features": {"cards": {"title": "c"}},
        }  # fmt: skip
        (tmp_path / "shop").mkdir(exist_ok=True)
        (tmp_path / "shop" / f"{edition}.yml").write_text(yaml.safe_dump(catalog), encoding="utf-8")

    write("1", 7001)
    write("2", 7002)
    hosts = {"till": "shop.till", "server": "shop.server"}
    assert [passes(ask(hosts, catalog_paths=[str(tmp_path)]), f"till server tcp/{port}") for port in (7001, 7002)] == [False, True]
    old = {"catalog_paths": [str(tmp_path)], "releases": {"shop": "1"}}
    assert [passes(ask(hosts, **old), f"till server tcp/{port}") for port in (7001, 7002)] == [True, False]
    assert not passes(ask(hosts, **old), "till server tcp/7100")
    assert passes(ask({**hosts, "vault": "shop.vault"}, **old), "till server tcp/7100")
    on = ask(hosts, **old, features=["shop.cards"], settings={"shop.card": 7777})
    assert passes(on, "till server tcp/7777")
    assert not passes(ask(hosts, **old, settings={"shop.card": 7777}), "till server tcp/7777")
    assert not passes(ask(hosts, **old, features=["shop.cards"]), "till server tcp/7777")


def test_module_is_documented() -> None:
    """The oracle is to be read beside the pages on meaning: every module says what it is."""
    for path in (ROOT / "tests" / "lab" / "oracle").glob("*.py"):
        texts = [
            node.value.value for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ]
        assert texts and len(textwrap.dedent(str(texts[0]))) > 40, path
