# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What good inventories become, and the whole example company."""

from __future__ import annotations

import datetime
import pathlib
import typing as t

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs, well_known
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.early import Asked, asked_for
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.read import read_estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.settings import wsus_pair
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Allow, Estate, Holding, Proxy, Selection, ExcludedFlow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._estate.samples import catalogs, inventory

MP = "configmgr.management_point"
MEMBER = Holding("windows_server.domain_member")


def read(hosts: dict[str, t.Any], groups: t.Iterable[str] = (), **more: t.Any) -> Estate:
    return read_estate(inventory(hosts, groups, **more), catalogs())


def one(**host: t.Any) -> t.Any:
    """Return the only host of an estate, a management point."""
    return read({"mp01": {"groups": ["configmgr_management_point"], **host}}).hosts["mp01"]


def test_roles_from_groups_with_what_they_imply() -> None:
    estate = read({"mp01": {"groups": ["all", "configmgr_management_point"]}, "other": {}})
    assert estate.hosts["mp01"].holdings == (Holding(MP), MEMBER)
    assert estate.hosts["mp01"].managed
    assert estate.hosts["other"].holdings == ()
    assert not estate.hosts["other"].managed


def test_group_roles_hold_for_hosts_that_do_not_declare_them() -> None:
    estate = read({"a": {"msports_group_roles": {"web": [{"role": MP, "site": "P01"}]}}, "b": {"groups": ["web"]}})
    assert estate.hosts["b"].holdings == (Holding(MP, ("P01",)), MEMBER)


def test_ignored_groups_are_no_roles() -> None:
    assert read({"a": {"groups": ["configmgr_servers"], "msports_ignore_groups": ["configmgr_servers"]}}).hosts["a"].holdings == ()


def test_implied_role_is_where_its_cause_is_and_shares_its_settings() -> None:
    entry = {"role": "configmgr.software_update_point", "site": ["S01", "P01"], "settings": {"wsus_http": 80, "configmgr.wsus_https": "443"}}
    values = {"configmgr.wsus_http": 80, "configmgr.wsus_https": 443}
    assert read({"sup": {"msports_roles": [entry]}}).hosts["sup"].holdings == (
        Holding("configmgr.software_update_point", ("P01", "S01"), values),
        Holding("configmgr.wsus_server", ("P01", "S01"), values),
        MEMBER,
    )


def test_settings_of_another_role_are_not_handed_on() -> None:
    entry = {"role": "configmgr.software_update_point", "settings": {"site_server_initiates": True}}
    holdings = read({"sup": {"msports_roles": [entry], "msports_roles__b": ["configmgr.wsus_server"]}}).hosts["sup"].holdings
    assert [holding.settings for holding in holdings] == [{"configmgr.site_server_initiates": True}, {}, {}]


def test_sites_by_product_list_and_entry() -> None:
    hosts = {
        "both": {"groups": ["configmgr_management_point", "exchange_mailbox"], "msports_site": {"configmgr": ["P02", "P01"], "exchange": "Paris"}},
        "plain": {"groups": ["configmgr_site_server"], "msports_site": "P01", "msports_site__more": ["P02"]},
        "dc": {"groups": ["windows_server_domain_controller"], "msports_site": "P01"},
    }
    estate = read(hosts)
    assert {h.role: h.sites for h in estate.hosts["both"].holdings} == {MP: ("P01", "P02"), "exchange.mailbox": ("Paris",), MEMBER.role: ()}
    assert estate.hosts["plain"].holdings[0].sites == ("P01", "P02")
    assert estate.hosts["dc"].holdings == (Holding("windows_server.domain_controller"),)
    assert estate.sites == {"configmgr": ("P01", "P02"), "exchange": ("Paris",)}


def test_roles_of_flows_without_sites_need_none() -> None:
    hosts = {"box": {"groups": ["databox_device"]}, "c": {"groups": ["databox_lan_client"], "msports_site": "P01"}}
    assert read(hosts).hosts["box"].holdings == (Holding("databox.device"),)


def test_hierarchy() -> None:
    estate = read(
        {
            "s": {
                "groups": ["configmgr_site_server"],
                "msports_site": ["CAS", "P01", "P02"],
                "msports_hierarchy": {"P01": "CAS"},
                "msports_hierarchy__x": {"P02": "CAS"},
            }
        }
    )
    assert estate.hierarchy == {"P01": "CAS", "P02": "CAS"}


