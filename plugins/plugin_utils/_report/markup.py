# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""HTML that cannot be broken by what it shows: a text is escaped wherever it stands, only what these functions made is markup."""

from __future__ import annotations

import html
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.display import visible


class Markup(str):
    """Finished HTML. Any other text is a text."""


Child = t.Union[str, int]
VOID = ("meta", "input", "br")


def element(tag: str, /, *children: Child, **attributes: t.Union[str, int, bool]) -> Markup:
    """Return an element. ``class_`` is the attribute ``class``; an attribute that is true has no value, one that is false or empty is left out."""
    given = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Markup(f"<{tag}{given}>" + ("" if tag in VOID else f"{joined(children)}</{tag}>"))


def joined(children: t.Iterable[Child], between: str = "") -> Markup:
    """Return children behind each other, ``between`` them a text."""
    return Markup(text(between).join(text(child) for child in children))


def text(child: Child) -> Markup:
    """Return a text as HTML, markup as it is."""
    return child if isinstance(child, Markup) else Markup(html.escape(visible(str(child))))


def _attribute(name: str, value: t.Union[str, int, bool]) -> str:
    if value is True:
        return f" {name}"
    return f' {name}="{text(value)}"' if value or value == 0 and value is not False else ""


def table(head: t.Sequence[str], rows: t.Iterable[Markup], **attributes: str) -> Markup:
    """Return a table that scrolls by itself where the screen is narrow."""
    top = element("tr", *(element("th", title, scope="col") for title in head))
    return element("div", element("table", element("thead", top), element("tbody", *rows), **attributes), class_="wide", tabindex="0")


def row(*cells: Child, **attributes: str) -> Markup:
    return element("tr", *(element("td", cell) for cell in cells), **attributes)


def listed(texts: t.Sequence[str], shown: int = 6) -> Markup:
    """Return texts in a line; many of them folded up, so that a row stays a row."""
    if len(texts) <= shown:
        return joined(texts, ", ")
    head = min(shown, 3)
    return element("details", element("summary", f"{', '.join(texts[:head])} and {len(texts) - head} more"), ", ".join(texts[head:]))
