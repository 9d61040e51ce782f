# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A booted container with ufw; one boot serves a module of tests."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "persistence"))

from ufw_host import Ufw, boot


@pytest.fixture(scope="module")
def _booted() -> t.Iterator[Ufw]:
    made = Ufw(boot())
    made.keep()
    yield made
    made.container.close()


@pytest.fixture
def ufw(_booted: Ufw) -> Ufw:
    """ufw as it is after ``ufw enable`` on a fresh system."""
    _booted.reset()
    return _booted


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    """A wire rule: inbound TCP from anywhere unless told otherwise."""
    return dict({"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"]}, **fields)


@pytest.fixture(name="rule")
def _rule() -> t.Callable[..., dict[str, t.Any]]:
    return rule
