# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long YAML text is parsed once, and what is kept is what the parser gave."""

from __future__ import annotations

import io
import pathlib

import pytest
import yaml
from tools_under_test import load

LONG = yaml.safe_dump({f"key{number}": [number, str(number), None, True, 1.5] for number in range(3000)}).encode()


@pytest.mark.parametrize("loader", [yaml.CSafeLoader, yaml.CBaseLoader])
def test_a_long_text_is_parsed_once_by_each_loader(loader: type, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSPORTS_PACKED", str(tmp_path))
    quick_start = load("quick_start")
    assert quick_start.parse_once(LONG, loader) == yaml.load(LONG, loader)
    monkeypatch.setattr(quick_start, "parse", None)
    assert quick_start.parse_once(io.BytesIO(LONG), loader) == yaml.load(LONG, loader)


def test_a_short_text_and_a_loader_of_ansible_are_left_to_the_parser(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSPORTS_PACKED", str(tmp_path))
    quick_start = load("quick_start")
    assert quick_start.parse_once(io.BytesIO(b"a: 1"), yaml.CSafeLoader) == {"a": 1}
    assert quick_start.parse_once(LONG, yaml.SafeLoader) == yaml.load(LONG, yaml.CSafeLoader)
    assert not list(tmp_path.iterdir())
