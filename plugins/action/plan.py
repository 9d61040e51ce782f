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

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import Action, ansible_errors, seen_by
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import compile_plan, inputs_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of, one_host, play_variables
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.applied import lagging, orphans, recorded, settings_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import plan_diff, shortened, text_of_difference
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import claim
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.shrinking import check_shrinking
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.summary import summary
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import Texts
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._run import MADE, RESULT, Run, entries_of, marker_of

ARGUMENTS = {
    "directory": {"type": "path", "default": "msports-plan"},
    "partial_inventory": {"type": "bool", "default": False},
    "expect_removed_hosts": {"type": "list", "elements": "str", "default": []},
    "max_removed_rules": {"type": "int"},
}
NOTHING = {"hosts": 0, "sets": 0}


class ActionModule(Action):
    """``portcullis.msports.plan``. Runs on the controller and never connects anywhere."""

    ARGUMENTS = ARGUMENTS
    _requires_connection = False
    _supports_diff = True

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        hostvars = task_vars["hostvars"]
        own = seen_by(hostvars, task_vars["inventory_hostname"])
        self._refuse_play_variables(play_variables(task_vars, own, self._templar.template))
        run = Run(C.DEFAULT_LOCAL_TMP, arguments["directory"])
        with run.locked():
            planned = run.read(RESULT) if self._is_planned(run, task_vars["inventory_hostname"], hostvars, arguments["partial_inventory"]) else None
            if planned is None:
                with _uncollected():
                    planned = self._plan(run, hostvars, arguments)
            else:  # a later batch, or another host under the free strategy
                planned = {**planned, "changed": False, "reused": True, "difference": {"changed": False, "hosts": {}, "sets": {}}, "left_out": NOTHING}
                planned.pop("diff", None)
        return planned

    @staticmethod
    def _refuse_play_variables(ignored: t.Sequence[str]) -> None:
        if ignored:
            raise AnsibleActionFail(
                f"{', '.join(ignored)}: set by the play or a role, where other hosts' tasks cannot see it, so the plan would ignore it; "
                "move it to the inventory (group_vars, host_vars) or give it with --extra-vars"
            )

    def _is_planned(self, run: Run, name: str, hostvars: t.Mapping[str, t.Any], partial: bool) -> bool:
        """Tell whether this run has such a plan, and this host's variables are those of then; names and facts that were looked up do not count.

        A plan that check mode made lies in the run's own folder: a task without check mode has yet to save one.
        """
        marker = run.read()
        if marker is None or marker["partial_inventory"] != partial or not (self._task.check_mode or run.is_saved(marker)):
            return False
        entry = run.entry(name)
        return entry is not None and entry.own == inputs_of(one_host(name, hostvars))[name]

    def _plan(self, run: Run, hostvars: t.Mapping[str, t.Any], arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Compile, save, leave what later tasks of the run need, and return what this one gives."""
        with ansible_errors(AnsibleActionFail):
            saved = claim(run.directory).saved  # before the work, and in check mode, too
            inventory = inventory_of(hostvars, whole=not arguments["partial_inventory"])
            plan = compile_plan(inventory)
        records = recorded(run.directory)
        plan["orphaned"] = orphans(plan, saved, records)
        texts = Texts(plan)
        before = self._saved(run.directory, texts, saved)
        difference = plan_diff(before, plan)
        with ansible_errors(AnsibleActionFail):
            check_shrinking(before, plan, difference, arguments["expect_removed_hosts"], arguments["max_removed_rules"])
            done = save(plan, run.directory, texts, check=self._task.check_mode)
            written = run.temporary if self._task.check_mode else run.directory
            if self._task.check_mode:
                save(plan, written, texts, generation=done.generation)
        shown, left_out = shortened(difference)
        result = {
            "changed": bool(done.files),
            "path": written,
            "digest": done.digest,
            "generation": done.generation,
            "hosts": sorted(plan["hosts"]),
            "rules": sum(len(host["rules"]) for host in plan["hosts"].values()),
            "notes": plan["notes"],
            "off": plan["off"],
            "orphaned": plan["orphaned"],
            "lagging": lagging(records, texts.hosts, lambda name: (texts.ruleset_of(name), settings_of(plan["hosts"][name]))),
            "difference": shown,
            "left_out": left_out,
            "reused": False,
        }
        result["summary"] = summary(plan, difference, None if self._task.check_mode else written)
        if self._task.diff and difference["changed"]:
            result["diff"] = {**text_of_difference(difference), "before_header": "saved plan", "after_header": "plan"}
        # What DNS and facts found counts for the plan, but is not asked again for each task: those inputs are the same without them mostly.
        own = inputs_of({"hosts": inventory["hosts"]}) if inventory["resolved"] or inventory["facts"] else plan["inputs"]
        run.leave(RESULT, result)
        run.write({**marker_of(written, {**plan, "digest": done.digest, "generation": done.generation}), "checked": MADE}, entries_of(plan, texts.hosts, own))
        return result

    def _saved(self, directory: str, texts: Texts, index: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return the plan that lies there, to compare with. One that cannot be read is made anew, and what its ``index`` still says is compared."""
        try:
            return load(directory, beside=texts)
        except MsportsError as error:
            if index:
                self._display.warning(f"the saved plan cannot be read, so nobody can say which of its rules go: {error}")
            known = {key: index[key] for key in ("inputs", "partial_inventory") if key in index}
            return {"hosts": {}, "sets": {}, **known}


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
