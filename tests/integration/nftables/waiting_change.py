# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that waits for its confirmation in a real kernel: what is kept of it, its confirmation, and what the host did by itself."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from network_namespaces import run

Apply = t.Any


def ruleset() -> str:
    return run("nft -s list ruleset")


def shelf(apply: Apply) -> Shelf:
    return Shelf("msports", apply.root)


def confirm(apply: Apply, done: dict[str, t.Any]) -> dict[str, t.Any]:
    backend = composer.backend_of("nftables", apply.root)
    with backend.held():
        return rollback.confirm(shelf(apply), backend, done["rollback"]["nonce"])


def until(condition: t.Callable[[], t.Any], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def noted(apply: Apply) -> list[str]:
    """What the host did by itself, once it is done."""
    until(lambda: shelf(apply).note() and not shelf(apply).look())
    note = shelf(apply).note()
    assert note
    return [note.why, *note.what]
