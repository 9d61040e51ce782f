# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply one host's ruleset of a saved plan: check that the plan is not stale, render, call the backend's module."""

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.module_utils._options import BACKENDS, LINUX, PASSED_ON, backend_spec, drop_unsupported, passed_on_spec
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import inputs_of, stale
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of, one_host
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.plugins.plugin_utils._run import Run

ARGUMENTS = {
    "directory": {"type": "path", "default": "msports-plan"},
    **backend_spec(BACKENDS),
    **passed_on_spec(),
    "allow_stale_plan": {"type": "bool", "default": False},
    "part": {"type": "bool", "default": False},
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


class ActionModule(ActionBase):
    """``portcullis.msports.apply``. One remote call for a host, whatever the number of rules; on Windows a second one when something changes."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        del tmp
        _validation, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        task_vars = task_vars or {}
        name = task_vars["inventory_hostname"]
        options = {key: arguments[key] for key in PASSED_ON if arguments[key] is not None}
        if arguments["state"] == "absent":
            backend = self._backend(name, self._there(), arguments["backend"])  # there may be no plan
        else:
            run = Run(C.DEFAULT_LOCAL_TMP, arguments["directory"])
            plan = self._planned(run, name, task_vars["hostvars"], arguments)
            if name not in plan["hosts"]:
                return {**result, "changed": False, "skipped": True, "msg": f"{name} has no ruleset in the plan: {self._why_none(plan, name)}"}
            backend = self._backend(name, plan["hosts"][name]["system"], arguments["backend"])
            with ansible_errors(AnsibleActionFail):
                options.update(render(plan, name, backend, arguments["mode"]))
        if backend == "windows":
            options, warnings = drop_unsupported(backend, options)
            for warning in warnings:
                self._display.warning(warning)
        elif backend != "linux":
            options["backend"] = backend
        result.update(self._reconcile(SYSTEMS[backend], options, task_vars))
        result.setdefault("backend", backend)
        return result

    def _reconcile(self, system: str, options: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the action of the system with these options in place of ours.

        One play with ``become: true`` is for hosts of both systems: on Windows there is only runas to become somebody by, and whoever may
        log on from afar as an administrator has all rights already.
        """
        become = self._connection.become
        if system == "windows" and become is not None and become.name != "runas":
            self._connection.set_become_plugin(None)
        task = self._task.copy()
        task.args = options
        action = self._shared_loader_obj.action_loader.get(
            ACTIONS[system],
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return action.run(task_vars=task_vars)

    def _planned(self, run: Run, name: str, hostvars: t.Mapping[str, t.Any], arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Return the plan with at most this host in it; refuse a stale plan, and one of a part of the inventory."""
        with run.locked():
            marker = run.read()
            if marker is None:
                marker = self._checked(run, hostvars, arguments)
                run.write(marker)
        with ansible_errors(AnsibleActionFail):
            plan = load(marker["plan"], only=[name])
        if not plan["whole"]:
            raise AnsibleActionFail(
                f"{marker['plan']}: made from a part of the inventory (whole: false); applying it would cut off peers that it does not know. "
                "Plan with the whole inventory, and hand the saved plan to the slices"
            )
        own = inputs_of(one_host(name, hostvars[name]))
        if name in plan["hosts"] and not arguments["allow_stale_plan"] and marker["own"].get(name) != own[name]:
            raise self._stale(marker["plan"], f"the variables or groups of {name} changed")
        return plan

    def _checked(self, run: Run, hostvars: t.Mapping[str, t.Any], arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Compare the saved plan's inputs with those of today, once per run."""
        with ansible_errors(AnsibleActionFail):
            plan = load(run.directory, only=())
            inventory = inventory_of(hostvars, plan["whole"])
            why = None if arguments["allow_stale_plan"] else stale(plan, inventory, arguments["part"])
        if why:
            raise self._stale(run.directory, why)
        return {"plan": run.directory, "own": inputs_of({"hosts": inventory["hosts"]})}

    @staticmethod
    def _stale(directory: str, why: str) -> AnsibleActionFail:
        return AnsibleActionFail(f"{directory}: the plan is stale: {why} since it was made; plan again, or accept it by name with allow_stale_plan: true")

    @staticmethod
    def _why_none(plan: t.Mapping[str, t.Any], name: str) -> str:
        if name in plan["orphaned"]:
            return "it no longer holds a role (orphaned); state: absent removes the ruleset that it still has"
        if plan["peers"].get(name, {}).get("roles"):
            return "it is not managed (msports_managed: false)"
        return "it holds no product role"

    def _there(self) -> str:
        """Return the system whose shell is at the other end of the connection."""
        return "windows" if getattr(self._connection._shell, "_IS_WINDOWS", False) else "linux"

    def _backend(self, name: str, system: str, asked: str) -> str:
        """Return the backend; refuse one that the shell at the other end could not serve."""
        backend, there = CHOSEN[system] if asked == "auto" else asked, self._there()
        if SYSTEMS[backend] != there:
            connection = getattr(self._connection, "ansible_name", None) or self._connection.transport
            what = f"the backend {backend} does" if backend != "linux" else "the backends of Linux do"
            raise AnsibleActionFail(
                f"{what} not fit {name}: the connection {connection} speaks to a shell of {there}; {UNFIT[SYSTEMS[backend]]}"
            )
        return backend
