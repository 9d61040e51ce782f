# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Over which ports a flow goes in a plan: those of the rules that it made, since settings move ports, else the documented ones."""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import RPC_DYNAMIC, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import WINDOWS_DYNAMIC
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, covers, parse_ports

Plain = t.Mapping[str, t.Any]
REACHED = {"in": "local_ports", "out": "remote_ports"}  # the ports of the end that is reached, by the direction of a rule


class FlowPorts:
    """Answers for one plan."""

    def __init__(self, plan: Plain, flows: t.Sequence[Flow] = ()) -> None:
        self._plan = plan
        self._setting_of = {flow.id: (flow.setting, flow.protocol) for flow in flows if flow.setting and flow.setting_of == "destination"}

    def match(self, flow: Flow, opener: str, reached: str, protocol: str, port: t.Optional[int]) -> bool:
        """Tell whether a question is about ``flow``: over its documented ports, or over those that it has in the plan."""
        if flow.protocol == "any":
            return True
        return flow.protocol == protocol and any(covers(ports, port) for ports in self._known(flow, opener, reached))

    def shown(self, flow: Flow, opener: str, reached: str) -> Ports:
        """Return the ports between two ends: of the rules there, else the documented ones; none for protocols without ports."""
        return self._here(flow, opener, reached) or self._documented(flow, reached)

    def _known(self, flow: Flow, opener: str, reached: str) -> list[Ports]:
        planned = [self._here(flow, opener, reached)]
        if flow.ports != (RPC_DYNAMIC,):  # a range is of one host, a port that a setting gives may be that of all
            planned.append(parse_ports(self._anywhere.get(flow.id, ())))
        if not planned[0] and flow.id in self._setting_of:
            planned.append(self._moved(flow, reached))
        found = [ports for ports in planned if ports]
        documented = self._documented(flow, reached)
        return [*found, documented] if documented or not found else found  # no documented port = the user defines it

    def _documented(self, flow: Flow, reached: str) -> Ports:
        if flow.ports == (RPC_DYNAMIC,):
            return self._dynamic(reached)
        return parse_ports((*flow.ports, *flow.alternatives))

    def _dynamic(self, host: str) -> Ports:
        """Return the dynamic range of a host, as far as its rules tell it."""
        return parse_ports(text for rule in self._rules(host, "in") if rule["rpc"] for text in rule["local_ports"]) or WINDOWS_DYNAMIC

    def _here(self, flow: Flow, opener: str, reached: str) -> Ports:
        ends = ((reached, "in"), (opener, "out"))
        return parse_ports(
            text
            for host, direction in ends
            for rule in self._rules(host, direction)
            if any(why["kind"] == "flow" and why["name"] == flow.id for why in rule["because"])
            for text in rule[REACHED[direction]]
        )

    def _moved(self, flow: Flow, reached: str) -> Ports:
        """Return the port that a setting gives a flow without a rule: that of the flows with the same setting which reach the same host."""
        alike = {name for name, setting in self._setting_of.items() if setting == self._setting_of[flow.id]}
        return parse_ports(
            text
            for rule in self._rules(reached, "in")
            if any(why["kind"] == "flow" and why["name"] in alike for why in rule["because"])
            for text in rule["local_ports"]
        )

    def _rules(self, host: str, direction: str) -> t.Iterator[Plain]:
        return (rule for rule in self._plan["hosts"].get(host, {}).get("rules", ()) if rule["direction"] == direction)

    @functools.cached_property
    def _anywhere(self) -> t.Mapping[str, t.AbstractSet[str]]:
        """Flow -> ports of all rules that it made. DHCP is left out: there a rule's direction is not that of the flow."""
        found: dict[str, set[str]] = {}
        for host in self._plan["hosts"].values():
            for rule in host["rules"]:
                if rule["delivery"] != "unaddressed":
                    for why in rule["because"]:
                        if why["kind"] == "flow":
                            found.setdefault(why["name"], set()).update(rule[REACHED[rule["direction"]]])
        return found
