# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The import rules of docs/architecture.md, read from the sources with ``ast``, and the registries that must not forget anybody."""

from __future__ import annotations

import ast
import collections
import functools
import pathlib
import sys
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
OURS = "ansible_collections.portcullis.msports.plugins"

# The pipeline: one folder (or file) of plugin_utils for each arrow of the picture in docs/architecture.md.
STAGES = ("_catalog", "_estate", "_flow", "_rule", "_plan", "_render", "_matrix", "_windows", "_observation", "_report")
# What every stage may use.
SHARED = ("_model", "_errors", "_files")
# Stages that only the composer joins; a facade may ask the others directly (the catalog's answers, a plan, its renderings).
INNER = ("_estate", "_flow", "_rule")
COMPOSER = "_compile"
BORDER = "_ansible"
FACADES = ("action", "filter", "lookup", "test")
THIRD_PARTY = ("jmespath", "yaml")  # what the core may import besides the standard library

SOURCES = sorted(path for path in PLUGINS.rglob("*.py"))


def name_of(path: pathlib.Path) -> str:
    return path.relative_to(PLUGINS).as_posix()


def kind_of(path: pathlib.Path) -> str:
    return path.relative_to(PLUGINS).parts[0]


def unit_of(path: pathlib.Path) -> str:
    """The stage, or the file, of plugin_utils that a source belongs to."""
    return path.relative_to(PLUGINS / "plugin_utils").parts[0].removesuffix(".py")


def of_kind(*kinds: str) -> list[pathlib.Path]:
    return [path for path in SOURCES if kind_of(path) in kinds]


CORE = of_kind("plugin_utils")


def imports(tree: ast.AST) -> t.Iterator[str]:
    """Every module that a source imports, also inside functions, as dotted names; ``from a import b`` gives ``a.b``.

    A relative import gives a name that starts with a dot.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


@functools.cache
def parsed(path: pathlib.Path) -> tuple[tuple[str, ...], t.Optional[ast.stmt]]:
    """Return what a source imports, and its first statement that is more than a text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(imports(tree)), next((node for node in tree.body if not isinstance(node, ast.Expr)), None)


def imported(path: pathlib.Path) -> tuple[str, ...]:
    return parsed(path)[0]


def own_targets(path: pathlib.Path) -> list[list[str]]:
    """What a source imports of ours, as parts below ``plugins``: ``["plugin_utils", "_model", "ports", "PortRange"]``."""
    return [name[len(OURS) + 1 :].split(".") for name in imported(path) if name.startswith(OURS + ".")]


def foreign(path: pathlib.Path) -> set[str]:
    """Imports from neither the standard library nor this collection."""
    names = (name for name in imported(path) if not name.startswith(OURS + "."))
    return {name for name in names if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("__future__.")}


