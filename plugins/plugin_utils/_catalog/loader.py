# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Where catalogs come from: the collection's own, and folders of the user's, one edition of each product joined into one whole.

A folder of the user's holds ``<product>/<edition>.yml``, or catalogs side by side as ``*.yml`` (which say themselves what they are).
Folders count in the order given, before the collection's own: the first one that has a product in an edition gives that catalog, and
the first one that has a product decides its default edition (the newest one there).
"""

from __future__ import annotations

import functools
import pathlib
import re
import types
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.build import build
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.format import WELL_KNOWN
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.join import join
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.read import read_yaml
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.validate import check_shape, validate
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalog, Catalogs

NO_EDITIONS: t.Mapping[str, str] = types.MappingProxyType({})
BUNDLED = pathlib.Path(__file__).resolve().parents[2] / "catalogs"
Key = t.Tuple[str, str]  # product, edition
Shelf = t.Mapping[Key, str]  # the catalogs of one folder: where each of them is


class WellKnown(t.NamedTuple):
    """A service that needs no product: ``https`` is tcp, 443."""

    name: str
    protocol: str
    port: int
    title: str


def bundled_catalogs() -> dict[Key, str]:
    """Return the path of every catalog that comes with the collection, by product and edition. Reads no file."""
    return {(path.parent.name, path.stem): str(path) for path in sorted(BUNDLED.glob("*/*.yml"))}


def load_catalog(path: str) -> Catalog:
    """Return the catalog in a file, from memory when the file has not changed; raise :class:`CatalogError` with all its problems."""
    path = str(pathlib.Path(path).absolute())
    return _load(path, _stamp(path))


def load_catalogs(editions: t.Mapping[str, str] = NO_EDITIONS, paths: t.Sequence[str] = ()) -> Catalogs:
    """Return one edition of each product, joined: ``editions`` as asked for, else the default.

    ``paths`` are folders of the user's. Raises :class:`CatalogError` with everything that is wrong with the request and with
    every file that it needs. The same request is answered from memory as long as no file changes.
    """
    chosen = sorted(_choose(editions, _shelves(paths)).items())
    return _joined(tuple((key, path, _stamp(path)) for key, path in chosen))


def well_known() -> t.Mapping[str, WellKnown]:
    """Return the table of well-known services by name."""
    return _well_known(str(BUNDLED / "well_known.yml"))


def catalog_path(product: str, edition: t.Optional[str] = None, paths: t.Sequence[str] = ()) -> str:
    """Return the file of one product's catalog, in its default edition unless one is named."""
    chosen = _choose({product: edition} if edition is not None else {}, _shelves(paths), only=product)
    return next(iter(chosen.values()))


def products(paths: t.Sequence[str] = ()) -> list[str]:
    """Return the names of all products that have a catalog."""
    return sorted({product for shelf in _shelves(paths) for product, _edition in shelf})


def _choose(editions: t.Mapping[str, t.Optional[str]], shelves: t.Sequence[Shelf], only: t.Optional[str] = None) -> dict[Key, str]:
    problems = Problems()
    held: dict[str, list[str]] = {}
    for shelf in shelves:
        for product, edition in shelf:
            held.setdefault(product, []).append(edition)
    for product, wanted in editions.items():
        if product not in held:
            problems.add("editions", product, "expected a product that has a catalog: " + ", ".join(sorted(held)), held)
        elif wanted not in held[product]:
            known = sorted(set(held[product]))
            problems.add(f"editions.{product}", wanted, "expected an edition that has a catalog: " + ", ".join(known), known)
    if only is not None and only not in held and only not in editions:
        problems.add("product", only, "expected a product that has a catalog: " + ", ".join(sorted(held)), held)
    problems.raise_as(CatalogError)
    chosen = {}
    for product in held if only is None else (only,):
        first = next(shelf for shelf in shelves if any(name == product for name, _edition in shelf))
        key = (product, editions.get(product) or max((edition for name, edition in first if name == product), key=_age))
        chosen[key] = next(shelf[key] for shelf in shelves if key in shelf)
    return chosen


def _age(edition: str) -> list[tuple[int, str]]:
    """Order editions by their numbers: ``1806`` before ``1902``, ``9`` before ``10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", edition) if part]


def _shelves(paths: t.Sequence[str]) -> list[Shelf]:
    problems = Problems()
    shelves: list[Shelf] = []
    for index, text in enumerate(paths):
        folder = pathlib.Path(text).expanduser().absolute()
        if not folder.is_dir():
            problems.add(f"catalog_paths[{index}]", text, "expected a folder with catalogs")
            continue
        shelf = {(path.parent.name, path.stem): str(path) for path in sorted(folder.glob("*/*.yml"))}
        for path in sorted(folder.glob("*.yml")):
            try:
                catalog = load_catalog(str(path))
            except CatalogError as error:
                problems.extend(error.problems)
                continue
            key = (catalog.product, catalog.edition)
            if key in shelf:
                problems.add(str(path), " ".join(key), f"expected one catalog of this product and edition in a folder, it is in {shelf[key]}, too")
            shelf[key] = str(path)
        if not shelf:
            problems.add(f"catalog_paths[{index}]", text, "holds no catalog, neither <product>/<edition>.yml nor *.yml")
        shelves.append(shelf)
    problems.raise_as(CatalogError)
    return [*shelves, bundled_catalogs()]


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = pathlib.Path(path).stat()
    except OSError:
        return (0, 0)  # reading it will say why
    return (found.st_mtime_ns, found.st_size)


def _label(path: str) -> str:
    """How problems call a file: short for the collection's own, in full for the user's, who must find it."""
    try:
        return pathlib.Path(path).relative_to(BUNDLED).as_posix()
    except ValueError:
        return path


@functools.lru_cache(maxsize=64)
def _load(path: str, stamp: tuple[int, int]) -> Catalog:
    file = _label(path)
    document = read_yaml(path, file)
    problems = [*document.problems, *validate(document.plain, file)]
    if problems:
        raise CatalogError(problems)
    return build(document.plain, path, document.digest)


@functools.lru_cache(maxsize=16)
def _joined(files: tuple[tuple[Key, str, tuple[int, int]], ...]) -> Catalogs:
    problems = Problems()
    loaded: list[Catalog] = []
    for (product, edition), path, stamp in files:
        try:
            catalog = _load(path, stamp)
        except CatalogError as error:
            problems.extend(error.problems)
            continue
        for key, value, expected in (("product", catalog.product, product), ("edition", catalog.edition, edition)):
            if value != expected:
                problems.add(f"{_label(path)}: {key}", value, f"expected {expected}, as the path of the file says")
        loaded.append(catalog)
    problems.raise_as(CatalogError)
    return join({_label(catalog.path): catalog for catalog in loaded})


@functools.lru_cache(maxsize=1)
def _well_known(path: str) -> t.Mapping[str, WellKnown]:
    file = _label(path)
    document = read_yaml(path, file)
    problems = [*document.problems, *check_shape(document.plain, file, WELL_KNOWN)]
    if problems:
        raise CatalogError(problems)
    return {name: WellKnown(name, item["protocol"], item["port"], item["title"]) for name, item in document.plain["services"].items()}
