# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The only place that knows the order of the stages: inventory and catalogs in, plan out."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.read import editions_and_paths, read_estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import Compiled, build
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.explain import explain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import digest
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.assemble import assemble
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.own import expired, management_addresses, until_matters

Plain = t.Dict[str, t.Any]


def compile_plan(inventory: t.Mapping[str, t.Any]) -> Plain:
    """Return the plan of ``inventory`` (plain data, as ``_ansible.inventory_of`` gives it).

    Raises :class:`CatalogError` or :class:`InventoryError` with every problem at once; nothing is half done.
    """
    catalogs = catalogs_of(inventory)
    estate = read_estate(inventory, catalogs)
    return plan_of(estate, catalogs, inputs_digest(inventory, catalogs, estate), bool(inventory.get("whole", True)))


def catalogs_of(inventory: t.Mapping[str, t.Any]) -> Catalogs:
    """Return the catalogs that the inventory asks for: editions and the user's own folders."""
    editions, paths = editions_and_paths(inventory)
    return load_catalogs(editions, paths)


def plan_of(estate: Estate, catalogs: Catalogs, inputs: str, whole: bool) -> Plain:
    """Return the plan of an estate that was read."""
    connected = connect(estate, catalogs)
    assembled = assemble(estate, connected.connections)
    notes = (*(Note("estate", text) for text in estate.notes), *connected.notes, *assembled.notes, *expired(estate))
    management = {host.name: management_addresses(host, estate) for host in estate.hosts.values() if host.managed}
    compiled = Compiled(assembled.rulesets, assembled.sets, management, connected.off, notes)
    return build(estate, catalogs, compiled, inputs, whole, str(estate.today) if until_matters(estate) else None)


def inputs_of(inventory: t.Mapping[str, t.Any]) -> str:
    """Return the digest of the inputs of the plan that ``inventory`` would give, without compiling it."""
    catalogs = catalogs_of(inventory)
    return inputs_digest(inventory, catalogs, read_estate(inventory, catalogs))


def inputs_digest(inventory: t.Mapping[str, t.Any], catalogs: Catalogs, estate: Estate) -> str:
    """Return the digest of everything that the plan is made from; today's date only where an ``until`` makes it count."""
    return digest(
        {
            "hosts": inventory["hosts"],
            "resolved": inventory.get("resolved", {}),
            "facts": inventory.get("facts", {}),
            "whole": inventory.get("whole", True),
            "catalogs": {name: catalog.digest for name, catalog in catalogs.products.items()},
            "today": str(estate.today) if until_matters(estate) else None,
        }
    )


def explain_plan(plan: t.Mapping[str, t.Any], source: str, destination: str, protocol: str, port: t.Optional[int], paths: t.Sequence[str] = ()) -> Plain:
    """Answer why a connection is open or not, from a plan and the catalogs that it was made with."""
    editions = {product: item["edition"] for product, item in plan["catalogs"].items()}
    catalogs = load_catalogs(editions, paths)
    return explain(plan, [*catalogs.flows, *catalogs.supplements], source, destination, protocol, port)
