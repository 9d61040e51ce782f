# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run on a host with foreign rules says of the effect, for the tests of it."""

from __future__ import annotations

import typing as t


from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import Columns, FakeHost
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

WEB = rule("web", ["443"], ["10.0.0.0/24"])


def effective(*rules: Columns, given: t.Optional[Plain] = None, **changed: t.Any) -> Plain:
    """``effective`` after a run on a host with foreign rules; ``changed`` are values of the domain profile."""
    host = FakeHost(rules, seed=7)
    host.profiles["domain"].update(changed)
    return run(given or options(WEB), host)["effective"]


def domain(*rules: Columns, given: t.Optional[Plain] = None, **changed: t.Any) -> list[str]:
    found = effective(*rules, given=given, **changed)
    assert found["profiles"]["domain"]["exact"] == (not found["profiles"]["domain"]["reasons"])
    return found["profiles"]["domain"]["reasons"]


def more(text: str, count: int = 1) -> list[str]:
    return [f"{f'{count} inbound foreign rules admit' if count > 1 else '1 inbound foreign rule admits'} more than these rules: {text}"]
