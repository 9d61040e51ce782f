# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an estate means, one pair of ends at a time: slow, without sets, groups or names, and small enough to be read as right.

It shares the flows of the catalogs with the compiler, and nothing else: no code of the stages, and of the inventory only what
the estates of ``test_invariants`` have.
"""

from __future__ import annotations

import fnmatch
import functools
import typing as t
from dataclasses import dataclass, field

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Flow

Span = tuple[int, int]
DEFAULT_DYNAMIC = (49152, 65535)


@dataclass
class End:
    """A host, or one address that stands for declared networks (``host`` is false)."""

    name: str
    address: str
    roles: dict[str, list[t.Optional[str]]]  # role -> its sites; [None] = everywhere
    managed: bool = True
    host: bool = True
    features: set[str] = field(default_factory=set)
    settings: dict[str, t.Any] = field(default_factory=dict)
    role_settings: dict[str, dict[str, t.Any]] = field(default_factory=dict)
    dynamic: Span = DEFAULT_DYNAMIC

    def setting(self, role: str, name: str) -> t.Any:
        return self.role_settings.get(role, {}).get(name, self.settings.get(name))


@dataclass
class World:
    catalogs: Catalogs
    ends: list[End]
    parents: dict[str, str]
    without: list[str]
    supplements: list[str]
    releases: dict[str, str]

    def opened(self, a: End, b: End) -> list[tuple[str, t.Optional[Span]]]:
        """Return every protocol and span of ports over which ``a`` may open connections to ``b``."""
        if a is b or not (a.managed or b.managed):
            return []
        return [found for flow in self._flows for found in self._by(flow, a, b)]

    @functools.cached_property
    def _flows(self) -> list[Flow]:
        named = [flow for flow in self.catalogs.supplements if {flow.id, flow.group} & set(self.supplements)]
        held = {role for end in self.ends for role in end.roles}
        return [
            flow
            for flow in (*self.catalogs.flows, *named)
            if not any(fnmatch.fnmatchcase(flow.id, pattern) for pattern in self.without)
            and all(role in held for role in flow.only_with)
            and not any(role in held for role in flow.only_without)
            and (not flow.releases or eval(f"{self.releases.get(flow.product, flow.edition)}{flow.releases}"))  # noqa: S307 - "1710<1802"
            and not (flow.protocol == "any" and flow.product == "exchange" and self._estate("exchange.internal_unrestricted") is False)
        ]

    def _by(self, flow: Flow, a: End, b: End) -> t.Iterator[tuple[str, t.Optional[Span]]]:
        for opener, reached, side in ((flow.source, flow.destination, "source"), (flow.destination, flow.source, "destination")):
            if side == "destination" and flow.initiator != "either":
                continue
            if not self.holds(a, opener) or not self.holds(b, reached) or not self._starts(flow, side, opener, a):
                continue
            source, destination = (a, b) if side == "source" else (b, a)
            if flow.feature and flow.feature not in {"source": source, "destination": destination}[flow.feature_at].features:
                continue
            for here in source.roles.get(flow.source, [None]):
                for there in destination.roles.get(flow.destination, [None]):
                    if self._in_scope(flow, here, there):
                        yield from self._ports(flow, source, destination, b, here, there)

    def holds(self, end: End, role: str) -> bool:
        if role == "any_host":
            return end.host and bool(end.roles)
        external = role == "internet" or self.catalogs.roles[role].kind == "external"
        return role in end.roles or (external and "internet" in end.roles)

    def _starts(self, flow: Flow, side: str, role: str, end: End) -> bool:
        condition = (flow.starts or {}).get(side, "always")
        if isinstance(condition, str):
            return condition == "always"
        if "feature" in condition:
            return condition["feature"] in end.features
        return not end.setting(role, condition["unless"])

    def _in_scope(self, flow: Flow, here: t.Optional[str], there: t.Optional[str]) -> bool:
        product = flow.source.split(".")[0]
        sites = [site for end in self.ends if end.host for role, found in end.roles.items() if role.startswith(f"{product}.") for site in found if site]
        scope = flow.scope
        roams = flow.destination.split(".")[-1] in ("management_point", "distribution_point", "software_update_point")
        if flow.source == "configmgr.client" and scope == "hierarchy" and roams and self._estate("configmgr.client_roaming") is False:
            scope = "site"
        if scope == "any" or (not sites and scope not in ("parent", "parent_or_child")):
            return True
        if not sites:
            return False
        if scope == "top_site":
            return all(site is None or site not in self.parents for site in (here, there))
        if here is None or there is None or flow.destination.split(".")[0] != product:
            return True
        return {
            "site": here == there,
            "parent": self.parents.get(here) == there,
            "site_or_parent": here == there or self.parents.get(here) == there,
            "parent_or_child": self.parents.get(here) == there or self.parents.get(there) == here,
            "hierarchy": self._top(here) == self._top(there),
        }[scope]

    def _top(self, site: str) -> str:
        return self._top(self.parents[site]) if site in self.parents else site

    def _ports(
        self, flow: Flow, source: End, destination: End, reached: End, here: t.Optional[str], there: t.Optional[str]
    ) -> t.Iterator[tuple[str, t.Optional[Span]]]:
        if flow.protocol in ("icmp_echo", "any"):
            yield flow.protocol, None
        elif flow.ports == ("rpc_dynamic",):
            yield flow.protocol, reached.dynamic
        else:
            value = self._value(flow, source, destination, here, there) if flow.setting else None
            for text in flow.ports if value is None else [str(value)]:
                first, _dash, last = text.partition("-")
                yield flow.protocol, (int(first), int(last or first))

    def _value(self, flow: Flow, source: End, destination: End, here: t.Optional[str], there: t.Optional[str]) -> t.Any:
        name = str(flow.setting)
        if flow.setting_of == "site":
            servers = [end for end in self.ends if end.host and ((there or here) in end.roles.get(f"{flow.product}.site_server", []))]
            return min(servers, key=lambda end: end.name).setting(f"{flow.product}.site_server", name) if servers else self._estate(name)
        end, role = {"source": (source, flow.source), "destination": (destination, flow.destination)}[flow.setting_of]
        return end.setting(role, name)

    def _estate(self, name: str) -> t.Any:
        values = {str(end.settings[name]): end.settings[name] for end in self.ends if end.host and name in end.settings}
        return next(iter(values.values())) if len(values) == 1 else None
