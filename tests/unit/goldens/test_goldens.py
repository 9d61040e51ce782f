# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans and rulesets of small estates are those that were read and found right; ``regenerate.py`` rewrites them."""

from __future__ import annotations

import pytest

from ansible_collections.portcullis.msports.tests.unit.goldens import regenerate


@pytest.mark.parametrize("name", sorted(regenerate.estates()))
def test_golden(name: str) -> None:
    folder = regenerate.HERE / name
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == regenerate.golden(regenerate.estates()[name])


def test_no_folder_is_left_over() -> None:
    folders = {path.name for path in regenerate.HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(regenerate.estates())


def test_the_page_on_plans_shows_what_is() -> None:
    text = regenerate.PAGE.read_text(encoding="utf-8")
    assert len(regenerate.OUTPUT.findall(text)) == 5
    assert regenerate.page(text) == text
