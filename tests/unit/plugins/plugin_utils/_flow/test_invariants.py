# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariants on what plans of generated estates let through, compared pair by pair with the oracle of the packet proof."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import pathlib
import random
import sys
import tempfile
import typing as t
from dataclasses import dataclass

from hypothesis import HealthCheck, event, given, settings, strategies as st

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import wire_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import RELEASES, inventory

ROOT = pathlib.Path(__file__).resolve().parents[5]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from oracle import Oracle

Plain = dict[str, t.Any]
CATALOGS = load_catalogs(RELEASES)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Roles that have to do with each other, so that few hosts make many connections.
THEMES: tuple[tuple[str, ...], ...] = (
    ("configmgr.site_server", "configmgr.sql_server", "configmgr.management_point", "configmgr.distribution_point", "windows_server.certification_authority"),
    ("configmgr.site_server", "configmgr.software_update_point", "configmgr.client", "configmgr.management_point", "configmgr.cmg_connection_point"),
    ("configmgr.client", "configmgr.distribution_point", "configmgr.console", "configmgr.site_server", "configmgr.sms_provider", "windows_server.file_server"),
    ("configmgr.reporting_services_point", "configmgr.sql_server", "configmgr.site_server", "configmgr.software_update_point", "configmgr.console"),
    ("configmgr.site_server", "windows_server.certification_authority", "configmgr.software_update_point"),
    ("exchange.client_access", "exchange.mailbox", "exchange.lync_server", "windows_server.domain_controller", "windows_server.dns_server"),
    ("databox.device", "databox.lan_client", "windows_server.domain_member", "windows_server.domain_controller", "exchange.client_access"),
    ("configmgr.site_server", "exchange.mailbox", "configmgr.client", "windows_server.domain_controller", "databox.device", "windows_server.dns_server"),
)
EDGE = "exchange.edge_transport"
SITE_SERVER, WAKE_ON_LAN = "configmgr.site_server", "configmgr.wake_on_lan"
POPULATIONS = ("configmgr.client", "configmgr.client", "configmgr.console", "configmgr.management_point",
               "exchange.client", "exchange.mailbox", "databox.lan_client",
               "windows_server.domain_controller", "windows_server.dns_server")  # fmt: skip
FEATURES = ("configmgr.pxe", "configmgr.remote_sql_setup", "configmgr.client_shares", "exchange.imap4", "exchange.outbound_proxy", "databox.smb",
            "databox.device_initiates", "windows_server.netbios")  # fmt: skip
HOST_SETTINGS: tuple[Plain, ...] = (
    {}, {}, {"configmgr.client_https": 8443}, {"configmgr.sql": 14330}, {"configmgr.wsus_http": 80, "configmgr.wsus_https": 443}, {"configmgr.wake_on_lan": 7},
)  # fmt: skip
SITES = ("A", "B", "A", "B", "C")  # few, so that hosts meet
TREES: tuple[dict[str, str], ...] = ({"B": "A", "C": "A"}, {"B": "A", "C": "B"}, {"B": "A"}, {})
# Ports that some flow has, by protocol, without those of DHCP, whose packets have no address to ask about.
PORTS = sorted({(flow.protocol, int(text.split("-")[0])) for flow in (*CATALOGS.flows, *CATALOGS.supplements) for text in flow.ports if text[0].isdigit()}
               | {("tcp", port) for port in (8443, 14330, 50000, 40050, 4444)} | {("udp", 7), ("udp", 4444)})  # fmt: skip
PORTS = [item for item in PORTS if item[1] not in (67, 68, 547)]


OF_A_HOST = tuple(f"msports_{name}" for name in ("roles", "addresses", "features", "settings", "managed", "dynamic_ports", "site"))


@dataclass
class Drawn:
    """One host as it was drawn."""

    roles: tuple[str, ...]
    configmgr: tuple[str, ...]
    exchange: str
    features: tuple[str, ...]
    settings: Plain
    initiates: bool
    dynamic: bool
    managed: bool
    six: bool


def hosts_of(theme: tuple[str, ...]) -> st.SearchStrategy[Drawn]:
    return st.builds(
        Drawn,
        roles=st.one_of(st.just((EDGE,)), *[st.lists(st.sampled_from(theme), unique=True, min_size=1, max_size=3).map(tuple)] * 8, st.just(())),
        configmgr=st.lists(st.sampled_from(SITES), unique=True, min_size=1, max_size=2).map(lambda names: tuple(sorted(names))),
        exchange=st.sampled_from(SITES),
        features=st.lists(st.sampled_from(FEATURES), unique=True, max_size=4).map(tuple),
        settings=st.sampled_from(HOST_SETTINGS),
        initiates=st.booleans(),
        dynamic=st.booleans(),
        managed=st.sampled_from([True, True, True, False]),
        six=st.booleans(),
    )


