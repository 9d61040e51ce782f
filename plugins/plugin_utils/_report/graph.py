# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The graph of roles: who opens something at whom, as a drawing that stands in the page."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._report.markup import Markup, element

Plain = t.Mapping[str, t.Any]
STEP, TOP, WIDTH, LEFT, RIGHT = 26, 34, 760, 270, 490  # pixels: between names, above the first, of the drawing, of the ends of lines


def graph(edges: t.Sequence[Plain]) -> Markup:
    """Return the drawing: on the left the roles that open connections, on the right those that are reached. Each line says its ports as a title."""
    sources = sorted({edge["source"] for edge in edges})
    destinations = sorted({edge["destination"] for edge in edges})
    height = TOP + STEP * max(len(sources), len(destinations), 1)
    left, right = ({name: TOP + STEP * number for number, name in enumerate(names)} for names in (sources, destinations))
    lines = [_line(edge, left[edge["source"]], right[edge["destination"]]) for edge in edges]
    names = [_name(name, at, LEFT - 8, "end") for name, at in left.items()] + [_name(name, at, RIGHT + 8, "start") for name, at in right.items()]
    heads = [_name("opens", 14, LEFT - 8, "end", "head"), _name("is reached", 14, RIGHT + 8, "start", "head")]
    said = "Which role opens connections to which role"
    return element("svg", *heads, *lines, *names, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=said, id="graph")


def _line(edge: Plain, start: int, end: int) -> Markup:
    middle = (LEFT + RIGHT) // 2
    path = f"M{LEFT},{start - 4} C{middle},{start - 4} {middle},{end - 4} {RIGHT},{end - 4}"
    title = element("title", f"{edge['source']} to {edge['destination']}: {', '.join(edge['ports'])}")
    return element("path", title, d=path, class_="line")


def _name(name: str, y: int, x: int, anchor: str, kind: str = "") -> Markup:
    return element("text", name, x=x, y=y, text_anchor=anchor, class_=kind)
