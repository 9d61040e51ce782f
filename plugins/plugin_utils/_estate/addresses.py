# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Addresses of hosts and networks: what is one, what never is, where a host's come from, and whose they are."""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.module_utils._addresses import odd_form
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, items, only_keys
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, NOBODY, Addresses, parse_one, union

SOURCES = ("inventory", "dns", "facts")
_NAME = re.compile(r"^(?=.*[A-Za-z])[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$")
NAME_REASON = "is a name, and rules hold addresses: what a name resolves to can change without the rules; write the address"
_NEVER = tuple(
    (parse_one(network), word)
    for network, word in (
        ("0.0.0.0/8", "stands for no host in particular"),
        ("127.0.0.0/8", "is a loopback address, which no other host can reach"),
        ("169.254.0.0/16", "is a link-local address, which holds on one link only"),
        ("224.0.0.0/4", "is a multicast address, which is no host's"),
        ("255.255.255.255", "is the broadcast address, which is no host's"),
        ("::", "stands for no host in particular"),
        ("::1", "is a loopback address, which no other host can reach"),
        ("fe80::/10", "is a link-local address, which holds on one link only"),
        ("ff00::/8", "is a multicast address, which is no host's"),
    )
)


@dataclass(frozen=True)
class Declared:
    """One address of a host as it was declared: where, and whether several hosts share it."""

    path: str
    text: str
    addresses: Addresses
    shared: bool = False


@functools.lru_cache(maxsize=65536)
def host_address(text: str) -> Addresses:
    """Return one address of a host; raise :class:`ValueError` with a phrase that says why ``text`` is none."""
    if "/" in text or ("-" in text and not _NAME.match(text)):
        raise ValueError("is no single address: a host has addresses, networks belong into msports_networks")
    return _usable(text, "an IP address")


@functools.lru_cache(maxsize=65536)
def network(text: str) -> Addresses:
    """Return an address, network, range or ``any``; raise :class:`ValueError` with a phrase that says why ``text`` is none."""
    if text == "any":
        return ANY
    return _usable(text, "an IP address, a network in CIDR form, a range first-last, or the word any")


def _usable(text: str, what: str) -> Addresses:
    try:
        interval = parse_one(text.partition("%")[0])
    except ValueError:
        if _NAME.match(text) and ":" not in text:
            raise ValueError(NAME_REASON) from None
        try:
            right = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"expected {what}") from None
        raise ValueError(f"has bits set behind its prefix: the network is {right}") from None
    for (version, low, high), word in _NEVER:
        if interval[0] == version and low <= interval[1] and interval[2] <= high:
            raise ValueError(word)
    odd = odd_form(text)
    if odd:
        raise ValueError(odd)
    return Addresses((interval,))


def read_address(value: t.Any, path: str, problems: ProblemCollector, read: t.Callable[[str], Addresses] = host_address) -> Addresses:
    """Return what ``read`` makes of a value that may be anything; ``NOBODY`` and a problem where it makes nothing."""
    if not isinstance(value, str):
        problems.add(path, value, "expected an IP address as text" if read is host_address else "expected an address or a network as text, like '10.20.0.0/16'")
        return NOBODY
    try:
        return read(value)
    except ValueError as error:
        problems.add(path, value, str(error))
        return NOBODY


def parse_declared(declared: Declarations, problems: ProblemCollector) -> t.Tuple[Declared, ...]:
    """Read ``msports_addresses``: texts, or mappings ``{address: ..., shared: true}``."""
    found: list[Declared] = []
    for path, item in items(declared):
        shared = False
        if isinstance(item, Mapping):
            only_keys(item, ("address", "shared"), path, problems)
            shared = item.get("shared", False)
            if not isinstance(shared, bool):
                problems.add(f"{path}.shared", shared, "expected true or false")
                shared = False
            if "address" not in item:
                problems.add(path, item, "expected the key address")
                continue
            path, item = f"{path}.address", item["address"]
        addresses = read_address(item, path, problems)
        if addresses:
            found.append(Declared(path, item, addresses, shared))
    return tuple(found)


def parse_sources(declared: Declarations, problems: ProblemCollector) -> t.Tuple[str, ...]:
    """Read ``msports_address_from``: where addresses come from, in this order."""
    found = []
    for path, item in items(declared):
        if item in SOURCES:
            found.append(item)
        else:
            problems.add(path, item, "expected inventory, dns or facts", SOURCES)
    return tuple(found)


