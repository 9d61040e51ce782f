# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How questions to a plan are written."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._question import parse


@pytest.mark.parametrize(
    ("text", "question"),
    [("tcp/445", ("tcp", 445)), ("udp/0", ("udp", 0)), ("tcp/65535", ("tcp", 65535)), ("icmp_echo", ("icmp_echo", None)), ("any", ("any", None))],
)
def test_questions(text: str, question: t.Any) -> None:
    assert parse(text) == question


@pytest.mark.parametrize("text", ["445", "tcp", "tcp/65536", "tcp/", "sctp/1", "tcp/80-81", "tcp/445\n", ""])
def test_no_questions(text: str) -> None:
    with pytest.raises(MsportsError) as error:
        parse(text)
    assert str(error.value) == f"port: {text!r}: expected tcp/<port> or udp/<port> with a port up to 65535, like tcp/1433, or icmp_echo"


@pytest.mark.parametrize("value", [445, None, ["tcp/445"]])
def test_what_is_no_text(value: t.Any) -> None:
    with pytest.raises(MsportsError, match="expected tcp/<port>"):
        parse(value)
