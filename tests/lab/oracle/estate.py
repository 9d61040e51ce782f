# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The inventory as the oracle reads it: who each host is, from where it is seen, and what it wants."""

import functools
import ipaddress
import typing as t
from dataclasses import dataclass

from .catalogs import Catalogs, full_name

Vars = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class End:
    """One role that a host holds, or that its address stands for (``host`` is None then, and the estate's values count)."""

    role: str
    host: str | None
    sites: tuple[str, ...]
    settings: Vars
    features: frozenset[str]
    implied: bool = False


class Host:
    """One inventory host: ``held`` are the roles of its own."""

    def __init__(self, name: str, variables: Vars, groups: t.Sequence[str]) -> None:
        self.name, self.variables, self.groups = name, variables, groups
        self.held: list[End] = []
        self.all_of = functools.cache(self._all_of)  # every pair asks again
        given = self.all_of("addresses") or [variables.get("ansible_host")]
        self.addresses = [address for address in map(_address, given) if address]

    def _all_of(self, name: str) -> t.Any:
        """``msports_<name>`` joined with every ``msports_<name>__<suffix>``; None when nobody says anything."""
        names = sorted(key for key in self.variables if key == f"msports_{name}" or key.startswith(f"msports_{name}__"))
        joined = None
        for key in names:
            joined = _join(joined, self.variables[key])
        return joined

    def address(self, family: int) -> t.Any:
        return next((address for address in self.addresses if address.version == family), None)

    @property
    def own(self) -> list[End]:
        """The roles that make rules on this host: what it holds, and being a host at all."""
        return [*self.held, End("any_host", self.name, (), {}, frozenset())] if self.held else []

    @property
    def managed(self) -> bool:
        said = self.all_of("managed")
        return bool(self.held) and (said if said is not None else not any(end.role.endswith(".device") for end in self.held))

    @property
    def strict(self) -> bool:
        return self.managed and self.all_of("default_outbound") == "block"

    @property
    def open(self) -> bool:
        """Nothing of ours stops what comes in. ``keep`` leaves Windows blocking, and Linux as it was: open."""
        default = self.all_of("default_inbound") or "block"
        windows = self.variables.get("ansible_connection") in ("winrm", "psrp")
        return default == "allow" or (default == "keep" and (self.all_of("system") or ("windows" if windows else "linux")) == "linux")

    @property
    def dynamic_ports(self) -> str:
        return str(self.all_of("dynamic_ports") or "49152-65535")