HOSTS = st.sampled_from(THEMES).flatmap(hosts_of)


@dataclass
class Estate:
    """A drawn estate: as an inventory."""

    hosts: dict[str, Drawn]
    sites: bool
    tree: dict[str, str]
    networks: tuple[tuple[str, t.Optional[str]], ...]  # role and site
    roaming: t.Optional[bool]
    unrestricted: t.Optional[bool]
    without: tuple[str, ...]
    supplements: tuple[str, ...]
    release: t.Optional[str]

    def site_of(self, role: str, host: Drawn) -> list[t.Optional[str]]:
        product = role.partition(".")[0]
        if not self.sites or product not in ("configmgr", "exchange"):
            return [None]
        return list(host.configmgr) if product == "configmgr" else [host.exchange]

    def declared(self, product: str) -> set[str]:
        """Return the sites of a product that some host is in."""
        found = {site for host in self.hosts.values() for role in with_implied(host.roles) if role.startswith(product) for site in self.site_of(role, host)}
        return {site for site in found if site}

    def parents(self) -> dict[str, str]:
        known = self.declared("configmgr") | self.declared("exchange")
        return {child: parent for child, parent in self.tree.items() if {child, parent} <= known}

    def networks_by_role(self) -> dict[str, dict[t.Optional[str], str]]:
        found: dict[str, dict[t.Optional[str], str]] = {}
        for number, (role, site) in enumerate(self.networks):
            known = self.declared(role.partition(".")[0])
            place = site if site in known and role.partition(".")[0] in ("configmgr", "exchange") else None
            if place is None:
                found[role] = {None: f"10.{100 + number}.0.0/16"}  # a list holds for all sites, so it stands alone
            elif None not in found.get(role, {}):
                found.setdefault(role, {})[place] = f"10.{100 + number}.0.0/16"
        return found

    def everywhere(self) -> Plain:
        networks = {
            role: [by_site[None]] if None in by_site else {site: [text] for site, text in by_site.items()} for role, by_site in self.networks_by_role().items()
        }
        found: Plain = {"networks": networks}
        if self.parents():
            found["hierarchy"] = self.parents()
        if self.without:
            found["excluded_flows"] = [{"flow": pattern, "because": "drawn"} for pattern in self.without]
        if self.supplements:
            found["supplements"] = list(self.supplements)
        if self.release:
            found["releases"] = {**RELEASES, "configmgr": self.release}
        return found

    def switches(self) -> Plain:
        found: Plain = {}
        if self.roaming is not None:
            found["configmgr.client_roaming"] = self.roaming
        if self.unrestricted is not None:
            found["exchange.internal_unrestricted"] = self.unrestricted
        return found

    def settings_of(self, drawn: Drawn) -> Plain:
        """Return what a host declares: as drawn, but for a setting of the site, which site servers that share a site must agree on."""
        found = {**drawn.settings, **self.switches()}
        if SITE_SERVER in drawn.roles and any(WAKE_ON_LAN in other.settings for other in self.hosts.values() if SITE_SERVER in other.roles):
            found[WAKE_ON_LAN] = 7
        return found

    def plain(self, **more: t.Any) -> Plain:
        """The inventory; ``more`` are variables that all hosts declare."""
        hosts = {}
        for number, (name, drawn) in enumerate(sorted(self.hosts.items()), 1):
            variables: Plain = {
                "msports_roles": [entry(role, drawn) for role in drawn.roles],
                "msports_addresses": addresses_of(number, drawn),
                "msports_features": list(drawn.features),
                "msports_settings": self.settings_of(drawn),
                "msports_managed": drawn.managed,
            }
            if drawn.dynamic:
                variables["msports_dynamic_ports"] = "40000-40100"
            if self.sites:
                variables["msports_site"] = {"configmgr": list(drawn.configmgr), "exchange": drawn.exchange}
            hosts[name] = {"vars": variables, "groups": []}
        return inventory(hosts, **self.everywhere(), **more)

    def questioned(self, infrastructure: t.Optional[Plain] = None) -> Plain:
        """The inventory with strict hosts, and with one host without a role in each network, and on the Internet."""
        found = self.plain(default_outbound="block", infrastructure=infrastructure or {"dns": ["203.0.113.53"], "ntp": ["203.0.113.123"]})
        networks = [text for by_site in self.networks_by_role().values() for text in by_site.values()]
        for address in (*[text.replace("0.0/16", "7.7") for text in networks], "44.0.0.1"):
            everywhere = {key: value for key, value in next(iter(found["hosts"].values()))["vars"].items() if key not in OF_A_HOST}
            found["hosts"][address] = {"vars": {**everywhere, "msports_addresses": [address]}, "groups": []}
        return found


