# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The estates of docs/examples, which the package ships: each plans as its page says, states its releases, and explains itself."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit import small_company

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
ESTATES = sorted(path.parent for path in EXAMPLES.glob("*/inventory.yml"))
HEAD = 4  # lines: copyright, licence, its name, and where YAML begins
each_estate = pytest.mark.parametrize("estate", ESTATES, ids=lambda path: path.name)


def planned(estate: pathlib.Path) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    assert estate == small_company.FOLDER
    return small_company.planned()


def test_there_is_an_estate() -> None:
    assert [path.name for path in ESTATES] == ["small_company"]


@each_estate
def test_it_plans_as_its_page_says(estate: pathlib.Path) -> None:
    _inventory, plan = planned(estate)
    page = EXAMPLES.joinpath("README.md").read_text(encoding="utf-8")
    shown = re.search(rf"-i {estate.name} portcullis\.msports\.plan .*\n\"(\d+) rules for (\d+) hosts in .*, (\d+) notes\"", page)
    assert shown is not None
    rules = sum(len(host["rules"]) for host in plan["hosts"].values())
    assert [int(number) for number in shown.groups()] == [rules, len(plan["hosts"]), len(plan["notes"])]
    assert all(host["rules"] for host in plan["hosts"].values())


@each_estate
def test_it_states_the_release_of_every_product_that_it_has(estate: pathlib.Path) -> None:
    inventory, plan = planned(estate)
    releases = {name: host["vars"].get("msports_releases") for name, host in inventory["hosts"].items()}
    stated = releases[next(iter(releases))]
    assert all(release == stated for release in releases.values())
    products = {role.split(".")[0] for host in (*plan["hosts"].values(), *plan["peers"].values()) for role in host["roles"]}
    assert set(stated) == products - {"windows_server"}  # it has one edition, and roles of others imply it
    assert {product: plan["catalogs"][product]["edition"] for product in stated} == stated


@each_estate
def test_it_has_two_sites(estate: pathlib.Path) -> None:
    _inventory, plan = planned(estate)
    assert len({site for host in plan["hosts"].values() for sites in host["roles"].values() for site in sites}) == 2


@each_estate
def test_every_file_explains_itself(estate: pathlib.Path) -> None:
    files = sorted(estate.rglob("*.yml"))
    silent = [path.name for path in files if not any("#" in line for line in path.read_text(encoding="utf-8").splitlines()[HEAD:])]
    assert len(files) > 10 and silent == []


def test_the_first_page_leads_to_it() -> None:
    text = ROOT.joinpath("README.md").read_text(encoding="utf-8")
    assert [path.name for path in ESTATES if f"(docs/examples/{path.name}/inventory.yml)" not in text] == []
