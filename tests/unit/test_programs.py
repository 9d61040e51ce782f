# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests and their tools execute on the machine is of a package that ``tests/requirements/system-*.txt`` names, or that every Debian has.

Read are the sources: lists that begin with the name of a program, texts that are given to a shell, scripts. What a name is, is asked of this
machine's dpkg; a name that is no program here is none of this test's, because what executes it fails by itself.
"""

from __future__ import annotations

import ast
import os
import pathlib
import re
import shutil
import subprocess
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "tests" / "requirements"
SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
# Where texts for a shell are run in a container, whose image has packages of its own; what these folders start on the machine are lists.
IN_CONTAINERS = ("tests/integration/firewalld", "tests/integration/persistence", "tests/integration/ufw", "tests/benchmarks")
SHELLS = {"run", "sh", "system", "getoutput"}  # functions that take a text for a shell
# First words of lists that name something else: a source of an inventory, a subcommand of git.
NO_PROGRAMS = {"file", "init"}
WORD = re.compile(r"[a-z][a-z0-9_.+-]*")


def commands(text: str) -> set[str]:
    """First words of the commands of a shell's text, and many a word that is none."""
    text = re.sub(r"(?m)(^|\s)#.*$|'[^']*'", " ", text).replace('"$(', "$(").replace('"', "")
    found = set()
    for command in re.split(r"[;|&\n(){}`]|\$\(|\b(?:if|then|else|do|while|until|exec|env|!)\s", text):
        words = [word for word in command.split() if not re.match(r"\w+=", word)]
        found |= set(words[:1])
    return {word for word in found if WORD.fullmatch(word)}


def executed(tree: ast.AST, shell: bool) -> set[str]:
    """Names that a module of Python may execute; ``shell``: whether texts for a shell are run on this machine."""
    nodes = list(ast.walk(tree))
    constants = {
        node.targets[0].id: node.value.value
        for node in nodes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant)
    }

    def text(node: ast.AST) -> str:
        value = constants.get(node.id) if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else None
        return value if isinstance(value, str) else ""

    found = set()
    for node in nodes:
        if isinstance(node, ast.List):
            words = [text(item) for item in node.elts]
            found |= set(words[:1])
            for place, word in enumerate(words[:-1]):
                if word == "-c" and words[place - 1] in ("sh", "bash"):
                    found |= commands(words[place + 1])
        elif isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "which":
                found.add(text(node.args[0]))
            elif name in SHELLS and shell:
                found |= commands(text(node.args[0]))
    return {word for word in found if WORD.fullmatch(word)}


def packages(programs: t.Collection[str]) -> dict[str, str]:
    """The Debian package of each of these that is a program of this machine and of a package."""
    places: dict[str, str] = {}
    for program in programs:
        path = shutil.which(program, path=SYSTEM)
        for place in (path, os.path.realpath(path)) if path else ():
            # /bin is a link to /usr/bin, and dpkg may know either.
            places.update(dict.fromkeys((place, "/usr" + place, place.removeprefix("/usr")), program))
    told = subprocess.run(["dpkg-query", "-S", *places], capture_output=True, text=True, check=False).stdout.splitlines()
    rows = [line.rsplit(": ", 1) for line in told if not line.startswith("diversion by ")]
    return {places[place]: owners.split(",")[0].split(":")[0] for owners, place in rows if place in places}


def everywhere() -> set[str]:
    """Packages that every Debian has: the essential ones, and those that debootstrap brings at least."""
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Essential} ${Priority}\n"], capture_output=True, text=True, check=True).stdout
    return {"apt"} | {line.split()[0] for line in shown.splitlines() if line.endswith(" required") or " yes " in line}


def listed() -> set[str]:
    """Packages that the lists name, and those that these depend on."""
    rows = [line.split() for path in REQUIREMENTS.glob("system-*.txt") for line in path.read_text(encoding="utf-8").splitlines()]
    named = {row[1] for row in rows if len(row) == 2 and row[0] != "#"}
    depends = subprocess.run(["dpkg-query", "-W", "-f", "${Depends}, ", *named], capture_output=True, text=True, check=False).stdout
    # What `make` stands on is there before any list is read (TESTING.md).
    return {"make", "git"} | named | {word.split()[0] for word in depends.split(",") if word.strip()}


def sources() -> list[pathlib.Path]:
    return sorted(path for path in ROOT.joinpath("tests").rglob("*") if path.suffix in (".py", ".sh") and "collections" not in path.relative_to(ROOT).parts)


def test_what_is_executed_is_of_a_package_that_a_list_names() -> None:
    if shutil.which("dpkg-query") is None:
        pytest.fail("needs dpkg-query, which Debian and Ubuntu have")
    found: dict[str, set[str]] = {}
    for path in sources():
        name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        for program in commands(text) if path.suffix == ".sh" else executed(ast.parse(text), not name.startswith(IN_CONTAINERS)):
            found.setdefault(program, set()).add(name)
    owners, known = packages(set(found) - NO_PROGRAMS), listed() | everywhere()
    assert {"unshare", "nft", "apt-get"} <= set(owners)
    missing = {f"{program} ({owner})": sorted(found[program]) for program, owner in owners.items() if owner not in known}
    assert missing == {}


def test_programs_are_found_in_the_ways_that_they_are_written() -> None:
    source = 'BUILD = """set -eu\nmount a; if one; then two | three "$(four)" && five; fi\n"""\nrun(["six", "-x"])\nrun("A=1 seven -q")\n'
    source += 'which("eight")\n["unshare", "sh", "-c", BUILD]\n'
    assert executed(ast.parse(source), True) >= {"mount", "one", "two", "three", "four", "five", "six", "seven", "eight", "unshare"}
    assert "seven" not in executed(ast.parse(source), False)
