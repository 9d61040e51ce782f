# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say in a few lines what a run planned and applied, at normal verbosity."""

from __future__ import annotations

import typing as t

from ansible import constants as C

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import Action
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._outcome import lines
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.applied import deciding, lagging, recorded
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load_host, read_index
from ansible_collections.portcullis.msports.plugins.plugin_utils._run import RESULT, TOLD, Run

ARGUMENTS = {"directory": {"type": "path", "default": "msports-plan"}}


class ActionModule(Action):
    """``portcullis.msports.summary``. Runs on the controller and never connects anywhere."""

    ARGUMENTS = ARGUMENTS
    _requires_connection = False

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        run = Run(C.DEFAULT_LOCAL_TMP, arguments["directory"])
        with run.locked():
            planned, outcomes = self._planned(run), run.told()
            hosts = task_vars.get("ansible_play_hosts_all", ()) if outcomes else ()
            # A host that is not there any more and of which apply did not tell.
            lost = set(hosts).difference(task_vars.get("ansible_play_hosts", hosts), outcomes)
            outcomes = {**outcomes, **{name: {"lost": True} for name in sorted(lost)}}
            told = lines(planned, outcomes, self._lagging(run, hosts), self._task.check_mode) if planned or outcomes else []
        return {"changed": False, "msg": told, "_ansible_verbose_always": bool(told)}

    @staticmethod
    def _planned(run: Run) -> list[str]:
        """Return what the plan of this run says, once."""
        planned = run.read(RESULT)
        if planned is None or run.read(TOLD) is not None:
            return []
        run.leave(TOLD, {})
        return list(planned["summary"])

    def _lagging(self, run: Run, hosts: t.Iterable[str]) -> list[str]:
        """Return the hosts of the plan that this play leaves with rules of another one, as far as that was recorded."""
        marker = run.read()
        records = recorded(run.directory, leave_out=hosts) if marker else {}
        if not marker or not records:
            return []
        try:
            files = read_index(marker["plan"])["hosts"]
            return lagging(records, files, lambda name: deciding(load_host(marker["plan"], name, files[name]), name))
        except MsportsError as error:  # of a host that this play leaves out
            self._display.warning(f"which hosts lag behind the plan is not known: {error}")
            return []
