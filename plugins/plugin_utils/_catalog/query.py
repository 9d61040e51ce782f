# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Questions to flows: which of them are meant (selectors), what ports they add up to, and JMESPath over the answer.

Selectors combine: a flow must satisfy each that is given, and satisfies one that is a list by any of its items.
"""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, Problem, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import PROTOCOLS, RPC_DYNAMIC, Catalogs, Flow
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, Ports, merge, texts

DYNAMIC_PORTS = "49152-65535"  # the dynamic range of Windows since 2008 (KB 929851)
DIRECTIONS = ("in", "out")
REQUIREMENTS = ("required", "conditional")
Plain = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Selectors:
    """What to select by. Empty means: not by this. Roles are full ids, ``flow`` holds shell patterns of flow ids."""

    role: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    destination: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()
    protocol: tuple[str, ...] = ()
    port: tuple[PortRange, ...] = ()
    service: tuple[str, ...] = ()
    feature: tuple[str, ...] = ()
    requirement: tuple[str, ...] = ()
    flow: tuple[str, ...] = ()


def selectors(catalogs: Catalogs, **given: t.Sequence[t.Any]) -> Selectors:
    """Check names and ports that a user gave and return them; raise :class:`CatalogError` with all that is wrong."""
    problems = Problems()
    services = {name for catalog in catalogs.products.values() for name in catalog.plain["services"]}
    services |= {f"{product}.{name}" for product, catalog in catalogs.products.items() for name in catalog.plain["services"]}
    known: dict[str, tuple[str, t.Iterable[str]]] = {
        **dict.fromkeys(("role", "source", "destination"), ("expected a role that a catalog has", catalogs.roles)),
        "feature": ("expected a feature that a catalog has", catalogs.features),
        "service": ("expected a service that a catalog has", services),
        **{
            name: ("expected one of " + ", ".join(words), words)
            for name, words in (("direction", DIRECTIONS), ("protocol", PROTOCOLS), ("requirement", REQUIREMENTS))
        },
    }
    ports: list[PortRange] = []
    for name, values in given.items():
        if name == "port":
            ports = _ports("port", values, problems)
            continue
        expected, names = known.get(name, ("", ()))
        for value in values:
            if expected and value not in names:
                problems.add(name, value, expected, names)
    if given.get("direction") and not given.get("role"):
        problems.add("direction", list(given["direction"]), "is seen from a role, so name the role, too")
    problems.raise_as(CatalogError)
    return Selectors(port=tuple(ports), **{name: tuple(values) for name, values in given.items() if name != "port"})


def select(flows: t.Iterable[Flow], by: Selectors, dynamic_ports: str = DYNAMIC_PORTS) -> list[Flow]:
    """Return the flows that satisfy every selector, in their order. Unit of ``dynamic_ports``: a range of ports as text."""
    chosen = [(name, test) for name, test in _TESTS.items() if getattr(by, name)]
    dynamic = PortRange.parse(dynamic_ports)
    return [flow for flow in flows if all(test(flow, by) for _name, test in chosen) and (not by.port or _has_port(flow, by.port, dynamic))]


def roles_of_holder(roles: t.Iterable[str], catalogs: Catalogs) -> tuple[str, ...]:
    """Return ``roles`` with all that a host holds through them: implied roles, and ``any_host`` for roles that hosts hold."""
    found: dict[str, None] = {}
    waiting = list(roles)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = None
            waiting.extend(catalogs.roles[name].implies)
            if catalogs.roles[name].kind != "external":
                waiting.append("any_host")
    return tuple(found)


def directions(flow: Flow, roles: t.Collection[str]) -> tuple[str, ...]:
    """Return the directions in which a holder of ``roles`` sees the flow's connections open."""
    found = []
    either = flow.initiator == "either"
    if flow.destination in roles or (flow.source in roles and either):
        found.append("in")
    if flow.source in roles or (flow.destination in roles and either):
        found.append("out")
    return tuple(found)


def flow_ports(flow: Flow, dynamic: PortRange) -> Ports:
    """Return the documented destination ports of a flow, merged; ``dynamic`` stands for its dynamic RPC ports."""
    return merge(dynamic if text == RPC_DYNAMIC else PortRange.parse(text) for text in flow.ports)


