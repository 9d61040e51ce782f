# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which documented flows hold in an estate at all, before anybody looks at hosts."""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Group, Off
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate

# A switch of the estate that gates flows by pattern: setting -> (which flows). Off means: the flows make no rules.
GATES: dict[str, t.Callable[[Flow], bool]] = {
    "exchange.internal_unrestricted": lambda flow: flow.product == "exchange" and flow.protocol == "any",
}
# A switch that narrows the scope of flows from the whole tree to the site (MEANING: boundary groups).
ROAMING = "configmgr.client_roaming"
ROAMS_TO = frozenset({"configmgr.management_point", "configmgr.distribution_point", "configmgr.software_update_point"})
_RELEASES = re.compile(r"^\s*(<=|>=|<|>|==)\s*(\d+)\s*$")
_COMPARE: dict[str, t.Callable[[int, int], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}


def wanted(estate: Estate, catalogs: Catalogs) -> tuple[Flow, ...]:
    """Return the documented flows and those supplements that ``msports_supplements`` names, by id or by group."""
    named = set(estate.supplements)
    extra = tuple(flow for flow in catalogs.supplements if flow.id in named or flow.group in named)
    return catalogs.flows + extra


def why_off(flow: Flow, estate: Estate, catalogs: Catalogs, groups: t.Mapping[str, tuple[Group, ...]]) -> t.Optional[Off]:
    """Return why ``flow`` is off in the whole estate, or ``None`` when it holds."""
    for without in estate.without:
        if fnmatch.fnmatchcase(flow.id, without.flow):
            return Off(flow.id, f"msports_without {without.flow}: {without.because}")
    if flow.releases and not holds_in_release(flow.releases, estate.releases.get(flow.product, flow.edition)):
        return Off(flow.id, f"release {estate.releases.get(flow.product, flow.edition)} of {flow.product} is not {flow.releases}")
    for role in flow.only_with:
        if not groups.get(role):
            return Off(flow.id, f"holds only with {role}, which nobody has")
    for role in flow.only_without:
        if groups.get(role):
            return Off(flow.id, f"holds only without {role}")
    for setting, gates in GATES.items():
        if gates(flow) and not switch(setting, estate, catalogs):
            return Off(flow.id, f"setting {setting} is false")
    if flow.feature and flow.feature_at == "estate" and flow.feature not in estate.features:
        return Off(flow.id, f"feature {flow.feature} is off")
    return None


def switch(setting: str, estate: Estate, catalogs: Catalogs) -> bool:
    """Return an estate-wide yes or no: as declared, else the catalog's default."""
    default = catalogs.settings[setting].default if setting in catalogs.settings else True
    return bool(estate.settings.get(setting, default))


def scope_of(flow: Flow, estate: Estate, catalogs: Catalogs) -> str:
    """Return the scope that applies: the documented one, or ``site`` where clients are told not to roam."""
    if flow.scope == "hierarchy" and flow.source == "configmgr.client" and flow.destination in ROAMS_TO:
        return "hierarchy" if switch(ROAMING, estate, catalogs) else "site"
    return flow.scope


def holds_in_release(condition: str, release: str) -> bool:
    """Tell whether ``release`` (``"1802"``) meets ``condition`` (``"<1802"``)."""
    match = _RELEASES.match(condition)
    if not match:
        raise ValueError(f"{condition!r} is not a condition on releases, such as '<1802'")
    return _COMPARE[match.group(1)](int(release), int(match.group(2)))
