# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""Which ports the proof tries: all that a catalog, an inventory or the oracle names, their edges, and some that nobody names."""

import pathlib
import re
import typing as t

import yaml

from probe_tasks import SOURCE_PORTS

DYNAMIC = "49152-65535"
# Between and around the documented ones, and favourites of other products.
OUTSIDE = (1, 7, 22, 79, 81, 444, 1023, 1434, 3306, 3389, 5432, 5900, 6379, 8081, 8444, 10122, 20000, 33999, 45000)
_PORT = re.compile(r"^\d{1,5}$")
_RANGE = re.compile(r"^(\d{1,5})-(\d{1,5})$")
_SERVICE = re.compile(r"^(?:tcp|udp)/([\d,-]+)$")


def ports_to_probe(catalogs: pathlib.Path, inventory: t.Any, more: t.Iterable[int] = ()) -> list[int]:
    """Return the sorted ports. Ranges count by first, last, one inside and one on each side. Raises ``ValueError`` on a clash."""
    specs = {spec for path in sorted(catalogs.glob("*/*.yml")) for spec in _catalog_specs(yaml.safe_load(path.read_text(encoding="utf-8")))}
    specs.update(_inventory_specs(inventory))
    found = {port for spec in specs for port in _edges(spec)} | set(OUTSIDE) | set(more)
    ports = sorted(port for port in found if 0 < port <= 65535)
    clash = [port for port in ports if SOURCE_PORTS[0] <= port <= SOURCE_PORTS[1]]
    if clash:
        raise ValueError(f"probes come from ports {SOURCE_PORTS[0]}-{SOURCE_PORTS[1]}, and {clash} would be probed: choose other source ports")
    return ports


def _edges(spec: str) -> set[int]:
    if spec == "rpc_dynamic":
        spec = DYNAMIC
    span = _RANGE.match(spec)
    if not span:
        return {int(spec)}
    first, last = int(span[1]), int(span[2])
    return {first - 1, first, (first + last) // 2, last, last + 1} - set(range(SOURCE_PORTS[0], SOURCE_PORTS[1] + 1))


def _catalog_specs(catalog: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    # A later edition tells only what it adds to, changes in and leaves out of the one before (null).
    flows = [flow for key in ("flows", "add", "supplements") for flow in catalog.get(key) or ()] + list((catalog.get("change") or {}).values())
    for flow in flows:
        for key in ("ports", "alternatives", "source_ports"):
            yield from (str(port) for port in flow.get(key) or ())
    for setting in (catalog.get("settings") or {}).values():
        default = (setting or {}).get("default")
        if default is not None and setting.get("type") in ("port", "ports"):
            yield from (str(port) for port in (default if isinstance(default, list) else [default]))


def _inventory_specs(value: t.Any) -> t.Iterator[str]:
    """Every number and every ``tcp/...`` in the inventory: changed ports, proxies, own rules, whatever they are called."""
    if isinstance(value, t.Mapping):
        for item in value.values():
            yield from _inventory_specs(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _inventory_specs(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, str):
        service = _SERVICE.match(value)
        for part in service[1].split(",") if service else [value]:
            if _PORT.match(part) or _RANGE.match(part):
                yield part
