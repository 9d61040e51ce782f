# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconcile a Linux host's owned ruleset: what can be refused on the controller is refused before the host is connected to."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._options import linux_spec
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import Action, NewConnection, ports_of, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._confirm import confirmed, network_port
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.refusals import refusal

MODULE = "portcullis.msports.linux_ruleset"
CONFIRM = "portcullis.msports.linux_rollback"
WINDOWS = "linux_ruleset does not fit this host: the connection speaks to a shell of windows; use win_firewall_ruleset, or apply, which serves both"


class ActionModule(Action):
    """``portcullis.msports.linux_ruleset``, for a task of its own and for ``apply``. One remote call, whatever the number of rules."""

    ARGUMENTS = linux_spec()
    _supports_async = False
    _supports_diff = True

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        options = {key: value for key, value in to_plain(arguments).items() if value is not None}
        if self.on_windows:
            return {"failed": True, "msg": WINDOWS, "problems": [WINDOWS]}
        # What ``apply`` passes on was rendered, and with that it was looked at.
        refused = None if self._task.action.rpartition(".")[2] == "apply" else refusal(options)
        if refused:
            return {"failed": True, "msg": str(refused), "problems": refused.problems}
        host = NewConnection(self, task_vars, CONFIRM)
        options.setdefault("connection_port", network_port(host.name, ports_of(self, task_vars)))
        done = self._execute_module(module_name=MODULE, module_args=options, task_vars=task_vars)
        return confirmed(done, host, options["owner"])
