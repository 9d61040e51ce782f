# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply one host's ruleset of a saved plan: check that the plan is not stale, render, call the backend's module."""

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import inputs_of, stale
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of, one_host
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.plugins.plugin_utils._run import Run

ARGUMENTS = {
    "directory": {"type": "path", "default": "msports-plan"},
    "backend": {"type": "str", "choices": ["auto", "nftables"], "default": "auto"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "mode": {"type": "str", "choices": ["enforce", "audit"], "default": "enforce"},
    "owner": {"type": "str", "default": "msports"},
    "purge": {"type": "bool", "default": True},
    "max_removals": {"type": "int"},
    "persist": {"type": "bool", "default": True},
    "allow_lockout": {"type": "bool", "default": False},
    "allow_other_manager": {"type": "bool", "default": False},
    "allow_stale_plan": {"type": "bool", "default": False},
    "part": {"type": "bool", "default": False},
}
PASSED_ON = ("state", "mode", "owner", "purge", "max_removals", "persist", "allow_lockout", "allow_other_manager")
BACKENDS = {"linux": "nftables"}  # system -> what ``auto`` chooses


class ActionModule(ActionBase):
    """``portcullis.msports.apply``. One remote call for a host, whatever the number of rules."""

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
        backend = "nftables" if arguments["backend"] == "auto" else arguments["backend"]
        if arguments["state"] == "present":
            run = Run(C.DEFAULT_LOCAL_TMP, arguments["directory"])
            plan = self._planned(run, name, task_vars["hostvars"], arguments)
            if name not in plan["hosts"]:
                return {**result, "changed": False, "skipped": True, "msg": f"{name} has no ruleset in the plan: {self._why_none(plan, name)}"}
            backend = self._backend(plan["hosts"][name]["system"], arguments["backend"])
            with ansible_errors(AnsibleActionFail):
                options.update(render(plan, name, backend))
        result.update(self._execute_module(module_name=f"portcullis.msports.{backend}_ruleset", module_args=options, task_vars=task_vars))
        result["backend"] = backend
        return result

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

    @staticmethod
    def _backend(system: str, asked: str) -> str:
        if asked != "auto":
            return asked
        if system not in BACKENDS:
            raise AnsibleActionFail(
                f"msports_system is {system}, and this version of the collection applies rulesets on {', '.join(sorted(BACKENDS))} only; "
                "plan, matrix and explain cover the host all the same"
            )
        return BACKENDS[system]
