# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Catalogs from their files: one edition of each product, joined into one whole. The same request is answered from memory."""

from __future__ import annotations

import functools
import hashlib
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import shelves
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.build import build
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta import merge
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta_format import DELTA
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.format import WELL_KNOWN
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.join import join
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.read import read_yaml
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.shelves import BUNDLED, NOTHING, Key, Stamp, bundled_catalogs, label
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.validate import Report, check_shape, validate
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, Problem, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalog, Catalogs

__all__ = ["BUNDLED", "bundled_catalogs"]
Files = t.Tuple[t.Tuple[str, Stamp], ...]  # a file and its stamp, and the same of its base


class WellKnown(t.NamedTuple):
    """A service that needs no product: ``https`` is tcp, 443."""

    name: str
    protocol: str
    port: int
    title: str


def load_catalog(path: str) -> Catalog:
    """Return the catalog in a file, from memory when no file changed; raise :class:`CatalogError` with all its problems."""
    return _load(_files(shelves.absolute(path)))


def load_catalogs(releases: t.Mapping[str, str] = NOTHING, paths: t.Sequence[str] = (), editions: t.Mapping[str, str] = NOTHING) -> Catalogs:
    """Return one edition of each product, joined: the one for the release that runs, or exactly the one in ``editions``, else the newest.

    ``paths`` are folders of the user's. Raises :class:`CatalogError` with everything that is wrong with the request and with
    every file that it needs.
    """
    found = _shelves(paths)
    chosen = sorted(shelves.choose(releases, editions, found).items())
    problems = Problems()
    files: list[tuple[Key, Files]] = []
    for key, path in chosen:
        try:
            files.append((key, _files(path)))
        except CatalogError as error:
            problems.extend(error.problems)
    problems.raise_as(CatalogError)
    return _joined(tuple(files), tuple((product, tuple(held)) for product, held in shelves.editions(found).items()))


def well_known() -> t.Mapping[str, WellKnown]:
    """Return the table of well-known services by name."""
    return _well_known(str(BUNDLED / "well_known.yml"))


def catalog_path(product: str, edition: t.Optional[str] = None, paths: t.Sequence[str] = ()) -> str:
    """Return the file of one product's catalog, in its newest edition unless one is named."""
    wanted = {product: edition} if edition is not None else {}
    return next(iter(shelves.choose({}, wanted, _shelves(paths), only=product).values()))


def products(paths: t.Sequence[str] = ()) -> list[str]:
    """Return the names of all products that have a catalog."""
    return list(editions_of(paths))


def editions_of(paths: t.Sequence[str] = ()) -> dict[str, list[str]]:
    """Return the editions of every product that has a catalog, oldest first."""
    return shelves.editions(_shelves(paths))


def _shelves(paths: t.Sequence[str]) -> list[shelves.Shelf]:
    return shelves.shelves(paths, _identify)


def _identify(path: str) -> Key:
    catalog = load_catalog(path)
    return (catalog.product, catalog.edition)


def _files(path: str) -> Files:
    """Return a catalog's file with its stamp, and its base with that one's; raise :class:`CatalogError` for what cannot be read or found."""
    stamped = shelves.stamp(path)
    base = shelves.base_of(path, shelves.document(path, stamped))
    return ((path, stamped), *(((base, shelves.stamp(base)),) if base else ()))


@functools.lru_cache(maxsize=64)
def _load(files: Files) -> Catalog:
    (path, stamped), *base = files
    file = label(path)
    document = shelves.document(path, stamped)
    if not base:
        problems = [*document.problems, *validate(document.plain, file)]
        if problems:
            raise CatalogError(problems)
        return build(document.plain, path, document.digest)
    inherited = _base(base[0], file, document.plain["base"])
    report = Report(file)
    DELTA.check(document.plain, "", report.tell)
    if document.problems or len(report.problems):
        raise CatalogError([*document.problems, *report.problems])
    merged = merge(inherited.plain, document.plain, report.tell)
    problems = [*report.problems, *validate(merged.plain, file, merged.places)]
    if problems:
        raise CatalogError(problems)
    digest = hashlib.sha256(f"{document.digest} {inherited.digest}".encode("ascii")).hexdigest()
    return build(merged.plain, path, digest, merged.places, document.plain["base"])


def _base(base: tuple[str, Stamp], file: str, edition: str) -> Catalog:
    """Return the base of a delta, which must be whole: one level is what a reader can follow."""
    path, stamped = base
    plain = shelves.document(path, stamped).plain
    if isinstance(plain, dict) and "base" in plain:
        raise CatalogError([Problem(f"{file}: base", repr(edition), f"expected an edition that is whole; {label(path)} has a base itself")])
    return _load((base,))


@functools.lru_cache(maxsize=16)
def _joined(files: tuple[tuple[Key, Files], ...], editions: tuple[tuple[str, tuple[str, ...]], ...]) -> Catalogs:
    problems = Problems()
    loaded: list[Catalog] = []
    for (product, edition), one in files:
        try:
            catalog = _load(one)
        except CatalogError as error:
            problems.extend(error.problems)
            continue
        for key, value, expected in (("product", catalog.product, product), ("edition", catalog.edition, edition)):
            if value != expected:
                problems.add(f"{label(one[0][0])}: {key}", value, f"expected {expected}, as the path of the file says")
        loaded.append(catalog)
    problems.raise_as(CatalogError)
    return join({label(catalog.path): catalog for catalog in loaded}, dict(editions))


@functools.lru_cache(maxsize=1)
def _well_known(path: str) -> t.Mapping[str, WellKnown]:
    file = label(path)
    document = read_yaml(path, file)
    problems = [*document.problems, *check_shape(document.plain, file, WELL_KNOWN)]
    if problems:
        raise CatalogError(problems)
    return {name: WellKnown(name, item["protocol"], item["port"], item["title"]) for name, item in document.plain["services"].items()}
