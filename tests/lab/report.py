# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What the lab says while it works, and what it leaves behind."""

import contextlib
import json
import pathlib
import shutil
import time
import typing as t
from dataclasses import dataclass, field

SHOWN = 40  # disagreements printed; all of them are in the report's file


@dataclass
class Report:
    """Steps with their times, counts, disagreements. Printed as they come, saved at the end."""

    folder: pathlib.Path
    steps: int
    disagreements: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    @contextlib.contextmanager
    def step(self, title: str) -> t.Iterator[None]:
        """Announce a step; :meth:`say` adds lines to it."""
        began = time.monotonic()
        print(f"[{len(self.seconds) + 1}/{self.steps}] {title}", flush=True)
        yield
        self.seconds[title] = round(time.monotonic() - began, 1)
        print(f"      {self.seconds[title]} s", flush=True)

    def say(self, text: str) -> None:
        print(f"      {text}", flush=True)

    def count(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    def disagree(self, found: t.Iterable[str]) -> None:
        """Note disagreements and print the first ones."""
        for text in found:
            self.disagreements.append(text)
            if len(self.disagreements) <= SHOWN:
                print(f"      DISAGREES  {text}", flush=True)
            elif len(self.disagreements) == SHOWN + 1:
                print(f"      ... more of them in {self.folder / 'report.json'}", flush=True)

    def save(self) -> pathlib.Path:
        path = self.folder / "report.json"
        told = {
            "agrees": not self.disagreements,
            "counts": self.counts,
            "disagreements": self.disagreements,
            "seconds": {**self.seconds, "all": round(time.monotonic() - self._began, 1)},
        }
        path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return path
