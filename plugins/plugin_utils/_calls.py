# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""How filters and tests are called, and what to say of a call that does not fit: Python's own words name no remedy."""

from __future__ import annotations

import functools
import inspect
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problem

Function = t.Callable[..., t.Any]


def called(error: type[Exception], function: Function, way: str = "|") -> Function:
    """Return a filter (``|``) or a test (``is``) that says how it is called: a call with other arguments than it takes raises ``error``."""
    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    arguments = ", ".join(item.name if item.default is item.empty else f"{item.name}={item.default!r}" for item in others)
    usage = f"{first.name} {way} portcullis.msports.{function.__name__}" + (f"({arguments})" if arguments else "")

    @functools.wraps(function)
    def call(*given: t.Any, **named: t.Any) -> t.Any:
        try:
            signature.bind(*given, **named)
        except TypeError as wrong:
            raise error(f"{function.__name__}: {wrong}; it is called like: {usage}") from None
        return function(*given, **named)

    return call


def mapping(value: t.Any, what: str, expected: str) -> t.Any:
    """Return a mapping; raise :class:`MsportsError` for anything else."""
    if not isinstance(value, t.Mapping):
        raise MsportsError([Problem(what, type(value).__name__, f"expected {expected}")])
    return value
