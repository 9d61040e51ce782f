# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Servers that every strict host needs, and the proxy: ``msports_infrastructure``."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import read_address
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, as_text, entries, only_keys
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import NOBODY, Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Proxy
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT, number

SERVERS = ("dns", "ntp", "dhcp_relays")


@dataclass(frozen=True)
class Infrastructure:
    """Addresses of servers by their key, and proxies."""

    dns: Addresses = NOBODY
    ntp: Addresses = NOBODY
    dhcp_relays: Addresses = NOBODY
    proxies: t.Tuple[Proxy, ...] = ()


def parse_infrastructure(declared: Declarations, problems: ProblemCollector) -> Infrastructure:
    """Read ``msports_infrastructure``: lists of addresses under dns, ntp and dhcp_relays, ``{address, port}`` under proxy."""
    found = entries(declared, problems)
    only_keys(found, (*SERVERS, "proxy"), declared[0][0], problems)
    servers = {}
    for key in SERVERS:
        path, value = found.get(key, ("", ()))
        servers[key] = union(read_address(item, label, problems) for label, item in _listed(path, value, problems))
    path, value = found.get("proxy", ("", ()))
    proxies = {proxy for label, item in _listed(path, value, problems) for proxy in _proxy(item, label, problems)}
    return Infrastructure(proxies=tuple(sorted(proxies, key=lambda proxy: (proxy.address, proxy.port))), **servers)


def _listed(path: str, value: t.Any, problems: ProblemCollector) -> list[t.Tuple[str, t.Any]]:
    if isinstance(value, (list, tuple)):
        return [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    problems.add(path, value, "expected a list")
    return []


def _proxy(item: t.Any, path: str, problems: ProblemCollector) -> list[Proxy]:
    if not isinstance(item, Mapping):
        problems.add(path, item, "expected a mapping with address and port")
        return []
    only_keys(item, ("address", "port"), path, problems)
    for key in ("address", "port"):
        if key not in item:
            problems.add(f"{path}.{key}", MISSING, f"a proxy needs its {key}")
    port = number(as_text(item.get("port")) or "")
    if "port" in item and port is None:
        problems.add(f"{path}.port", item["port"], f"expected a port, 1-{LAST_PORT}")
    address = read_address(item["address"], f"{path}.address", problems) if "address" in item else NOBODY
    return [Proxy(address.cidrs()[0], port)] if address and port is not None else []
