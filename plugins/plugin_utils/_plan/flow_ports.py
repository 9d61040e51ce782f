# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Over which ports a flow goes in a plan: those of the rules that it made, since settings move ports, else the documented ones."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import RPC_DYNAMIC, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import WINDOWS_DYNAMIC
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import Ports, covers, merge
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import REACHED, PlanIndex, ports_of


class FlowPorts:
    """Answers for one plan."""

    def __init__(self, index: PlanIndex, flows: t.Sequence[Flow] = ()) -> None:
        self._index = index
        settings = {flow.id: (flow.setting, flow.protocol) for flow in flows if flow.setting and flow.setting_of == "destination"}
        alike: dict[t.Any, list[str]] = {}
        for name, setting in settings.items():
            alike.setdefault(setting, []).append(name)
        self._alike = {name: alike[setting] for name, setting in settings.items()}  # flow -> all flows with the same setting of the end that is reached

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
            planned.append(self._index.ports_anywhere.get(flow.id, ()))
        if not planned[0] and flow.id in self._alike:
            planned.append(self._moved(flow, reached))
        found = [ports for ports in planned if ports]
        documented = self._documented(flow, reached)
        return [*found, documented] if documented or not found else found  # no documented port = the user defines it

    def _documented(self, flow: Flow, reached: str) -> Ports:
        if flow.ports == (RPC_DYNAMIC,):
            return self._dynamic(reached)
        return ports_of((*flow.ports, *flow.alternatives))

    def _dynamic(self, host: str) -> Ports:
        """Return the dynamic range of a host, as far as its rules tell it."""
        ruleset = self._index.ruleset(host)
        return (ruleset.dynamic_ports if ruleset else ()) or WINDOWS_DYNAMIC

    def _here(self, flow: Flow, opener: str, reached: str) -> Ports:
        ends = ((reached, "in"), (opener, "out"))
        found = [ports for host, direction in ends if (ports := self._of_rules(host, direction, flow.id))]
        return found[0] if len(found) == 1 else merge(item for ports in found for item in ports)

    def _moved(self, flow: Flow, reached: str) -> Ports:
        """Return the port that a setting gives a flow without a rule: that of the flows with the same setting which reach the same host."""
        return merge(item for name in self._alike[flow.id] for item in self._of_rules(reached, "in", name))

    def _of_rules(self, host: str, direction: str, flow: str) -> Ports:
        return merge(item for rule in self._index.rules_of_flow(host, direction, flow) for item in ports_of(tuple(rule[REACHED[direction]])))