def test_addresses_declared_before_connection_and_shared() -> None:
    host = {"groups": ["configmgr_management_point"]}
    estate = read(
        {
            "a": {**host, "msports_addresses": ["10.0.1.1", "fd00::1", {"address": "10.0.1.20", "shared": True}], "ansible_host": "192.0.2.1"},
            "b": {**host, "msports_addresses": [{"address": "10.0.1.2"}, {"address": "10.0.1.20", "shared": True}]},
            "c": {**host, "ansible_host": "fd00:0::3"},
        }
    )
    assert estate.hosts["a"].addresses.cidrs() == ["10.0.1.1", "10.0.1.20", "fd00::1"]
    assert estate.hosts["b"].addresses.cidrs() == ["10.0.1.2", "10.0.1.20"]
    assert estate.hosts["c"].addresses.cidrs() == ["fd00::3"]


def test_several_names_of_a_machine_without_roles_share_a_connection() -> None:
    estate = read({"a": {"ansible_host": "10.0.0.9"}, "b": {"ansible_host": "10.0.0.9"}, "c": {"ansible_host": "c.example"}})
    assert [host.addresses.cidrs() for host in estate.hosts.values()] == [["10.0.0.9"], ["10.0.0.9"], []]


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (["inventory", "dns", "facts"], "10.1.0.1"),
        (["facts", "dns"], "10.2.0.1"),
        (["dns"], "10.1.0.1"),
    ],
)
def test_addresses_from_dns_and_facts_in_the_order_named(sources: list[str], found: str) -> None:
    host = {"groups": ["configmgr_management_point"], "ansible_host": "mp01.example", "msports_address_from": sources}
    facts = ["127.0.0.1", "169.254.1.1", "10.2.0.1"]
    estate = read({"mp01": host}, resolved={"mp01": ["10.1.0.1"]}, facts={"mp01": facts}, left_out={"mp01": ["172.17.0.1 of docker0"]})
    assert estate.hosts["mp01"].addresses.cidrs() == [found]
    assert any("left out of the facts: 172.17.0.1 of docker0;" in note for note in estate.notes) == (found == "10.2.0.1")


def test_population_inside_declared_networks_needs_no_address() -> None:
    networks = {"configmgr.client": {"P01": ["10.20.0.0/16"]}}
    hosts = {
        "s1": {"groups": ["configmgr_site_server"], "msports_site": "P01", "msports_networks": networks},
        "c1": {"groups": ["configmgr_client"], "msports_site": "P01", "ansible_host": None},
    }
    assert not read(hosts).hosts["c1"].addresses


def test_networks() -> None:
    networks = {
        "configmgr.client": {"P01": ["10.20.0.0/16", "10.21.0.0-10.21.0.9"], "P02": []},
        "configmgr.console": [],
        "internet": ["any"],
        "windows_server.dns_server": ["10.0.0.53"],
        "configmgr.microsoft": ["0.0.0.0/0"],
    }
    estate = read({"mp01": {"groups": ["configmgr_management_point"], "msports_site": ["P01", "P02"], "msports_networks": networks}})
    assert estate.networks["configmgr.client"] == {"P01": Addresses.parse(["10.20.0.0/16", "10.21.0.0-10.21.0.9"]), "P02": Addresses()}
    assert estate.networks["internet"] == {None: ANY}
    assert estate.networks["windows_server.dns_server"] == {None: Addresses.parse(["10.0.0.53"])}
    assert estate.explicit_empty == {"configmgr.console"}


def test_management_from_every_kind_of_end() -> None:
    ends = ["10.9.0.0/24", "group:awx", "host:admin", "configmgr.console", "any"]
    hosts = {
        "mp01": {
            "groups": ["configmgr_management_point"],
            "msports_management": {"from": ends, "services": ["ssh", "tcp/8000-8001", "https"]},
            "msports_networks": {"configmgr.console": ["10.5.0.0/24"]},
        },
        "awx2": {"groups": ["awx"]},
        "awx1": {"groups": ["awx"]},
        "admin": {"groups": ["configmgr_console"]},
    }
    management = read_estate(inventory(hosts), catalogs(), {"https": 443}).hosts["mp01"].management
    assert management.services == ("https", "ssh", "tcp/8000-8001")
    assert management.ports == (PortRange(22, 22), PortRange(443, 443), PortRange(8000, 8001))
    assert management.sources == (
        Selection("10.9.0.0/24", Addresses.parse(["10.9.0.0/24"])),
        Selection("any", ANY),
        Selection("configmgr.console", Addresses.parse(["10.5.0.0/24"]), ("admin",)),
        Selection("group:awx", hosts=("awx1", "awx2")),
        Selection("host:admin", hosts=("admin",)),
    )