def addresses_of(number: int, drawn: Drawn) -> list[str]:
    return [f"10.0.{number}.1", *([f"fd00::{number}"] if drawn.six else [])]


def can_initiate(role: str) -> bool:
    return (
        role.partition(".")[2] in CATALOGS.settings["configmgr.site_server_initiates"].roles
        or role in CATALOGS.settings["configmgr.site_server_initiates"].roles
    )


def entry(role: str, drawn: Drawn) -> t.Any:
    return {"role": role, "settings": {"site_server_initiates": True}} if can_initiate(role) and drawn.initiates else role


def with_implied(roles: t.Iterable[str]) -> set[str]:
    found = set(roles)
    while more := {name for role in found for name in CATALOGS.roles[role].implies} - found:
        found |= more
    return found


STRUCTURED = st.builds(
    Estate,
    hosts=st.sampled_from(THEMES)
    .flatmap(lambda theme: st.lists(hosts_of(theme), min_size=4, max_size=8))
    .map(lambda hosts: {f"h{number}": host for number, host in enumerate(hosts)}),
    sites=st.sampled_from([True, True, False]),
    tree=st.sampled_from(TREES),
    networks=st.lists(st.tuples(st.sampled_from(POPULATIONS), st.sampled_from([None, *SITES])), unique=True, min_size=1, max_size=4).map(tuple),
    roaming=st.sampled_from([None, True, False]),
    unrestricted=st.sampled_from([None, None, False]),
    without=st.sampled_from([(), (), ("configmgr.client.*.http.tcp",), ("exchange.*.smtp.tcp",)]),
    supplements=st.sampled_from([(), (), ("client_push",), ("peer_cache", "adws")]),
    release=st.sampled_from([None, None, "1710", "1802"]),
)


def thrown(seed: int) -> Estate:
    """Return an estate in which every choice is as likely as its alternatives: hypothesis prefers simple ones, in which sites and roles seldom meet."""
    dice = random.Random(seed)
    theme = dice.choice(THEMES)

    def some(things: t.Sequence[t.Any], most: int, least: int = 0) -> tuple[t.Any, ...]:
        return tuple(dice.sample(things, dice.randint(least, min(most, len(things)))))

    def drawn() -> Drawn:
        return Drawn(
            roles=(EDGE,) if dice.random() < 0.1 else some(theme, 2, 1),
            configmgr=tuple(sorted(some("ABC", 2, 1))),
            exchange=dice.choice("AB"),
            features=some(FEATURES, 4),
            settings=dice.choice(HOST_SETTINGS),
            initiates=dice.random() < 0.3,
            dynamic=dice.random() < 0.3,
            managed=dice.random() < 0.8,
            six=dice.random() < 0.3,
        )

    return Estate(
        hosts={f"h{number}": drawn() for number in range(dice.randint(4, 8))},
        sites=dice.random() < 0.8,
        tree=dice.choice(TREES),
        networks=tuple({(dice.choice(POPULATIONS), dice.choice((None, "A", "B"))): None for _number in range(dice.randint(0, 4))}),
        roaming=dice.choice([None, False]),
        unrestricted=dice.choice([None, None, False]),
        without=dice.choice([(), (), ("configmgr.client.*.http.tcp",), ("exchange.*.smtp.tcp",)]),
        supplements=dice.choice([(), (), ("client_push",), ("peer_cache", "adws")]),
        release=dice.choice([None, None, "1710", "1802"]),
    )


ESTATES = st.one_of(STRUCTURED, st.integers(0, 2**32 - 1).map(thrown))


def roles_of(oracle: Oracle, name: str) -> frozenset[str]:
    """What an end is to the others, by its own roles and by its address."""
    return frozenset(end.role for end in oracle.estate.peers(name, oracle.estate.hosts[name].address(4)))


