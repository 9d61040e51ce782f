# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Joining catalogs: what one file says of another product's roles, settings and features must hold there."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.rules import feature_names, role_names, setting_names
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.validate import written_at
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import ENDS, FORMER_KINDS, Catalog, Catalogs, Flow, Role

SHARED_ROLES: dict[str, Role] = {
    "internet": Role(id="internet", title="Internet", kind="external"),
    "any_host": Role(id="any_host", title="Any host that holds a role", kind="host"),
}


def join(files: t.Mapping[str, Catalog], editions: t.Mapping[str, tuple[str, ...]]) -> Catalogs:
    """Return the catalogs as one whole; ``files`` maps how problems call each file to its catalog, one for each product;
    ``editions`` are all that there are of each product.

    Raises :class:`CatalogError` with every name that no catalog has.
    """
    problems = Problems()
    catalogs = list(files.values())
    former = {kind: _merged(catalog.former.get(kind, {}) for catalog in catalogs) for kind in FORMER_KINDS}
    renamed = {name: word.now for name, word in former["roles"].items() if word.now is not None}
    catalogs = [_with_names(catalog, renamed) for catalog in catalogs]
    roles = {**SHARED_ROLES, **_merged(catalog.roles for catalog in catalogs)}
    settings = _merged(catalog.settings for catalog in catalogs)
    features = _merged(catalog.features for catalog in catalogs)
    for file, catalog in files.items():
        for what, names, known in (
            ("role", role_names(catalog.plain), {**roles, **renamed}),
            ("setting", setting_names(catalog.plain), settings),
            ("feature", feature_names(catalog.plain), features),
        ):
            for path, name in names:
                if name not in known:
                    problems.add(f"{file}: {written_at(path, catalog.places)}", name, f"expected a {what} of this or another catalog", known)
    problems.raise_as(CatalogError)
    return Catalogs(
        products={catalog.product: catalog for catalog in catalogs},
        roles=roles,
        settings=settings,
        features=features,
        former=former,
        editions=editions,
    )


def _with_names(catalog: Catalog, renamed: t.Mapping[str, str]) -> Catalog:
    """Return the catalog with roles of other products under the names that these have in the chosen edition; itself, where it names none of them."""
    if not any(name in renamed for _path, name in role_names(catalog.plain)):
        return catalog

    def current(flow: Flow) -> Flow:
        names: dict[str, t.Any] = {end: renamed.get(getattr(flow, end), getattr(flow, end)) for end in ENDS}
        names.update({key: tuple(renamed.get(role, role) for role in getattr(flow, key)) for key in ("only_with", "only_without")})
        return dataclasses.replace(flow, **names) if any(getattr(flow, key) != value for key, value in names.items()) else flow

    flows, supplements = tuple(map(current, catalog.flows)), tuple(map(current, catalog.supplements))
    implied = {name: role for name, role in catalog.roles.items() if any(item in renamed for item in role.implies)}
    roles = {name: dataclasses.replace(role, implies=tuple(renamed.get(item, item) for item in role.implies)) for name, role in implied.items()}
    return dataclasses.replace(catalog, flows=flows, supplements=supplements, roles={**catalog.roles, **roles})


def _merged(tables: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    return {name: item for table in tables for name, item in table.items()}
