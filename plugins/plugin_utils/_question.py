# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""How people write a destination port in a question to a plan: ``tcp/445``, ``udp/53``, ``icmp_echo``."""

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT

_QUESTION = re.compile(r"(tcp|udp)/([0-9]{1,5})")
_WITHOUT_PORT = ("icmp_echo", "any")


def parse(text: str) -> tuple[str, t.Optional[int]]:
    """Return protocol and port; raise :class:`MsportsError` that says the form."""
    match = _QUESTION.fullmatch(text) if isinstance(text, str) else None
    if match and int(match.group(2)) <= LAST_PORT:
        return match.group(1), int(match.group(2))
    if text in _WITHOUT_PORT:
        return text, None
    problems = Problems()
    problems.add("port", text, f"expected tcp/<port> or udp/<port> with a port up to {LAST_PORT}, like tcp/1433, or icmp_echo")
    raise MsportsError(problems)
