# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digits that Python takes for digits and that are no numbers: a superscript, which ``int`` refuses, and those of other scripts."""

from __future__ import annotations

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import remote, values

ODD = ("²", "٤٤٣", "４４３")


@pytest.mark.parametrize("text", ODD)
def test_other_digits_are_no_number(text: str) -> None:
    assert text.isdigit() and not _ports.is_number(text)
    assert values.protocol(text) == values.unread(text)
    assert remote.known_port(text, "22") == [22]


def test_numbers_are() -> None:
    assert _ports.is_number("443") and not _ports.is_number("") and not _ports.is_number("-1")
