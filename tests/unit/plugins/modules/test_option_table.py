# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of options, and what is told of it: the documentation of the modules and of ``apply``, the role's arguments and its defaults."""

from __future__ import annotations

import ast
import pathlib
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.action import apply as apply_action
from ansible_collections.portcullis.msports.plugins.action import plan as plan_action
from ansible_collections.portcullis.msports.plugins.module_utils import _options
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import reconcile as firewalld
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import reconcile as nftables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import reconcile as ufw
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import BACKENDS
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import reconcile as windows
from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ROOT = pathlib.Path(__file__).resolve().parents[4]
ROLE = ROOT / "roles" / "host_firewall"
PREFIX = "host_firewall_"
Spec = dict[str, dict[str, t.Any]]


def documented(name: str, kind: str = "modules") -> Spec:
    """The options of a plugin as its DOCUMENTATION and the fragments that it takes in have them, without the words."""
    tree = ast.parse(ROOT.joinpath("plugins", kind, f"{name}.py").read_text(encoding="utf-8"))
    (text,) = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION"]
    found = safe_load(ast.literal_eval(text))
    options = bare(found.get("options", {}))
    for fragment in found.get("extends_documentation_fragment", []):
        options |= documented(fragment.rpartition(".")[2], "doc_fragments")
    return options


def bare(options: Spec) -> Spec:
    """The spec without words, whose order means nothing and whose choices are a set."""
    kept = ("type", "elements", "default", "choices")
    return {
        name: {key: sorted(option[key]) if key == "choices" else option[key] for key in kept if option.get(key) is not None} for name, option in options.items()
    }


def role() -> Spec:
    found = safe_load(ROLE.joinpath("meta", "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    assert all(name.startswith(PREFIX) for name in found)
    return bare({name[len(PREFIX) :]: option for name, option in found.items()})


@pytest.mark.parametrize(("module", "spec"), [("linux_ruleset", _options.linux_spec()), ("win_firewall_ruleset", _options.windows_spec())], ids=str)
def test_the_documentation_of_a_module_is_the_table(module: str, spec: Spec) -> None:
    assert documented(module) == bare(spec)


@pytest.mark.parametrize("module", ["linux_ruleset_info", "win_firewall_ruleset_info"])
def test_what_only_reads_has_the_owner(module: str) -> None:
    spec = {**_options.OWNER, **(_options.backend_spec(_options.LINUX) if module.startswith("linux") else {})}
    assert documented(module) == bare(spec)


def test_apply_documents_what_it_takes_and_takes_what_the_table_passes_on() -> None:
    assert documented("apply") == bare(apply_action.ARGUMENTS)
    spec = bare(apply_action.ARGUMENTS)
    assert {name: spec[name] for name in _options.PASSED_ON} == bare(_options.passed_on_spec())
    assert spec["backend"] == bare(_options.backend_spec(_options.BACKENDS))["backend"]


def test_the_role_has_what_apply_has() -> None:
    options = role()
    assert options.pop("plan") == {"type": "bool", "default": True}
    own = {name: options.pop(name) for name in set(plan_action.ARGUMENTS) - set(apply_action.ARGUMENTS)}
    assert own == {name: option for name, option in bare(plan_action.ARGUMENTS).items() if name in own}
    assert options == bare(apply_action.ARGUMENTS)


def test_the_role_sets_every_default_and_hands_every_option_on() -> None:
    values = safe_load(ROLE.joinpath("defaults", "main.yml").read_text(encoding="utf-8"))
    assert values == {PREFIX + name: option["default"] for name, option in role().items() if "default" in option}
    tasks = safe_load(ROLE.joinpath("tasks", "main.yml").read_text(encoding="utf-8"))
    every = [inner for task in tasks for inner in task.get("block", [task])]
    (handed,) = [task["portcullis.msports.apply"] for task in every if "portcullis.msports.apply" in task]
    assert set(handed) == set(apply_action.ARGUMENTS)
    assert all(f"{PREFIX}{name}" in text for name, text in handed.items())


@pytest.mark.parametrize(("name", "module"), [("nftables", nftables), ("firewalld", firewalld), ("ufw", ufw), ("windows", windows)])
def test_a_backend_runs_with_the_defaults_of_the_table(name: str, module: t.Any) -> None:
    assert _options.defaults(name) == module.OPTIONS
    assert ("firewalld_precedence" in module.OPTIONS) is (name == "firewalld")


def test_a_default_is_one_of_the_choices() -> None:
    specs = {**_options.linux_spec(), **_options.windows_spec()}
    chosen = {name: spec.get("default", spec["choices"][0]) for name, spec in specs.items() if "choices" in spec}
    assert all(set(value if isinstance(value, list) else [value]) <= set(specs[name]["choices"]) for name, value in chosen.items())
    assert set(_options.DEFAULT_INBOUND) == set(_options.BACKENDS)
    assert set(_options.DEFAULT_INBOUND.values()) <= set(specs["default_inbound"]["choices"])


def test_what_a_backend_does_not_have_is_dropped_and_reported() -> None:
    given = {"owner": "msports", "firewalld_precedence": "yield", "max_removals": None}
    assert _options.drop_unsupported("firewalld", given) == (given, [])
    rest, warnings = _options.drop_unsupported("windows", given)
    assert rest == {"owner": "msports", "max_removals": None}
    assert [text.partition(":")[0] for text in warnings] == ["firewalld_precedence is yield, which is about firewalld"]
    profiles = {"windows_profiles": ["domain"], "firewalld_precedence": "yield"}
    assert _options.drop_unsupported("linux", profiles) == (
        {"firewalld_precedence": "yield"},
        ["windows_profiles is ['domain'], which is about windows: with linux it changes nothing."],
    )
    assert _options.drop_unsupported("ufw", {**given, "firewalld_precedence": "merge"})[1] == []
    assert _options.drop_unsupported("ufw", {**given, "state": "absent"})[1] == []


def test_a_plan_is_rendered_for_every_backend() -> None:
    assert documented("render", "filter")["backend"]["choices"] == sorted(_options.BACKENDS)
    assert set(BACKENDS) == set(_options.BACKENDS)
