# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What whoever chooses a backend documents of the options names every backend that means something of its own by them."""

from __future__ import annotations

import ast
import pathlib
import re
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ROOT = pathlib.Path(__file__).resolve().parents[4]
BACKENDS = ("nftables", "firewalld", "ufw", "windows")
MODULES = {f"portcullis.msports.{name}_ruleset" for name in ("linux", "win_firewall")}


def documentation(path: str) -> dict[str, t.Any]:
    """Read DOCUMENTATION without importing the plugin."""
    tree = ast.parse(ROOT.joinpath(path).read_text(encoding="utf-8"))
    found = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "DOCUMENTATION"
    ]
    return t.cast("dict[str, t.Any]", safe_load(ast.literal_eval(found[0])))


def words(description: t.Union[str, list[str]]) -> str:
    return description if isinstance(description, str) else " ".join(description)


def options() -> dict[str, dict[str, str]]:
    role = safe_load(ROOT.joinpath("roles/host_firewall/meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    found = {"apply": {name: words(option["description"]) for name, option in documentation("plugins/modules/apply.py")["options"].items()}}
    found["host_firewall"] = {name.removeprefix("host_firewall_"): words(option["description"]) for name, option in role.items()}
    return found


@pytest.mark.parametrize("path", ["plugins/modules/apply.py", "plugins/filter/render.py"])
def test_the_modules_of_both_systems_are_referred_to(path: str) -> None:
    assert {item.get("module") for item in documentation(path)["seealso"]} >= MODULES


@pytest.mark.parametrize("where", ["apply", "host_firewall"])
@pytest.mark.parametrize("option", ["owner", "mode"])
def test_options_that_every_backend_has_its_own_way_with(where: str, option: str) -> None:
    assert [name for name in BACKENDS if name not in options()[where][option].lower()] == []


@pytest.mark.parametrize("where", ["apply", "host_firewall"])
def test_who_refuses_not_to_persist(where: str) -> None:
    """Those that refuse it in code, which is asked here, and Windows."""
    source = {name: ROOT.joinpath(f"plugins/module_utils/_linux/{name}/reconcile.py").read_text(encoding="utf-8") for name in ("nftables", "firewalld", "ufw")}
    refuse = [name for name, text in source.items() if 'if not options["persist"]:' in text]
    assert refuse == ["firewalld", "ufw"]
    text = options()[where]["persist"]
    assert [name for name in [*refuse, "windows"] if name not in text.lower()] == []
    assert "nftables" not in text


def test_the_table_of_defaults_has_every_backend() -> None:
    text = ROOT.joinpath("docs/backend-contract.md").read_text(encoding="utf-8")
    head, _rule, *rows = re.search(r"(\| default \|.*?)\n\n", text, re.DOTALL)[1].splitlines()  # type: ignore[index]
    assert [name for name in BACKENDS if name not in head.lower()] == []
    assert {row.count("|") for row in rows} == {head.count("|")}
    unset = next(line for line in text.splitlines() if line.startswith("Unset, `default_inbound`"))
    assert [name for name in BACKENDS if name not in unset.lower()] == []
