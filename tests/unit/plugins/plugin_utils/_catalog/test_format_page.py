# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference page of the catalog format says what the tables and the model say, and its sample catalog works."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import typing as t

import pytest
import yaml
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta_format import DELTA
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.format import FILE, SUPPLEMENT
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.shapes import Many, OrNull, Record, Rows, Table
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.validate import validate
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Flow
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._catalog.samples import write

PAGE = (pathlib.Path(__file__).resolve().parents[5] / "docs" / "catalog-format.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SAMPLE = BLOCKS[0]
(DELTA_SAMPLE,) = (block for block in BLOCKS if "\nbase: " in block)


def keys(shape: t.Any) -> t.Iterator[str]:
    """Yield every fixed key of a shape and of all below it."""
    if isinstance(shape, Record):
        for name, item in shape.keys.items():
            yield name
            yield from keys(item)
    elif isinstance(shape, (Table, Many, OrNull, Rows)):
        yield from keys(shape.item)


def test_every_key_is_explained() -> None:
    assert {name for form in (FILE, DELTA) for name in keys(form) if f"`{name}`" not in PAGE} == set()


def test_fields_and_defaults_of_flows() -> None:
    table = PAGE.partition("## Fields of a flow")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| ?(.*?) ?\|", table, re.MULTILINE))
    assert set(rows) == set(SUPPLEMENT.keys)
    defaults = {item.name: item.default for item in dataclasses.fields(Flow)}
    spelt = {dataclasses.MISSING: "", None: "none", (): "`[]`", False: "`false`"}
    for name, said in rows.items():
        if name != "starts":
            default = defaults[name]
            assert said == (spelt.get(default, f"`{default}`")), name


def test_sample_catalog_joins(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"acme/3.1.yml": SAMPLE})
    catalog = load_catalogs(paths=[folder]).products["acme"]
    assert [flow.id for flow in catalog.flows] == ["acme.agent.server.agent.tcp", "acme.server.server.replication.tcp"]


def test_sample_delta_is_what_the_page_says_of_it(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"acme/3.1.yml": SAMPLE, "acme/4.0.yml": DELTA_SAMPLE})
    catalog = load_catalogs(paths=[folder]).products["acme"]
    assert catalog.edition == "4.0"
    assert {flow.id: flow.ports for flow in catalog.flows} == {"acme.agent.server.agent.tcp": ("7444",), "acme.server.server.heartbeat.udp": ("7510",)}
    assert catalog.former["features"]["acme.replication"].since == "4.0"


def test_shown_messages_come_out(tmp_path: pathlib.Path) -> None:
    broken = SAMPLE.replace('ports: ["7443"]', "ports: [7443]").replace("feature: replication\n", "feature: replcation\n")
    folder = write(tmp_path, {"catalogs/acme/3.1.yml": broken})
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()
    with pytest.raises(CatalogError) as caught:
        load_catalogs(paths=[f"{folder}/catalogs"])
    assert [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()] == shown


def test_sample_alone_is_valid() -> None:
    assert validate(yaml.safe_load(SAMPLE), "3.1.yml") == []
