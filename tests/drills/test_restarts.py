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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from sites import ADMIN, BACKENDS, WEB, at_once, crashed, host_of, wrong_with

POINTS = int(os.environ.get("MSPORTS_POINTS", "6"))
SEED = int(os.environ.get("MSPORTS_SEED", "0"))
OLD, NEW = {"rules": [ADMIN]}, {"rules": [ADMIN, {**WEB, "remote_addresses": ["10.0.0.0/8", "fd00::/8"]}]}
NONCE = f"done = apply(seconds=600, **{NEW!r})['rollback']['nonce']\n"


def test_a_restart_in_the_middle_of_a_confirmation() -> None:
    hosts = at_once(host_of, BACKENDS)
    wrong = wrong_with(drilled, hosts)
    for host in hosts:
        host.container.close()
    assert not wrong, "\n".join(wrong)


def drilled(host: t.Any) -> list[str]:
    host.clean()
    number = host.drill(f"apply(**{OLD!r})\n{NONCE}answer = points(lambda: confirm(done))")
    chance = random.Random(SEED)
    wrong = []
    for point in chance.sample(range(1, number + 1), min(number, POINTS)):
        host.clean()
        host.drill(f"answer = apply(**{OLD!r})['changed']")
        crashed(host)
        before = host.drill("answer = state()")
        nonce, died = host.drill(f"{NONCE}died = killed(lambda: confirm(done), {point}, True)\nanswer = done, died")
        crashed(host)
        asked = host.drill(f"answer = confirm({nonce!r})")
        print(f"{host.backend}, point {point} of {number}: {asked}")
        # Who is told otherwise has the rules from before. Who is told neither has the new ones: all was done, and a host forgets that with its boot.
        new = asked["confirmed"] or not asked["rolled_back"]
        again = host.drill(f"answer = apply(**{(NEW if new else OLD)!r})")
        left = [] if new else host.drill(f"answer = difference({before!r}, state())")
        if not died or again["changed"] or left:
            wrong.append(f"{host.backend}, point {point} of {number}: died {died}, {asked}, then {again.get('diff', again)}, {left}")
    return wrong