class Estate:
    """All hosts, and what holds for the whole estate (every host that declares it says the same)."""

    def __init__(self, inventory: Vars) -> None:
        self.hosts = {name: Host(name, item.get("vars") or {}, item.get("groups") or ()) for name, item in inventory["hosts"].items()}

    def read_with(self, catalogs: Catalogs) -> None:
        """Give the hosts their roles, once it is known which catalogs this estate uses."""
        self.catalogs = catalogs
        self.parents: dict[str, str] = {str(child): str(parent) for child, parent in (self.whole("hierarchy") or {}).items() if parent}
        self.infrastructure = self.whole("infrastructure") or {}
        self.releases = {**catalogs.editions, **(self.whole("releases") or {})}
        told = [host.all_of("settings") or {} for host in self.hosts.values()]
        names = {name for item in told for name in item}
        self.settings = {name: next(item[name] for item in told if name in item) for name in names if len({str(i[name]) for i in told if name in i}) == 1}
        self.features = frozenset(name for host in self.hosts.values() for name in host.all_of("features") or ())
        for host in self.hosts.values():
            self._give_roles(host)
        self.networks = list(self._networks("networks"))
        self.declared = list(self._networks("infrastructure"))
        self.by_address = functools.cache(self._by_address)
        for host in self.hosts.values():  # a declared DNS server or relay holds the role, where it is a host with roles
            held = {end.role for end in host.held}
            host.held += [end for network, end in self.declared if held and end.role not in held and any(address in network for address in host.addresses)]

    def whole(self, name: str) -> t.Any:
        return next((value for _name, host in sorted(self.hosts.items()) if (value := host.all_of(name)) is not None), None)

    def _give_roles(self, host: Host) -> None:
        entries: list[Vars] = []
        ignored = self.whole("ignore_groups") or ()
        mapping = self.whole("group_roles") or {}
        for group in host.groups:
            if group not in ignored:
                entries += [{"role": role} for role in (*self.catalogs.kinds, *self.catalogs.renamed) if "." in role and role.replace(".", "_") == group]
            entries += map(_entry, as_list(mapping.get(group)))
        entries += map(_entry, as_list(host.all_of("roles")))
        for entry in entries:
            self._give(host, self.catalogs.renamed.get(entry["role"], entry["role"]), as_list(entry.get("site")), entry.get("settings") or {}, implied=False)

    def _give(self, host: Host, role: str, sites: t.Sequence[str], settings: Vars, implied: bool) -> None:
        product = role.split(".")[0]
        declared = host.all_of("site")
        declared = declared.get(product) if isinstance(declared, dict) else declared
        own = () if self.catalogs.shared(role) else tuple(map(str, sites or as_list(declared)))
        values = {**(host.all_of("settings") or {}), **{str(full_name(product, name)): value for name, value in settings.items()}}
        host.held.append(End(role, host.name, own, values, frozenset(host.all_of("features") or ()), implied))
        for more in self.catalogs.implies.get(role, ()):
            same = more.split(".")[0] == product
            self._give(host, more, sites if same else (), settings if same else {}, implied=True)

    def _networks(self, variable: str) -> t.Iterator[tuple[t.Any, End]]:
        """The ends that are declared as addresses: (network, end), one for each network."""
        given = self.whole(variable) or {}
        if variable == "infrastructure":
            given = {role: given[name] for name, role in INFRASTRUCTURE.items() if name in given}
        for role, places in given.items():
            for site, networks in places.items() if isinstance(places, dict) else [(None, places)]:
                sites = (str(site),) if site is not None and not self.catalogs.shared(role) else ()
                for network in (item for text in as_list(networks) for item in network_of(text)):
                    yield network, End(role, None, sites, self.settings, self.features)

    def _by_address(self, address: t.Any) -> list[End]:
        """What firewalls take an address for: the roles in whose declared networks it lies, and the Internet."""
        known = {end.role for _network, end in self.networks}
        found = [end for network, end in self.networks if address in network]
        roles = {end.role for end in found}
        public = address.is_global and not address.is_multicast and not address.is_reserved and not roles
        if "internet" in roles or (public and "internet" not in known):  # and all external ends without networks of their own
            outside = [role for role, kind in self.catalogs.kinds.items() if kind == "external" and role not in known | roles]
            found += [End(role, None, (), self.settings, self.features) for role in outside]
        return found + [end for network, end in self.declared if address in network]

    def peers(self, name: str, address: t.Any) -> list[End]:
        """All that a host is to the others, seen at one of its addresses."""
        return self.hosts[name].own + self.by_address(address)

    def everybody(self) -> list[End]:
        return [end for host in self.hosts.values() for end in host.own] + [end for _network, end in self.networks + self.declared]

    def has_sites(self, product: str) -> bool:
        return any(end.sites for host in self.hosts.values() for end in host.held if end.role.split(".")[0] == product)

    def exists(self, role: str) -> bool:
        return any(end.role == role for end in self.everybody())

    def selected(self, texts: t.Any, name: str, address: t.Any) -> bool:
        """Is the host, seen at this address, among the ends that a user named: any, address, network, group:, host:, role?"""
        for text in as_list(texts):
            kind, _colon, what = str(text).partition(":")
            if text == "any" or (kind == "host" and what == name) or (kind == "group" and what in (*self.hosts[name].groups, "all")):
                return True
            if any(end.role == text for end in self.peers(name, address)):
                return True
            if kind not in ("host", "group") and text not in self.catalogs.kinds and any(address in net for net in network_of(text)):
                return True
        return False


INFRASTRUCTURE = {"dns": "windows_server.dns_server", "dhcp_relays": "windows_server.dhcp_relay"}


def network_of(text: t.Any) -> list[t.Any]:
    if str(text) == "any":
        return [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")]
    return [ipaddress.ip_network(str(text), strict=False)]


def _address(given: t.Any) -> t.Any:
    try:
        return ipaddress.ip_address(str(given["address"] if isinstance(given, dict) else given))
    except ValueError:
        return None


def _entry(given: t.Any) -> Vars:
    return given if isinstance(given, dict) else {"role": given}


def as_list(given: t.Any) -> list[t.Any]:
    """One or many: always a list, and nothing is an empty one."""
    return [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]


def _join(one: t.Any, other: t.Any) -> t.Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: _join(one[key], value) if key in one else value for key, value in other.items()}}
    if isinstance(one, list) or isinstance(other, list):
        return as_list(one) + as_list(other)
    return other if one is None else one
