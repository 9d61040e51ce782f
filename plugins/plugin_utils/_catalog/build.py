# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From the plain data of a valid file to the model: names in full, defaults filled in, lists as tuples."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.former import build_former
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.rules import qualify
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.validate import NO_PLACES
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import ENDS, Catalog, Feature, Flow, Reference, Role, Setting

Plain = t.Mapping[str, t.Any]
_TUPLES = ("ports", "source_ports", "alternatives", "only_with", "only_without", "notes")
_QUALIFIED = ("setting", "feature")


def build(plain: Plain, path: str, digest: str, places: t.Mapping[str, str] = NO_PLACES, base: t.Optional[str] = None) -> Catalog:
    """Return the catalog of a file that :func:`.validate.validate` found nothing wrong with; ``places`` as :mod:`.delta` has them."""
    product = plain["product"]
    return Catalog(
        product=product,
        edition=plain["edition"],
        path=path,
        digest=digest,
        roles={f"{product}.{name}": _role(f"{product}.{name}", item) for name, item in plain["roles"].items()},
        settings={f"{product}.{name}": _setting(name, product, item) for name, item in plain.get("settings", {}).items()},
        features={f"{product}.{name}": Feature(f"{product}.{name}", item["title"]) for name, item in plain.get("features", {}).items()},
        flows=tuple(_flow(flow, plain) for flow in plain["flows"]),
        supplements=tuple(_flow(flow, plain) for flow in plain.get("supplements", ())),
        plain=plain,
        title=plain.get("title"),
        base=base,
        former=build_former(plain),
        places=places,
    )


def _role(full: str, item: Plain) -> Role:
    return Role(
        id=full,
        title=item["title"],
        kind=item["kind"],
        essential=item.get("essential", False),
        appliance=item.get("appliance", False),
        implies=tuple(item.get("implies", ())),
        title_fr=tuple(item.get("title_fr", ())),
    )


def _setting(name: str, product: str, item: Plain) -> Setting:
    default = item.get("default")
    return Setting(
        id=f"{product}.{name}",
        title=item["title"],
        type=item["type"],
        default=tuple(default) if isinstance(default, list) else default,
        roles=tuple(qualify(role, product) for role in item.get("roles", ())),
        why=item["why"],
        static_rpc=item.get("static_rpc", False),
    )


def _flow(flow: Plain, plain: Plain) -> Flow:
    product = plain["product"]
    values = dict(flow)
    reference = flow["reference"]
    values["reference"] = Reference(reference.get("document") or next(iter(plain["documents"])), reference["section"], reference.get("row"))
    for name in _TUPLES:
        if name in values:
            values[name] = tuple(values[name])
    for name in _QUALIFIED:
        if name in values:
            values[name] = qualify(values[name], product)
    if "starts" in values:
        values["starts"] = {end: _start(values["starts"].get(end, "always"), product) for end in ENDS}
    return Flow(product=product, edition=plain["edition"], **values)


def _start(start: t.Any, product: str) -> t.Any:
    return {key: qualify(name, product) for key, name in start.items()} if isinstance(start, dict) else start
