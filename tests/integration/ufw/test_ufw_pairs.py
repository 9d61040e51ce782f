# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode predicts what a run does, and a second run does nothing: over rulesets that differ in every way, beside the administrator's rules."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

pytestmark = pytest.mark.container

PAIRS = 48


def test_check_predicts_and_repeats_change_nothing(ufw: t.Any) -> None:
    here = pathlib.Path(__file__)
    rulesets, script = (path.read_text(encoding="utf-8") for path in (here.parents[1] / "random_rulesets.py", here.with_name("random_pairs.py")))
    future, place = "from __future__ import annotations\n", "from random_rulesets import Rulesets\n"
    code = script.replace(future, "").replace(place, rulesets.replace(future, ""))
    output = ufw.container.python(f"{future}import sys\nsys.argv = ['random_pairs', '{PAIRS}', '20261121']\n{code}")
    found = json.loads(output.splitlines()[-1])
    assert found["wrong"] == []
    assert found["left"] == []
    # The generator is worth something only when it reaches both outcomes.
    assert found["seen"]["near"] == PAIRS // 2
    assert found["seen"]["kept"] > 2 * PAIRS
    assert 0 < found["seen"]["unchanged"] < PAIRS / 2
    assert found["seen"]["admin"] > 4
