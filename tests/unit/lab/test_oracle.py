# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The oracle of the packet proof, where it is asked alone; ``tests/semantics/`` asks it and a plan the same questions."""

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


# ---------------------------------------------------------------- what no plan answers: defaults, other protocols, source ports, one family of two


def test_a_host_in_a_network_holds_no_role_of_it() -> None:
    """Its peers see the address; its own rules come from the roles that it holds."""
    hosts = {"console": f"{CM}.console", "relay": {"roles": [f"{WS}.dhcp_relay"], "at": "10.20.0.2"}, "client": {"roles": [f"{CM}.client"], "at": "10.20.0.3"}}
    oracle = ask(hosts, networks={f"{CM}.client": ["10.20.0.0/16"]})
    assert passes(oracle, "console client tcp/2701")
    assert not passes(oracle, "console relay tcp/2701")
    assert passes(oracle, "relay client udp/25536")
    assert not passes(oracle, "client relay udp/25536")


def test_declared_dns_counts_as_holder() -> None:
    hosts = {"member": f"{WS}.domain_member", "edge": {"roles": [f"{EX}.edge_transport"], **STRICT}, "dns": {"at": "10.3.0.1"}, "no_dns": {"at": "10.3.0.2"}}
    oracle = ask(hosts, infrastructure={"dns": ["10.3.0.1"]})
    assert set(oracle.why("edge", "dns", "udp", 53)) >= {"exchange.edge_transport.dns_server.dns.udp", "msports_infrastructure dns"}
    assert not passes(oracle, "edge no_dns udp/53")
    hosts["dns"] = {"at": "10.3.0.1", "roles": [f"{WS}.file_server"]}
    managed = ask(hosts, infrastructure={"dns": ["10.3.0.1"]})
    assert passes(managed, "member dns tcp/53") and "msports_infrastructure dns" in managed.why("member", "dns", "tcp", 53)
    assert not passes(ask(hosts), "member dns tcp/53")


MAIL = {
    "ca": f"{EX}.client_access",
    "mb": f"{EX}.mailbox",
    "lync": f"{EX}.lync_server",
    "dc": f"{WS}.domain_controller",
    "mp": f"{CM}.management_point",
    "edge": {"roles": [f"{EX}.edge_transport"], "at": "172.16.0.1"},
}
INTERNAL = ("ca mb", "mb ca", "ca lync", "lync mb", "mb dc", "dc ca")
OTHERS = ("edge mb", "mb edge", "edge dc", "dc edge", "edge ca", "lync edge", "dc lync", "mp mb", "mb mp", "dc mp")


def test_internal_servers_of_exchange_are_open_for_every_protocol() -> None:
    oracle = ask(MAIL)
    assert [pair for pair in (*INTERNAL, *OTHERS) if passes(oracle, f"{pair} gre")] == list(INTERNAL)


def test_an_unmanaged_device_is_reached_from_a_host_that_may_open_anything() -> None:
    assert passes(ask({"box": {"roles": [f"{DB}.device"], "managed": False}, "pc": f"{DB}.lan_client"}), "pc box tcp/9999")


def test_a_role_that_manages_is_among_those_that_manage() -> None:
    management = {"from": [f"{CM}.console"], "services": ["ssh"]}
    assert passes(ask({"mp": f"{CM}.management_point", "console": f"{CM}.console"}, management=management), "console mp tcp/22")


PXE = {
    "dp": {"roles": [f"{CM}.distribution_point"], "features": ["configmgr.pxe"], **STRICT},
    "pc": {"roles": [f"{CM}.client"], **STRICT},
    "alien": {},
}


def test_a_strict_client_asks_for_pxe_from_port_68_alone() -> None:
    assert not passes(ask(PXE), "pc dp udp/67")


def test_nobody_may_ask_a_server_without_clients() -> None:
    """Nor is its own client, which would ask inside the host, a reason to open it."""
    assert not passes(ask({"dp": PXE["dp"], "alien": {}}), "alien dp udp/67")
    alone = {**PXE["dp"], "roles": [f"{CM}.distribution_point", f"{CM}.client"]}
    assert not passes(ask({"dp": alone, "alien": {}}), "alien dp udp/67")


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
