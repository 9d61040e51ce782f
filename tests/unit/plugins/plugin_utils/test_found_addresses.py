# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that the inventory does not have: what DNS answers, and what hosts reported of themselves."""

from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._facts import own_addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of

ZONE = {"mp01.corp.example": ["10.0.1.11", "fd00::11"], "mp02": ["10.0.1.12"]}
DNS = {"msports_address_from": ["inventory", "dns"]}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answer from ``ZONE`` instead of the network, and return the list of names that are asked for."""
    names: list[str] = []

    def getaddrinfo(host: str, port: t.Any, *args: t.Any, **kwargs: t.Any) -> list[t.Any]:
        names.append(host)
        if host not in ZONE:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        # As the resolver does: not sorted, and one answer for each kind of socket.
        found = [(socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 0)) for text in reversed(ZONE[host])]
        return found * 2

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def test_names_are_looked_up_for_hosts_without_an_address(asked: list[str]) -> None:
    hosts = {
        "mp01": {**DNS, "ansible_host": "mp01.corp.example"},
        "mp02": {},
        "lost": {"ansible_host": "lost.corp.example"},
        "known": {"ansible_host": "10.0.1.14"},
        "known6": {"ansible_host": "fd00::14"},
        "declared": {"msports_addresses": ["10.0.1.15"]},
        "declared2": {"msports_addresses__x": ["10.0.1.16"]},
    }
    assert inventory_of(hosts)["resolved"] == {"mp01": ["10.0.1.11", "fd00::11"], "mp02": ["10.0.1.12"]}
    assert asked == ["mp01.corp.example", "mp02", "lost.corp.example"]


@pytest.mark.parametrize("sources", [{}, {"msports_address_from": ["inventory", "facts"]}])
def test_dns_is_asked_only_when_it_is_named(asked: list[str], sources: dict[str, t.Any]) -> None:
    assert inventory_of({"mp02": sources})["resolved"] == {}
    assert asked == []


def test_one_host_that_names_a_source_is_enough(asked: list[str]) -> None:
    assert inventory_of({"a": {}, "mp02": {"msports_address_from__x": ["dns"]}})["resolved"] == {"mp02": ["10.0.1.12"]}


def interface(device: str, *addresses: str, kind: str = "ether", **more: t.Any) -> dict[str, t.Any]:
    """Return the facts of one interface: the first IPv4 address, its further ones, and those of IPv6."""
    found: dict[str, t.Any] = {"device": device, "type": kind, "active": True, **more}
    old = [{"address": text} for text in addresses if ":" not in text]
    new = [{"address": text, "prefix": "64", "scope": "link" if text.startswith("fe80") else "global"} for text in addresses if ":" in text]
    if old:
        found["ipv4"] = old[0]
    if old[1:]:
        found["ipv4_secondaries"] = old[1:]
    if new:
        found["ipv6"] = new
    return found


def facts(*interfaces: dict[str, t.Any]) -> dict[str, t.Any]:
    texts = [
        item["address"]
        for one in interfaces
        for key in ("ipv4", "ipv4_secondaries", "ipv6")
        for item in ([one[key]] if key == "ipv4" and key in one else one.get(key, []))
    ]
    return {
        "interfaces": [one["device"] for one in interfaces],
        **{one["device"].replace("-", "_").replace(".", "_"): one for one in interfaces},
        "all_ipv4_addresses": [text for text in texts if ":" not in text],
        "all_ipv6_addresses": [text for text in texts if ":" in text],
    }


BRIDGE = "a bridge of containers or virtual machines"


@pytest.mark.parametrize(
    ("interfaces", "kept", "left"),
    [
        ([interface("eth0", "10.0.1.11", "10.0.1.12", "fd00::11")], ["10.0.1.11", "10.0.1.12", "fd00::11"], []),
        ([interface("eth0", "10.0.1.11"), interface("docker0", "172.17.0.1", kind="bridge")], ["10.0.1.11"], [f"172.17.0.1 of docker0 ({BRIDGE})"]),
        (
            [interface("br-0123456789ab", "172.31.0.1", kind="bridge", interfaces=["veth1a2b3c4"]), interface("eth0", "172.18.7.7")],
            ["172.18.7.7"],
            [f"172.31.0.1 of br-0123456789ab ({BRIDGE})"],
        ),
        ([interface("virbr0", "192.168.122.1", kind="bridge", interfaces=["virbr0-nic", "vnet3"])], [], [f"192.168.122.1 of virbr0 ({BRIDGE})"]),
        ([interface("lab", "10.44.0.1", kind="bridge", interfaces=["vethabc"])], [], [f"10.44.0.1 of lab ({BRIDGE})"]),
        (
            [interface("cni-podman0", "10.88.0.1", "fd00:88::1", kind="bridge")],
            [],
            [f"10.88.0.1 of cni-podman0 ({BRIDGE})", f"fd00:88::1 of cni-podman0 ({BRIDGE})"],
        ),
        ([interface("flannel.1", "10.42.0.0", kind="unknown")], [], [f"10.42.0.0 of flannel.1 ({BRIDGE})"]),
        ([interface("eno1", "192.168.122.10", pciid="0000:01:00.0")], ["192.168.122.10"], []),
        ([interface("br0", "10.0.3.5", kind="bridge", interfaces=["eno1", "vnet0"])], ["10.0.3.5"], []),
        ([interface("virbr7", "10.0.3.5", kind="bridge", interfaces=["bond0.12"])], ["10.0.3.5"], []),
        ([interface("tap0", "10.0.3.5", pciid="virtio3")], ["10.0.3.5"], []),
        ([interface("dockside", "10.0.3.5")], ["10.0.3.5"], []),
        ([interface("eth0", "10.0.1.5"), interface("docker0", "10.0.1.5", kind="bridge")], ["10.0.1.5", "10.0.1.5"], []),
        (
            [interface("eth0", "2001:db8::5054:ff:fe12:3456", "2001:db8::aa:bb:cc:dd", "fe80::1", "fe80::2", macaddress="52:54:00:12:34:56")],
            ["2001:db8::5054:ff:fe12:3456", "fe80::1", "fe80::2"],
            ["2001:db8::aa:bb:cc:dd of eth0 (several in one IPv6 network, so it may be temporary)"],
        ),
        (
            [interface("eth0", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")],
            ["2001:db8:0:1::1"],
            [f"2001:db8::{number} of eth0 (several in one IPv6 network, so it may be temporary)" for number in (1, 2)],
        ),
    ],
)
def test_an_interface_decides_whose_an_address_is(interfaces: list[dict[str, t.Any]], kept: list[str], left: list[str]) -> None:
    assert own_addresses(facts(*interfaces)) == (kept, left)


def test_addresses_whose_interface_is_not_told_are_the_hosts() -> None:
    assert own_addresses({"all_ipv4_addresses": ["172.17.0.1"], "interfaces": [{"interface_name": "Ethernet"}, "gone"]}) == (["172.17.0.1"], [])
    assert own_addresses({}) == ([], [])


def test_facts_are_read_only_when_they_are_named() -> None:
    reported = facts(interface("eth0", "10.0.1.11"), interface("docker0", "172.17.0.1", kind="bridge"))
    found = inventory_of({"mp01": {"ansible_facts": reported, "msports_address_from": ["facts"]}, "new": {}})
    assert (found["facts"], found["left_out"]) == ({"mp01": ["10.0.1.11"]}, {"mp01": [f"172.17.0.1 of docker0 ({BRIDGE})"]})
    found = inventory_of({"mp01": {"ansible_facts": reported}})
    assert (found["facts"], found["left_out"]) == ({}, {})
