# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state that other tests compare is that of the daemon, although most of its services are not asked about each time."""

from __future__ import annotations

import typing as t

import pytest
from firewalld_host import RELOAD

pytestmark = pytest.mark.container

SSH = "firewalld/services/ssh.xml"
RA = "firewalld/icmptypes/router-advertisement.xml"


@pytest.mark.parametrize(("path", "line"), [(SSH, "getServiceSettings2 ssh "), (RA, "getIcmpTypeSettings router-advertisement ")], ids=["service", "ICMP"])
def test_what_was_loaded_from_a_file_that_is_gone_is_seen(apply: t.Any, path: str, line: str) -> None:
    before = apply.state()["daemon"].splitlines()
    apply.sh(f"sed 's/<description>/&Of others. /' /usr/lib/{path} > /etc/{path}; {RELOAD}; rm /etc/{path}")
    loaded = apply.state()["daemon"].splitlines()
    assert [new[: len(line)] for old, new in zip(before, loaded) if old != new] == [line]
    assert len(before) == len(loaded)
    apply.sh(RELOAD)
    assert apply.state()["daemon"].splitlines() == before
