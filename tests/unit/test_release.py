# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make release-check` says of a checkout that is no release yet."""

from __future__ import annotations

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))

import release_check

READY = ("1.4.0", {"1.4.0"}, [], {"1.3.0"}, "", True)
AMISS = {
    "a version that is none": (("1.4", {"1.4"}, [], set(), "", True), "galaxy.yml: version 1.4: "),
    "a version that was not released": (("1.4.0", {"1.3.0"}, [], set(), "", True), "changelogs/changelog.yaml: no release 1.4.0"),
    "fragments": (("1.4.0", {"1.4.0"}, ["a.yml", "b.yml"], set(), "", True), "changelogs/fragments: not gathered yet: a.yml, b.yml"),
    "no heading": (("1.4.0", {"1.4.0"}, [], set(), "", False), "CHANGELOG.md: no heading for 1.4.0"),
    "a tag": (("1.4.0", {"1.4.0"}, [], {"1.4.0"}, "", True), "git: the tag 1.4.0 is there already"),
    "changes": (("1.4.0", {"1.4.0"}, [], set(), " M galaxy.yml\n?? new", True), "git: not committed: galaxy.yml, new"),
}


def test_a_release_that_is_ready_has_no_complaints() -> None:
    assert list(release_check.complaints(*READY)) == []


@pytest.mark.parametrize("name", AMISS)
def test_what_is_amiss_is_told_alone(name: str) -> None:
    given, expected = AMISS[name]
    (line,) = release_check.complaints(*given)
    assert line.startswith(expected)