def test_well_known_services_serve_as_names() -> None:
    services = {name: service.port for name, service in well_known().items() if service.protocol == "tcp"}
    given = inventory({"mp01": {"groups": ["configmgr_management_point"], "msports_management": {"from": ["any"], "services": ["ftp"]}}})
    assert read_estate(given, catalogs(), services).hosts["mp01"].management.ports == (PortRange(21, 21),)


@pytest.mark.parametrize(
    "host",
    [
        {"msports_default_inbound": "keep"},
        {"msports_default_inbound": "allow"},
        {"msports_managed": False},
        {"ansible_connection": "winrm"},
        {"ansible_connection": "ansible.builtin.psrp"},
        {"ansible_shell_type": "powershell"},
        {"msports_system": "windows"},
    ],
)
def test_who_needs_no_management(host: dict[str, t.Any]) -> None:
    assert one(**host, msports_management=None).management is None


def test_system() -> None:
    assert one().system == "linux"
    assert one(ansible_connection="winrm").system == "windows"
    assert one(ansible_connection="winrm", msports_system="linux").system == "linux"
    assert one(ansible_shell_type="sh").system == "linux"


def test_allow() -> None:
    entries = [
        {"name": "web", "in": ["tcp/80,443", "udp/443"], "from": ["any"], "because": "CHG-1", "until": "2027-01-31"},
        {"name": "ping", "out": "icmp_echo", "to": ["host:mp01"], "because": 7, "until": datetime.date(2020, 1, 1)},
    ]
    everyone = (Selection("any", ANY),)
    until = datetime.date(2027, 1, 31)
    assert one(msports_allow=entries).allow == (
        Allow("ping", "out", "icmp_echo", (), (Selection("host:mp01", hosts=("mp01",)),), "7", datetime.date(2020, 1, 1)),
        Allow("web", "in", "tcp", (PortRange(80, 80), PortRange(443, 443)), everyone, "CHG-1", until),
        Allow("web", "in", "udp", (PortRange(443, 443),), everyone, "CHG-1", until),
    )
    assert one(msports_allow=[{**entries[0], "until": datetime.datetime(2027, 1, 31, 12)}]).allow[0].until == until


def test_estate_wide_values() -> None:
    estate = read(
        {
            "mp01": {
                "groups": ["configmgr_management_point"],
                "msports_default_outbound": "block",
                "msports_infrastructure": {
                    "dns": ["10.0.0.53", "fd00::53"],
                    "ntp": ["10.0.0.123"],
                    "dhcp_relays": ["10.0.0.67"],
                    "proxy": [{"address": "10.1.1.1", "port": 8080}],
                },
                "msports_excluded_flows": [{"flow": "configmgr.client.*.https.tcp", "because": "HTTP only"}],
                "msports_not_deployed": ["configmgr.console", "databox.lan_client"],
                "msports_supplements": ["peer_cache"],
                "msports_releases": {"configmgr": 1802},
                "msports_dynamic_ports": "32768-60999",
                "msports_windows_profiles": ["public", "domain"],
                "msports_ping": ["10.9.0.0/24"],
            },
            "other": {},
        }
    )
    assert estate.dns.cidrs() == ["10.0.0.53", "fd00::53"]
    assert (estate.ntp.cidrs(), estate.dhcp_relays.cidrs(), estate.proxies) == (["10.0.0.123"], ["10.0.0.67"], (Proxy("10.1.1.1", 8080),))
    assert estate.excluded_flows == (ExcludedFlow("configmgr.client.*.https.tcp", "HTTP only"),)
    assert estate.not_deployed == {"configmgr.console", "databox.lan_client"}
    assert estate.supplements == ("peer_cache",)
    assert estate.releases == {"configmgr": "1802", "databox": "2019-12", "exchange": "2013", "windows_server": "2023-12"}
    assert estate.editions["configmgr"] == "1806"
    assert estate.hosts["mp01"].windows_profiles == ("domain", "public")
    assert estate.hosts["mp01"].dynamic_ports == (PortRange(32768, 60999),)
    assert estate.hosts["mp01"].ping == (Selection("10.9.0.0/24", Addresses.parse(["10.9.0.0/24"])),)
    assert estate.today == datetime.date(2026, 11, 21)


