# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the integration tests. They change nothing outside of namespaces, containers and temporary folders of their own."""

from __future__ import annotations

import pathlib
import runpy
import typing as t

import pytest

# Makes ansible_collections.portcullis.msports importable, like for the unit tests.
runpy.run_path(str(pathlib.Path(__file__).resolve().parents[1] / "unit" / "conftest.py"))

import network_namespaces


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "packets: sends packets through network namespaces")
    config.addinivalue_line("markers", "every_core: runs Ansible, and is run on every supported core (TESTING.md)")
    config.addinivalue_line("markers", "every_release: is run in containers of every supported release of Debian (TESTING.md)")
    config.addinivalue_line("markers", "container: boots a container with systemd")


@pytest.fixture
def network() -> t.Iterator[None]:
    """A network namespace of the test's own, with nothing in it but ``lo``."""
    reason = network_namespaces.why_not()
    if reason:
        pytest.fail(reason)
    with network_namespaces.fresh():
        yield


@pytest.fixture
def peers(network: None) -> t.Iterator[t.Callable[..., network_namespaces.Peer]]:
    """Make further namespaces that are wired to the test's own."""
    made: list[network_namespaces.Peer] = []

    def make(name: str, **options: str) -> network_namespaces.Peer:
        made.append(network_namespaces.Peer(name, **options))
        return made[-1]

    yield make
    for peer in made:
        peer.close()
