# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of docs/meaning.md share: the catalogs of the collection, and questions to a plan."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import load_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import AllowedSet
from ansible_collections.portcullis.msports.plugins.plugin_utils._question import parse
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import RELEASES, host, plan

Plain = dict[str, t.Any]


def open_(found: Plain, source: str, destination: str, port: str) -> bool:
    return AllowedSet(found).allows(source, destination, *parse(port))


def edition(product: str) -> str:
    return load_catalogs(RELEASES).products[product].edition


def site_system(role: str, **fields: t.Any) -> Plain:
    return plan({"server": host("configmgr.site_server", at="10.0.0.1"), "system": host({"role": f"configmgr.{role}", **fields}, at="10.0.0.2")})
