# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the pages as a reader would who believes them: links lead somewhere, code parses, what is mentioned exists.

For every Markdown file of the checkout:

* a link to a file, with or without ``#anchor``, leads to a file and a heading that are there, and so does one to this repository's own address:
  so pages of the package name what the package does not hold;
* a block marked ``yaml``, ``json`` or ``python`` parses, one marked ``console`` or ``bash`` runs only targets that the Makefile has;
* a variable that such a block gives to a playbook with ``-e`` is one that the playbooks or the role know;
* code in backticks that looks like a path of this repository is one; ``portcullis.msports.<name>`` is a plugin, role or playbook.

And ``README.md`` names every plugin, module, role and playbook.
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import sys
import typing as t

import yaml

import checkout

ROOT = checkout.ROOT
FENCE = re.compile(r"^(?P<indent>[ ]*)(?P<fence>```+|~~~+)[ ]*(?P<language>[\w+-]*)[^\n]*\n(?P<body>.*?)^(?P=indent)(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|!\[[^\]\n]*\]\(\s*([^)\s]+)[^)]*\)")
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
NAME = re.compile(r"\bportcullis\.msports\.([a-z_][a-z0-9_]*)")
# First folders of the repository: what starts with one of them and a slash is a path, when it has no place holder in it.
FOLDERS = ("plugins/", "tests/", "docs/", "roles/", "playbooks/", "meta/", "changelogs/", "extensions/", ".ci/", "LICENSES/")
# A file of this repository by its address.
OWN = re.compile(re.escape(yaml.safe_load(ROOT.joinpath("galaxy.yml").read_text(encoding="utf-8"))["repository"]) + "/(?:blob|tree)/main/(.*)")
PLUGINS = ("action", "filter", "lookup", "modules", "test")


def plugins() -> dict[str, list[str]]:
    """Public names by kind, as a user writes them after ``portcullis.msports.``."""
    found = {kind: sorted({path.stem for path in ROOT.joinpath("plugins", kind).glob("*") if public(path)}) for kind in PLUGINS}
    found["roles"] = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())
    found["playbooks"] = sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))
    return found


def public(path: pathlib.Path) -> bool:
    return path.suffix in (".py", ".yml", ".ps1") and not path.stem.startswith("_")


def anchors(text: str) -> set[str]:
    """The anchors that a forge makes of a page's headings, and those that it declares itself."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6}[ ]+(.+?)[ ]*#*$", FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
        if found[slug]:
            found[f"{slug}-{found[slug]}"] = 0
    return set(found) | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def links(text: str) -> t.Iterator[str]:
    """The target of each link of a page."""
    for match in LINK.finditer(blank(text)):
        yield match.group(1) or match.group(2)


def is_address(target: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]*:", target) is not None


def check_links(page: pathlib.Path, text: str) -> t.Iterator[str]:
    for target in links(text):
        own = OWN.fullmatch(target)
        if is_address(target) and not own:
            continue  # another site: nothing here can tell
        path, anchor = ((own.group(1) if own else target).split("#", 1) + [""])[:2]
        there = ((ROOT if own else page.parent) / path).resolve() if path else page
        if not there.exists() or ROOT not in (there, *there.parents):
            yield f"link to {target}: there is no such file"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text(encoding="utf-8")):
            yield f"link to {target}: there is no such heading in {there.name}"


def blank(text: str) -> str:
    """The page without its code, which may hold brackets of all sorts."""
    return INLINE.sub("", FENCE.sub("", text))


def check_code(text: str, targets: set[str]) -> t.Iterator[str]:
    for match in FENCE.finditer(text):
        language = match.group("language").lower()
        body = "\n".join(line.removeprefix(match.group("indent")) for line in match.group("body").splitlines())
        line = text.count("\n", 0, match.start()) + 1
        try:
            if language in ("yaml", "yml"):
                list(yaml.compose_all(body, Loader=yaml.SafeLoader))  # tags of Ansible's own need no constructor
            elif language == "json":
                json.loads(body)
            elif language == "python":
                ast.parse(body)
        except (yaml.YAMLError, ValueError, SyntaxError) as error:
            yield f"line {line}: this {language} does not parse: {' '.join(str(error).split())}"
        if language in ("console", "bash", "sh", "shell"):
            for target in re.findall(r"^(?:\$ )?make ([a-z-]+)", body, re.MULTILINE):
                if target not in targets:
                    yield f"line {line}: the Makefile has no target {target}"


def check_variables(text: str, known: t.AbstractSet[str]) -> t.Iterator[str]:
    for match in FENCE.finditer(text):
        commands = re.findall(r"^(?:\$ )?ansible-playbook .*portcullis\.msports\..*", match.group("body"), re.MULTILINE)
        for name in (name for command in commands for name in re.findall(r"-e '?\{?\"?(\w+)", command)):
            if name not in known and not name.startswith("ansible_"):
                yield f"`-e {name}`: neither the playbooks nor the role know such a variable"


def check_mentions(text: str, names: set[str], targets: set[str]) -> t.Iterator[str]:
    for code in INLINE.findall(FENCE.sub("", text)):
        make = re.fullmatch(r"make ([a-z-]+)", code)
        if make and make.group(1) not in targets:
            yield f"`{code}`: the Makefile has no such target"
        path = code.split("::")[0].rstrip("/")
        if code.startswith(FOLDERS) and re.fullmatch(r"[\w./-]+", path) and not (ROOT / path).exists():
            yield f"`{code}`: there is no such file"
        if code.startswith(FOLDERS) and re.fullmatch(r"[\w./*-]+", path) and "*" in path and not any(ROOT.glob(path)):
            yield f"`{code}`: nothing matches"
    for name in NAME.findall(text):
        if name not in names and name != "plugins":
            yield f"portcullis.msports.{name}: there is no such plugin, role or playbook"


def check_readme(found: dict[str, list[str]]) -> t.Iterator[str]:
    text = ROOT.joinpath("README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"[a-z_][a-z0-9_]*", " ".join(INLINE.findall(text)).replace("portcullis.msports.", " ")))
    for kind, kinds in found.items():
        for name in kinds:
            if name not in listed:
                yield f"the included content does not name `{name}` ({kind})"


def main() -> int:
    found = plugins()
    names = {name for kinds in found.values() for name in kinds}
    # Groups of modules are named in the same way.
    names |= set(yaml.safe_load(ROOT.joinpath("meta/runtime.yml").read_text(encoding="utf-8")).get("action_groups", {}))
    targets = set(re.findall(r"^([a-z-]+):", ROOT.joinpath("Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    known = {
        word for path in (*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/meta/*.yml")) for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
    }
    pages = checkout.files("*.md")
    complaints = [f"README.md: {text}" for text in check_readme(found)]
    for name in pages:
        page = ROOT / name
        text = page.read_text(encoding="utf-8")
        for complaint in (*check_links(page, text), *check_code(text, targets), *check_variables(text, known), *check_mentions(text, names, targets)):
            complaints.append(f"{name}: {complaint}")
    for complaint in complaints:
        print(complaint)
    print(f"{len(pages)} pages read, {len(complaints)} complaints")
    return 1 if complaints or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