class HostAddresses:
    """The addresses of every host, and why a host has none."""

    def __init__(self, reader: Reader, inventory: Mapping[str, t.Any], sources: t.Sequence[str]) -> None:
        self._reader = reader
        self._sources = sources
        self._found = {"dns": inventory.get("resolved") or {}, "facts": inventory.get("facts") or {}}
        self._left_out: Mapping[str, t.Sequence[str]] = inventory.get("left_out") or {}
        self._declared: dict[str, t.Tuple[Declared, ...]] = {}
        self.of: dict[str, Addresses] = {}
        self.notes: list[str] = []
        for host in reader.hosts:
            declared = reader.host_value(host, "msports_addresses", parse_declared, ())
            self._declared[host] = declared or self._elsewhere(host)
            self.of[host] = union(item.addresses for item in self._declared[host])

    def _elsewhere(self, host: str) -> t.Tuple[Declared, ...]:
        for source in self._sources:
            texts: t.Sequence[t.Any]
            if source == "inventory":
                path, texts = "ansible_host", [self._reader.variables[host].get("ansible_host")]
            else:
                path, texts = source, self._found[source].get(host) or []
            found = [item for text in texts for item in self._usable(text, path)]
            if source == "facts" and host in self._left_out:
                self.notes.append(f"{host}: left out of the facts: {', '.join(self._left_out[host])}; declare in msports_addresses what peers reach it by")
            if found:
                return tuple(found)
        return ()

    @staticmethod
    def _usable(text: t.Any, path: str) -> t.Iterator[Declared]:
        """Yield the address that a source other than ``msports_addresses`` gave, if it is one that others can reach."""
        try:
            addresses = host_address(text) if isinstance(text, str) else NOBODY
        except ValueError:
            return
        if addresses:
            yield Declared(path, text, addresses)

    def why_none(self, host: str, populations: t.Sequence[str]) -> str:
        """Say what to do for a host that others must reach and that has no address; networks would do for ``populations``."""
        reasons, looked_up = [], False
        name = self._reader.variables[host].get("ansible_host")
        if isinstance(name, str) and name:
            try:
                host_address(name)
                reasons.append(f"ansible_host {name!r} is not asked, because msports_address_from does not name inventory")
            except ValueError as error:
                is_name = str(error) == NAME_REASON
                reasons.append(f"ansible_host {name!r} is a name" if is_name else f"ansible_host {name!r} {error}")
                looked_up = is_name and "dns" not in self._sources
        if "dns" in self._sources:
            reasons.append("DNS gave no usable one")
        if "facts" in self._sources:
            left = ", ".join(self._left_out.get(host, ()))
            reasons.append(f"its facts were left out: {left}" if left else "no facts of it gave a usable one: it must have been played")
        ways = " or ".join(["msports_addresses", *(f"msports_networks.{role} for its site" for role in populations)])
        if looked_up:
            ways += ", or look names up with each plan (msports_address_from: [inventory, dns])"
        return f"no address, so no peer could name it in a rule: set {ways}" + (f" ({'; '.join(reasons)})" if reasons else "")

    def check_owners(self, holders: t.Container[str]) -> None:
        """One address on two hosts is a problem, unless each of them declares it as shared.

        Hosts without roles count only with what they declare: several names of one machine may well have one ``ansible_host``.
        """
        owners: dict[Addresses, dict[str, Declared]] = {}
        for host, declared in self._declared.items():
            for item in declared:
                if host in holders or item.path.startswith("msports_addresses"):
                    owners.setdefault(item.addresses, {}).setdefault(host, item)
        for claims in owners.values():
            alone = {host: item for host, item in claims.items() if not item.shared}
            if len(claims) > 1 and alone:
                self._tell(claims, alone)

    def _tell(self, claims: Mapping[str, Declared], alone: Mapping[str, Declared]) -> None:
        sharing = next((host for host, item in claims.items() if item.shared), None)
        first = next(iter(claims))
        for host, item in alone.items():
            if sharing:
                self._reader.add(
                    host, item.path, item.text, f"{sharing} declares it as shared, and so must every holder: write {{address: {item.text}, shared: true}}"
                )
            elif host != first:
                self._reader.add(
                    host, item.path, item.text, f"{first} has this address too; several hosts have one only where each declares it with shared: true"
                )
