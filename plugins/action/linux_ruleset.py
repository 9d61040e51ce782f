# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconcile a Linux host's owned ruleset: what can be refused on the controller is refused before the host is connected to."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.module_utils._options import linux_spec
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import NewConnection, ports_of, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._confirm import confirmed, network_port
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.refusals import refusal

MODULE = "portcullis.msports.linux_ruleset"
CONFIRM = "portcullis.msports.linux_rollback"
WINDOWS = "linux_ruleset does not fit this host: the connection speaks to a shell of windows; use win_firewall_ruleset, or apply, which serves both"


class ActionModule(ActionBase):
    """``portcullis.msports.linux_ruleset``, for a task of its own and for ``apply``. One remote call, whatever the number of rules."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        del tmp
        _validation, arguments = self.validate_argument_spec(argument_spec=linux_spec())
        options = {key: value for key, value in to_plain(arguments).items() if value is not None}
        if getattr(self._connection._shell, "_IS_WINDOWS", False):
            return {**result, "failed": True, "msg": WINDOWS, "problems": [WINDOWS]}
        # What ``apply`` passes on was rendered, and with that it was looked at.
        refused = None if self._task.action.rpartition(".")[2] == "apply" else refusal(options)
        if refused:
            return {**result, "failed": True, "msg": str(refused), "problems": refused.problems}
        host = NewConnection(self, task_vars or {}, CONFIRM)
        options.setdefault("connection_port", network_port(host.name, ports_of(self, task_vars or {})))
        done = self._execute_module(module_name=MODULE, module_args=options, task_vars=task_vars)
        return {**result, **confirmed(done, host, options["owner"])}
