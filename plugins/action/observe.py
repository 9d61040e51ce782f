# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observe one host, and keep what was seen beside the plan."""

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure

from ansible_collections.portcullis.msports.plugins.module_utils._options import OWNER
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import Action, ansible_errors, keep_rights, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import counted, some
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation import store
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.windows_census import census, marks_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._outcome import lost
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import today
from ansible_collections.portcullis.msports.plugins.plugin_utils._reached import all_lost
from ansible_collections.portcullis.msports.plugins.plugin_utils._run import Run

LINUX, WINDOWS = "portcullis.msports.linux_observe", "portcullis.msports.win_observe"
ARGUMENTS = {"directory": {"type": "path", "default": "msports-plan"}, **OWNER}


class ActionModule(Action):
    """``portcullis.msports.observe``. One remote call a host."""

    ARGUMENTS = ARGUMENTS
    _supports_async = False

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        folder = store.folder_of(arguments["directory"])
        with ansible_errors(AnsibleActionFail):
            mark = store.mark_of(folder, task_vars["inventory_hostname"])
        try:
            seen = self._look(arguments["owner"], mark, task_vars)
        except AnsibleConnectionFailure:
            hosts = all_lost(Run(C.DEFAULT_LOCAL_TMP, folder), task_vars["inventory_hostname"], lost(True), task_vars)
            if hosts and not self._task.ignore_unreachable:  # no task comes any more that could say it
                self._display.display(f"none of {counted(len(hosts), 'host')} was reached, so nothing was seen there: {some(hosts, 5)}")
            raise
        if seen.get("failed") or seen.get("unreachable"):
            return seen
        for text in seen["unknown"]:
            self._display.warning(f"{task_vars['inventory_hostname']}: {text}")
        if not self._task.check_mode:
            with ansible_errors(AnsibleActionFail):
                self._keep(folder, task_vars["inventory_hostname"], seen)
        return {**seen, "directory": folder}

    def _look(self, owner: str, mark: store.Mark, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return what the module of the host's system told since the mark, as observations; the result of a module that failed as it is."""
        if not self.on_windows:
            return to_plain(self._execute_module(module_name=LINUX, module_args={"owner": owner, "mark": mark}, task_vars=task_vars))
        keep_rights(self._connection)
        told = to_plain(self._execute_module(module_name=WINDOWS, module_args={"marks": marks_of(mark)}, task_vars=task_vars))
        if told.get("failed") or told.get("unreachable"):
            return told
        return {"changed": False, **census(told, mark)._asdict()}

    @staticmethod
    def _keep(folder: str, host: str, seen: t.Mapping[str, t.Any]) -> None:
        day = today()
        found = store.observations_from([{"host": host, "last": day, **item} for item in seen["observations"]], day)
        try:
            store.add(folder, host, found, seen.get("mark"), store.looked(folder, host, seen.get("unbroken", ()), day))
        except OSError as error:
            raise AnsibleActionFail(f"{folder}: what was seen at {host} cannot be kept ({error.strerror})") from error
