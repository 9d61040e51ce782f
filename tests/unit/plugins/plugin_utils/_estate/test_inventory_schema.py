# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published schema of the variables is the one that the tables give, and it takes what the pages and the sample estate show."""

from __future__ import annotations

import json
import pathlib
import re
import sys
import typing as t

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[5]
sys.path.insert(0, str(ROOT / "tests" / "tools"))

import inventory_schema  # noqa: E402
from schema import text_of  # noqa: E402

PUBLISHED = json.loads(inventory_schema.PATH.read_text(encoding="utf-8"))
CHECK = jsonschema.Draft202012Validator(PUBLISHED)
SAMPLE = sorted((ROOT / "docs" / "examples" / "small_company").rglob("*.yml"))
BLOCKS = re.findall(r"```yaml\n(.*?)```", inventory_schema.PAGE.read_text(encoding="utf-8"), re.DOTALL)
README = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def wrong(text: str) -> list[str]:
    value = json.loads(json.dumps(yaml.safe_load(text), default=str))
    return [error.json_path for error in CHECK.iter_errors(value)]


def test_published_is_what_the_tables_give() -> None:
    assert inventory_schema.PATH.read_text(encoding="utf-8") == text_of(inventory_schema.schema()), "run .venv/bin/python tests/tools/schema.py"
    jsonschema.Draft202012Validator.check_schema(PUBLISHED)


@pytest.mark.parametrize("text", [*BLOCKS, *(path.read_text(encoding="utf-8") for path in SAMPLE), *(text for text in README if "children:" in text)])
def test_what_is_shown_fits(text: str) -> None:
    assert wrong(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "msports_role: []",
        "msports_allow: [{name: x, in: tcp/1, because: y}]",
        "msports_allow: [{name: x, in: tcp/1, from: [any], because: y, untill: 2027-01-01}]",
        "msports_allow__web: {}",
        "msports_claims: [{never: rdp, from: [any], to: [any], because: y}]",
        "msports_default_inbound: deny",
        "msports_default_inbound__web: block",
        "msports_managed: [true]",
        "all: {children: {web: {vars: {msports_pings: []}}}}",
        "all: {hosts: {web01: {msports_networks: [10.0.0.0/8]}}}",
    ],
)
def test_mistakes_are_told(text: str) -> None:
    assert wrong(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("msports_default_inbound: deny", "$.msports_default_inbound"),
        ("all: {children: {web: {hosts: {web01: {msports_ping: yes}}}}}", "$.all.children.web.hosts.web01.msports_ping"),
        ("all: {vars: {msports_management: {form: [any]}}}", "$.all.vars.msports_management"),
        ("msports_allow: [{name: x, in: tcp/1, from: [any], because: y}, {name: x, out: tcp/x, to: [any], because: y}]", "$.msports_allow[1].out"),
        ("all: {vars: {msports_managment: {from: [any]}}}", "$.all.vars"),
    ],
)
def test_a_mistake_is_told_where_it_stands(text: str, place: str) -> None:
    assert wrong(text) == [place]


def test_roles_are_offered_for_completion() -> None:
    offered: t.Any = PUBLISHED["$defs"]["msports_roles"]["items"]["oneOf"][0]["anyOf"][0]["enum"]
    assert "configmgr.management_point" in offered and len(offered) > 20
