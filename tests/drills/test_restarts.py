# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host is ended like by a power failure, at points of a confirmation that comes too late to be finished, and somebody asks again after the restart."""

from __future__ import annotations

import os
import pathlib
import random
import sys
import typing as t

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from sites import ADMIN, BACKENDS, WEB, crashed, host_of

POINTS = int(os.environ.get("MSPORTS_POINTS", "6"))
SEED = int(os.environ.get("MSPORTS_SEED", "0"))
OLD, NEW = {"rules": [ADMIN]}, {"rules": [ADMIN, {**WEB, "remote_addresses": ["10.0.0.0/8", "fd00::/8"]}]}
NONCE = f"done = apply(seconds=600, **{NEW!r})['rollback']['nonce']\n"


@pytest.fixture(scope="module", params=BACKENDS)
def host(request: pytest.FixtureRequest) -> t.Iterator[t.Any]:
    made = host_of(request.param)
    yield made
    made.container.close()


def test_a_restart_in_the_middle_of_a_confirmation(host: t.Any) -> None:
    host.clean()
    number = host.drill(f"apply(**{OLD!r})\n{NONCE}answer = points(lambda: confirm(done))")
    chance = random.Random(SEED)
    wrong = []
    for point in chance.sample(range(1, number + 1), min(number, POINTS)):
        host.clean()
        host.drill(f"answer = apply(**{OLD!r})['changed']")
        crashed(host)
        before = host.drill("answer = state()")
        nonce = host.drill(f"{NONCE}killed(lambda: confirm(done), {point}, True)\nanswer = done")
        crashed(host)
        asked = host.drill(f"answer = confirm({nonce!r})")
        if not asked["confirmed"] and not asked["rolled_back"]:
            continue  # all was done, and a host forgets that with its boot: "look at the host" is what the controller says
        # Who is told that it is confirmed has the new rules; who is told otherwise has those from before.
        again = host.drill(f"answer = apply(**{(NEW if asked['confirmed'] else OLD)!r})")
        left = [] if asked["confirmed"] else host.drill(f"answer = difference({before!r}, state())")
        partly = any("'ufw reload'" in line for line in asked["rolled_back"])
        if (again["changed"] and not partly) or left:
            wrong.append(f"point {point} of {number}: {asked}, then {again.get('diff', again)}, {left}")
    assert not wrong, "\n".join(wrong)
