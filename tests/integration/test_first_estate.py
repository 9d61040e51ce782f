# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first example of the page about the inventory can be planned as it stands there."""

from __future__ import annotations

import pathlib
import re

from playbook_runs import ROOT, Place

PAGE = ROOT.joinpath("docs", "inventory.md").read_text(encoding="utf-8")
FIRST = PAGE[PAGE.index("## A first estate") : PAGE.index("## All variables")]


def test_the_first_estate_can_be_planned(tmp_path: pathlib.Path) -> None:
    place = Place(tmp_path)
    (_yaml, variables), (_ini, hosts) = re.findall(r"```(yaml|ini)\n(.*?)```", FIRST, re.DOTALL)
    place.write("group_vars/all.yml", variables)
    done = place.play("-i", place.write("inventory.ini", hosts), "portcullis.msports.plan")
    assert done.code == 0, done.output
