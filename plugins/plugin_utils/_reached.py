# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Hosts that are not reached. Ansible runs no further task where it reaches nobody, and so no summary: the task of the last one has to say it.

That nothing was changed at a host is said only where nothing can have been: no command was answered, and the one that failed changes nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._run import Run

# How OpenSSH says that it has not even logged in.
NOT_IN = ("ssh: connect to host", "ssh: Could not resolve hostname", "Permission denied (", "Host key verification failed")


class Watch:
    """Watches what a connection carries during one task."""

    def __init__(self, connection: t.Any, reads_first: bool) -> None:
        self._connection, self._reads_first = connection, reads_first
        self._execute = connection.exec_command
        self._answered = self._piped = False
        connection.exec_command = self._watched

    def _watched(self, *arguments: t.Any, **named: t.Any) -> t.Any:
        self._piped = bool(named.get("in_data"))  # how ansible-core calls it
        found = self._execute(*arguments, **named)
        self._answered = True
        return found

    def untouched(self, error: str) -> bool:
        """Tell whether nothing can have been changed by a task that ended with this error: a module goes out with the first command, or later."""
        if self._answered:
            return False
        return not self._piped or self._reads_first or (not self._tries_again() and any(phrase in error for phrase in NOT_IN))

    def _tries_again(self) -> bool:
        try:
            return bool(int(self._connection.get_option("reconnection_retries")))
        except (KeyError, TypeError, ValueError):
            return False


def all_lost(run: Run, name: str, outcome: t.Any, task_vars: t.Mapping[str, t.Any]) -> list[str]:
    """Leave that a host is lost, and return all hosts of the batch when every one is, and this is the last."""
    with run.locked():
        run.tell(name, outcome)
        known = run.peek()
    there = set(task_vars.get("ansible_play_batch", ())) & set(task_vars.get("ansible_play_hosts", ())) | {name}
    return sorted(there) if all(known.get(host, {}).get("lost") for host in there) else []
