# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says of a host's addresses is held against the interfaces that a real kernel tells."""

from __future__ import annotations

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import netlink, own_addresses
from network_namespaces import run


@pytest.fixture
def cards(network: None) -> None:
    run("ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up")
    run("ip addr add 192.0.2.21/24 dev v0; ip addr add 192.0.2.22 peer 198.51.100.9 dev v1; ip addr add fd00::21/64 dev v0 nodad")


def test_addresses_that_others_may_reach_are_read_in_one_spelling(cards: None) -> None:
    """Of an interface with two ends the own one; neither loopback nor what holds on one link only."""
    assert own_addresses.own_addresses() == ["192.0.2.21", "192.0.2.22", "fd00::21"]


@pytest.mark.parametrize("planned", [["192.0.2.21"], ["192.0.2.20/31"], ["203.0.113.21", "fd00::21"], []], ids=str)
def test_one_of_them_is_enough(cards: None, planned: list[str]) -> None:
    assert own_addresses.warnings(planned) == []


def test_none_of_them_is_a_warning_that_names_both(cards: None) -> None:
    """Translation is legitimate, so it is no more than that."""
    (told,) = own_addresses.warnings(["203.0.113.21", "203.0.113.22"])
    assert "(203.0.113.21, 203.0.113.22); there are 192.0.2.21, 192.0.2.22, fd00::21." in told


def test_what_cannot_be_read_is_no_reason_for_a_warning(cards: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> list[bytes]:
        raise OSError("no netlink here")

    monkeypatch.setattr(netlink, "ask", refused)
    assert own_addresses.warnings(["203.0.113.21"]) == []


def test_a_host_without_any_address_is_reached_in_another_way(network: None) -> None:
    assert own_addresses.warnings(["203.0.113.21"]) == []
