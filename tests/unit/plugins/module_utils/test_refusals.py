# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``management``, which every backend guards: what cannot guard anything is refused in words."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils import _refusals
from ansible_collections.portcullis.msports.plugins.module_utils._options import defaults
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import network

PORT = "expected a TCP port (0-65535) or first-last"


@pytest.mark.parametrize(
    ("management", "problems"),
    [
        ({}, []),
        ({"addresses": [], "ports": []}, []),
        ({"addresses": None, "ports": None}, []),
        ({"addresses": [], "ports": ["22"]}, []),
        ({"addresses": ["10.9.0.0/24", "any", "10.0.0.1-10.0.0.9"], "ports": ["22", 5986, "tcp/3389", "6000-6010", "0", "65535"]}, []),
        ({"addresses": ["any"], "ports": ["70000"]}, [f"management.ports[0]: '70000': {PORT}"]),
        ({"addresses": ["any"], "ports": ["9-1"]}, [f"management.ports[0]: '9-1': {PORT}"]),
        ({"addresses": ["any"], "ports": ["22", "ssh", "udp/53"]}, [f"management.ports[1]: 'ssh': {PORT}", f"management.ports[2]: 'udp/53': {PORT}"]),
        (
            {"addresses": ["::ffff:10.9.0.5"], "ports": ["22"]},
            ["management.addresses[0]: '::ffff:10.9.0.5': is an IPv4 address in IPv6 form: write it as IPv4"],
        ),
        (
            {"addresses": ["fe80::1%eth0"], "ports": ["22"]},
            ["management.addresses[0]: 'fe80::1%eth0': names a zone, which means something on one host only: write the address without it"],
        ),
        ({"addresses": ["host"], "ports": ["22"]}, ["management.addresses[0]: 'host': expected an IP address, a network, first-last or any"]),
        ({"addresses": "any", "ports": "22"}, ["management.addresses: 'any': expected a list", "management.ports: '22': expected a list"]),
        (
            {"adresses": ["any"], "port": ["22"], "colour": 1},
            [
                "management.adresses: unknown key, did you mean 'addresses'?; expected one of addresses, ports",
                "management.colour: unknown key; expected one of addresses, ports",
                "management.port: unknown key, did you mean 'ports'?; expected one of addresses, ports",
            ],
        ),
        ({"addresses": ["any"]}, ["management.ports: missing; addresses without ports guard nothing, write the TCP ports that the host is managed by"]),
        (
            {"addresses": ["any"], "ports": []},
            ["management.ports: missing; addresses without ports guard nothing, write the TCP ports that the host is managed by"],
        ),
        ({"ports": ["22"]}, ["management.addresses: missing; ports without addresses guard nothing, write from where the host is managed"]),
    ],
)
def test_management(management: dict[str, t.Any], problems: list[str]) -> None:
    assert _refusals.management_problems(management) == problems
    options = {**defaults("nftables"), "management": management}
    assert _refusals.examined_rules(options) == ([], problems)
    if problems:
        with pytest.raises(_refusals.Refused):
            _refusals.checked_rules(options)


@pytest.mark.parametrize("text", ["::ffff:10.9.0.5", "::ffff:10.9.0.0/120", "::ffff:10.9.0.5-::ffff:10.9.0.9", "fd00::1%eth0", "10.9.0.5%2"])
def test_an_address_that_no_packet_has_is_refused_as_the_planner_refuses_it(text: str) -> None:
    """The guard would find it admitted, and nobody would be."""
    options = {
        "rules": [{"name": "ssh", "direction": "in", "protocol": "tcp", "remote_addresses": [text], "local_addresses": [text]}],
        "address_sets": {"s": [text]},
        "management": {"addresses": [text], "ports": ["22"]},
    }
    with pytest.raises(_refusals.Refused) as caught:
        _refusals.checked_rules(options)
    with pytest.raises(ValueError, match="in IPv6 form|names a zone") as planner:
        network(text)
    places = ["address_sets.s[0]", "rules[0].remote_addresses[0]", "rules[0].local_addresses[0]", "management.addresses[0]"]
    assert caught.value.problems == [f"{place}: {text!r}: {planner.value}" for place in places]
