# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of tests/windows/acceptance, against the host of a task: the two modules as any play calls them, PowerShell as ``raw`` does."""

from __future__ import annotations

import base64
import pathlib
import sys

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[7] / "windows"))

from acceptance import Machine, table  # noqa: E402

SPEC = {
    "only": {"type": "list", "elements": "str", "default": []},
    "rules": {"type": "int", "default": 1000},
    "powershell": {"type": "bool", "default": True},
    "clean_only": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """``portcullis.lab.windows_acceptance``: one host, one table."""

    TRANSFERS_FILES = False
    _supports_check_mode = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=SPEC)
        machine = Machine(
            policy=lambda arguments: self._execute_module(module_name="portcullis.msports.win_firewall_policy", module_args=arguments, task_vars=task_vars),
            ruleset=lambda arguments, check: self._ruleset(arguments, check, task_vars),
            reconnect=self._connection.reset,
            powershell=self._powershell if options["powershell"] else None,
            rules=options["rules"],
        )
        if options["clean_only"]:
            table.sweep(machine)
            return {**result, "changed": False, "rows": {}}
        answers = table.ask(machine, options["only"], Display().display)
        wrong = table.failed(answers)
        said = f"Windows answers otherwise than assumed: {', '.join(wrong)}; docs/windows-acceptance.md says what to change for each"
        return {**result, "changed": False, "failed": bool(wrong) or not answers, "msg": said if wrong else f"{len(answers)} answers", "rows": answers}

    def _ruleset(self, arguments, check, task_vars):
        task = self._task.copy()
        task.args, task.check_mode = dict(arguments), check
        action = self._shared_loader_obj.action_loader.get(
            "portcullis.msports.win_firewall_ruleset",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return action.run(task_vars=task_vars)

    def _powershell(self, script):
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        done = self._low_level_execute_command(f"powershell.exe -NoProfile -NonInteractive -EncodedCommand {encoded}")
        return done["rc"], done["stdout"]
