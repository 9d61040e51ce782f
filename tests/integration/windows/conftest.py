# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Windows hosts share is in ``stand_in_hosts.py`` and the other files beside it; what they were run by is said at their end."""

from __future__ import annotations

import os

import pytest
from stand_in_hosts import (
    READ,
    ROOT,
    Host,
    Sent,
    ansible_playbook,
    full,
    host,
    make_host,
    playbook_environment,
    read,
    result_of,
    run_playbook,
    script_of,
    send,
    sent,
    engines,
)
from engine_cases import echo, pretend_pwsh
from naive_executor import naive
from ruleset_cases import estate

__all__ = [
    "Host",
    "READ",
    "ROOT",
    "Sent",
    "ansible_playbook",
    "echo",
    "estate",
    "full",
    "host",
    "make_host",
    "naive",
    "playbook_environment",
    "pretend_pwsh",
    "read",
    "result_of",
    "run_playbook",
    "script_of",
    "send",
    "sent",
]

#: They make real COM calls: `make windows-wine`.
collect_ignore = [] if os.environ.get("MSPORTS_ENGINE") == "wine" else ["wine"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"the code for Windows hosts was run by {engines.chosen().described()}", yellow=True)
