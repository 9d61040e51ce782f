# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Words of older editions: what a newer one says of roles, settings, features, flows and supplements that it no longer has."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.rules import qualify
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import FORMER_KINDS, Former, FormerWords

Plain = t.Mapping[str, t.Any]
_NAMED = ("roles", "settings", "features")


def former_words(base: Plain, delta: Plain, merged: Plain) -> dict[str, dict[str, dict[str, str]]]:
    """Return ``former`` of a whole edition: what its base says, what the delta took away, and what the delta says of it (which counts)."""
    before, after = _words(base), _words(merged)
    gone = {kind: {name: {"since": delta["edition"]} for name in names if name not in after[kind]} for kind, names in before.items()}
    flows = {flow["id"]: flow for flow in merged["flows"]}
    for name, ids in before["supplements"].items():
        documented = [flows[flow] for flow in ids if flow in flows]
        if name in gone["supplements"] and documented:
            gone["supplements"][name]["now"] = name  # the page has it now, under the same name
            features = sorted({qualify(flow["feature"], delta["product"]) for flow in documented if "feature" in flow})
            if features:
                gone["supplements"][name]["text"] = f"with the feature {', '.join(features)}"
    found: dict[str, dict[str, dict[str, str]]] = {}
    for kind in FORMER_KINDS:
        sources = (base.get("former", {}), gone, delta.get("former", {}))
        words = {name: dict(word) for source in sources for name, word in source.get(kind, {}).items() if name not in after[kind]}
        if words:
            found[kind] = words
    return found


def build_former(plain: Plain) -> FormerWords:
    """Return the former words of a file under their full names, as :class:`.Former`."""
    product = plain["product"]

    def former(kind: str, word: t.Mapping[str, str]) -> Former:
        return Former(product, word["since"], _full(kind, word["now"], product) if "now" in word else None, word.get("text"))

    return {kind: {_full(kind, name, product): former(kind, word) for name, word in words.items()} for kind, words in plain.get("former", {}).items()}


def _words(plain: Plain) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the words of a file by kind; for supplements, ids and groups with the ids that they mean."""
    words: dict[str, dict[str, tuple[str, ...]]] = {kind: dict.fromkeys(plain.get(kind, {}), ()) for kind in _NAMED}
    words["flows"] = {flow["id"]: () for flow in plain.get("flows", ())}
    supplements: dict[str, tuple[str, ...]] = {}
    for flow in plain.get("supplements", ()):
        supplements[flow["id"]] = (flow["id"],)
        supplements[flow["group"]] = (*supplements.get(flow["group"], ()), flow["id"])
    return {**words, "supplements": supplements}


def _full(kind: str, name: str, product: str) -> str:
    return qualify(name, product) if kind in _NAMED else name
