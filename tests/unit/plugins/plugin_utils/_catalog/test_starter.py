# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A starter inventory: valid as it is, and a plan when the marks are taken away."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import jsonschema
import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import editions_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.starter import starter
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ROOT = pathlib.Path(__file__).resolve().parents[5]
SCHEMA = json.loads((ROOT / "docs" / "inventory.schema.json").read_text(encoding="utf-8"))
Plain = dict[str, t.Any]


def as_inventory(text: str) -> Plain:
    """Return what Ansible makes of an inventory whose groups lie below ``all``."""
    everything = safe_load(text)["all"]
    groups = {name: sorted(group["hosts"]) for name, group in everything["children"].items()}
    hosts: Plain = {}
    for group in everything["children"].values():
        for name, variables in group["hosts"].items():
            hosts[name] = {"vars": {**everything["vars"], **variables}, "groups": [other for other, members in groups.items() if name in members]}
    return {"hosts": hosts, "groups": groups, "whole": True, "today": "2026-11-29", "resolved": {}, "facts": {}}


@pytest.mark.parametrize("products", [[product] for product in editions_of()] + [list(editions_of())], ids=",".join)
def test_a_starter_is_valid_and_plans_once_the_marks_are_gone(products: list[str]) -> None:
    text = starter(products)
    filled = re.sub(r"^    # (?=\w+: \{hosts)", "    ", text, flags=re.MULTILINE)
    for written in (text, filled):
        assert not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(json.loads(json.dumps(safe_load(written), default=str))))
    plan = _compile.compile_plan(as_inventory(filled))
    assert {role.partition(".")[0] for host in (*plan["hosts"].values(), *plan["peers"].values()) for role in host["roles"]} >= set(products)


def test_the_comments_are_valid_too() -> None:
    commented = re.findall(r"^    # (msports_\w+: .*)$", starter(["configmgr"]), re.MULTILINE)
    assert len(commented) == 4
    for line in commented:
        assert not list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(json.loads(json.dumps(safe_load(line), default=str))))


def test_an_unknown_product_has_a_near_one() -> None:
    with pytest.raises(MsportsError, match="did you mean 'exchange'"):
        starter(["exchnage"])
    with pytest.raises(MsportsError, match="expected at least one of"):
        starter([])
