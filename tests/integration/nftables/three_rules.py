# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small ruleset that tests apply, and what the kernel then holds."""

from __future__ import annotations

import typing as t

from network_namespaces import run


SETS = {"users": [f"10.{i}.0.0/24" for i in range(0, 40, 2)]}


def kernel(what: str = "table inet msports") -> str:
    return run(f"nft -a list {what}", check=False)


def three(rule: t.Any) -> list[dict[str, t.Any]]:
    return [
        rule("in tcp/22", local_ports=["22"], remote_addresses=["10.9.0.0/24"]),
        rule("in tcp/443", local_ports=["443"], remote_addresses=["@users"]),
        rule("never", action="block", protocol="any", remote_addresses=["10.66.0.0/16"]),
    ]
