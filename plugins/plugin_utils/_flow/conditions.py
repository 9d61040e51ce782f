# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which documented flows hold in an estate at all, before anybody looks at hosts."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group, Note, Off
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.releases import holds_in_release


@dataclass(frozen=True)
class Gate:
    """A switch of the estate that gates flows: off means that they make no rules, and the plan warns of it."""

    flows: t.Callable[[Flow], bool]
    warning: str


GATES: dict[str, Gate] = {
    "exchange.internal_unrestricted": Gate(
        lambda flow: flow.product == "exchange" and flow.protocol == "any",
        "the vendor does not support a restriction between internal Exchange servers, Lync or Skype for Business servers and domain controllers",
    ),
}
# A switch that narrows the scope of flows from the whole tree to the site (MEANING: boundary groups).
ROAMING = "configmgr.client_roaming"
ROAMS_TO = frozenset({"configmgr.management_point", "configmgr.distribution_point", "configmgr.software_update_point"})


def wanted(estate: Estate, catalogs: Catalogs) -> tuple[Flow, ...]:
    """Return the documented flows and those supplements that ``msports_supplements`` names, by id or by group."""
    named = set(estate.supplements)
    extra = tuple(flow for flow in catalogs.supplements if flow.id in named or flow.group in named)
    return catalogs.flows + extra


def why_off(flow: Flow, estate: Estate, catalogs: Catalogs, groups: t.Mapping[str, tuple[Group, ...]]) -> t.Optional[Off]:
    """Return why ``flow`` is off in the whole estate, or ``None`` when it holds."""
    for excluded in estate.excluded_flows:
        if fnmatch.fnmatchcase(flow.id, excluded.flow):
            return Off(flow.id, f"msports_excluded_flows {excluded.flow}: {excluded.because}")
    if flow.releases and not holds_in_release(flow.releases, estate.releases.get(flow.product, flow.edition)):
        return Off(flow.id, f"release {estate.releases.get(flow.product, flow.edition)} of {flow.product} is not {flow.releases}")
    for role in flow.only_with:
        if not groups.get(role):
            return Off(flow.id, f"holds only with {role}, which nobody has")
    for role in flow.only_without:
        if groups.get(role):
            return Off(flow.id, f"holds only without {role}")
    for setting, gate in GATES.items():
        if gate.flows(flow) and not switch(setting, estate, catalogs):
            return Off(flow.id, f"setting {setting} is false")
    if flow.feature and flow.feature_at == "estate" and flow.feature not in estate.features:
        return Off(flow.id, f"feature {flow.feature} is off")
    return None


def warnings(estate: Estate, catalogs: Catalogs) -> t.Iterator[Note]:
    """Yield what the plan must say of switches: one that narrows what the vendor wants open, and those on which hosts differ."""
    differing = disagreed(estate)
    for setting in sorted({*GATES, ROAMING} & differing):
        default = str(switch(setting, estate, catalogs)).lower()
        yield Note("settings_differ", f"{setting} holds for the whole estate, and hosts differ on it: its default {default} counts")
    for setting, gate in GATES.items():
        if setting in catalogs.settings and not switch(setting, estate, catalogs):
            yield Note("narrowed", f"setting {setting} is false: {gate.warning}")


def disagreed(estate: Estate) -> frozenset[str]:
    """Return the settings that hosts declare with different values, so that none of these holds for the estate."""
    declared = {id(host.settings): host.settings for host in estate.hosts.values()}
    return frozenset(name for settings in declared.values() for name in settings) - frozenset(estate.settings)


def switch(setting: str, estate: Estate, catalogs: Catalogs) -> bool:
    """Return an estate-wide yes or no: as declared, else the catalog's default."""
    default = catalogs.settings[setting].default if setting in catalogs.settings else True
    return bool(estate.settings.get(setting, default))


def scope_of(flow: Flow, estate: Estate, catalogs: Catalogs) -> str:
    """Return the scope that applies: the documented one, or ``site`` where clients are told not to roam."""
    if flow.scope == "hierarchy" and flow.source == "configmgr.client" and flow.destination in ROAMS_TO:
        return "hierarchy" if switch(ROAMING, estate, catalogs) else "site"
    return flow.scope
