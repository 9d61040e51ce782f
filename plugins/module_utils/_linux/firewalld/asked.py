# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Questions to the running daemon that are asked once, for what judges a run: all of it is about one configuration then.

Each question costs the host some milliseconds, because firewalld asks polkit about every one. What is written, and what is put back of others, goes by
what the daemon says at that moment.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.daemon import Daemon


class Asked:
    """A ``Daemon`` before the run has changed anything. Whoever gets an answer leaves it as it is."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._answers: t.Dict[t.Tuple[str, ...], t.Any] = {}

    def call(self, sort: str, member: str, signature: str = "", *values: str) -> t.Any:
        question = (sort, member) + values
        if question not in self._answers:
            self._answers[question] = self._daemon.call(sort, member, signature, *values)
        return self._answers[question]
