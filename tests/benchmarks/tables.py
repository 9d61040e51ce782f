# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Series of measurements, their medians and minima, ratios made pair by pair, and tables of them."""

import statistics
import typing as t
from collections import defaultdict

Key = t.Hashable


class Series:
    """Measurements by key, in the order in which they were made."""

    def __init__(self) -> None:
        self.values: dict[Key, list[dict[str, float]]] = defaultdict(list)

    def add(self, key: Key, **measured: float) -> None:
        self.values[key].append(measured)

    def __contains__(self, key: Key) -> bool:
        return key in self.values

    def median(self, key: Key, what: str) -> float:
        return statistics.median(item[what] for item in self.values[key])

    def minimum(self, key: Key, what: str) -> float:
        return min(item[what] for item in self.values[key])

    def ratio(self, key: Key, other: Key, what: str) -> float:
        """Return the median of the ratios of ``key`` to ``other`` within the same turn."""
        return statistics.median(mine[what] / theirs[what] for mine, theirs in zip(self.values[key], self.values[other], strict=False))

    def plain(self) -> list[dict[str, t.Any]]:
        return [{"key": key, "values": values} for key, values in self.values.items()]


def table(head: t.Sequence[str], rows: t.Iterable[t.Sequence[t.Any]]) -> str:
    """Return a Markdown table; numbers are shown with the digits that mean something."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: t.Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
