# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example in the documentation of lookups, filters and tests runs, and gives the output that it shows.

EXAMPLES is a list of tasks, or of plays. What a debug task prints is shown in comments right behind the task, as YAML::

    - name: The port of a service
      ansible.builtin.debug:
        msg: "{{ lookup('portcullis.msports.port_of', 'https') }}"
      # => 443

Longer output goes on, or starts, in the comment lines that follow. ``...`` as an item of a list stands for any further items, and
``...: ...`` in a mapping for any further keys. Examples run on the controller, with the small company of docs/examples as inventory; tasks
without shown output must just succeed.
"""

from __future__ import annotations

import pathlib
import re
import textwrap
import typing as t

import pytest
import yaml
from playbook_runs import TEMPLATES, Place

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("lookup", "filter", "test")
INVENTORY = ROOT / "docs" / "examples" / "small_company" / "inventory.yml"
_ARROW = re.compile(r"^\s*#\s*=>\s?(.*)$")
_MORE = re.compile(r"^\s*#(.*)$")
_NOTHING = object()


class Example(t.NamedTuple):
    plugin: str  # lookup/port_of
    name: str
    task: dict[str, t.Any]
    shown: t.Any  # what the documentation says comes out, or _NOTHING
    play: t.Optional[dict[str, t.Any]]  # the play around the task, where the example is one

    @property
    def variable(self) -> str:
        return "example_" + re.sub(r"\W", "_", f"{self.plugin}_{self.name}").lower()


def examples_text(path: pathlib.Path) -> str:
    """Return EXAMPLES of a plugin, from its Python file or from the YAML file beside it, unchanged: comments count here."""
    if path.suffix == ".yml":
        return yaml.safe_load(path.read_text(encoding="utf-8"))["EXAMPLES"]
    found = re.search(r'^EXAMPLES = r?("""|\'\'\')\n?(.*?)\1', path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert found, f"{path} has no EXAMPLES"
    return found.group(2)


def shown_outputs(text: str) -> list[tuple[int, t.Any]]:
    """Return ``(line, value)`` of every shown output, lines counted from 0."""
    found = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        start = _ARROW.match(line)
        if not start:
            continue
        more = []
        for follower in lines[number + 1 :]:
            match = _MORE.match(follower)
            if not match or _ARROW.match(follower):
                break
            more.append(match.group(1))
        below = textwrap.dedent("\n".join(more))
        found.append((number, yaml.safe_load(f"{start.group(1)}\n{below}" if start.group(1).strip() else below)))
    return found


def parse(plugin: str, text: str) -> list[Example]:
    """Return the examples of one plugin; every shown output belongs to the task that stands before it."""
    root = yaml.compose(text)
    found: list[list[t.Any]] = []  # line, task, play, shown
    for node, item in zip(root.value, yaml.safe_load(text), strict=True):
        if "hosts" not in item:
            found.append([node.start_mark.line, item, None, _NOTHING])
            continue
        tasks = next(value for key, value in node.value if key.value == "tasks")
        play = {key: value for key, value in item.items() if key != "tasks"}
        found.extend([at.start_mark.line, task, play, _NOTHING] for at, task in zip(tasks.value, item["tasks"], strict=True))
    for number, value in shown_outputs(text):
        before = [entry for entry in found if entry[0] < number]
        assert before, f"{plugin}: output shown before any task"
        assert before[-1][3] is _NOTHING, f"{plugin}: {before[-1][1].get('name')!r} shows two outputs"
        before[-1][3] = value
    return [Example(plugin, str(task.get("name")), task, shown, play) for _line, task, play, shown in found]


