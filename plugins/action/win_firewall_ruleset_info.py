# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a Windows host's owned firewall rules, and what stands beside them."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.remote import through

ARGUMENTS = {"owner": {"type": "str", "default": "msports"}}


class ActionModule(ActionBase):
    """``portcullis.msports.win_firewall_ruleset_info``. One remote call that writes nothing."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        del tmp
        _validation, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        told: list[t.Any] = []

        def execute(module: str, module_args: dict[str, t.Any]) -> dict[str, t.Any]:
            done = self._execute_module(module_name=module, module_args=module_args, task_vars=task_vars)
            told.extend(text for text in done.pop("warnings", None) or [] if text not in told)
            return to_plain(done)

        shell = getattr(self._connection, "_shell", None)
        result.update(through(shell, self._play_context.remote_addr, execute, lambda call: {**inspect(str(arguments["owner"]), call), "changed": False}))
        result["warnings"] = [*told, *result.get("warnings", [])]
        return result
