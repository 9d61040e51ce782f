# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconcile a Windows host's owned firewall rules: the host reads and writes, all that thinks is in ``plugin_utils``."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import Call, run
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.remote import BROKEN, further_ports, through

ARGUMENTS = {
    "rules": {"type": "list", "elements": "dict", "default": []},
    "address_sets": {"type": "dict", "default": {}},
    "default_inbound": {"type": "str", "choices": ["keep", "block", "allow", "reject"], "default": "keep"},
    "default_outbound": {"type": "str", "choices": ["keep", "block", "allow"], "default": "keep"},
    "owner": {"type": "str", "default": "msports"},
    "purge": {"type": "bool", "default": True},
    "max_removals": {"type": "int"},
    "management": {"type": "dict", "default": {}},
    "allow_lockout": {"type": "bool", "default": False},
    "mode": {"type": "str", "choices": ["enforce", "audit"], "default": "enforce"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "persist": {"type": "bool", "default": True},
    "allow_other_manager": {"type": "bool", "default": False},
}


class OnWindows(ActionBase):
    """What the actions for Windows hosts have in common: the way to the executor, and what is known of the connection."""

    def _through(self, task_vars: t.Mapping[str, t.Any], work: t.Callable[[Call], dict[str, t.Any]]) -> dict[str, t.Any]:
        """Return the result of ``work(call)``, with the warnings of what ran on the host."""
        told: list[t.Any] = []

        def execute(module: str, module_args: dict[str, t.Any]) -> dict[str, t.Any]:
            try:
                done = self._execute_module(module_name=module, module_args=module_args, task_vars=task_vars)
            except AnsibleConnectionFailure as error:
                if not module_args.get("operations"):
                    raise
                raise AnsibleConnectionFailure(f"{error}. {BROKEN}") from None  # with a cause, ansible-core would say it twice
            told.extend(text for text in done.pop("warnings", None) or [] if text not in told)
            return to_plain(done)

        result = through(getattr(self._connection, "_shell", None), self._play_context.remote_addr, execute, work)
        return {**result, "warnings": [*told, *result.get("warnings", [])]}

    def _ports(self, task_vars: t.Mapping[str, t.Any]) -> list[int]:
        """Return the port that this connection uses, unless the host looks at it anyway. Not every connection has one, or says so."""
        try:
            option = self._connection.get_option("port")
        except KeyError:
            option = None
        return further_ports(option, getattr(self._play_context, "port", None), task_vars.get("ansible_port"))


class ActionModule(OnWindows):
    """``portcullis.msports.win_firewall_ruleset``. One remote call when nothing differs, two when something does."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _supports_diff = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        del tmp
        task_vars = task_vars or {}
        _validation, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        options, ports = to_plain(arguments), self._ports(task_vars)
        return {**result, **self._through(task_vars, lambda call: run(options, call, self._task.check_mode, ports))}
