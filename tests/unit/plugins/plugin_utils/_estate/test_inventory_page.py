# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference page of the inventory variables names all of them rightly, its examples work, and its messages come out."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.read import read_estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.variables import SITE, TEXT, VARIABLES
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._estate.samples import inventory

PAGE = (pathlib.Path(__file__).resolve().parents[5] / "docs" / "inventory.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
GROUPS = ("awx", "zabbix", "web_tier", "configmgr_admins")


def estate_with(variables: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return an inventory where one host has the variables, and everybody whom the examples name is there."""
    hosts: dict[str, t.Any] = {
        "mp01": {"groups": ["configmgr_management_point"], "msports_site": "P01", **variables},
        "s00": {"groups": ["configmgr_site_server"], "msports_site": "CAS"},
        "s01": {"groups": ["configmgr_site_server"], "msports_site": "P01"},
        "backup01": {},
    }
    hosts.update({f"{name}1": {"groups": [name]} for name in GROUPS if name != "configmgr_admins"})
    groups = GROUPS if "msports_ignore_groups" in variables else GROUPS[:-1]
    return inventory(hosts, groups)


def test_table_has_every_variable_with_level_and_type() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\(#([\w-]+)\) \| (\w+) \| ([\w, ]+) \|", PAGE, re.MULTILINE)
    shapes = {SITE: "text, list or mapping", TEXT: "text"}
    assert {name: (level, shape) for name, _anchor, level, shape in rows} == {
        name: (variable.level, shapes.get(variable.shape, variable.shape)) for name, variable in VARIABLES.items()
    }
    headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)}
    assert {anchor for _name, anchor, _level, _shape in rows} <= headings


def test_every_variable_is_shown_in_an_example() -> None:
    assert set(VARIABLES) <= {key.partition("__")[0] for block in BLOCKS for key in yaml.safe_load(block)}


@pytest.mark.parametrize("block", [pytest.param(block, id=str(number)) for number, block in enumerate(BLOCKS)])
def test_examples_are_good(block: str) -> None:
    assert read_estate(estate_with(yaml.safe_load(block)), load_catalogs()).hosts["mp01"].managed


def test_commented_sites_are_good_too() -> None:
    for line in re.findall(r"^# (msports_site: .*)$", PAGE, re.MULTILINE):
        hosts = estate_with(yaml.safe_load(line))
        hosts["hosts"]["s00"]["vars"]["msports_site__more"] = ["S01"]
        assert read_estate(hosts, load_catalogs()).hosts["mp01"].holdings[0].sites


def test_shown_messages_come_out() -> None:
    wrong = {
        "msports_addresses": ["10.0.1.0/24"],
        "msports_features": ["configmgr.pex"],
        "msports_management": {"from": ["group:aws"], "services": ["ssh"]},
        "msports_role": [],
    }
    with pytest.raises(InventoryError) as caught:
        read_estate(estate_with(wrong), load_catalogs())
    assert str(caught.value) + "\n" == re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0]
