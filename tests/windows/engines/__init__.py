# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs the code for Windows hosts in tests. ``MSPORTS_ENGINE`` names one: ``mono`` (the default), ``pwsh``, or another of ``NAMES``."""

from __future__ import annotations

import functools
import importlib
import os
import pathlib
import typing as t

from .payload import Call, Done, EngineError

__all__ = ["NAMES", "VARIABLE", "Call", "Done", "Engine", "EngineError", "chosen", "named"]

VARIABLE = "MSPORTS_ENGINE"
# Module and class by name.
NAMES = {"mono": ("mono", "Mono"), "pwsh": ("pwsh", "Pwsh"), "wine": ("wine", "Wine")}


class Engine(t.Protocol):
    """What runs calls of a module on hosts, each of which is a policy file; None is a host without a policy store."""

    name: str
    # The lowest ansible-core whose payloads it takes; None: every supported one.
    core: t.Optional[str]

    def missing(self) -> list[str]:
        """What keeps it from running here, in words; empty when nothing does."""

    def described(self) -> str:
        """What runs the code and what does not, for the summary of a test run; a line."""

    def run(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = False, timeout: float = 1800) -> Done:
        """One call, in a process of its own, started as ansible-core starts it. ``wide``: whole numbers are Int64, as in PowerShell 7."""

    def run_open(self, call: Call, policy: t.Optional[pathlib.Path], wide: bool = False, timeout: float = 1800) -> Done:
        """The same in a process that stays open for further calls: starting it is what takes long."""


@functools.cache
def named(name: str) -> Engine:
    """The engine of this name; EngineError where there is none, or where something that it needs is missing."""
    if name not in NAMES:
        raise EngineError(f"{VARIABLE}: no such engine: {name!r}; expected one of {', '.join(NAMES)}")
    module, kind = NAMES[name]
    engine = t.cast(Engine, getattr(importlib.import_module(f".{module}", __name__), kind)())
    missing = engine.missing()
    if missing:
        raise EngineError(f"the engine {name} cannot run here: {'; '.join(missing)}")
    return engine


def chosen() -> Engine:
    """The engine that ``MSPORTS_ENGINE`` names."""
    return named(os.environ.get(VARIABLE) or "mono")
