# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Joining catalogs: what one file says of another product's roles, settings and features must hold there."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.rules import Named, feature_names, role_names, setting_names
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalog, Catalogs, Role

SHARED_ROLES: dict[str, Role] = {
    "internet": Role(id="internet", title="Internet", kind="external"),
    "any_host": Role(id="any_host", title="Any host that holds a role", kind="host"),
}


def join(files: t.Mapping[str, Catalog]) -> Catalogs:
    """Return the catalogs as one whole; ``files`` maps how problems call each file to its catalog, one for each product.

    Raises :class:`CatalogError` with every name that no catalog has.
    """
    problems = Problems()
    catalogs = list(files.values())
    roles = {**SHARED_ROLES, **_merged(catalog.roles for catalog in catalogs)}
    settings = _merged(catalog.settings for catalog in catalogs)
    features = _merged(catalog.features for catalog in catalogs)
    for file, catalog in files.items():
        _check(file, role_names(catalog.plain), "role", roles, problems)
        _check(file, setting_names(catalog.plain), "setting", settings, problems)
        _check(file, feature_names(catalog.plain), "feature", features, problems)
    problems.raise_as(CatalogError)
    return Catalogs(products={catalog.product: catalog for catalog in catalogs}, roles=roles, settings=settings, features=features)


def _check(file: str, names: t.Iterable[Named], what: str, known: t.Mapping[str, t.Any], problems: Problems) -> None:
    for path, name in names:
        if name not in known:
            problems.add(f"{file}: {path}", name, f"expected a {what} of this or another catalog", known)


def _merged(tables: t.Iterable[t.Mapping[str, t.Any]]) -> dict[str, t.Any]:
    return {name: item for table in tables for name, item in table.items()}
