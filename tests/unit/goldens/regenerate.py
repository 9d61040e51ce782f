# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrite the golden files and the output in docs/plan.md: ``python tests/unit/goldens/regenerate.py``; then read what changed.

Each estate of ``estates.yml`` has a folder with ``plan.json`` (without digests, which change with every comment in a catalog), ``<host>.plan.json``,
and ``<host>.<backend>.json``, the options of the module for the system of the host. A rule is a line, and so is a set.
"""

from __future__ import annotations

import copy
import json
import pathlib
import re
import runpy
import typing as t


HERE = pathlib.Path(__file__).resolve().parent
runpy.run_path(str(HERE.parent / "conftest.py"))  # makes ansible_collections importable

from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile, _question  # noqa: E402
from ansible_collections.portcullis.msports.plugins.plugin_utils._matrix import matrix  # noqa: E402
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff  # noqa: E402
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import text_of  # noqa: E402
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render  # noqa: E402
from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load  # noqa: E402

Plain = t.Dict[str, t.Any]
PAGE = HERE.parents[2] / "docs" / "plan.md"
OUTPUT = re.compile(r"(?P<head><!-- output: (?P<what>[^>]*) -->\n```\w+\n).*?```", re.DOTALL)
TODAY = "2026-11-21"
BACKENDS = {"linux": "nftables", "windows": "windows"}
RELEASES = {"configmgr": "1806", "exchange": "2013", "databox": "2019-12"}
MANAGEMENT = {"from": ["10.9.0.0/24"], "services": ["ssh"]}


def estates() -> Plain:
    return safe_load((HERE / "estates.yml").read_text(encoding="utf-8"))


def inventory(estate: Plain) -> Plain:
    everywhere = {"management": MANAGEMENT, "releases": RELEASES, **estate.get("all", {})}
    hosts: Plain = {}
    groups: dict[str, list[str]] = {}
    for name, own in estate["hosts"].items():
        variables = {key: value for key, value in {**everywhere, **own}.items() if key != "groups"}
        hosts[name] = {"vars": {f"msports_{key}": value for key, value in variables.items()}, "groups": own.get("groups", [])}
        for group in own.get("groups", []):
            groups.setdefault(group, []).append(name)
    return {"hosts": hosts, "groups": groups, "whole": True, "today": TODAY, "resolved": {}, "facts": {}}


def golden(estate: Plain) -> dict[str, str]:
    """Return file name -> text of one estate."""
    plan = _compile.compile_plan(inventory(estate))
    backends = {name: BACKENDS[host["system"]] for name, host in plan["hosts"].items()}
    rulesets = {f"{name}.{backend}.json": render(plan, name, backend) for name, backend in backends.items()}
    shown = {key: value for key, value in plan.items() if key not in ("hosts", "inputs", "catalogs")}
    hosts = {f"{name}.plan.json": host for name, host in plan["hosts"].items()}
    return {name: text_of(content) for name, content in {"plan.json": shown, **hosts, **rulesets}.items()}


def page(text: str) -> str:
    """Return docs/plan.md with the output that its marks ask for: ``<!-- output: explain a b tcp/1 -->`` and the block after it."""
    estate = estates()["edge"]
    plan = _compile.compile_plan(inventory(estate))

    def output(match: re.Match[str]) -> str:
        kind, *words = match["what"].split()
        shown: t.Any
        if kind == "rule":
            shown = plan["hosts"][words[0]]["rules"][int(words[1])]
        elif kind == "explain":
            shown = _compile.explain_plan(plan, words[0], words[1], *_question.parse(words[2]))
        elif kind == "diff":
            other = copy.deepcopy(estate)
            other["hosts"]["exmb01"]["addresses"] = ["10.1.2.12"]
            other["hosts"]["edge01"]["default_inbound"] = "allow"
            shown = plan_diff(plan, _compile.compile_plan(inventory(other)))
        else:
            rows = str(matrix.render(plan, words[0])).splitlines(keepends=True)
            return match["head"] + "".join(row for number, row in enumerate(rows) if not number or "edge01" in row) + "```"
        return match["head"] + json.dumps(shown, indent=1) + "\n```"

    return OUTPUT.sub(output, text)


def main() -> int:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name, estate in estates().items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        wanted = golden(estate)
        for stale in sorted(path for path in folder.iterdir() if path.name not in wanted):
            stale.unlink()
        for file, text in wanted.items():
            folder.joinpath(file).write_text(text, encoding="utf-8")
        print(f"{name}: {len(wanted)} files")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
