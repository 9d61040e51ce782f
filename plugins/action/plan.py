# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compile the plan once per run; everything that thinks is in ``plugin_utils``."""

from __future__ import annotations

import contextlib
import gc
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import compile_plan, inputs_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of, one_host, play_variables
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import claim
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import orphans, save
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff, shortened
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._run import Run

ARGUMENTS = {
    "directory": {"type": "path", "default": "msports-plan"},
    "whole": {"type": "bool", "default": True},
}
NOTHING = {"hosts": 0, "sets": 0}


class ActionModule(ActionBase):
    """``portcullis.msports.plan``. Runs on the controller and never connects anywhere."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        del tmp
        _validation, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        task_vars = task_vars or {}
        hostvars = task_vars["hostvars"]
        own = hostvars[task_vars["inventory_hostname"]]
        self._refuse_play_variables(play_variables(task_vars, own, self._templar.template))
        run = Run(C.DEFAULT_LOCAL_TMP, arguments["directory"])
        with run.locked():
            marker = run.read()
            planned = None if marker is None or self._changed_since(marker, task_vars["inventory_hostname"], own) else run.result()
            if planned is None:
                with _uncollected():
                    marker, planned = self._plan(run, hostvars, arguments["whole"])
                run.write(marker, planned)
            else:  # a later batch, or another host under the free strategy
                planned = {**planned, "changed": False, "reused": True, "difference": {"changed": False, "hosts": {}, "sets": {}}, "left_out": NOTHING}
                planned.pop("diff", None)
        result.update(planned)
        return result

    @staticmethod
    def _refuse_play_variables(ignored: t.Sequence[str]) -> None:
        if ignored:
            raise AnsibleActionFail(
                f"{', '.join(ignored)}: set by the play or a role, where other hosts' tasks cannot see it, so the plan would ignore it; "
                "move it to the inventory (group_vars, host_vars) or give it with --extra-vars"
            )

    @staticmethod
    def _changed_since(marker: t.Mapping[str, t.Any], name: str, own: t.Mapping[str, t.Any]) -> bool:
        """Tell whether this host's variables are others than when the plan was made; names and facts that were looked up do not count."""
        return marker["own"].get(name) != inputs_of(one_host(name, own)).get(name)

    def _plan(self, run: Run, hostvars: t.Mapping[str, t.Any], whole: bool) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
        """Compile, save, and return what is left for later tasks of the run and what this one gives."""
        with ansible_errors(AnsibleActionFail):
            claim(run.directory)  # before the work, and in check mode, too
            inventory = inventory_of(hostvars, whole)
            plan = compile_plan(inventory)
        before = self._saved(run.directory, plan)
        plan["orphaned"] = orphans(plan, run.directory)
        difference = plan_diff(before, plan)
        written = run.temporary if self._task.check_mode else run.directory
        with ansible_errors(AnsibleActionFail):
            same = {name for name, host in before["hosts"].items() if host is plan["hosts"].get(name)} if written == run.directory else ()
        files = save(plan, written, same)
        shown, left_out = shortened(difference)
        result = {
            "changed": bool(files) if not self._task.check_mode else self._would_change(run.directory, plan, difference),
            "path": written,
            "digest": plan["digest"],
            "hosts": sorted(plan["hosts"]),
            "rules": sum(len(host["rules"]) for host in plan["hosts"].values()),
            "notes": plan["notes"],
            "off": plan["off"],
            "orphaned": plan["orphaned"],
            "difference": shown,
            "left_out": left_out,
            "reused": False,
        }
        if self._task.diff and difference["changed"]:
            result["diff"] = {"before": _text(before), "after": _text(plan), "before_header": "saved plan", "after_header": "plan"}
        # What DNS and facts found counts for the plan, but is not asked again for each task: those inputs are the same without them mostly.
        own = inputs_of({"hosts": inventory["hosts"]}) if inventory["resolved"] or inventory["facts"] else plan["inputs"]
        return {"plan": written, "own": own}, result

    @staticmethod
    def _saved(directory: str, plan: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the plan that lies there, to compare with ``plan``, or an empty one: an unreadable plan is simply made anew."""
        try:
            return load(directory, beside=plan)
        except MsportsError:
            return {"hosts": {}, "sets": {}, "digest": None}

    @classmethod
    def _would_change(cls, directory: str, plan: dict[str, t.Any], difference: t.Mapping[str, t.Any]) -> bool:
        return difference["changed"] or cls._saved(directory, plan)["digest"] != plan["digest"]


@contextlib.contextmanager
def _uncollected() -> t.Iterator[None]:
    """Do without the search for cycles: a plan of thousands of hosts has none, and looking for them takes a third of the time.

    What was made meanwhile is not searched later either: this process ends with its task.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _text(plan: t.Mapping[str, t.Any]) -> str:
    """Return one line for each rule and set, for Ansible's diff output."""
    lines = [f"{host}: {rule['name']}" for host, found in sorted(plan["hosts"].items()) for rule in found["rules"]]
    lines += [f"set {name}: {', '.join(found['addresses'])}" for name, found in sorted(plan["sets"].items())]
    return "".join(f"{line}\n" for line in lines)
