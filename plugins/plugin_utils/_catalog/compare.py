# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a newer edition of a catalog says differently: flows that came, went, are documented by now or have other figures, and roles."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalog, Flow

Plain = t.Dict[str, t.Any]
NOT_COMPARED = ("id", "product", "edition", "reference", "group", "erratum", "notes")


def editions(catalogs: t.Iterable[Catalog]) -> list[Plain]:
    """Return one entry for each edition: what it is called, what it is about, and how much it says."""
    return [
        {
            "product": catalog.product,
            "edition": catalog.edition,
            "title": catalog.title,
            "base": catalog.base,
            "document": document["title"],
            "dated": document.get("dated"),
            "url": document["url"],
            "flows": len(catalog.flows),
            "supplements": len(catalog.supplements),
        }
        for catalog in catalogs
        for document in [next(iter(catalog.plain["documents"].values()))]
    ]


def compare(old: Catalog, new: Catalog) -> Plain:
    """Return ``added``, ``removed``, ``documented`` and ``changed`` flows, ``supplements`` and ``roles``, from one edition to another.

    ``documented`` are supplements of the old edition that are ordinary flows of the new one. ``changed`` has the fields that differ.
    """
    before, after = ({flow.id: flow for flow in catalog.flows} for catalog in (old, new))
    extra, more = ({flow.id: flow for flow in catalog.supplements} for catalog in (old, new))
    both = [(before[name], after[name]) for name in before if name in after]
    return {
        "product": new.product,
        "from": old.edition,
        "to": new.edition,
        "added": [_shown(flow) for name, flow in after.items() if name not in before and name not in extra],
        "removed": [_shown(flow) for name, flow in before.items() if name not in after],
        "documented": [_shown(flow) for name, flow in after.items() if name in extra],
        "changed": [{**_shown(flow), "changes": found} for one, flow in both if (found := _changes(one, flow))],
        "supplements": {
            "added": sorted({str(flow.group) for flow in more.values()} - {str(flow.group) for flow in extra.values()}),
            "removed": sorted({str(flow.group) for flow in extra.values()} - {str(flow.group) for flow in more.values()}),
        },
        "roles": {"added": sorted(set(new.roles) - set(old.roles)), "removed": sorted(set(old.roles) - set(new.roles))},
    }


def _shown(flow: Flow) -> Plain:
    names = ("id", "source", "destination", "protocol")
    return {**{name: getattr(flow, name) for name in names}, "ports": list(flow.ports), "section": flow.reference.section, "row": flow.reference.row}


def _changes(old: Flow, new: Flow) -> Plain:
    one, other = old.as_dict(), new.as_dict()
    found = {name: {"from": one[name], "to": other[name]} for name in one if name not in NOT_COMPARED and one[name] != other[name]}
    for part in ("section", "row"):
        if one["reference"][part] != other["reference"][part]:
            found[part] = {"from": one["reference"][part], "to": other["reference"][part]}
    return found