def test_values_for_ends_given_as_networks() -> None:
    """Features unite; a setting counts where all hosts that declare it agree."""
    estate = read(
        {
            "a": {"msports_features": ["configmgr.pxe"], "msports_settings": {"configmgr.client_https": 8443, "configmgr.client_roaming": False}},
            "b": {"msports_features": ["exchange.imap4"], "msports_settings": {"configmgr.client_https": 9443, "configmgr.client_roaming": False}},
            "c": {},
        }
    )
    assert estate.features == {"configmgr.pxe", "exchange.imap4"}
    assert estate.settings == {"configmgr.client_roaming": False}


def test_types_of_settings() -> None:
    values = {
        "configmgr.client_https": "8443",
        "configmgr.multicast_ports": [63000, "63001-63010"],
        "configmgr.multicast_addresses": ["239.1.1.1", "ff05::1"],
        "configmgr.trusted_networks": ["10.1.0.0/16", "10.0.0.0/16"],
    }
    assert one(msports_settings=values).settings == {
        "configmgr.client_https": 8443,
        "configmgr.multicast_ports": ("63000-63010",),
        "configmgr.multicast_addresses": ("239.1.1.1", "ff05::1"),
        "configmgr.trusted_networks": ("10.0.0.0/15",),
    }
    assert one(msports_settings={"configmgr.multicast_ports": 63000}).settings == {"configmgr.multicast_ports": ("63000",)}


@pytest.mark.parametrize(("http", "https"), [(80, 443), (8530, 8531), (9000, 9001)])
def test_wsus_ports_that_pair(http: int, https: int) -> None:
    host = {"groups": ["configmgr_software_update_point"], "msports_settings": {"configmgr.wsus_http": http, "configmgr.wsus_https": https}}
    assert read({"sup": host}).hosts["sup"].settings["configmgr.wsus_https"] == https


def test_wsus_ports_without_a_catalog_that_knows_them() -> None:
    assert wsus_pair({"configmgr.wsus_http": 80}) is None


def test_multicast_with_groups() -> None:
    entry = {"role": "configmgr.distribution_point", "settings": {"multicast_addresses": ["239.1.1.1"]}}
    assert read({"dp": {"msports_roles": [entry], "msports_features": ["configmgr.multicast"]}}).hosts["dp"].features == {"configmgr.multicast"}


def test_releases_and_paths_come_before_catalogs() -> None:
    given = inventory(
        {
            "a": {"msports_roles": ["x"]},
            "b": {"msports_releases": {"configmgr": 1806}, "msports_releases__x": {"exchange": "2013", "databox": None, "windows_server": "R2"}},
            "c": {"msports_releases": {"configmgr": "1902"}, "msports_catalog_paths": ["b", "a", 5]},
        }
    )
    declared = {
        "releases.configmgr": "estate: msports_releases.configmgr",
        "releases.exchange": "estate: msports_releases__x.exchange",
        "catalog_paths[0]": "estate: msports_catalog_paths[0]",
        "catalog_paths[1]": "estate: msports_catalog_paths[1]",
    }
    assert asked_for(given) == Asked({"configmgr": "1806", "exchange": "2013"}, ("b", "a"), declared)
    assert asked_for(inventory({"a": {"msports_releases": [], "msports_catalog_paths": "x"}})) == Asked({}, (), {})


def _company() -> dict[str, t.Any]:
    """Read the example inventory the way the border does."""
    loader = DataLoader()
    source = pathlib.Path(__file__).resolve().parents[5] / "docs" / "examples" / "small_company" / "inventory.yml"
    manager = InventoryManager(loader=loader, sources=[str(source)])
    variables = VariableManager(loader=loader, inventory=manager)
    hosts = {}
    for host in manager.get_hosts():
        seen = to_plain({key: value for key, value in variables.get_vars(host=host).items() if key.startswith(("msports_", "ansible_host"))})
        hosts[host.name] = {"vars": seen, "groups": [group.name for group in host.get_groups()]}
    groups = {name: [host.name for host in group.get_hosts()] for name, group in manager.groups.items()}
    return {"hosts": hosts, "groups": groups, "whole": True, "today": "2026-11-21"}


def test_example_company_with_the_catalogs_of_the_collection() -> None:
    estate = read_estate(_company(), load_catalogs())
    assert len(estate.hosts) >= 16
    assert not estate.hosts["databox01"].managed
    assert estate.hosts["sup01"].holding("configmgr.wsus_server").settings == {"configmgr.wsus_http": 80, "configmgr.wsus_https": 443}
    assert estate.hosts["linux01"].holding("databox.lan_client") is not None
    assert estate.hierarchy == {"P01": "CAS"}
    assert estate.sites == {"configmgr": ("CAS", "P01")}
