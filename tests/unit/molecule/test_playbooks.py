# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks of the Molecule scenarios ask for; the scenarios themselves answer, on hosts that boot."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = ROOT / "extensions" / "molecule" / "shared"
# What a prediction cannot know, or what only a refusal or an audit has.
NOT_COMPARED = {"effective", "problems", "warnings", "learning"}


def playbook(name: str) -> list[dict[str, t.Any]]:
    return t.cast("list[dict[str, t.Any]]", yaml.safe_load(SHARED.joinpath(name).read_text(encoding="utf-8")))


def returned(module: str) -> set[str]:
    """The names of what a module returns, from its documentation."""
    tree = ast.parse(ROOT.joinpath("plugins", "modules", f"{module}.py").read_text(encoding="utf-8"))
    texts = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "RETURN"
    }
    return set(yaml.safe_load(texts["RETURN"]))


def test_everything_returned_is_compared_with_its_prediction() -> None:
    tasks = {task["name"]: task for play in playbook("converge.yml") for task in play.get("tasks", [])}
    compared = set(tasks["Compare"]["ansible.builtin.assert"]["that"])
    assert {f"predicted.{name} == applied.{name}" for name in (returned("linux_ruleset") | {"changed", "diff"}) - NOT_COMPARED} <= compared
    assert "changed_when" not in tasks["Predict"]  # it would hide what was predicted


def test_a_rule_enters_by_the_role_and_its_removal_is_named() -> None:
    plays = playbook("side_effect.yml")
    roles = [role for play in plays for role in play.get("roles", [])]
    assert [role["host_firewall_directory"].rpartition("/")[2] for role in roles] == ["wider"]
    probes = [probe for play in plays for task in play.get("tasks", []) for probe in task.get("vars", {}).get("asked", [])]
    assert [(probe["port"], probe["open"]) for probe in probes] == [(7777, True)]
    asserted = [that for play in plays for task in play.get("tasks", []) for that in task.get("ansible.builtin.assert", {}).get("that", [])]
    assert "repaired.removed | select('search', '7777') | length == 1" in asserted
