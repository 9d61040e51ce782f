# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a Windows host's owned firewall rules, and what stands beside them."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.module_utils._options import OWNER
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import module_runner, ports_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.remote import BROKEN, known_port, through


class ActionModule(ActionBase):
    """``portcullis.msports.win_firewall_ruleset_info``. One remote call that writes nothing."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        del tmp
        task_vars = task_vars or {}
        _validation, arguments = self.validate_argument_spec(argument_spec=OWNER)
        owner, ports = str(arguments["owner"]), known_port(*ports_of(self, task_vars))
        told: list[t.Any] = []
        execute = module_runner(self, task_vars, told, BROKEN)
        shell = getattr(self._connection, "_shell", None)
        result.update(through(shell, self._play_context.remote_addr, execute, lambda call: {**inspect(owner, call, ports), "changed": False}))
        return {**result, "warnings": [*told, *result.get("warnings", [])]}
