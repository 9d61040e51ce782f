# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The only border to Ansible: what comes in becomes plain data, what goes wrong becomes an error that Ansible shows well.

Since ansible-core 2.19 values carry tags (subclasses of ``str``, ``int`` and so on), and containers are lazy (their items are
rendered when they are read). The core of the collection knows neither.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import socket
import typing as t
from collections.abc import Mapping, Sequence, Set

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.inventory.manager import IGNORED, InventoryManager, split_host_pattern
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase
from ansible.utils.path import unfrackpath

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import ProblemCollector, collect, value_of

LIMIT_OPTION, PULLED = "--limit", frozenset(("localhost", "127.0.0.1"))
NO_INVENTORY = "/etc/ansible/hosts"  # where Ansible looks when nobody names an inventory
TEMPLATE_ERRORS = (AnsibleError,)  # what a variable raises that cannot be rendered
# How ssh is told to look whether the other end is there; both count from the last answer.
COMMON, WATCHFUL = "ssh_common_args", "-o ServerAliveInterval=5 -o ServerAliveCountMax=6"
_PLAIN = frozenset((str, int, float, bool, type(None)))


def to_plain(value: t.Any) -> t.Any:
    """Return ``value`` as dict, list, str, int, float, bool and None, whatever tagged or lazy form it had.

    Sets become sorted lists, dates their ISO text, encrypted strings their clear text. An undefined value inside
    raises Ansible's own error when it is read, which names the variable.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {to_plain(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, Sequence):
        return [to_plain(item) for item in value]
    if isinstance(value, Set):
        return sorted((to_plain(item) for item in value), key=str)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, t.Iterator):
        return [to_plain(item) for item in value]
    return str(value)


def seen_by(hostvars: t.Mapping[str, t.Any], name: str) -> t.Mapping[str, t.Any]:
    """Return the variables of a host, in whose templates ``hostvars`` is known as in any task: Ansible leaves it out of its own view."""
    variables = hostvars[name]
    written = getattr(variables, "_vars", None)
    if isinstance(written, dict):
        written.setdefault("hostvars", hostvars)
    return variables


def unparsed_sources(hostvars: t.Any) -> list[str]:
    """Return the files and words of the inventory that none of Ansible's plugins could read. Of hosts from elsewhere nothing is known."""
    manager = getattr(hostvars, "_inventory", None)
    if manager is None:
        return []
    parsed = set(map(str, manager._inventory.processed_sources))
    leaves = [leaf for source in manager._sources if source for leaf in _leaves(str(source))]
    return [leaf for leaf in leaves if leaf not in parsed and (leaf != NO_INVENTORY or os.path.exists(leaf))]


def _leaves(source: str) -> t.Iterator[str]:
    """Yield the files below a directory as Ansible goes through it; anything else is one source."""
    path = source if "," in source else unfrackpath(source, follow=False)
    if not os.path.isdir(path):
        yield path
        return
    for name in sorted(os.listdir(os.fsencode(path))):  # the pattern is of bytes
        if not IGNORED.search(name):
            yield from _leaves(os.path.join(path, os.fsdecode(name)))


