# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Names and sentences of others as text, wherever people read them."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~&]")
# What forges make a link of without being asked: addresses of the web and of mail, people, and numbers of issues. A backslash does not keep them from it.
_LINKS = re.compile(r"@|(?<=:)(?=//)|(?<=#)(?=[0-9])|(?<=www)(?=\.)", re.IGNORECASE)
_APART = "<!-- -->"


def visible(given: str) -> str:
    """Return a text without what browsers or XML would read as something else than a character: controls and halves of characters are shown as such."""
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\u{ord(char):04x}" for char in given) if not given.isprintable() else given


def markdown(given: str) -> str:
    """Return a text that Markdown shows as it is, in one line, also in a cell of a table."""
    plain = _SPECIAL.sub(r"\\\g<0>", " ".join(visible(given).split()))
    return _LINKS.sub(rf"\g<0>{_APART}", plain)
