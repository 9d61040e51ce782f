# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look over the sources that no other linter reads: C# and PowerShell.

Every one says its copyright and licence on top, keeps to 160 characters a line, to ASCII (Windows PowerShell takes a file without a byte
order mark for the machine's code page), to spaces, and ends in one newline.

``parse_errors`` gives where PowerShell does not parse, by the grammar of tree-sitter. That grammar is no judge of PowerShell at large: it
also stumbles over what is right. Our own few lines keep to what it knows; a unit test uses it.
"""

from __future__ import annotations

import re
import sys
import typing as t

import checkout

PATTERNS = ("*.cs", "*.ps1", "*.psm1", "*.psd1")
LONGEST = 160
HEAD = ("Copyright", "GNU General Public License v3.0+", "SPDX-License" + "-Identifier: GPL-3.0-or-later")
RULES: tuple[tuple[str, str], ...] = (
    (r"\t", "a tab"),
    (r"[ \t\r]+$", "white space at the end"),
    (r"[^\x00-\x7f]", "not ASCII"),
    (r".{%d,}" % (LONGEST + 1), f"more than {LONGEST} characters"),
)


def complaints(text: str) -> t.Iterator[str]:
    """What is wrong with the text of one source, as ``<line>: <words>``."""
    lines = text.split("\n")
    top = "\n".join(lines[:6])
    for words in HEAD:
        if words not in top:
            yield f"1: the first lines do not say {words!r}"
    for number, line in enumerate(lines, 1):
        for pattern, words in RULES:
            if re.search(pattern, line):
                yield f"{number}: {words}"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield f"{len(lines)}: does not end in exactly one newline"


def parse_errors(text: str) -> list[str]:
    """Where this PowerShell does not parse, as ``<line>:<column>: <what is there>``; none when all of it does."""
    from tree_sitter_language_pack import get_parser  # only the tests have it

    found: list[str] = []

    def visit(node: t.Any) -> None:
        if node.is_error or node.is_missing:
            place = node.start_point
            words = f"missing {node.type}" if node.is_missing else (node.text or b"").decode(errors="replace").split("\n")[0][:60]
            found.append(f"{place.row + 1}:{place.column + 1}: {words}")
        elif node.has_error:
            for child in node.children:
                visit(child)

    root = get_parser("powershell").parse(text.encode()).root_node
    visit(root)
    return found or (["1:1: does not parse"] if root.has_error else [])


def main() -> int:
    names = checkout.files(*PATTERNS)
    found = [f"{name}:{words}" for name in names for words in complaints(checkout.ROOT.joinpath(name).read_bytes().decode("utf-8", errors="replace"))]
    for line in found:
        print(line)
    print(f"{len(names)} sources read, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
