# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which of the addresses that a host reported are its own: not those of bridges for containers, and none that are temporary.

An interface decides, not a range: Docker takes whatever network is free, and a company may well use a range that some manager likes.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from collections.abc import Mapping

ALL = ("all_ipv4_addresses", "all_ipv6_addresses")
KINDS = ("ipv4", "ipv4_secondaries", "ipv6")
# Interfaces that managers of containers and virtual machines make: their bridges, and the ends that they plug into these.
_MADE = re.compile(
    r"(?:docker|podman|cni|cni-podman|nerdctl|virbr|lxcbr|lxdbr|incusbr|veth|vnet|tap|flannel|cali|cilium|weave|kube-)[A-Za-z0-9._-]*$|br-[0-9a-f]{12}$"
)
Facts = t.Mapping[str, t.Any]


def own_addresses(facts: Facts) -> t.Tuple[list[str], list[str]]:
    """Return the addresses of a host from its facts, and a phrase for each that was left out: address, interface and reason."""
    kept: set[str] = set()
    left: dict[str, str] = {}
    for interface in _interfaces(facts):
        found = _addresses(interface)
        device = str(interface.get("device", "an interface"))
        if _for_containers(interface):
            left.update((address, f"{address} of {device} (a bridge of containers or virtual machines)") for address in found)
            continue
        doubtful = _maybe_temporary(found, str(interface.get("macaddress", "")))
        left.update((address, f"{address} of {device} (several in one IPv6 network, so it may be temporary)") for address in doubtful)
        kept.update(address for address in found if address not in doubtful)
    addresses = [str(address) for key in ALL for address in facts.get(key) or ()]
    return [address for address in addresses if address in kept or address not in left], sorted(left[address] for address in set(left) - kept)


def _interfaces(facts: Facts) -> t.Iterator[Facts]:
    for name in facts.get("interfaces") or ():
        interface = next((facts[key] for key in (name, re.sub(r"\W", "_", str(name))) if isinstance(name, str) and key in facts), None)
        if isinstance(interface, Mapping):
            yield {"device": name, **interface}


def _addresses(interface: Facts) -> list[str]:
    values = (interface.get(kind) or () for kind in KINDS)
    return [str(item["address"]) for value in values for item in ([value] if isinstance(value, Mapping) else value) if "address" in item]


def _for_containers(interface: Facts) -> bool:
    """Tell whether nothing but containers is behind an interface: it was made for them, or is a bridge without a port to any network.

    What has hardware, or a bridge with another interface of the host's in it, is the host's own whatever its name.
    """
    if interface.get("pciid"):
        return False
    ports = interface.get("interfaces") or ()
    if any(not _MADE.match(str(port)) for port in ports if str(port) != f"{interface['device']}-nic"):
        return False
    return interface.get("type") == "bridge" or bool(_MADE.match(str(interface["device"])))


def _maybe_temporary(addresses: t.Sequence[str], hardware: str) -> set[str]:
    """Return IPv6 addresses that may be temporary. Facts do not tell, but temporary ones stand beside another one in the same network.

    Which of several is the lasting one shows only where it is made from the hardware address.
    """
    networks: dict[int, list[str]] = {}
    for address in addresses:
        if ":" in address and "%" not in address:
            number = int(ipaddress.IPv6Address(address))
            if not ipaddress.IPv6Address(number).is_link_local:
                networks.setdefault(number >> 64, []).append(address)
    lasting = _interface_id(hardware)
    return {address for same in networks.values() if len(same) > 1 for address in same if int(ipaddress.IPv6Address(address)) & (1 << 64) - 1 != lasting}


def _interface_id(hardware: str) -> t.Optional[int]:
    """Return the lower half of the addresses that are made from a hardware address (modified EUI-64), or ``None``."""
    digits = hardware.replace(":", "").replace("-", "")
    if not re.fullmatch("[0-9a-fA-F]{12}", digits):
        return None
    return int(f"{digits[:6]}fffe{digits[6:]}", 16) ^ (2 << 56)