@functools.cache
def documented(of_a: frozenset[str], of_b: frozenset[str]) -> set[tuple[str, t.Optional[int]]]:
    """Return the ports that are worth asking about: of every flow between roles that the two have, whatever keeps it from holding."""
    found: set[tuple[str, t.Optional[int]]] = set()
    for flow in (*CATALOGS.flows, *CATALOGS.supplements):
        if any(one in of_a and other in of_b for one, other in ((flow.source, flow.destination), (flow.destination, flow.source))):
            changed = {"configmgr.client_https": 8443, "configmgr.sql": 14330, "configmgr.wsus_http": 80, "configmgr.wake_on_lan": 7}.get(flow.setting or "")
            numbers = [int(text.split("-")[0]) for text in flow.ports if text[0].isdigit()] or [50000, 40050]
            found |= (
                {(flow.protocol, number) for number in (*numbers, changed) if number and number not in (67, 68, 547)} if flow.ports else {(flow.protocol, None)}
            )
    return found


@settings(SLOW, max_examples=50)
@given(ESTATES, st.randoms(use_true_random=False))
def test_a_rule_exists_exactly_when_a_flow_joins_the_two(estate: Estate, chance: t.Any) -> None:
    plain = estate.questioned(infrastructure(chance, len(estate.hosts)) if chance.random() < 0.5 else None)
    found, oracle = AllowedSet(_compile.compile_plan(plain)), Oracle(plain, ROOT / "plugins" / "catalogs")
    roles = {name: roles_of(oracle, name) for name in plain["hosts"]}
    managed = {name for name in plain["hosts"] if oracle.estate.hosts[name].managed}
    passing = 0
    for a in plain["hosts"]:
        for b in plain["hosts"]:
            if a == b or not {a, b} & managed:
                continue
            for protocol, port in {*documented(roles[a], roles[b]), *chance.sample(PORTS, 4), ("icmp_echo", None), ("any", None)}:
                expected = any(oracle.allows(a, b, protocol, port, family) for family in (4, 6))
                assert found.allows(a, b, protocol, port) is expected, f"{a} -> {b} {protocol}/{port}: expected {expected}"
                passing += expected
    event("something passes" if passing else "nothing passes")
    event(f"{len(estate.hosts)} hosts, sites {estate.sites}")


def infrastructure(chance: t.Any, hosts: int) -> Plain:
    """Return servers of every kind, most of them at addresses of the first ``hosts`` hosts."""

    def servers(last: int) -> list[str]:
        return chance.choice([[f"10.0.{chance.randint(1, hosts)}.1"], [f"fd00::{chance.randint(1, hosts)}", f"203.0.113.{last}"]])

    proxies = chance.choice([[], [{"address": address, "port": 8080} for address in servers(80)]])
    return {"dns": servers(53), "ntp": servers(123), "dhcp_relays": chance.choice([[], servers(67)]), "proxy": proxies}


@settings(SLOW, max_examples=50)
@given(ESTATES, st.randoms(use_true_random=False))
def test_who_is_sent_to_infrastructure_is_admitted_there(estate: Estate, chance: t.Any) -> None:
    found = _compile.compile_plan(estate.questioned(infrastructure(chance, len(estate.hosts))))
    known, hosts = AllowedSet(found), found["hosts"]
    for name, host in hosts.items():
        sent = [rule for rule in host["rules"] if rule["direction"] == "out" and rule["remote"].startswith("infrastructure.")]
        for rule, (server, at) in itertools.product(sent, hosts.items()):
            meant = Addresses.parse(found["sets"][rule["remote"]]["addresses"]) & Addresses.parse(at["addresses"])
            if server == name or not {*meant.families()} & {*Addresses.parse(host["addresses"]).families()}:
                continue
            if "67" in rule["remote_ports"]:  # asked without an address
                assert any(admits["direction"] == "in" and admits["local_ports"] == ["67"] for admits in at["rules"]), f"{server}: {rule['name']}"
                continue
            for port in rule["remote_ports"]:
                assert known.allows(name, server, rule["protocol"], int(port)), f"{name} -> {server}: {rule['name']}"


def rulesets(found: Plain) -> t.Any:
    """Return what is filtered, with sets in place of their names."""
    sets = {name: tuple(item["addresses"]) for name, item in found["sets"].items()}
    return {
        name: sorted(
            (rule["direction"], rule["protocol"], rule["local_ports"], rule["remote_ports"], sets[rule["remote"]], sets.get(rule["local"]), rule["helper"])
            for rule in host["rules"]
        )
        for name, host in found["hosts"].items()
    }


@SLOW
@given(ESTATES, st.randoms(use_true_random=False))
def test_the_order_of_the_inventory_does_not_matter(estate: Estate, chance: t.Any) -> None:
    plain = estate.plain()
    turned = copy.deepcopy(plain)
    names = list(turned["hosts"])
    chance.shuffle(names)
    turned["hosts"] = {name: turned["hosts"][name] for name in names}
    for host in turned["hosts"].values():
        chance.shuffle(host["vars"]["msports_roles"])
        chance.shuffle(host["vars"]["msports_features"])
        host["vars"] = dict(reversed(host["vars"].items()))
    first, second = _compile.compile_plan(plain), _compile.compile_plan(turned)
    del first["inputs"], second["inputs"]  # the lists of an inventory are inputs as they are written
    assert json.dumps(first) == json.dumps(second)