def each(paths: t.Sequence[pathlib.Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


def test_the_reader_of_imports_sees_them_all() -> None:
    source = "import a.b, c\nfrom d.e import f as g\nfrom . import h\ndef k():\n    from ..m import n\n"
    assert sorted(imports(ast.parse(source))) == sorted(["..m.n", "..h", "a.b", "c", "d.e.f"])


def test_there_is_something_to_read() -> None:
    assert {"plugin_utils", "module_utils", "modules", "lookup", "filter", "test", "action"} <= {kind_of(path) for path in SOURCES}
    assert {unit_of(path) for path in CORE} >= {*STAGES, *SHARED, COMPOSER, BORDER}


def test_every_folder_is_a_known_stage() -> None:
    """A new folder in plugin_utils is a new arrow in the picture: it belongs into STAGES, and into docs/architecture.md."""
    folders = {path.name for path in PLUGINS.joinpath("plugin_utils").iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= {*STAGES, *SHARED}


@each(SOURCES)
def test_no_relative_imports(path: pathlib.Path) -> None:
    assert [name for name in imported(path) if name.startswith(".")] == []


@each([path for path in CORE if unit_of(path) in STAGES])
def test_a_stage_imports_model_and_errors_never_a_sibling(path: pathlib.Path) -> None:
    allowed = {*SHARED, unit_of(path)}
    assert [target for target in own_targets(path) if target[0] != "module_utils" and (target[0] != "plugin_utils" or target[1] not in allowed)] == []


# What the values are made of is calculated with on targets, too: one algebra for both.
ALGEBRA = ("_addresses", "_ports")


@each([path for path in CORE if unit_of(path) in SHARED])
def test_model_and_errors_import_nothing_above_them(path: pathlib.Path) -> None:
    allowed = {("plugin_utils", "_errors")}
    if unit_of(path) == "_model":
        allowed |= {("plugin_utils", "_model"), *(("module_utils", unit) for unit in ALGEBRA)}
    assert [target for target in own_targets(path) if tuple(target[:2]) not in allowed] == []


@each([path for path in CORE if unit_of(path) != BORDER])
def test_the_core_never_imports_ansible(path: pathlib.Path) -> None:
    assert {name for name in foreign(path) if name.split(".")[0] not in THIRD_PARTY} == set()


def test_the_border_imports_ansible_and_no_stage() -> None:
    path = PLUGINS / "plugin_utils" / f"{BORDER}.py"
    assert {name.split(".")[0] for name in foreign(path)} == {"ansible"}
    assert [target for target in own_targets(path) if target[1] in (*STAGES, COMPOSER)] == []


def test_only_the_composer_joins_the_inner_stages() -> None:
    joining = {unit_of(path) for path in CORE if unit_of(path) not in INNER and any(target[1] in INNER for target in own_targets(path) if len(target) > 1)}
    assert joining == {COMPOSER}


@each([path for path in CORE if unit_of(path) == COMPOSER])
def test_the_composer_knows_no_ansible_and_no_border(path: pathlib.Path) -> None:
    assert [target for target in own_targets(path) if target[0] != "plugin_utils" or target[1] not in (*STAGES, *SHARED)] == []


@each(of_kind("plugin_utils"))
def test_plugin_utils_never_import_plugins(path: pathlib.Path) -> None:
    assert [target for target in own_targets(path) if target[0] not in ("plugin_utils", "module_utils")] == []


@each(of_kind(*FACADES))
def test_a_facade_composes_nothing_itself(path: pathlib.Path) -> None:
    targets = own_targets(path)
    others = [target for target in targets if target[0] != "plugin_utils"]
    assert [target for target in others if target[:2] != ["module_utils", "_options"]] == [], "a facade uses plugin_utils, and the table of options"
    assert [target for target in targets if target[1] in INNER] == [], "what joins these stages is _compile"
    assert {name.split(".")[0] for name in foreign(path)} <= {"ansible"}


@each(of_kind("doc_fragments"))
def test_a_fragment_imports_nothing(path: pathlib.Path) -> None:
    assert [name for name in imported(path) if name != "__future__.annotations"] == []


@each(of_kind("modules", "module_utils"))
def test_what_travels_to_targets_needs_only_what_is_there(path: pathlib.Path) -> None:
    """On a target there is no plugin_utils, no third-party package, and of Ansible only its module_utils."""
    assert [target for target in own_targets(path) if target[0] != "module_utils"] == []
    assert {name for name in foreign(path) if not name.startswith("ansible.module_utils.")} == set()


# The half that runs on Linux targets: what reads a host, and the backends, which never know of each other.
HOST = "_linux/host"
LINUX_BACKENDS = ("_linux/firewalld", "_linux/nftables", "_linux/ufw")
ROOM = {"": {""}, "_linux": {"", "_linux", HOST, *LINUX_BACKENDS}, HOST: {"", HOST}, "_windows": {"", "_windows"}}
ROOM |= {backend: {"", HOST, backend} for backend in LINUX_BACKENDS}


def room_of(path: pathlib.Path) -> str:
    """The folder of module_utils that a source lies in: ``""`` for module_utils itself, ``_linux``, ``_linux/host``..."""
    folder = path.relative_to(PLUGINS / "module_utils").parent.as_posix()
    return "" if folder == "." else folder


def target_room(target: t.Sequence[str]) -> str:
    """The same of a module that is imported, whether it names a module or something inside one."""
    parts = list(target[1:])
    while parts and not PLUGINS.joinpath("module_utils", *parts).is_dir():
        parts.pop()
    return "/".join(parts)


def test_every_room_of_module_utils_is_known() -> None:
    """A new folder in module_utils is a new arrow in the picture: it belongs in ROOM, and in docs/architecture.md."""
    assert {room_of(path) for path in of_kind("module_utils")} == set(ROOM)
    assert target_room(["module_utils", "_linux", "host", "nft", "Nft"]) == HOST
    assert target_room(["module_utils", "_guard"]) == ""


@each(of_kind("module_utils"))
def test_a_backend_imports_the_host_and_never_another_backend(path: pathlib.Path) -> None:
    rooms = ROOM[room_of(path)]
    assert [target for target in own_targets(path) if target_room(target) not in rooms] == []


# What Python 3.8 lacks and a later grammar check does not see.
NEWER_METHODS = {"removeprefix", "removesuffix", "bit_count", "is_relative_to"}
NEWER_ARGUMENTS = {"slots", "kw_only", "strict", "match_args"}
NEWER_MODULES = {"graphlib", "tomllib", "zoneinfo", "functools.cache", "itertools.pairwise", "itertools.batched", "math.lcm", "contextlib.chdir"}


@each(of_kind("modules", "module_utils"))
def test_what_travels_to_targets_is_python_3_8(path: pathlib.Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    newer = [f"line {node.lineno}: .{node.attr}" for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in NEWER_METHODS]
    newer += [f"line {node.value.lineno}: {node.arg}=" for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in NEWER_ARGUMENTS]
    newer += [name for name in imports(tree) if name in NEWER_MODULES or name.split(".")[0] in NEWER_MODULES]
    assert newer == []


# --- headers ---------------------------------------------------------------------------------------------------------


SPDX = "SPDX-License" + "-Identifier: GPL-3.0-or-later"  # in two pieces, or tools that look for it would read the rest of its line, too


def own_files() -> list[pathlib.Path]:
    folders = ("plugins", "tests/tools", "tests/unit", "tests/integration", "tests/lab", "tests/benchmarks", "roles", "playbooks", "meta")
    found = (path for folder in folders for path in ROOT.joinpath(folder).rglob("*"))
    return sorted(path for path in found if path.suffix in (".py", ".sh", ".yml", ".cs") and path.is_file() and path.stat().st_size)


def is_program(path: pathlib.Path) -> bool:
    return path.suffix in (".py", ".sh", ".cs") or "catalogs" in path.parts and "plugins" in path.parts


def test_every_program_and_catalog_says_its_licence_on_top() -> None:
    files = [path for path in own_files() if is_program(path)]
    assert len(files) > 20
    silent = []
    for path in files:
        top = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:6])
        if not all(word in top for word in ("Copyright", "GNU General Public License v3.0+", SPDX)):
            silent.append(path.relative_to(ROOT).as_posix())
    assert silent == []


@each(SOURCES)
def test_annotations_are_never_evaluated(path: pathlib.Path) -> None:
    _imported, first = parsed(path)
    assert first, "an empty file has no place in plugins/"
    assert isinstance(first, ast.ImportFrom) and first.module == "__future__" and first.names[0].name == "annotations"


# --- registries ------------------------------------------------------------------------------------------------------


def class_named(path: pathlib.Path, name: str) -> t.Optional[ast.ClassDef]:
    return next((node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef) and node.name == name), None)


@pytest.mark.parametrize(("kind", "name"), [("lookup", "LookupModule"), ("filter", "FilterModule"), ("test", "TestModule"), ("action", "ActionModule")])
def test_every_plugin_has_the_class_that_ansible_looks_for(kind: str, name: str) -> None:
    paths = of_kind(kind)
    assert paths
    assert [name_of(path) for path in paths if class_named(path, name) is None] == []


@pytest.mark.parametrize(("kind", "class_name", "method"), [("filter", "FilterModule", "filters"), ("test", "TestModule", "tests")])
def test_every_filter_and_test_gives_exactly_the_name_of_its_file(kind: str, class_name: str, method: str) -> None:
    """So that the documentation, which Ansible finds by the file's name, belongs to what is called."""
    for path in of_kind(kind):
        found = class_named(path, class_name)
        assert found is not None
        function = next(node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == method)
        given = next(node.value for node in ast.walk(function) if isinstance(node, ast.Return))
        assert isinstance(given, ast.Dict), name_of(path)
        assert [key.value for key in given.keys if isinstance(key, ast.Constant)] == [path.stem]


def modules() -> set[str]:
    return {path.stem for path in PLUGINS.joinpath("modules").iterdir() if path.suffix in (".py", ".ps1", ".yml") and not path.stem.startswith("_")}


def test_every_action_has_a_module_that_documents_it() -> None:
    assert {path.stem for path in of_kind("action")} <= modules()


def test_every_ruleset_module_has_an_info_sibling_and_both_are_in_the_action_group() -> None:
    rulesets = {name for name in modules() if name.endswith("_ruleset")}
    assert rulesets
    groups = yaml.safe_load(ROOT.joinpath("meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert set(groups["rulesets"]) == rulesets | {f"{name}_info" for name in rulesets}
    assert set(groups["rulesets"]) <= modules()


def test_every_catalog_lies_where_its_product_and_edition_say() -> None:
    paths = sorted(PLUGINS.glob("catalogs/*/*.yml"))
    assert paths
    for path in paths:
        head = yaml.safe_load("".join(line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith(("product:", "edition:"))))
        assert (head["product"], head["edition"]) == (path.parent.name, path.stem)


def test_metadata_keeps_its_promises() -> None:
    galaxy = yaml.safe_load(ROOT.joinpath("galaxy.yml").read_text(encoding="utf-8"))
    assert "manifest" not in galaxy, "it would leave out the catalogs without a word"
    runtime = yaml.safe_load(ROOT.joinpath("meta/runtime.yml").read_text(encoding="utf-8"))
    assert runtime["requires_ansible"] == ">=2.19.0"
    ignores = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("tests/sanity/ignore-*.txt")}
    assert set(ignores) == {"ignore-2.19.txt", "ignore-2.20.txt", "ignore-2.21.txt"}
    assert set(ignores.values()) == {""}, "the aim is a clean run, not a list of exceptions"


def test_modules_of_tests_have_names_of_their_own() -> None:
    """pytest imports them by their name alone, so that two of one name cannot be run together."""
    names = collections.Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, times in names.items() if times > 1] == []
