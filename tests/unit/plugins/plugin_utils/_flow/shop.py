# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop with a desk and a till: what the tests of joining share."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import Connected
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Holding
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import texts
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import made

DESK = made("desk", "shop.desk", at="10.0.0.1")
TILL = made("till", "shop.till", at="10.0.1.1")
HTTP = Setting("shop.http", "HTTP", "port", 80)
FREE = Setting("shop.free", "user defined", "port", None)


def told(found: Connected) -> list[str]:
    """Return the connections, one line each: who, direction, set, addresses, ports."""
    return [
        f"{'/'.join(c.at.hosts)} {c.direction} {c.peers.id} {','.join(c.peers.addresses.cidrs())} {','.join(texts(c.ports))}".rstrip()
        for c in found.connections
    ]


def placed(name: str, role: str, at: str, *sites: str, **fields: t.Any) -> t.Any:
    return made(name, Holding(role, sites), at=at, **fields)


def offs(found: Connected) -> list[str]:
    return [off.why for off in found.off]
