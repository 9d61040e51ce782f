# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply one host's ruleset of a saved plan: check that the plan is not stale, render, call the backend's module."""

from __future__ import annotations

import os
import time
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError

from ansible_collections.portcullis.msports.plugins.module_utils._options import (
    closes,
    closes_inbound,
    closes_outbound,
    BACKENDS,
    LINUX,
    OWNER,
    PASSED_ON,
    backend_spec,
    drop_unsupported,
    passed_on_spec,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import LIMIT_OPTION, Action, ansible_errors, keep_rights, refuse_unmatched
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import Stale, cut_at, inputs_of, stale
from ansible_collections.portcullis.msports.plugins.plugin_utils._diff import shortened
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of, one_host
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.store import folder_of as observed_folder_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.store import read_one
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.applied import (
    ABSENT,
    PRESENT,
    begins_to_close,
    folder_of,
    owner_of,
    record,
    settings_of,
    state_of,
    was_closed,
)
from ansible_collections.portcullis.msports.plugins.plugin_utils._outcome import lost, outcome, skipped
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load_host, read_index
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import without_ended
from ansible_collections.portcullis.msports.plugins.plugin_utils._reached import Watch, all_lost
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.plugins.plugin_utils._run import (
    LIMIT,
    ACCEPTED,
    CHECKED,
    MANAGED,
    MARKER,
    ORPHANED,
    PARTLY,
    ROLELESS,
    UNMANAGED,
    Entry,
    Run,
    entries_of,
    marker_of,
)

SUMMARY = "portcullis.msports.summary"
ARGUMENTS = {
    "directory": {"type": "path", "default": "msports-plan"},
    **backend_spec(BACKENDS),
    **passed_on_spec(),
    "allow_stale_plan": {"type": "bool", "default": False},
    "accept_cut": {"type": "list", "elements": "str", "default": []},
    "partial_inventory": {"type": "bool", "default": False},
    "expected_digest": {"type": "str"},
    "keyring": {"type": "path"},
}
CHOSEN = {"linux": "linux", "windows": "windows"}  # system -> what ``auto`` chooses; on Linux the module chooses further, on the host
SYSTEMS = {**dict.fromkeys(("linux", *LINUX), "linux"), "windows": "windows"}
ACTIONS = {"linux": "portcullis.msports.linux_ruleset", "windows": "portcullis.msports.win_firewall_ruleset"}  # by system
# system of the backend -> what to do when the connection speaks to the other one
UNFIT = {
    "windows": "reach a Windows host by winrm or psrp, or over ssh with ansible_shell_type powershell or cmd; is it Linux, then msports_system says so",
    "linux": "declare msports_system: windows in the inventory; unset, it follows from ansible_connection and ansible_shell_type there, "
    "not from the connection of a play",
}


# kind of host -> why it has no ruleset
WHY_NONE = {
    ORPHANED: "it no longer holds a role (orphaned); state: absent removes the ruleset that it still has",
    UNMANAGED: "it is not managed: msports_managed is false, or it is an appliance and msports_managed does not say true",
    ROLELESS: "it holds no product role",
    None: "the plan does not know this host; plan again with an inventory that has it",
}


class ActionModule(Action):
    """``portcullis.msports.apply``. One remote call for a host, whatever the number of rules; on Windows a second one when something changes."""

    ARGUMENTS = ARGUMENTS
    _supports_async = False

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        name = task_vars["inventory_hostname"]
        run = Run(C.DEFAULT_LOCAL_TMP, arguments["directory"])
        watch = Watch(self._connection, self.on_windows)
        try:
            result = self._apply(run, name, task_vars, arguments)
            if result.get("unreachable"):
                self._lost(run, name, watch.untouched(str(result.get("msg"))), task_vars)
            return result
        except AnsibleConnectionFailure as error:
            self._lost(run, name, watch.untouched(str(error)), task_vars)
            raise
        except AnsibleError:
            run.tell(name, outcome({"failed": True}))
            raise

    def _lost(self, run: Run, name: str, untouched: bool, task_vars: dict[str, t.Any]) -> None:
        """Leave that this host was not reached. Where none was, no task comes any more that could say what became of them: then it is said here."""
        if not all_lost(run, name, lost(untouched), task_vars):
            return
        ending = self._action_of(SUMMARY, {"directory": run.directory})
        for line in ending.run(task_vars=task_vars)["msg"]:
            self._display.display(line)

    def _check_limit(self, run: Run, task_vars: dict[str, t.Any]) -> None:
        """Refuse a limit with a part that nobody has, once per run: who wrote it meant more hosts than are seen here."""
        if task_vars.get("ansible_limit") and run.read(LIMIT) is None:
            with ansible_errors(AnsibleActionFail), run.locked():
                refuse_unmatched(LIMIT_OPTION, task_vars["ansible_limit"], task_vars, self._loader)
                run.leave(LIMIT, {})

    def _apply(self, run: Run, name: str, task_vars: dict[str, t.Any], arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        if not arguments["partial_inventory"] and arguments["expected_digest"] is None:  # a slice lacks hosts that a limit may name
            self._check_limit(run, task_vars)
        options = {key: arguments[key] for key in PASSED_ON if arguments[key] is not None}
        if arguments["state"] == "absent":
            backend = self._backend(name, self._there(), arguments["backend"])  # there may be no plan
            # With a backend of Linux by name, another one may still hold rules: that is no host without a ruleset.
            applied: dict[str, t.Any] = {"state": ABSENT} if backend in CHOSEN else {}
        else:
            marker, entry = self._planned(run, name, task_vars, arguments)
            if entry is None or entry.kind != MANAGED:
                why = WHY_NONE[entry.kind if entry else None]
                run.tell(name, skipped(entry is not None and entry.kind == ORPHANED or state_of(run.directory, name) == PRESENT))
                return {"changed": False, "skipped": True, "msg": f"{name} has no ruleset in the plan: {why}"}
            with ansible_errors(AnsibleActionFail):
                plan = without_ended(load_host(marker["plan"], name, entry.file), [name], time.time())
            backend = self._backend(name, plan["hosts"][name]["system"], arguments["backend"])
            with ansible_errors(AnsibleActionFail):
                options.update(render(plan, name, backend, arguments["mode"]))
            self._refuse_cut(run.directory, name, plan, arguments)
            options["generation"] = marker["generation"]
            options["planned_addresses"] = plan["hosts"][name]["addresses"]
            applied = {
                "state": PRESENT,
                "mode": arguments["mode"],
                "plan": marker["digest"],
                "generation": marker["generation"],
                "file": entry.file,
                "ruleset": plan["ruleset"],
                "settings": settings_of(plan["hosts"][name]),
            }
        options, warnings = drop_unsupported(SYSTEMS[backend], options)
        for warning in warnings:
            self._display.warning(warning)
        if backend not in CHOSEN:
            options["backend"] = backend
        result = self._reconcile(SYSTEMS[backend], options, task_vars)
        result.setdefault("backend", backend)
        if "diff" in result:
            result["diff"] = shortened(result["diff"])
        if not result.get("unreachable"):
            closing = {"closes_inbound": closes_inbound(options, result["backend"]), "closes_outbound": closes_outbound(options)}
            begins = applied.get("state") == PRESENT and begins_to_close(run.directory, name, closing)
            run.tell(name, outcome(result, closes(options, result["backend"]), begins))
        if applied and not result.get("failed") and not result.get("unreachable") and not self._task.check_mode:
            self._record(run.directory, name, {**applied, **(closing if applied["state"] == PRESENT else {}), "owner": arguments["owner"]})
        return result

    @staticmethod
    def _refuse_cut(directory: str, name: str, plan: t.Mapping[str, t.Any], arguments: t.Mapping[str, t.Any]) -> None:
        """Refuse the first rules that stop something, while they would cut what was seen in use there and nobody accepted by name."""
        if arguments["mode"] != "enforce" or was_closed(directory, name):
            return
        with ansible_errors(AnsibleActionFail):
            cut = cut_at(plan, name, read_one(observed_folder_of(directory), name), arguments["accept_cut"])
        if cut:
            raise AnsibleActionFail(
                f"{name}: these rules would be the first ones to stop something here, and would cut what was seen in use: {some(cut, 5)}. Mend the inventory "
                f"(the playbook portcullis.msports.preflight says how), or accept it by name, like accept_cut: [{name} tcp/5432]"
            )

    def _record(self, directory: str, name: str, applied: t.Mapping[str, t.Any]) -> None:
        """Write down what the host has now. That it could not be written does not undo it, so this is a warning."""
        if not os.path.isdir(directory):
            return  # a host is emptied from a machine that has no plan, and gets no list of hosts by it
        try:
            if applied["state"] == PRESENT or owner_of(directory, name, OWNER["owner"]["default"]) == applied["owner"]:
                record(directory, name, applied)
        except OSError as error:
            self._display.warning(f"{folder_of(directory)}: what was applied to {name} cannot be recorded ({error.strerror}); it will count as unknown")

    def _reconcile(self, system: str, options: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the action of the system with these options in place of ours."""
        if system == "windows":
            keep_rights(self._connection)
        return self._action_of(ACTIONS[system], options).run(task_vars=task_vars)

    def _action_of(self, name: str, options: dict[str, t.Any]) -> t.Any:
        """Return another action as the task of this one, with these options in place of ours."""
        task = self._task.copy()
        task.args = options
        return self._shared_loader_obj.action_loader.get(
            name,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )

    def _planned(self, run: Run, name: str, task_vars: t.Mapping[str, t.Any], arguments: t.Mapping[str, t.Any]) -> tuple[dict[str, t.Any], t.Optional[Entry]]:
        """Return which plan it is and what it says of this host; refuse a plan that is not the one that was meant."""
        expected, wanted = arguments["expected_digest"], self._wanted(arguments)
        with run.locked():
            marker = run.read()
            if marker is None or marker["checked"] < wanted:
                marker = self._checked(run, task_vars["hostvars"], arguments, wanted)
            if arguments["keyring"] not in (None, marker.get("signed_by")):
                marker = self._signed(run, marker, arguments["keyring"])
        if expected is not None and marker["digest"] != expected:
            raise AnsibleActionFail(
                f"{marker['plan']}: the plan is not the expected one: its digest is {marker['digest']}, expected_digest is {expected}; "
                "fetch the published plan, or expect the digest of this one"
            )
        if marker["partial_inventory"]:
            raise AnsibleActionFail(
                f"{marker['plan']}: made from a part of the inventory (partial_inventory: true); applying it would cut off peers that it does not know. "
                "Plan with the whole inventory, and hand the saved plan to the slices"
            )
        entry = run.entry(name)
        if wanted > ACCEPTED and entry is not None and entry.own != inputs_of(one_host(name, task_vars["hostvars"]))[name]:
            raise self._stale(marker["plan"], Stale(f"the variables or groups of {name} changed"))
        return marker, entry

    @staticmethod
    def _wanted(arguments: t.Mapping[str, t.Any]) -> int:
        """Return how well the plan has to be known to be the present one. Whoever names its digest asks nothing of the inventory."""
        if arguments["expected_digest"] is not None or arguments["allow_stale_plan"]:
            return ACCEPTED
        return PARTLY if arguments["partial_inventory"] else CHECKED

    def _checked(self, run: Run, hostvars: t.Mapping[str, t.Any], arguments: t.Mapping[str, t.Any], wanted: int) -> dict[str, t.Any]:
        """Read the saved plan's index, and compare its inputs with those of today, once per run."""
        own, why = {}, None
        with ansible_errors(AnsibleActionFail):
            index = read_index(run.directory)
            if wanted > ACCEPTED:
                inventory = inventory_of(hostvars, not index["partial_inventory"])
                why = stale(index, inventory, arguments["partial_inventory"])
                own = inputs_of({"hosts": inventory["hosts"]})
        if why:
            raise self._stale(run.directory, why)
        marker = {**marker_of(run.directory, index), "checked": wanted}
        run.write(marker, entries_of(index, index["hosts"], own))
        return marker

    @staticmethod
    def _signed(run: Run, marker: dict[str, t.Any], keyring: str) -> dict[str, t.Any]:
        """Refuse a plan that nobody of ``keyring`` signed; what was signed has to be what the run has read, too."""
        with ansible_errors(AnsibleActionFail):
            index = read_index(marker["plan"], keyring)
        if index["digest"] != marker["digest"]:
            raise AnsibleActionFail(f"{marker['plan']}: the plan was replaced while this run read it; run again")
        marker = {**marker, "signed_by": keyring}
        run.leave(MARKER, marker)
        return marker

    @staticmethod
    def _stale(directory: str, found: Stale) -> AnsibleActionFail:
        return AnsibleActionFail(f"{directory}: the plan is stale: {found.why} since it was made; {found.remedy}")

    def _there(self) -> str:
        """Return the system whose shell is at the other end of the connection."""
        return "windows" if self.on_windows else "linux"

    def _backend(self, name: str, system: str, asked: str) -> str:
        """Return the backend; refuse one that the shell at the other end could not serve."""
        backend, there = CHOSEN[system] if asked == "auto" else asked, self._there()
        if SYSTEMS[backend] != there:
            connection = getattr(self._connection, "ansible_name", None) or self._connection.transport
            what = f"the backend {backend} does" if backend != "linux" else "the backends of Linux do"
            raise AnsibleActionFail(f"{what} not fit {name}: the connection {connection} speaks to a shell of {there}; {UNFIT[SYSTEMS[backend]]}")
        return backend
