# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""From Ansible's ``hostvars`` to the plain inventory that the estate is read from."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import socket
import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import TEMPLATE_ERRORS, seen_by, to_plain, unparsed_sources
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import mapping
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError, Problem
from ansible_collections.portcullis.msports.plugins.plugin_utils._facts import own_addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.variables import BACKEND, PREFIX, is_variable, meant

CONNECTION = ("ansible_host", "ansible_connection", "ansible_shell_type")
OTHERS = (*CONNECTION, BACKEND)  # what counts without our prefix
ALWAYS_THERE = ("all", "ungrouped")  # groups that no inventory needs to name; hosts are not told to be in the first
Plain = t.Dict[str, t.Any]


def inventory_of(hostvars: t.Mapping[str, t.Mapping[str, t.Any]], whole: bool = True, today: t.Optional[datetime.date] = None) -> Plain:
    """Return the inventory as plain data: each host's ``msports_*`` and connection variables and its groups.

    One pass: only the variables that count are rendered, each once; hosts share what they have from the same group.
    What cannot be rendered stands in ``unrendered``, as ``[host, variable, why]``, for the estate to tell with all other problems.
    Raises :class:`InventoryError` for sources of the inventory that Ansible could not read: their hosts would be missing without a word.
    """
    refuse_unparsed(unparsed_sources(hostvars))
    values = _Values()
    hosts = {str(name): _host(str(name), seen_by(hostvars, name), values) for name in hostvars}
    groups: dict[str, list[str]] = {name: [] for name in _group_names(hostvars)}
    for name, host in hosts.items():
        for group in host["groups"]:
            groups.setdefault(group, []).append(name)
    inventory: Plain = {
        "hosts": hosts,
        "groups": groups,
        "whole": whole,
        "today": str(today or _ruleset.today()),
        "resolved": {},
        "facts": {},
        "left_out": {},
        "unrendered": values.unrendered,
    }
    wanted = {source for host in hosts.values() for source in _address_sources(host["vars"])}
    if "dns" in wanted:
        inventory["resolved"] = {name: found for name, host in hosts.items() if (found := _resolve(name, host["vars"]))}
    if "facts" in wanted:
        facts = {str(name): own_addresses(to_plain(hostvars[name].get("ansible_facts") or {})) for name in hostvars}
        inventory["facts"] = {name: found for name, (found, _left) in facts.items() if found}
        inventory["left_out"] = {name: left for name, (_found, left) in facts.items() if left}
    return inventory


def one_host(name: str, hostvars: t.Mapping[str, t.Mapping[str, t.Any]]) -> Plain:
    """Return an inventory of one host, for the question whether that host changed."""
    return {"hosts": {name: _host(name, seen_by(hostvars, name), _Values())}}


def refuse_unparsed(sources: t.Sequence[str]) -> None:
    """Raise :class:`InventoryError` that names sources of the inventory which no plugin of Ansible could read."""
    if sources:
        raise InventoryError(
            Problem(
                f"inventory source {source}",
                None,
                "Ansible could not read it, so its hosts and variables are missing here and their peers would be cut off: correct it, or take it out of "
                "the inventory. Ansible only warns of this; with ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true it stops at once",
            )
            for source in sources
        )


def play_variables(task_vars: t.Mapping[str, t.Any], own: t.Mapping[str, t.Any], rendered: t.Callable[[t.Any], t.Any]) -> list[str]:
    """Return the ``msports_*`` variables that a play or role sets, so that ``hostvars`` lack them or hold what they had before.

    ``rendered`` renders the value of a variable as the play sees it.
    """
    names = [name for name in task_vars if str(name).startswith(PREFIX)]
    return sorted(
        str(name) for name in names if name not in own or _differs(functools.partial(rendered, task_vars[name]), functools.partial(own.__getitem__, name))
    )


