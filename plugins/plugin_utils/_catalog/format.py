# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The tables of the catalog format: every key of a file, its shape, and what is required.

``docs/catalog-format.md`` has the meaning of each. The form that a newer edition may have is in :mod:`.delta_format`.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.shapes import (
    ANYTHING,
    BOOL,
    COUNT,
    NAME,
    NULL,
    PORT,
    PORT_TEXT,
    TEXT,
    AnyOf,
    Json,
    Many,
    Record,
    Rows,
    Scalar,
    Shape,
    Table,
    pattern,
    words,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import (
    BARE_ROLES,
    DELIVERIES,
    FORMER_KINDS,
    KINDS,
    PLACES,
    PROTOCOLS,
    REPLIES,
    RPC_DYNAMIC,
    SCOPES,
    SETTING_TYPES,
)

RELEASES = r"(?:<=?|>=?|==|!=)[0-9]+(?:\.[0-9]+)*(?:,(?:<=?|>=?|==|!=)[0-9]+(?:\.[0-9]+)*)*"
TREATMENTS = ("erratum", "supplement", "none")
PORT_PROTOCOLS = ("tcp", "udp")  # the others have no ports

_ROLE = pattern(
    r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*|" + "|".join(BARE_ROLES),
    "expected a role as <product>.<role>, or one of " + ", ".join(BARE_ROLES),
)
_QUALIFIABLE = pattern(r"(?:[a-z][a-z0-9_]*\.)?[a-z][a-z0-9_]*", "expected a name, or <product>.<name>")
FLOW_ID = pattern(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+){4,5}", "expected <product>.<source>.<destination>.<service>.<protocol>[.<variant>]")
EDITION = pattern(
    r"[0-9]+(?:[.-][0-9]+)*",
    "expected a number as a quoted text, which orders among the releases of the product: like '1806', '3.1' or '2019-12'",
)
_DATE = pattern(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?", 'expected a quoted date, such as "2018-09-10" or "2018-09"')
DOCUMENT = pattern(r"[a-z0-9][a-z0-9_.-]*", "expected small letters, digits, dots and dashes")
SLUG = pattern(r"[0-9A-Za-z][0-9A-Za-z_.-]*", "expected an anchor or a slug: letters, digits, dots, dashes, underscores")
_PORT_OR_RPC = Scalar(
    f"{PORT_TEXT.expected}, or {RPC_DYNAMIC}",
    lambda value: value == RPC_DYNAMIC or PORT_TEXT.accepts(value),
    {"type": "string", "pattern": f"^{RPC_DYNAMIC}$|{PORT_TEXT.json['pattern']}"},
    (RPC_DYNAMIC,),
)
COUNTED = Scalar("expected a whole number from 1", COUNT.accepts, {})
_ROLES = Many(_ROLE)
_LANGUAGE = pattern(r"[a-z]{2}(?:-[A-Za-z]+)*", "expected a language such as en or fr")

_DOCUMENTS = Record(
    {
        "title": TEXT,
        "dated": _DATE,
        "language": _LANGUAGE,
        "url": pattern(r"https?://\S+", "expected an http or https address"),
        "retrieved_as": TEXT,
        "text": TEXT,
    },
    required=("title", "url"),
)

_ROLE_RECORD = Record(
    {"title": TEXT, "title_fr": Many(TEXT), "kind": words(KINDS), "essential": BOOL, "appliance": BOOL, "implies": _ROLES, "text": TEXT},
    required=("title", "kind"),
)

_DEFAULTS: dict[str, Shape] = {"port": PORT, "ports": Many(PORT_TEXT, least=1), "bool": BOOL, "addresses": Many(TEXT, least=1)}
_SETTING = Record(
    {
        "title": TEXT,
        "type": words(SETTING_TYPES),
        "default": ANYTHING,  # what the type says
        "roles": Many(_QUALIFIABLE),
        "why": TEXT,
        "static_rpc": BOOL,
    },
    required=("title", "type", "why"),
    extra={
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}}, "then": {"properties": {"default": AnyOf("", (NULL, shape)).schema()}}}
            for name, shape in _DEFAULTS.items()
        ]
    },
)

_START = AnyOf(
    "expected always, {feature: <name>} or {unless: <setting>}",
    (words(("always",)), Record({"feature": _QUALIFIABLE}, required=("feature",)), Record({"unless": _QUALIFIABLE}, required=("unless",))),
)

