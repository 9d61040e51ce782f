# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From a plan's host to the options of a ``*_ruleset`` module. Structures only; text is made on the target, last."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._options import LINUX
from ansible_collections.portcullis.msports.plugins.module_utils._windows import limits
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problem, Problems, UnsupportedRuleError, some
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.linux import linux, named
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import Options, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.refusals import REFUSALS, check_supported
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.windows import windows

BACKENDS: dict[str, t.Callable[[Plain, Plain], Options]] = {
    **{backend: named(backend) for backend in LINUX},
    "windows": windows,
}
UNDECIDED = {"linux": linux}  # for a module that chooses the backend on the host


def render(plan: Plain, host: str, backend: str, mode: str = "enforce") -> Options:
    """Return the options of the backend's module for ``host``: rules, address_sets, defaults, management. ``mode`` is how the module will be run.

    Raises :class:`MsportsError` for an unknown host or backend, :class:`UnsupportedRuleError` with every rule that
    the backend cannot express.
    """
    problems = Problems()
    if backend not in BACKENDS and backend not in UNDECIDED:
        problems.add("backend", backend, f"expected one of {', '.join(sorted(BACKENDS))}", BACKENDS)
    problems.raise_as(MsportsError)
    options = {**BACKENDS, **UNDECIDED}[backend](plan, host_of(plan, host))
    if backend in REFUSALS:
        check_supported(backend, options, mode)
    return options


def host_of(plan: Plain, host: str) -> t.Any:
    """Return the host's entry of the plan; raise :class:`MsportsError` when it has no ruleset there."""
    if host not in plan["hosts"]:
        problems = Problems()
        problems.add("plan", host, "is not a managed host of the plan", plan["hosts"])
        problems.raise_as(MsportsError)
    return plan["hosts"][host]


def check_plan(plan: Plain, backends: t.Mapping[str, str]) -> None:
    """Raise :class:`UnsupportedRuleError` with everything that a host's backend could not say, as far as its backend is known before it is connected to.

    ``backends`` are those that the inventory names for hosts of Linux; a host of Windows has one. Hosts with equal rules are asked once.
    """
    alike: dict[tuple[t.Any, ...], list[str]] = {}
    for name, host in plan["hosts"].items():
        backend = "windows" if host["system"] == "windows" else backends.get(name)
        if backend in REFUSALS:
            key = (backend, id(host["rules"]), host["default_inbound"], host["default_outbound"], tuple(host["dynamic_ports"]))
            alike.setdefault(key, []).append(name)
    impossible = {name for name, item in plan["sets"].items() if limits.impossible(limits.pieces(tuple(item["addresses"])))}
    problems: list[Problem] = []
    for (backend, *_rules), names in alike.items():
        if backend == "windows" and not _may_be_refused(plan["hosts"][names[0]], impossible):
            continue
        try:
            render(plan, names[0], backend)
        except UnsupportedRuleError as error:
            problems += [Problem(f"{some(names)}: {problem.path}", problem.value, f"{backend}: {problem.expected}") for problem in error.problems]
    if problems:
        raise UnsupportedRuleError(problems)


def _may_be_refused(host: Plain, impossible: t.Container[str]) -> bool:
    """Tell whether a host's rules have to be rendered to know. Names, texts and the length of lists are the renderer's own, which keeps to the limits."""
    return host["default_inbound"] == "reject" or any(name in impossible for rule in host["rules"] for name in (rule["remote"], rule["local"]))
