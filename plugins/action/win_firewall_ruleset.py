# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconcile a Windows host's owned firewall rules: the host reads and writes, all that thinks is in ``plugin_utils``."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._options import windows_spec
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import Action, NewConnection, module_runner, ports_of, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._confirm import confirmed
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import run
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.remote import BROKEN, CONFIRM, known_port, through


class ActionModule(Action):
    """``portcullis.msports.win_firewall_ruleset``. One remote call when nothing differs, two when something does, three with a rollback."""

    ARGUMENTS = windows_spec()
    _supports_async = False
    _supports_diff = True

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        options, ports = to_plain(arguments), known_port(*ports_of(self, task_vars))
        told: list[t.Any] = []
        execute = module_runner(self, task_vars, told, BROKEN)
        shell = getattr(self._connection, "_shell", None)
        done = through(shell, self._play_context.remote_addr, execute, lambda call: run(options, call, self._task.check_mode, ports))
        result = confirmed(done, NewConnection(self, task_vars, CONFIRM, ports=ports or []), options["owner"])
        return {**result, "warnings": [*told, *result.get("warnings", [])]}
