# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Where catalogs are, and which edition of each product counts. Nothing here reads more of a file than its first keys.

A folder of the user's holds ``<product>/<edition>.yml``, or catalogs side by side as ``*.yml`` (which say themselves what they are).
Folders count in the order given, before the collection's own: the first one that has a product in an edition gives that catalog.
"""

from __future__ import annotations

import functools
import pathlib
import types
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.read import Document, read_yaml
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, Problem, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.releases import edition_for, is_release, release

NOTHING: t.Mapping[str, str] = types.MappingProxyType({})
BUNDLED = pathlib.Path(__file__).resolve().parents[2] / "catalogs"
Key = t.Tuple[str, str]  # product, edition
Shelf = t.Mapping[Key, str]  # the catalogs of one folder: where each of them is
Stamp = t.Tuple[int, int]
Identify = t.Callable[[str], Key]  # what a file says itself; may raise CatalogError


@functools.lru_cache(maxsize=1)
def bundled_catalogs() -> Shelf:
    """Return the path of every catalog that comes with the collection, by product and edition. Reads no file, and its own folder once."""
    return _nested(BUNDLED)


def editions(found: t.Iterable[Shelf]) -> dict[str, list[str]]:
    """Return the editions that there are of each product, oldest first."""
    return {product: sorted(held, key=release) for product, held in sorted(_held(found).items())}


def choose(releases: t.Mapping[str, str], wanted: t.Mapping[str, str], found: t.Sequence[Shelf], only: t.Optional[str] = None) -> dict[Key, str]:
    """Return the file of one edition of each product, or of the product ``only``.

    The edition is the ``wanted`` one, else the one for the release that runs, else the newest in the first folder that has the product.
    Raises :class:`CatalogError` with every request that cannot be met.
    """
    held = _held(found)
    problems = Problems()
    _check(releases, wanted, held, only, problems)
    problems.raise_as(CatalogError)
    chosen = {}
    for product in held if only is None else (only,):
        if product in wanted:
            edition = wanted[product]
        elif product in releases:
            edition = edition_for(held[product], releases[product])
        else:
            first = next(shelf for shelf in found if any(name == product for name, _edition in shelf))
            edition = edition_for(text for name, text in first if name == product)
        chosen[product, edition] = next(shelf[product, edition] for shelf in found if (product, edition) in shelf)
    return chosen


def shelves(paths: t.Sequence[str], identify: Identify) -> list[Shelf]:
    """Return the catalogs of every folder of the user's, and the collection's own last; ``identify`` reads those that lie side by side.

    Raises :class:`CatalogError` with everything that is no folder of catalogs, and what is wrong with files side by side.
    """
    problems = Problems()
    found: list[Shelf] = []
    for index, text in enumerate(paths):
        folder = pathlib.Path(text).expanduser().absolute()
        if not folder.is_dir():
            problems.add(f"catalog_paths[{index}]", text, "expected a folder with catalogs")
            continue
        shelf = _shelf(folder, identify, problems)
        for (_product, edition), path in shelf.items():
            if not is_release(edition):
                problems.add(path, edition, "expected the edition as the name of the file, a number such as 1806, 3.1 or 2019-12")
        if not shelf:
            problems.add(f"catalog_paths[{index}]", text, "holds no catalog, neither <product>/<edition>.yml nor *.yml")
        found.append(shelf)
    problems.raise_as(CatalogError)
    return [*found, bundled_catalogs()]


def base_of(path: str, document: Document) -> t.Optional[str]:
    """Return the file of the base that a delta is written against: in its own folder of catalogs, or a bundled one. ``None``: it is no delta."""
    plain = document.plain
    if not (isinstance(plain, dict) and "base" in plain):
        return None
    key = (str(plain.get("product")), str(plain["base"]))
    place = pathlib.Path(path)
    folder = place.parents[1] if place.parent.name == key[0] else place.parent
    own = _shelf(folder, _says, Problems()) if folder != BUNDLED else {}
    for shelf in (own, bundled_catalogs()):
        if key in shelf and shelf[key] != path:
            return shelf[key]
    others = sorted({edition for product, edition in (*own, *bundled_catalogs()) if product == key[0]} - {str(plain.get("edition"))})
    expected = f"expected an edition of {key[0]} in the same folder, or one of the collection's: {', '.join(others) or '(none)'}"
    raise CatalogError([Problem(f"{label(path)}: base", repr(plain["base"]), expected)])


def absolute(path: str) -> str:
    """Return a path as files are kept in memory by."""
    return str(pathlib.Path(path).absolute())


def label(path: str) -> str:
    """How problems call a file: short for the collection's own, in full for the user's, who must find it."""
    try:
        return pathlib.Path(path).relative_to(BUNDLED).as_posix()
    except ValueError:
        return path


def stamp(path: str) -> Stamp:
    """Return what tells whether a file has changed."""
    try:
        found = pathlib.Path(path).stat()
    except OSError:
        return (0, 0)  # reading it will say why
    return (found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=64)
def document(path: str, stamped: Stamp) -> Document:
    """Return the content of a file, from memory while its stamp is the same."""
    return read_yaml(path, label(path))


def _check(releases: t.Mapping[str, str], wanted: t.Mapping[str, str], held: t.Mapping[str, set[str]], only: t.Optional[str], problems: Problems) -> None:
    for where, asked in (("editions", wanted), ("releases", releases)):
        for product, text in asked.items():
            known = sorted(held.get(product, ()), key=release)
            if product not in held:
                problems.add(where, product, "expected a product that has a catalog: " + ", ".join(sorted(held)), held)
            elif where == "editions" and text not in known:
                problems.add(f"editions.{product}", text, "expected an edition that has a catalog: " + ", ".join(known), known)
            elif where == "releases" and not is_release(text):
                problems.add(f"releases.{product}", text, "expected a release in the product's own numbers, in quotes, like '1802'")
    if only is not None and only not in held and only not in wanted:
        problems.add("product", only, "expected a product that has a catalog: " + ", ".join(sorted(held)), held)


def _held(found: t.Iterable[Shelf]) -> dict[str, set[str]]:
    held: dict[str, set[str]] = {}
    for shelf in found:
        for product, edition in shelf:
            held.setdefault(product, set()).add(edition)
    return held


def _nested(folder: pathlib.Path) -> dict[Key, str]:
    return {(path.parent.name, path.stem): str(path) for path in sorted(folder.glob("*/*.yml"))}


def _shelf(folder: pathlib.Path, identify: Identify, problems: Problems) -> dict[Key, str]:
    shelf = _nested(folder)
    for path in sorted(map(str, folder.glob("*.yml"))):
        try:
            key = identify(path)
        except CatalogError as error:
            problems.extend(error.problems)
            continue
        if key in shelf:
            problems.add(path, " ".join(key), f"expected one catalog of this product and edition in a folder, it is in {shelf[key]}, too")
        shelf[key] = path
    return shelf


def _says(path: str) -> Key:
    plain = document(path, stamp(path)).plain
    return (str(plain.get("product")), str(plain.get("edition"))) if isinstance(plain, dict) else ("", "")