def needed_ports(flows: t.Iterable[Flow], roles: t.Collection[str], wanted: t.Collection[str], dynamic_ports: str = DYNAMIC_PORTS) -> list[Plain]:
    """Add up what ``roles`` need: one entry for each direction, protocol and feature, with ports merged.

    ``wanted`` are the directions to give. An entry: ``{direction, protocol, feature, ports, peers, flows}``; ``ports`` is empty
    for protocols without ports, and where all flows of the entry leave the port to the user.
    """
    dynamic = PortRange.parse(dynamic_ports)
    groups: dict[tuple[str, str, str], list[Flow]] = {}
    for flow in flows:
        for direction in directions(flow, roles):
            if direction in wanted:
                groups.setdefault((direction, flow.protocol, flow.feature or ""), []).append(flow)
    return [
        {
            "direction": direction,
            "protocol": protocol,
            "feature": feature or None,
            "ports": texts(merge(item for flow in group for item in flow_ports(flow, dynamic))),
            "peers": sorted({_peer(flow, roles, direction) for flow in group}),
            "flows": sorted(flow.id for flow in group),
        }
        for (direction, protocol, feature), group in sorted(groups.items())
    ]


def search(expression: t.Optional[str], rows: list[Plain]) -> list[t.Any]:
    """Return what a JMESPath ``expression`` makes of ``rows``, always as a list; without one, the rows."""
    if not expression:
        return rows
    try:
        import jmespath
    except ImportError:
        problem = Problem("query", None, "needs the Python package jmespath on the controller, which is not installed: pip install jmespath where ansible runs")
        raise CatalogError([problem]) from None
    try:
        found = jmespath.search(expression, rows)
    except jmespath.exceptions.JMESPathError as error:
        reason = " ".join(str(error).split())
        raise CatalogError([Problem("query", repr(expression), f"expected a JMESPath expression: {reason}")]) from None
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def parse_dynamic(text: str) -> str:
    """Return the dynamic range in canonical form; raise :class:`CatalogError` when it is no range of ports."""
    try:
        return str(PortRange.parse(text))
    except ValueError:
        raise CatalogError([Problem("dynamic_ports", repr(text), f"expected a range of ports such as {DYNAMIC_PORTS}")]) from None


def merged(specs: t.Iterable[t.Any], path: str, dynamic_ports: str = DYNAMIC_PORTS) -> Ports:
    """Return ports and ranges, merged; raise :class:`CatalogError` with every item that is neither, each with its place below ``path``."""
    dynamic = parse_dynamic(dynamic_ports)
    problems = Problems()
    found = _ports(path, (dynamic if spec == RPC_DYNAMIC else spec for spec in specs), problems)
    problems.raise_as(CatalogError)
    return merge(found)


def _ports(name: str, values: t.Iterable[t.Any], problems: Problems) -> list[PortRange]:
    found = []
    for index, value in enumerate(values):
        try:
            found.append(PortRange.parse(value))
        except ValueError:
            problems.add(f"{name}[{index}]", value, "expected a port, 0-65535, or a range of ports such as 49152-65535")
    return found


def _has_port(flow: Flow, wanted: tuple[PortRange, ...], dynamic: PortRange) -> bool:
    if flow.protocol == "any":
        return True
    held = flow_ports(flow, dynamic)
    return any(item.first <= port.first and port.last <= item.last for port in wanted for item in held)


def _peer(flow: Flow, roles: t.Collection[str], direction: str) -> str:
    near = flow.destination if direction == "in" else flow.source
    far = flow.source if direction == "in" else flow.destination
    return far if near in roles else near  # a flow with initiator either is seen from its other end, too


_TESTS: dict[str, t.Callable[[Flow, Selectors], bool]] = {
    "role": lambda flow, by: flow.source in by.role or flow.destination in by.role,
    "source": lambda flow, by: flow.source in by.source,
    "destination": lambda flow, by: flow.destination in by.destination,
    "direction": lambda flow, by: any(name in by.direction for name in directions(flow, by.role)),
    "protocol": lambda flow, by: flow.protocol in by.protocol,
    "service": lambda flow, by: flow.service in by.service or f"{flow.product}.{flow.service}" in by.service,
    "feature": lambda flow, by: flow.feature in by.feature,
    "requirement": lambda flow, by: flow.requirement in by.requirement,
    "flow": lambda flow, by: any(fnmatch.fnmatchcase(flow.id, pattern) for pattern in by.flow),
}