class Action(ActionBase):
    """An action with the options ``ARGUMENTS``; ``done`` returns its result."""

    TRANSFERS_FILES = False
    ARGUMENTS: t.ClassVar[t.Mapping[str, t.Any]] = {}
    _supports_check_mode = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(argument_spec=self.ARGUMENTS)
        return {**result, **self.done(arguments, task_vars or {})}

    def done(self, arguments: t.Mapping[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        raise NotImplementedError

    @property
    def on_windows(self) -> bool:
        """Whether the connection speaks to a shell of Windows."""
        return bool(getattr(self._connection._shell, "_IS_WINDOWS", False))


def refuse_unmatched(where: str, pattern: t.Any, variables: t.Mapping[str, t.Any], loader: t.Any, instead: str = "") -> list[str]:
    """Return the hosts that a host pattern, or a limit (``None``: none), leaves; raise :class:`MsportsError` for each part that matches nobody.

    So is one that leaves nobody. Ansible only warns of a part, and goes on with fewer hosts, or with more where the part excludes some. ``instead`` is the
    variable to use in place of a limit that leaves out localhost, where the work of a playbook is done.
    """
    parts = split_host_pattern(to_plain(pattern) or [])
    if where == LIMIT_OPTION:
        parts = [part for text in parts for part in _of_file(text)]
    excused = _own_names() if where == LIMIT_OPTION and set(parts) >= PULLED else frozenset()  # ansible-pull limits a run to all that its host may be called
    groups = {str(name): [str(host) for host in hosts] for name, hosts in variables["groups"].items()}
    manager = InventoryManager(loader, parse=False)
    for group, hosts in groups.items():
        manager.add_group(group)
        for host in hosts:
            manager.add_host(host, group=group)
    problems = Problems()
    for part in parts:
        name = part.lstrip("!&")
        if name not in groups and name not in excused and not _matched(manager, name):
            known = [*groups, *(host for hosts in groups.values() for host in hosts)]
            problems.add(where, name, "no host or group of the inventory has this name, or fits this pattern; nothing was done", known)
    left = _matched(manager, parts)
    if parts and not problems and not left:
        problems.add(where, ",".join(parts), "leaves no host, so nothing would be done")
    if parts and instead and "localhost" not in left:
        problems.add(where, ",".join(parts), f"leaves out localhost, where this playbook works; choose hosts with -e {instead}=... and without --limit")
    problems.raise_as(MsportsError)
    return left


def _own_names() -> t.AbstractSet[str]:
    """Return the names that ansible-pull tries for the machine that it runs on."""
    names = {platform.node(), socket.getfqdn()}
    return PULLED | names | {name.partition(".")[0] for name in names}


def _of_file(part: str) -> list[str]:
    """Return a part of a limit, or the lines of the file that it names, as Ansible reads them."""
    if not part.startswith("@"):
        return [part]
    try:
        with open(unfrackpath(part[1:], follow=False), encoding="utf-8") as lines:
            return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    except OSError:
        return []  # which Ansible has said by itself


def _matched(manager: InventoryManager, pattern: t.Any) -> list[str]:
    try:
        return [host.name for host in manager.get_hosts(pattern=pattern)]
    except AnsibleError:  # what an option of Ansible makes of a mismatch
        return []


@contextlib.contextmanager
def ansible_errors(error: type[AnsibleError] = AnsibleError) -> t.Iterator[None]:
    """Turn a :class:`MsportsError` of the core into an error of Ansible: one line for each problem."""
    try:
        yield
    except MsportsError as found:
        raise error(str(found)) from None


def listed(value: t.Any) -> list[t.Any]:
    """Return a value that may be one thing, a list of things or nothing as a plain list."""
    plain = to_plain(value)
    if plain is None:
        return []
    return plain if isinstance(plain, list) else [plain]


def lookup_options(lookup: t.Any, variables: t.Optional[t.Mapping[str, t.Any]], given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the options of a lookup as plain data; raise :class:`MsportsError` for one that it does not have.

    ``releases`` and ``catalog_paths`` that are not given come from the variables of the same names with ``msports_`` in front.
    """
    lookup.set_options(var_options=variables, direct=dict(given))
    options = to_plain(lookup.get_options())
    problems = Problems()
    for name in given:
        if name not in options:
            problems.add("option", str(name), "expected an option of this lookup: " + ", ".join(sorted(options)), options)
    problems.raise_as(MsportsError)
    for name in ("releases", "catalog_paths"):
        if name in options and options[name] is None:
            options[name] = united(lookup, variables or {}, f"msports_{name}")
    return options


def united(lookup: t.Any, variables: t.Mapping[str, t.Any], name: str) -> t.Any:
    """Return the union of the variables ``name`` and ``name__<suffix>``, rendered, as the inventory interface has it; ``None`` when there is none.

    Raises :class:`MsportsError` for a wrong shape, and for a key with two values.
    """
    mine = sorted(key for key in variables if key == name or str(key).startswith(f"{name}__"))
    rendered = {key: to_plain(lookup._templar.template(variables[key])) for key in mine}
    problems = ProblemCollector()
    declared = collect({key: value for key, value in rendered.items() if value is not None}, problems).get(name)
    value = value_of(declared, problems) if declared else None
    problems.raise_as(MsportsError)
    return value


def flat(terms: t.Any) -> list[t.Any]:
    """Return the terms of a lookup as one plain list, whether they came one by one or as lists."""
    found = []
    for term in listed(terms):
        found.extend(term if isinstance(term, list) else [term])
    return found


def module_runner(action: t.Any, task_vars: t.Mapping[str, t.Any], told: list[t.Any], broken: str) -> t.Callable[[str, dict[str, t.Any]], dict[str, t.Any]]:
    """Return ``execute(module, arguments)`` of an action, which gives a plain result and puts the module's warnings into ``told``.

    A connection that breaks while ``operations`` are done says ``broken`` besides.
    """

    def execute(module: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        try:
            done = action._execute_module(module_name=module, module_args=arguments, task_vars=task_vars)
        except AnsibleConnectionFailure as error:
            if not arguments.get("operations"):
                raise
            raise AnsibleConnectionFailure(f"{error}. {broken}") from None  # with a cause, ansible-core would say it twice
        told.extend(text for text in done.pop("warnings", None) or [] if text not in told)
        return to_plain(done)

    return execute


class NewConnection:
    """The host under change, as a confirmation reaches it: by ``module``, over another connection than the one of the change."""

    def __init__(self, action: t.Any, task_vars: t.Mapping[str, t.Any], module: str, **arguments: t.Any) -> None:
        self._action, self._task_vars, self._module, self._arguments = action, task_vars, module, arguments
        connection = action._connection
        self.name: str = getattr(connection, "ansible_name", None) or connection.transport

    def confirm(self, owner: str, nonce: str) -> dict[str, t.Any]:
        """Connect anew and confirm: a connection that is open proves nothing, since rules let what is established pass."""
        connection = self._action._connection
        try:
            (connection.close if type(connection).reset is ConnectionBase.reset else connection.reset)()  # that of the base only warns
            if self.name.rpartition(".")[2] == "ssh":
                _watch(connection)
            arguments = {"owner": owner, "nonce": nonce, **self._arguments}
            return to_plain(self._action._execute_module(module_name=self._module, module_args=arguments, task_vars=self._task_vars))
        except Exception as error:  # pylint: disable=broad-except  # connections raise errors of many kinds; the host waits, and is asked again
            return {"unreachable": True, "msg": str(error)}


def keep_rights(connection: t.Any) -> None:
    """Leave out ``become`` on a Windows host, but for ``runas``: one play with ``become: true`` is for hosts of both systems.

    On Windows there is only runas to become somebody by, and whoever may log on from afar as an administrator has all rights already.
    """
    if connection.become is not None and connection.become.name != "runas":
        connection.set_become_plugin(None)


def _watch(connection: t.Any) -> None:
    """Let ssh end by itself where packets are dropped silently: it would wait for hours otherwise, and nobody would hear what became of the host.

    What the user says comes first in ssh's arguments, and so it counts.
    """
    given = connection.get_option(COMMON) or ""
    if WATCHFUL not in given:
        connection.set_option(COMMON, f"{given} {WATCHFUL}".strip())


def ports_of(action: t.Any, task_vars: t.Mapping[str, t.Any]) -> t.Tuple[t.Any, ...]:
    """Return what says which port the connection of an action uses, best first. Not every connection has one, or says so."""
    try:
        option = action._connection.get_option("port")
    except KeyError:
        option = None
    return option, getattr(action._play_context, "port", None), task_vars.get("ansible_port")