@SLOW
@given(ESTATES)
def test_a_plan_is_deterministic(estate: Estate) -> None:
    assert json.dumps(_compile.compile_plan(estate.plain())) == json.dumps(_compile.compile_plan(estate.plain()))


@SLOW
@given(ESTATES, HOSTS)
def test_a_host_more_adds_and_takes_nothing_from_others(estate: Estate, more: Drawn) -> None:
    """But for three cases that have tests of their own: the first site, the first Edge, a new parent.

    What a host says for the whole estate (settings on which it differs, that a feature is on) is no matter of its being there.
    """
    more.settings, more.features = {}, ()
    # the first site of a product, and a second site server that decides for a site, are left out by giving it the sites that are there
    more.configmgr, more.exchange = next((drawn.configmgr, drawn.exchange) for drawn in estate.hosts.values())
    if EDGE in more.roles and not any(EDGE in drawn.roles for drawn in estate.hosts.values()):
        more.roles = ()
    if estate.sites and not estate.declared("configmgr") | estate.declared("exchange"):
        estate.sites = False
    more.roles = tuple(role for role in more.roles if role.startswith("windows_server") or not estate.sites or estate.declared(role.partition(".")[0])) \
        if estate.sites else more.roles  # fmt: skip
    more.roles = tuple(role for role in more.roles if role != "configmgr.site_server")
    larger = copy.deepcopy(estate)
    larger.hosts["z"] = more
    if larger.parents() != estate.parents() or larger.networks_by_role() != estate.networks_by_role():
        return
    before, after = _compile.compile_plan(estate.plain()), _compile.compile_plan(larger.plain())
    for name, host in before["hosts"].items():
        now = after["hosts"][name]
        admitted: dict[t.Any, Addresses] = {}
        for rule in now["rules"]:
            key = wide_key(rule)
            admitted[key] = admitted.get(key, Addresses()) | Addresses.parse(after["sets"][rule["remote"]]["addresses"])
        for rule in host["rules"]:
            had = Addresses.parse(before["sets"][rule["remote"]]["addresses"])
            assert not had - admitted.get(wide_key(rule), Addresses()), f"{name}: {rule['name']}"


def wide_key(rule: Plain) -> t.Any:
    return (rule["direction"], rule["protocol"], tuple(rule["local_ports"]), tuple(rule["remote_ports"]), rule["local"])


@SLOW
@given(ESTATES)
def test_names_of_rules_are_unique_and_every_set_is_used(estate: Estate) -> None:
    found = _compile.compile_plan(estate.plain())
    used = set()
    for host in found["hosts"].values():
        names = [rule["name"] for rule in host["rules"]]
        assert len(names) == len(set(names))
        used |= {rule[key] for rule in host["rules"] for key in ("remote", "local") if rule[key]}
    assert used == set(found["sets"])
    assert all(item["addresses"] and item["members"] for item in found["sets"].values())


@SLOW
@given(ESTATES)
def test_saving_and_rendering_keep_the_set(estate: Estate) -> None:
    found = _compile.compile_plan(estate.plain())
    with tempfile.TemporaryDirectory() as folder:
        save(found, pathlib.Path(folder))
        assert {key: value for key, value in load(folder).items() if key not in ("digest", "generation")} == found  # what only a saved plan has
        assert save(found, folder).files == []
    for name, host in found["hosts"].items():
        options = render({**found, "hosts": {name: {**host, "default_outbound": "block"}}}, name, "nftables")
        assert _ruleset.check(options["rules"], options["address_sets"])[1] == []
        sent = {
            item["name"]: (item["direction"], item["protocol"], item["local_ports"], item["remote_ports"], resolved(item, options)) for item in options["rules"]
        }
        planned = {
            wire_name(rule["name"]): (
                rule["direction"],
                rule["protocol"],
                rule["local_ports"],
                rule["remote_ports"],
                found["sets"][rule["remote"]]["addresses"],
            )
            for rule in host["rules"]
        }
        assert sent == planned


def resolved(item: Plain, options: Plain) -> list[str]:
    (first, *_others) = item["remote_addresses"]
    return options["address_sets"][first[1:]] if first.startswith("@") else item["remote_addresses"]
