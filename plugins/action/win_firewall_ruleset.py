# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconcile a Windows host's owned firewall rules: the host reads and writes, all that thinks is in ``plugin_utils``."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.module_utils._options import windows_spec
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import NewConnection, module_runner, ports_of, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._confirm import confirmed
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import run
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.remote import BROKEN, CONFIRM, known_port, through


class ActionModule(ActionBase):
    """``portcullis.msports.win_firewall_ruleset``. One remote call when nothing differs, two when something does, three with a rollback."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        del tmp
        task_vars = task_vars or {}
        _validation, arguments = self.validate_argument_spec(argument_spec=windows_spec())
        options, ports = to_plain(arguments), known_port(*ports_of(self, task_vars))
        told: list[t.Any] = []
        execute = module_runner(self, task_vars, told, BROKEN)
        shell = getattr(self._connection, "_shell", None)
        done = through(shell, self._play_context.remote_addr, execute, lambda call: run(options, call, self._task.check_mode, ports))
        result.update(confirmed(done, NewConnection(self, task_vars, CONFIRM, ports=ports or []), options["owner"]))
        return {**result, "warnings": [*told, *result.get("warnings", [])]}
