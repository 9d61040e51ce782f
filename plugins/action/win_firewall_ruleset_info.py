# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a Windows host's owned firewall rules, and what stands beside them."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._options import OWNER
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import Action, module_runner, ports_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.remote import BROKEN, known_port, through


class ActionModule(Action):
    """``portcullis.msports.win_firewall_ruleset_info``. One remote call that writes nothing."""

    ARGUMENTS = OWNER
    _supports_async = False

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        owner, ports = str(arguments["owner"]), known_port(*ports_of(self, task_vars))
        told: list[t.Any] = []
        execute = module_runner(self, task_vars, told, BROKEN)
        shell = getattr(self._connection, "_shell", None)
        result = through(shell, self._play_context.remote_addr, execute, lambda call: {**inspect(owner, call, ports), "changed": False})
        return {**result, "warnings": [*told, *result.get("warnings", [])]}
