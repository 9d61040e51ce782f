# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a plan lets through: the rules of both managed ends decide, never the defaults of a system."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, NOBODY, Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, covers, merge

Plain = t.Mapping[str, t.Any]


class AllowedSet:
    """Answers for one plan. Address sets are parsed once, when they are first asked for."""

    def __init__(self, plan: Plain) -> None:
        self._plan = plan
        self._sets: dict[str, Addresses] = {}

    def allows(self, source: str, destination: str, protocol: str, port: t.Optional[int] = None) -> bool:
        """Tell whether ``source`` may open a connection to ``destination``: inventory hosts or addresses.

        A managed end must have a rule that admits it; an end without a ruleset admits everything, but at least one of
        the two must be managed by the plan for the answer to be yes.
        """
        inbound, outbound = self.rules_for(source, destination, protocol, port)
        managed_source, managed_destination = source in self._plan["hosts"], destination in self._plan["hosts"]
        if not managed_source and not managed_destination:
            return False
        return (bool(inbound) or not managed_destination) and (bool(outbound) or not managed_source)

    def rules_for(self, source: str, destination: str, protocol: str, port: t.Optional[int]) -> tuple[list[Plain], list[Plain]]:
        """Return the rules at the destination and at the source that admit the connection."""
        here, there = self.addresses(source), self.addresses(destination)
        inbound = self._matching(destination, "in", here, there, protocol, port)
        outbound = self._matching(source, "out", there, here, protocol, port)
        return inbound, outbound

    def addresses(self, end: str) -> Addresses:
        """Return the addresses of an end; raise :class:`MsportsError` for a name that the plan does not know."""
        for section in ("hosts", "peers"):
            if end in self._plan[section]:
                return Addresses.parse(self._plan[section][end]["addresses"])
        try:
            return Addresses.parse([end])
        except ValueError:
            problems = Problems()
            problems.add("plan", end, "expected an inventory host of the plan, or an IP address", [*self._plan["hosts"], *self._plan["peers"]])
            raise MsportsError(problems) from None

    def set(self, name: str) -> Addresses:
        if name not in self._sets:
            texts = self._plan["sets"][name]["addresses"]
            self._sets[name] = ANY if texts == ["any"] else Addresses.parse(texts)
        return self._sets[name]

    def _matching(self, host: str, direction: str, remote: Addresses, local: Addresses, protocol: str, port: t.Optional[int]) -> list[Plain]:
        rules = self._plan["hosts"].get(host, {}).get("rules", ())
        return [rule for rule in rules if rule["direction"] == direction and self._matches(rule, remote, local, protocol, port)]

    def _matches(self, rule: Plain, remote: Addresses, local: Addresses, protocol: str, port: t.Optional[int]) -> bool:
        if rule["protocol"] not in (protocol, "any"):
            return False
        if rule["local"] and not self.set(rule["local"]) & local:
            return False
        ports = rule["local_ports" if rule["direction"] == "in" else "remote_ports"]
        if ports and not covers(merge(PortRange.parse(text) for text in ports), port):
            return False
        return self._reaches(remote, local, self.set(rule["remote"]))

    @staticmethod
    def _reaches(remote: Addresses, local: Addresses, admitted: Addresses) -> bool:
        """Tell whether the ends meet: an address of the remote end, of a family that the local end has, is admitted."""
        common = set(remote.families()) & set(local.families()) if local else set(remote.families())
        usable = Addresses(*(remote.family(version) if version in common else () for version in (4, 6))) if common else NOBODY
        return bool(usable & admitted)
