# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend over a firewalld of a few dicts, and rules for it."""

from __future__ import annotations

import pathlib
import typing as t

import fake_firewalld
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import reconcile

MANY = [f"10.{i}.0.0/16" for i in range(0, 20, 2)]


class Backend:
    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.daemon = fake_firewalld.Firewalld(root)
        self.nft = fake_firewalld.Nft(self.daemon)

    def host(self) -> reconcile.Host:
        return reconcile.Host(root=str(self.root), environment={}, proc=str(self.root / "proc"), nft=self.nft)

    def __call__(self, *rules: dict[str, t.Any], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        self.nft.count, self.daemon.reloads = 0, 0
        self.daemon.log.clear()
        return reconcile.run({"rules": list(rules), **options}, check, self.host())

    def files(self) -> dict[str, str]:
        return {str(path.relative_to(self.root)): path.read_text() for path in sorted((self.root / "etc/firewalld").rglob("*")) if path.is_file()}

    def policy(self, name: str) -> dict[str, t.Any]:
        return self.daemon.running.policies[f"msports-{name}"]


def rule(name: str, **fields: t.Any) -> dict[str, t.Any]:
    return {"name": name, "direction": "in", "protocol": "tcp", "remote_addresses": ["any"], **fields}


USERS = [
    rule("a", local_ports=["1"], remote_addresses=["@many"]),
    rule("b", local_ports=["2", "3-4"], action="block", remote_addresses=["fd00::1", "10.0.0.0/8"]),
    rule("c", protocol="icmp_echo"),
    rule("d", protocol="udp", local_ports=["69"], helper="tftp"),
    rule("e", direction="out", protocol="any", remote_addresses=["10.1.0.0-10.1.0.2"]),
    rule("f", direction="out", protocol="udp", remote_ports=["137"], helper="netbios-ns", remote_addresses=["10.0.0.0/8"]),
    rule("g", direction="out", protocol="udp", local_ports=["67"], remote_ports=["68-69"]),
    rule(
        "h",
        protocol="udp",
        local_ports=["68"],
        remote_ports=["67", "4011"],
        remote_addresses=["10.0.0.0/8", "fd00::1"],
        local_addresses=["10.1.1.1", "fd00::2"],
    ),
]

CLOSED = {"address_sets": {"many": MANY}, "default_inbound": "reject", "default_outbound": "block"}


def enable(apply: Backend, service: str) -> None:
    (apply.root / f"etc/systemd/system/multi-user.target.wants/{service}.service").write_text("")


def install_ipset(apply: Backend) -> None:
    program = apply.root / "usr/sbin/ipset"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)


def enable_ufw(apply: Backend) -> None:
    (apply.root / "etc/ufw").mkdir(parents=True)
    (apply.root / "etc/ufw/ufw.conf").write_text("ENABLED=yes\n")
    program = apply.root / "usr/sbin/ufw"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
