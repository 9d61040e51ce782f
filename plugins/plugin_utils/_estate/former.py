# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Words of an inventory that the chosen edition of a catalog no longer has: gone, renamed, or documented by now. Notes, not problems."""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Former
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import ProblemCollector
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.releases import release


def current(kind: str, name: t.Any, path: str, problems: ProblemCollector, catalogs: Catalogs) -> t.Any:
    """Return what a word is called in the chosen edition: the word itself, or its newer name. ``None``, and a note, where it stands for nothing now."""
    former = catalogs.former.get(kind, {}).get(name) if isinstance(name, str) else None
    if former is None:
        return name
    since = f"since {former.product} {former.since}"
    if former.now is None:
        problems.notes.append(f"{path}: {name} is gone {since}, so it counts for nothing here")
        return None
    if kind == "supplements":
        condition = f", {former.text}" if former.text else ""
        problems.notes.append(f"{path}: {name} is no supplement {since}: the documents have it{condition}")
        return None
    problems.notes.append(f"{path}: {name} is called {former.now} {since}")
    return former.now


def gone_flow(pattern: str, path: str, problems: ProblemCollector, catalogs: Catalogs) -> bool:
    """Tell whether a pattern of flow ids is about flows of older editions, with a note."""
    flows: t.Mapping[str, Former] = {**catalogs.former.get("flows", {}), **catalogs.former.get("supplements", {})}
    known = next((former for name, former in sorted(flows.items()) if fnmatch.fnmatchcase(name, pattern)), None)
    if known is not None:
        problems.notes.append(f"{path}: {pattern} is about flows that are gone since {known.product} {known.since}")
    return known is not None


def choice_notes(catalogs: Catalogs, releases: t.Mapping[str, str], in_use: t.Iterable[str]) -> t.Iterator[str]:
    """Yield a note for each product in use whose edition nobody chose, though there are several, or is not the one of the release that runs.

    What runs may be older than all editions, or lie between two. Newer than all is the ordinary case, and no note.
    """
    for product in sorted(set(in_use) & set(catalogs.products)):
        catalog, editions = catalogs.products[product], catalogs.editions.get(product, ())
        title = f" ({catalog.title})" if catalog.title else ""
        if product not in releases:
            if len(editions) > 1:
                declare = f'msports_releases: {{{product}: "{catalog.edition}"}} says the same without this note'
                yield f"no release of {product} is declared, so its newest edition counts, {catalog.edition}{title}; {declare}"
            continue
        running = releases[product]
        newer = [edition for edition in editions if release(edition) > release(running)]
        if release(catalog.edition) > release(running):
            yield f"{product} {running} is older than all its editions, so the oldest counts, {catalog.edition}{title}"
        elif newer and release(catalog.edition) < release(running):
            between = f"lies between two editions, {catalog.edition}{title} and {min(newer, key=release)}"
            yield f"{product} {running} {between}, so the older one counts"