def same(shown: t.Any, actual: t.Any) -> bool:
    """Compare shown output with what came out, types included (``1`` is neither ``true`` nor ``"1"``)."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        wanted = {key: value for key, value in shown.items() if key != "..."}
        enough = set(wanted) <= set(actual) if "..." in shown else set(wanted) == set(actual)
        return enough and all(same(value, actual[key]) for key, value in wanted.items())
    if isinstance(shown, list) and isinstance(actual, list):
        if "..." in shown:
            place = shown.index("...")
            head, tail = shown[:place], shown[place + 1 :]
            if len(actual) < len(head) + len(tail):
                return False
            return same(head, actual[: len(head)]) and same(tail, actual[len(actual) - len(tail) :])
        return len(shown) == len(actual) and all(same(one, other) for one, other in zip(shown, actual, strict=True))
    return type(shown) is type(actual) and shown == actual


def plugins() -> dict[str, pathlib.Path]:
    found = {}
    for kind in KINDS:
        for path in sorted((ROOT / "plugins" / kind).glob("*.*")):
            if path.suffix in (".py", ".yml") and not path.name.startswith("_") and f"{kind}/{path.stem}" not in found:
                sidecar = path.with_suffix(".yml")
                found[f"{kind}/{path.stem}"] = sidecar if sidecar.exists() else path
    return found


PLUGINS = plugins()
EXAMPLES = [example for plugin, path in PLUGINS.items() for example in parse(plugin, examples_text(path))]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    """Run all examples in one ansible-playbook; return what each task gave, by the example's variable."""
    place = Place(tmp_path_factory.mktemp("examples"))
    plays = [
        {"hosts": "localhost", "gather_facts": False, **(example.play or {}), "tasks": [{**example.task, "name": example.variable, "ignore_errors": True}]}
        for example in EXAMPLES
    ]
    playbook = place.write("examples.yml", yaml.safe_dump(plays, sort_keys=False))
    run = place.play("-i", INVENTORY, playbook, **TEMPLATES)
    nothing = {"failed": True, "msg": f"did not run\n{run.output}"}
    return {**{example.variable: nothing for example in EXAMPLES}, **run.by_task()}


@pytest.mark.every_core
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.plugin}: {example.name}")
def test_example(example: Example, results: dict[str, t.Any]) -> None:
    result = results[example.variable]
    assert not result.get("failed"), result.get("msg") or result
    if example.shown is _NOTHING:
        return
    options = example.task["ansible.builtin.debug"]
    key = options.get("var", "msg")
    actual = [item[key] for item in result["results"]] if "loop" in example.task else result[key]
    assert same(example.shown, actual), f"shown:\n{yaml.safe_dump(example.shown)}\ncame out:\n{yaml.safe_dump(actual)}"


@pytest.mark.parametrize("plugin", PLUGINS)
def test_every_plugin_shows_output(plugin: str) -> None:
    assert any(example.plugin == plugin and example.shown is not _NOTHING for example in EXAMPLES)


def test_names_of_examples_are_unique() -> None:
    names = [example.variable for example in EXAMPLES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("shown", "actual", "expected"),
    [
        (443, 443, True),
        (443, "443", False),
        (1, True, False),
        ([1, "..."], [1, 2, 3], True),
        (["...", 3], [1, 2, 3], True),
        ([1, "...", 3], [1], False),
        ([2, "..."], [1, 2], False),
        ([1, 2], [1, 2, 3], False),
        ({"a": 1, "...": "..."}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "b": 2, "...": "..."}, {"a": 1}, False),
        ([{"a": ["..."]}], [{"a": [1, 2]}], True),
    ],
)
def test_comparison(shown: t.Any, actual: t.Any, expected: bool) -> None:
    assert same(shown, actual) is expected


def test_shown_output_is_read_from_comments() -> None:
    text = textwrap.dedent("""\
        - name: One
          ansible.builtin.debug: {msg: x}
          # => 443

        # a remark that shows nothing
        - name: Two
          ansible.builtin.debug: {msg: x}
        # =>
        #   - a: 1
        #     b: [2]
        #   - ...
        - hosts: localhost
          tasks:
            - name: Three
              ansible.builtin.debug: {msg: x}
              # => [1,
              #     2]
        """)
    assert [(example.name, example.shown, bool(example.play)) for example in parse("x", text)] == [
        ("One", 443, False),
        ("Two", [{"a": 1, "b": [2]}, "..."], False),
        ("Three", [1, 2], True),
    ]
