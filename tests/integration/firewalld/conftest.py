# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A booted container with firewalld, shared by all tests of this folder."""

from __future__ import annotations

import pathlib
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "persistence"))

import booted
from firewalld_host import Firewalld, started
from required import or_fail


@pytest.fixture(scope="session")
def container() -> t.Iterator[booted.Container]:
    made = or_fail(started, "firewalld")
    yield made
    made.close()


@pytest.fixture
def apply(container: booted.Container) -> Firewalld:
    backend = Firewalld(container)
    backend.clean()
    return backend


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    """A wire rule: inbound TCP from anywhere unless told otherwise."""
    return {"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"], **fields}


@pytest.fixture(name="rule")
def _rule() -> t.Callable[..., dict[str, t.Any]]:
    return rule
