# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which ports a flow uses at a given end: the declared value of its setting, the catalog's default, the document."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.conditions import disagreed
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import RPC_DYNAMIC, Catalogs, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group, Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, Ports, merge, parse_ports

PORT_SETTINGS = ("port", "ports")


class PortValues:
    """Resolve ports for one estate. ``None`` as an answer means: user defined and not given, so no rule."""

    def __init__(self, estate: Estate, catalogs: Catalogs, groups: t.Mapping[str, tuple[Group, ...]]) -> None:
        self._estate = estate
        self._catalogs = catalogs
        self._disagreed = disagreed(estate)
        self._static_rpc = [setting for setting in catalogs.settings.values() if setting.static_rpc]
        self.defaulted: set[tuple[str, str]] = set()  # (setting, flow) where the estate's value counts and hosts differ on it
        self._site_servers = {
            (product, group.site): group
            for product in catalogs.products
            for group in reversed(groups.get(f"{product}.site_server", ()))  # the first group of a site wins
            if group.hosts
        }

    def decided_by(self, flow: Flow) -> str:
        """Return the end whose members decide: ``source``, ``destination``, ``reached`` (dynamic RPC), ``estate``.

        A site's setting is decided at the destination, because that is whose port it is.
        """
        if flow.ports == (RPC_DYNAMIC,):
            return "reached"
        if not self._port_setting(flow):
            return "estate"
        return {"site": "destination"}.get(flow.setting_of, flow.setting_of)

    def at(self, flow: Flow, group: t.Optional[Group], site: t.Optional[str] = None) -> t.Optional[Ports]:
        """Return the ports of ``flow`` where ``group`` decides them; ``site`` is that of the other end, for networks without one."""
        if flow.ports == (RPC_DYNAMIC,):
            return merge([*group.dynamic_ports, *self.static_rpc(group)]) if group else ()
        setting = self._port_setting(flow)
        if not setting:
            return _document(flow.ports)
        settings = self._settings(flow, group, site)
        value = settings.get(setting)
        if value is None:
            if settings is self._estate.settings and setting in self._disagreed:
                self.defaulted.add((setting, flow.id))
            value = self._catalogs.settings[setting].default
        if value is None or value == ():
            return _document(flow.ports) or None
        return parse_ports(value if isinstance(value, (list, tuple)) else [value])

    def static_rpc(self, group: Group) -> Ports:
        """Return the fixed ports that RPC services have where ``group`` is reached, outside of its dynamic range."""
        if not self._static_rpc or not group.settings:
            return ()
        held = [setting.id for setting in self._static_rpc if not setting.roles or group.role in setting.roles]
        fixed = parse_ports(group.settings[name] for name in held if name in group.settings)
        return tuple(port for port in fixed if not any(port.first in span and port.last in span for span in group.dynamic_ports))

    def site_server(self, flow: Flow, site: t.Optional[str]) -> t.Optional[Group]:
        """Return the site servers whose settings and features count for ``site``, or ``None`` when no host of the inventory is one there."""
        return self._site_servers.get((flow.product, site))

    def notes(self) -> t.Iterator[Note]:
        flows: dict[str, list[str]] = {}
        for setting, flow in sorted(self.defaulted):
            flows.setdefault(setting, []).append(flow)
        for setting, names in flows.items():
            yield Note("settings_differ", f"hosts differ on {setting}, so ends given as networks have its default (for instance {names[0]})")

    def _port_setting(self, flow: Flow) -> t.Optional[str]:
        setting = self._catalogs.settings.get(flow.setting) if flow.setting else None
        return setting.id if setting and setting.type in PORT_SETTINGS else None

    def _settings(self, flow: Flow, group: t.Optional[Group], site: t.Optional[str]) -> t.Mapping[str, t.Any]:
        if flow.setting_of == "site":
            server = self.site_server(flow, (group.site if group else None) or site)
            return server.settings if server else self._estate.settings
        if flow.setting_of == "estate" or group is None:
            return self._estate.settings
        return group.settings


def _document(ports: t.Iterable[str]) -> Ports:
    return merge(PortRange.parse(port) for port in ports)