_FLOW_KEYS: dict[str, t.Any] = {
    "id": FLOW_ID,
    "source": _ROLE,
    "destination": _ROLE,
    "initiator": words(("source", "either")),
    "starts": Record({"source": _START, "destination": _START}),
    "service": NAME,
    "protocol": words(PROTOCOLS),
    "ports": Many(_PORT_OR_RPC),
    "source_ports": Many(PORT_TEXT),
    "alternatives": Many(PORT_TEXT),
    "setting": _QUALIFIABLE,
    "setting_of": words(PLACES),
    "via_proxy": BOOL,
    "delivery": words(DELIVERIES),
    "reply": words(REPLIES),
    "requirement": words(("required", "conditional")),
    "feature": _QUALIFIABLE,
    "feature_at": words(PLACES),
    "only_with": _ROLES,
    "only_without": _ROLES,
    "releases": pattern(RELEASES, "expected comparisons such as <1802 or >=1706,<1802"),
    "scope": words(SCOPES),
    "zone": words(("lan", "wan")),
    "notes": Many(COUNT),
}
_ERRATUM_OF_FLOW = Record(
    {"documented": Record(dict.fromkeys(_FLOW_KEYS, ANYTHING)), "why": TEXT, "evidence": TEXT},
    required=("documented", "why", "evidence"),
)
_NO_PORTS = dict.fromkeys(("ports", "source_ports", "alternatives"), {"maxItems": 0})
_BETWEEN_FLOW_KEYS: Json = {
    "allOf": [
        {
            "if": {"properties": {"protocol": {"enum": [name for name in PROTOCOLS if name not in PORT_PROTOCOLS]}}, "required": ["protocol"]},
            "then": {"properties": {**_NO_PORTS, "setting": False}},
        },
        {
            "if": {"properties": {"requirement": {"const": "conditional"}}, "required": ["requirement"]},
            "then": {"required": ["feature"]},
            "else": {"properties": {"feature": False, "feature_at": False}},
        },
        {
            "if": {"required": ["starts"]},
            "then": {"properties": {"initiator": {"const": "either"}}, "required": ["initiator"]},
        },
        {
            "if": {"properties": {"protocol": {"enum": list(PORT_PROTOCOLS)}, "ports": {"maxItems": 0}}, "required": ["protocol"]},
            "then": {"required": ["setting"]},
        },
        {"if": {"required": ["setting_of"]}, "then": {"required": ["setting"]}},
    ]
}


def _flow(section: Scalar, more: t.Mapping[str, t.Any], required: tuple[str, ...]) -> Record:
    row = AnyOf("expected a row, counted from 1, or null", (COUNT, NULL))
    reference = Record({"document": DOCUMENT, "section": section, "row": row}, required=("section",))
    return Record(
        {**_FLOW_KEYS, "reference": reference, "erratum": _ERRATUM_OF_FLOW, **more},
        required=("id", "source", "destination", "service", "protocol", "reference", *required),
        extra=_BETWEEN_FLOW_KEYS,
    )


_DOCUMENT_SECTION = Scalar(
    SLUG.expected + " (but not the word supplement)",
    lambda value: SLUG.accepts(value) and value != "supplement",
    {**SLUG.json, "not": {"const": "supplement"}},
)
FLOW = _flow(_DOCUMENT_SECTION, {}, ())
SUPPLEMENT = _flow(words(("supplement",)), {"group": NAME}, ("group",))

_PAIR = Record({"row": COUNT, "source": _ROLES, "destination": _ROLES, "settings": Many(_QUALIFIABLE), "text": TEXT}, required=("row",))
_LIST = Record(
    {
        "section": SLUG,
        "title": TEXT,
        "document": DOCUMENT,
        "rows": Rows(Record({"row": COUNT, "source": _ROLE, "destination": _ROLE, "see": SLUG, "text": TEXT}, required=("row",))),
    },
    required=("section", "rows"),
)
MARK = pattern(r"[A-Z]+[0-9]+[a-z]?", "expected a mark such as E1")
_ERRATUM = Record(
    {
        "id": MARK,
        "where": TEXT,
        "documented": TEXT,
        "holds": TEXT,
        "evidence": TEXT,
        "flows": Many(FLOW_ID),
        "treatment": words(TREATMENTS),
        "why": TEXT,
    },
    required=("id", "where", "documented", "holds", "evidence", "treatment"),
    extra={
        "if": {"properties": {"treatment": {"const": "none"}}, "required": ["treatment"]},
        "then": {"required": ["why"]},
        "else": {"required": ["flows"], "properties": {"flows": {"minItems": 1}}},
    },
)

SUPPLEMENT_WORD = pattern(rf"(?:{FLOW_ID.json['pattern'][1:-1]})|[a-z][a-z0-9_]*", "expected the id of a supplement, or a group of supplements")
_FORMER_WORD = Record(
    {"since": EDITION, "now": pattern(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*", "expected what it is called now"), "text": TEXT}, required=("since",)
)
_FORMER_NAMES = {"flows": FLOW_ID, "supplements": SUPPLEMENT_WORD}
FORMER = Record({kind: Table(_FORMER_NAMES.get(kind, NAME), _FORMER_WORD) for kind in FORMER_KINDS})

FILE = Record(
    {
        "product": NAME,
        "edition": EDITION,
        "title": TEXT,
        "documents": Table(DOCUMENT, _DOCUMENTS, least=1),  # flows refer to the first unless they name one
        "roles": Table(NAME, _ROLE_RECORD),
        "services": Table(NAME, Record({"title": TEXT, "title_fr": Many(TEXT), "text": TEXT}, required=("title",))),
        "settings": Table(NAME, _SETTING),
        "features": Table(NAME, Record({"title": TEXT, "text": TEXT}, required=("title",))),
        "notes": Table(COUNTED, Record({"title": TEXT, "text": TEXT}, required=("title", "text"))),
        "lists": Table(NAME, _LIST),
        "configurable": Rows(_PAIR),
        "non_configurable": Rows(_PAIR),
        "flows": Rows(FLOW),
        "supplements": Rows(SUPPLEMENT),
        "errata": Rows(_ERRATUM),
        "former": FORMER,
    },
    required=("product", "edition", "documents", "roles", "services", "flows"),
)
SECTIONS = tuple(FILE.keys)
DEFAULT_SHAPES = _DEFAULTS

WELL_KNOWN = Record(
    {"services": Table(NAME, Record({"title": TEXT, "protocol": words(PORT_PROTOCOLS), "port": PORT}, required=("title", "protocol", "port")))},
    required=("services",),
)
