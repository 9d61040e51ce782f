# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The tables of a delta: what a newer edition says against its base. Both forms of a file as JSON Schema."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.format import (
    COUNTED,
    DOCUMENT,
    EDITION,
    FILE,
    FLOW,
    FLOW_ID,
    FORMER,
    MARK,
    SLUG,
    SUPPLEMENT,
    SUPPLEMENT_WORD,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.shapes import (
    COUNT,
    NAME,
    NULL,
    TEXT,
    AnyOf,
    Json,
    Many,
    OrNull,
    Record,
    Rows,
    Shape,
    Table,
)

TABLES = ("documents", "roles", "services", "settings", "features", "notes", "lists")  # entries by name, which a delta adds, replaces or removes
WHOLE = ("configurable", "non_configurable")  # lists that a delta gives anew
_ERRATUM = t.cast(Record, t.cast(Rows, FILE.keys["errata"]).item)


def _entries(section: str) -> Table:
    table = t.cast(Table, FILE.keys[section])
    return Table(table.name, OrNull(table.item))


def _fields() -> dict[str, Shape]:
    """The fields of a flow that a delta may change: all but the names that its id is made of."""
    fixed = ("id", "source", "destination", "service", "protocol")
    return {name: OrNull(shape) for name, shape in FLOW.keys.items() if name not in fixed}


DELTA = Record(
    {
        "product": NAME,
        "edition": EDITION,
        "base": EDITION,
        "title": TEXT,
        **{section: _entries(section) for section in TABLES},
        **{section: FILE.keys[section] for section in WHOLE},
        "remove": Record({"sections": Many(SLUG), "flows": Many(FLOW_ID)}),
        "documented": Table(
            SUPPLEMENT_WORD,
            Record(
                {"document": DOCUMENT, "section": SLUG, "rows": Rows(AnyOf("expected a row, counted from 1, or null", (COUNT, NULL)))},
                required=("section", "rows"),
            ),
        ),
        "sections": Table(SLUG, SLUG),
        "rows": Table(SLUG, Table(COUNTED, COUNT)),
        "change": Table(FLOW_ID, Record(_fields())),
        "add": Rows(FLOW),
        "supplements": Rows(SUPPLEMENT),
        "errata": Table(MARK, OrNull(Record({name: shape for name, shape in _ERRATUM.keys.items() if name != "id"}, extra=_ERRATUM.extra))),
        "former": FORMER,
    },
    required=("product", "edition", "base"),
)


def json_schema() -> Json:
    """Return both forms of a catalog as JSON Schema, draft 2020-12: with ``base`` a file is a delta."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "portcullis.msports catalog",
        "description": "The communications that the documentation of one product in one edition lists, whole or against a base.",
        "if": {"type": "object", "required": ["base"]},
        "then": DELTA.schema(),
        "else": FILE.schema(),
    }
