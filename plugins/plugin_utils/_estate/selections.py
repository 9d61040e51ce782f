# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Ends that a user names in rules of their own: addresses, ``any``, ``group:``, ``host:``, and roles."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import NAME_REASON, HostAddresses, network
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.former import current
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.networks import Networks, internet_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import ProblemCollector, near_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Selection

WORDS = "expected an address, a network, any, group:<name>, host:<name>, or the name of a role"


class Ends:
    """Turns what is written into :class:`Selection` values, for one estate whose roles, addresses and networks are known."""

    def __init__(self, reader: Reader, addresses: HostAddresses, networks: Networks, holders: t.Mapping[str, t.Sequence[str]]) -> None:
        self._reader = reader
        self._addresses = addresses
        self._networks = networks
        self._holders = holders
        self._known: dict[str, Selection] = {}

    def read_list(self, value: t.Any, path: str, problems: ProblemCollector) -> t.Tuple[Selection, ...]:
        """Read a list of ends, sorted by how they are written; anything else is a problem."""
        if not isinstance(value, (list, tuple)):
            problems.add(path, value, f"expected a list; each item: {WORDS.partition('expected ')[2]}")
            return ()
        found = {}
        for index, item in enumerate(value):
            selection = self._known.get(item) if isinstance(item, str) else None
            if selection is None:
                selection = self.read(item, f"{path}[{index}]", problems)
            if selection is not None:
                found[selection.label] = selection
        return tuple(found[label] for label in sorted(found))

    def read(self, item: t.Any, path: str, problems: ProblemCollector) -> t.Optional[Selection]:
        """Return one end, or ``None`` and a problem."""
        before = len(problems)
        selection = self._read(item, path, problems)
        if selection is not None and len(problems) == before:
            self._known[item] = selection
        return selection

    def _read(self, item: t.Any, path: str, problems: ProblemCollector) -> t.Optional[Selection]:
        if not isinstance(item, str):
            problems.add(path, item, WORDS)
            return None
        kind, mark, name = item.partition(":")
        if mark and kind in ("group", "host"):
            return self._hosts(kind, name, item, path, problems)
        role = current("roles", item, path, problems, self._reader.catalogs)
        if role is None:
            problems.add(path, item, "expected a role of the chosen edition: nobody holds this one any more, so this names nobody")
            return None
        if role in self._networks or role in self._reader.catalogs.roles or role == "internet":
            return self._role(role, path, problems)
        try:
            return Selection(item, network(item))
        except ValueError as error:
            self._say_why(item, path, str(error), problems)
            return None

    def _hosts(self, kind: str, name: str, item: str, path: str, problems: ProblemCollector) -> t.Optional[Selection]:
        known = self._reader.groups if kind == "group" else self._reader.hosts
        if name not in known:
            near = near_name(name, known)
            problems.add(path, item, f"the inventory has no {kind} of this name", near=near and f"{kind}:{near}")
            return None
        hosts = sorted(set(self._reader.groups[name])) if kind == "group" else [name]
        hosts = [host for host in hosts if host in self._reader.hosts]
        if not hosts:
            problems.add(path, item, "the group has no hosts, so this names nobody")
            return None
        lost = [host for host in hosts if not self._addresses.of[host]]
        if lost:
            problems.add(path, item, f"no address of {', '.join(lost)}: set msports_addresses there")
        return Selection(item, hosts=tuple(hosts))

    def _role(self, role: str, path: str, problems: ProblemCollector) -> t.Optional[Selection]:
        networks = internet_of(self._networks) if role == "internet" else union(self._networks.get(role, {}).values())
        hosts = tuple(sorted(host for host in self._holders.get(role, ()) if self._addresses.of[host]))
        if networks or hosts:
            return Selection(role, networks, hosts)
        problems.add(path, role, f"no host holds this role and it has no networks: declare msports_networks.{role}")
        return None

    def _say_why(self, item: str, path: str, why: str, problems: ProblemCollector) -> None:
        reader = self._reader
        names = {**{name: f"host:{name}" for name in reader.hosts}, **{name: f"group:{name}" for name in reader.groups}}
        near = names.get(item) or near_name(item, {**reader.catalogs.roles, "any": ""})
        problems.add(path, item, f"{why} (or group:<name>, host:<name>, a role)" if why == NAME_REASON else why if "expected" not in why else WORDS, near=near)
