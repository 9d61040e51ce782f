# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON schema of the inventory's variables, made from the table of variables, the keys that the readers know, and the words of the catalogs.

An editor completes and checks with it. It is no judge: what refers to other hosts only a plan can check.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._options import PROFILES
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import editions_of, load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate import claims, rules
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import DEFAULTS_INBOUND, DEFAULTS_OUTBOUND, SYSTEMS
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.variables import PREFIX, SITE, VARIABLES

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "inventory.md"
PATH = ROOT / "docs" / "inventory.schema.json"
Schema = dict[str, t.Any]

TEXT: Schema = {"type": "string", "minLength": 1}
WORDS: Schema = {"type": ["string", "integer"]}  # a text of the user's; YAML reads a number as one
TEXTS: Schema = {"type": "array", "items": TEXT}
PORTS: Schema = {"type": "string", "pattern": r"^((tcp|udp)/[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*|icmp_echo|any)$"}
SPEC: Schema = {"oneOf": [PORTS, {"type": "array", "items": PORTS, "minItems": 1}]}
ENDS: Schema = {"type": "array", "items": TEXT, "minItems": 1, "description": "addresses, networks, any, group:<name>, host:<name>, or roles"}
DAY: Schema = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
SHAPES: dict[str, Schema] = {
    "list": {"type": "array"},
    "mapping": {"type": "object"},
    "text": TEXT,
    "bool": {"type": "boolean"},
    SITE: {"oneOf": [TEXT, TEXTS, {"type": "object", "additionalProperties": {"oneOf": [TEXT, TEXTS]}}]},
}


def schema() -> Schema:
    """Return the schema of a file of variables, and of a whole inventory in YAML."""
    said = dict(re.findall(r"^\| \[`(\w+)`\]\(#[\w-]+\) \|.*\| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    values = {name: {**SHAPES[variable.shape], **content, "description": said[name]} for name, variable, content in _variables()}
    # Names with a suffix only: of the others an editor would say everything twice.
    united = {name: f"^{name}__.+$" for name in values if VARIABLES[name].unites}
    known = "|".join(name.removeprefix(PREFIX) + ("(__.+)?" if name in united else "") for name in values)
    group = {"$ref": "#/$defs/group"}
    variables = {
        "type": ["object", "null"],
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in values},
        "patternProperties": {
            **{pattern: {"$ref": f"#/$defs/{name}"} for name, pattern in united.items()},
            f"^{PREFIX}(?!({known})$)": False,
        },
    }
    inventory = {
        "vars": {"$ref": "#/$defs/variables"},
        "hosts": {"type": ["object", "null"], "additionalProperties": {"$ref": "#/$defs/variables"}},
        "children": {"type": ["object", "null"], "additionalProperties": group},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variables of portcullis.msports, in group_vars, host_vars, or an inventory in YAML",
        "allOf": [{"$ref": "#/$defs/variables"}],
        "properties": {"all": group},
        "$defs": {"variables": variables, "group": {"type": ["object", "null"], "properties": inventory}, **values},
    }


def _variables() -> t.Iterator[tuple[str, t.Any, Schema]]:
    contents = _contents(load_catalogs())
    for name, variable in VARIABLES.items():
        yield name, variable, contents.get(name.removeprefix(PREFIX), {})


def _contents(catalogs: Catalogs) -> dict[str, Schema]:
    """Return what the lists and mappings hold. Names of catalogs are offered, not required: other editions and catalogs of your own have others."""
    products = sorted(editions_of())
    roles = _offered(sorted(catalogs.roles))
    allow = dict.fromkeys(rules.ALLOW_KEYS, WORDS) | {"in": SPEC, "out": SPEC, "from": ENDS, "to": ENDS, "until": DAY}
    claim = dict.fromkeys(claims.KEYS, WORDS) | {"never": SPEC, "always": SPEC, "from": ENDS, "to": ENDS}
    role = {"role": roles, "site": SHAPES[SITE], "settings": {"type": "object"}}
    address = {"address": TEXT, "shared": {"type": "boolean"}}
    flow = {"flow": TEXT, "because": WORDS}
    networks = {"oneOf": [TEXTS, {"type": "object", "additionalProperties": TEXTS}]}
    return {
        "address_from": {"items": {"enum": ["inventory", "dns", "facts"]}},
        "addresses": {"items": {"oneOf": [TEXT, _closed(address, ["address"])]}},
        "allow": {"items": {**_closed(allow, ["name", "because"]), "oneOf": [{"required": ["in", "from"]}, {"required": ["out", "to"]}]}},
        "catalog_paths": {"items": TEXT},
        "claims": {"items": {**_closed(claim, ["from", "to", "because"]), "oneOf": [{"required": ["never"]}, {"required": ["always"]}]}},
        "default_inbound": {"enum": list(DEFAULTS_INBOUND)},
        "default_outbound": {"enum": list(DEFAULTS_OUTBOUND)},
        "dynamic_ports": {"pattern": "^[0-9]+-[0-9]+$"},
        "excluded_flows": {"items": _closed(flow, ["flow", "because"])},
        "features": {"items": _offered(sorted(catalogs.features))},
        "group_roles": {"additionalProperties": {"type": "array"}},
        "hierarchy": {"additionalProperties": {"type": ["string", "null"]}},
        "ignore_groups": {"items": TEXT},
        "management": {**_closed({"from": ENDS, "services": TEXTS}, []), "description": "from where, and over what"},
        "networks": {"additionalProperties": networks, "propertyNames": roles},
        "not_deployed": {"items": roles},
        "ping": {"items": TEXT},
        "releases": {"additionalProperties": {"type": ["string", "number"]}, "propertyNames": _offered(products)},
        "roles": {"items": {"oneOf": [roles, _closed(role, ["role"])]}},
        "supplements": {"items": TEXT},
        "system": {"enum": list(SYSTEMS)},
        "windows_profiles": {"items": {"enum": list(PROFILES)}, "minItems": 1},
    }


def _closed(properties: Schema, required: t.Sequence[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _offered(words: t.Sequence[str]) -> Schema:
    return {"anyOf": [{"enum": list(words)}, TEXT]}