def _differs(one: t.Callable[[], t.Any], other: t.Callable[[], t.Any]) -> bool:
    """Tell whether two values differ; one that cannot be rendered is for the inventory to tell, of the hosts that it is about."""
    try:
        return bool(to_plain(one()) != to_plain(other()))
    except TEMPLATE_ERRORS:
        return False


class _Values:
    """Turns variables into plain data. Values without a template are not rendered, and made plain once, however many hosts have them.

    Rendering is most of what reading a large inventory costs, and most values need none: they are the same object for every host of a group.
    """

    def __init__(self) -> None:
        self._made: dict[int, tuple[t.Any, t.Any]] = {}  # id of the value -> the value, which keeps its id its own, and its plain form
        self.unrendered: list[list[str]] = []

    def of(self, variables: t.Mapping[str, t.Any], name: str) -> t.Any:
        # Ansible's view of a host's variables renders whatever is read from it; underneath are the values as they were written.
        written = getattr(variables, "_vars", None)
        value = written.get(name) if isinstance(written, dict) else None
        if value is None:
            return to_plain(variables[name])
        known = self._made.get(id(value))
        if known is None:
            if not is_literal(value):
                return to_plain(variables[name])
            known = self._made[id(value)] = (value, to_plain(value))
        return known[1]


def is_literal(value: t.Any) -> bool:
    """Tell whether ``value`` surely holds no template: only texts without braces, numbers, dates, and lists and mappings of them."""
    if isinstance(value, str):
        return "{" not in value and not value.startswith("#jinja2:")
    if isinstance(value, dict):
        return all(is_literal(key) and is_literal(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(is_literal, value))
    return value is None or isinstance(value, (int, float, datetime.date))  # anything else, such as an encrypted text, is Ansible's to read


def _host(host: str, variables: t.Mapping[str, t.Any], values: _Values) -> Plain:
    mapping(variables, host, "the variables of a host, as hostvars has them")
    names = [name for name in map(str, variables) if name.startswith(PREFIX) or (name[:1] in "mM" and meant(name))]
    counted = {}
    for name in (*names, *(name for name in OTHERS if name in variables)):
        try:
            if is_variable(name) or name in OTHERS or not _is_result(variables[name]):
                counted[name] = values.of(variables, name)
        except TEMPLATE_ERRORS as error:
            values.unrendered.append([host, name, str(error)])
    return {"vars": counted, "groups": list(values.of(variables, "group_names")) if "group_names" in variables else []}


def _is_result(value: t.Any) -> bool:
    """Tell whether a value is what a task registered: it came after the inventory, whatever name it was given, and is none of its mistakes."""
    return isinstance(value, Mapping) and ("changed" in value or "failed" in value)


def _group_names(hostvars: t.Mapping[str, t.Mapping[str, t.Any]]) -> list[str]:
    """Return the names of all groups but ``all``, those without hosts as well: every host's variables name the same ones."""
    groups = next((hostvars[name]["groups"] for name in hostvars if "groups" in hostvars[name]), {})
    return sorted(str(name) for name in groups if str(name) not in ALWAYS_THERE)


def _address_sources(variables: t.Mapping[str, t.Any]) -> list[str]:
    found = []
    for name, value in variables.items():
        if name == "msports_address_from" or name.startswith("msports_address_from__"):
            found.extend(value if isinstance(value, list) else [value])
    return found


def _resolve(name: str, variables: t.Mapping[str, t.Any]) -> list[str]:
    """Look up a host that has no address in the inventory: ``ansible_host`` when it is a name, else its own name."""
    known = variables.get("ansible_host", name)
    if any(key.split("__")[0] == "msports_addresses" for key in variables) or _is_address(known):
        return []
    try:
        return sorted({str(item[4][0]) for item in socket.getaddrinfo(str(known), None, proto=socket.IPPROTO_TCP)})
    except OSError:
        return []  # a peer without an address is the estate's problem to tell, with all others


def _is_address(text: t.Any) -> bool:
    try:
        ipaddress.ip_address(str(text))
    except ValueError:
        return False
    return True
