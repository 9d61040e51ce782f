# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of mistake in an inventory, with the full text that it gives. The cases are in ``bad/*.yml``."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.read import read_estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.variables import VARIABLES
from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._estate.samples import catalogs, inventory

FILES = sorted(pathlib.Path(__file__).parent.joinpath("bad").glob("*.yml"))


def _problems(text: str) -> list[str]:
    """One problem a line; what is indented goes on with the line before."""
    return re.sub(r"\n +", " ", text).splitlines()


CASES = [(path.stem, {**case, "problems": _problems(case["problems"])}) for path in FILES for case in safe_load(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{topic}-{case['id']}") for topic, case in CASES])
def test_told_in_full(case: dict[str, t.Any]) -> None:
    given = inventory(case["hosts"], case.get("groups", ()), resolved=case.get("resolved", {}), facts=case.get("facts", {}), left_out=case.get("left_out", {}))
    with pytest.raises(InventoryError) as error:
        read_estate(given, catalogs())
    assert str(error.value) == "\n".join(case["problems"]), case["why"]


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{topic}-{case['id']}") for topic, case in CASES])
def test_told_alike_in_another_order(case: dict[str, t.Any]) -> None:
    """Neither the order of hosts and groups nor that of a host's variables and groups changes a word."""
    given = inventory(case["hosts"], case.get("groups", ()), resolved=case.get("resolved", {}), facts=case.get("facts", {}), left_out=case.get("left_out", {}))
    turned = {
        **given,
        "hosts": {name: {"vars": _turned(host["vars"]), "groups": host["groups"][::-1]} for name, host in _turned(given["hosts"]).items()},
        "groups": {name: hosts[::-1] for name, hosts in _turned(given["groups"]).items()},
    }
    with pytest.raises(InventoryError) as error:
        read_estate(turned, catalogs())
    assert str(error.value) == "\n".join(case["problems"])


def _turned(mapping: dict[str, t.Any]) -> dict[str, t.Any]:
    return dict(reversed(mapping.items()))


def test_cases_are_many_and_distinct() -> None:
    ids = [case["id"] for _topic, case in CASES]
    assert len(ids) == len(set(ids)) >= 60
    assert sum(len(case["problems"]) > 1 for topic, case in CASES if topic == "several") >= 10


def test_every_variable_can_be_wrong() -> None:
    told = "\n".join(line for _topic, case in CASES for line in case["problems"])
    assert [name for name in VARIABLES if f": {name}" not in told] == []
