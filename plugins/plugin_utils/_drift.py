# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a check of one host says of drift: its rules against those of the plan, and foreign rules against both.

Every Windows host has rules that come with it and admit more than a plan. They are told, and are drift only for those who ask for it (``strict``).
"""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._outcome import NOT_YET

Plain = t.Mapping[str, t.Any]
CHANGES = (("added", "missing"), ("removed", "extra"), ("changed_rules", "changed"), ("structure", "changed"))
# What options ask for is nobody else's doing; on Windows the profiles stand before it.
ASKED_FOR = re.compile(r"(?:[a-z, ]+: )?(?:mode is audit: |default_inbound is allow: )")


def drift(result: Plain, accepted: t.Sequence[str] = (), ignore_foreign: bool = False, strict: bool = False) -> dict[str, list[str]]:
    """Return ``{"differs", "accepted", "shipped"}`` in words; ``result`` is that of a check.

    ``accepted`` are groups of foreign rules on Windows, names of rules, or the words in which a foreign rule of Linux is told; each may be a pattern.
    """
    found: dict[str, list[str]] = {"differs": [], "accepted": [], "shipped": []}
    found["differs"] = [f"{word}: {name}" for key, word in CHANGES for name in result.get(key) or ()]
    effective = result.get("effective") or {}
    for names, text, shipped in () if ignore_foreign else _foreign(effective, bool(result.get("changed"))):
        if any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in accepted):
            found["accepted"].append(text)
        elif shipped and not strict:
            found["shipped"].append(text)
        else:
            found["differs"].append(f"foreign: {text}")
    return found


def _foreign(effective: Plain, changed: bool) -> t.Iterator[tuple[t.Sequence[str], str, bool]]:
    """Yield each thing that foreign rules do: by which names it can be accepted, in words, and whether it comes with Windows."""
    for text in effective.get("reasons_beyond_foreign_allows", effective.get("reasons")) or ():
        # Where something differs, a check says of all rules that they are not in force yet.
        if not ASKED_FOR.match(text) and not (changed and text == NOT_YET):
            yield [text], text, False
    for item in effective.get("foreign_allows") or ():
        what = f"{item['group']}: {item['rules']} {item['direction']}bound, {some(item['admits'], 2)}" if item["direction"] else item["group"]
        yield [item["group"], *item["examples"]], what, item["baseline"]
