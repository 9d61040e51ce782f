# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Groups of supplements that an inventory looks as if it needs, and does not name: notes, never rules.

A page forgets flows that stop real work once a default blocks them. What is a sign of which group stands in one table.
"""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.releases import holds_in_release

Sign = t.Callable[[Estate, str], t.List[str]]  # estate, role -> the hosts that show it, none = no sign


@dataclass(frozen=True)
class Suggestion:
    """A group of supplements, the role whose holders show the sign of it, and what the note says of them."""

    group: str
    role: str
    sign: Sign
    text: str
    releases: t.Optional[str] = None


def _holders(estate: Estate, role: str) -> list[Host]:
    return [host for host in estate.hosts.values() if host.holding(role)]


def _several_in_a_site(estate: Estate, role: str) -> list[str]:
    by_site: dict[t.Optional[str], list[str]] = defaultdict(list)
    for host in _holders(estate, role):
        holding = host.holding(role)
        for site in (holding.sites if holding else ()) or (None,):
            by_site[site].append(host.name)
    return sorted({name for names in by_site.values() if len(names) > 1 for name in names})


def _strict(estate: Estate, role: str) -> list[str]:
    return [host.name for host in _holders(estate, role) if host.managed and host.default_outbound == "block"]


def _other_sql_port(estate: Estate, role: str) -> list[str]:
    found = []
    for host in _holders(estate, role):
        holding = host.holding(role)
        port = {**host.settings, **(holding.settings if holding else {})}.get("configmgr.sql", 1433)
        found.extend([host.name] if port != 1433 else [])
    return found


BLOCKED = "block what is not planned outbound, and"
SUGGESTIONS = (
    Suggestion("update_sync", "configmgr.software_update_point", _strict, f"{BLOCKED} synchronize updates over HTTPS"),
    Suggestion("update_sync", "configmgr.wsus_server", _strict, f"{BLOCKED} synchronize updates over HTTPS"),
    Suggestion("service_connection", "configmgr.service_connection_point", _strict, f"{BLOCKED} fetch updates of the site over HTTPS"),
    Suggestion("entra", "configmgr.management_point", _strict, f"{BLOCKED} need Microsoft Entra ID", ">=2603"),
    Suggestion("availability_group", "configmgr.sql_server", _several_in_a_site, "are SQL servers of one site, as replicas of an availability group are"),
    Suggestion("sql_browser", "configmgr.sql_server", _other_sql_port, "have SQL Server on another port, as named instances do: the Browser finds them"),
    Suggestion("passive_site_server", "configmgr.site_server", _several_in_a_site, "are site servers of one site, as one in passive mode is"),
    Suggestion("dag", "exchange.mailbox", _several_in_a_site, "are mailbox servers of one site, as in a database availability group, which needs a witness"),
)


def suggestions(estate: Estate, catalogs: Catalogs) -> t.Iterator[Note]:
    """Yield a note for each group that there is a sign of, and that ``msports_supplements`` neither names nor any flow of it."""
    members: dict[str, set[str]] = defaultdict(set)
    for flow in catalogs.supplements:
        members[str(flow.group)].add(flow.id)
    named = set(estate.supplements)
    for item in SUGGESTIONS:
        product = item.role.partition(".")[0]
        if item.group not in members or item.group in named or members[item.group] & named:
            continue
        if item.releases and not holds_in_release(item.releases, estate.releases.get(product, "0")):
            continue
        hosts = item.sign(estate, item.role)
        if hosts:
            yield Note("suggested", f"{some(hosts)} {item.text}: if that is so, msports_supplements: [{item.group}] opens what the page of {product} forgets")
