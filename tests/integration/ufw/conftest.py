# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A booted container with ufw; one boot serves all tests but those that change the host itself."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "persistence"))

from ufw_host import Ufw, fresh


@pytest.fixture(scope="session")
def _shared() -> t.Iterator[Ufw]:
    with fresh() as made:
        yield made


@pytest.fixture
def ufw(_shared: Ufw) -> Ufw:
    """ufw as it is after ``ufw enable`` on a fresh system."""
    _shared.reset()
    return _shared


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    """A wire rule: inbound TCP from anywhere unless told otherwise."""
    return dict({"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"]}, **fields)


@pytest.fixture(name="rule")
def _rule() -> t.Callable[..., dict[str, t.Any]]:
    return rule
