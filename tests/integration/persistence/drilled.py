# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of nftables and ufw for drills, with foreign rules in them."""

from __future__ import annotations

import typing as t

import booted

FOREIGN = """table inet theirs {
  chain input { type filter hook input priority 5; policy accept; tcp dport 9 drop; tcp dport 10 accept; }
}
table ip nat { chain post { type nat hook postrouting priority 100; ip saddr 10.88.0.0/16 masquerade; }; }
"""
UFW = (
    "ufw allow 22/tcp; ufw deny from 203.0.113.0/24; ufw limit 2222/tcp comment 'theirs'; ufw route allow from 192.0.2.0/24;"
    " iptables -N f2b-sshd; iptables -A f2b-sshd -s 198.51.100.9 -j REJECT; iptables -A INPUT -p tcp --dport 22 -j f2b-sshd;"
    " ip6tables -A INPUT -s fd66::/16 -j DROP; iptables -t nat -A POSTROUTING -s 10.88.0.0/16 -j MASQUERADE;"
    " ip6tables -t nat -A POSTROUTING -s fd88::/16 -j MASQUERADE"
)
KEPT = "for i in iptables ip6tables; do $i-save > /root/drill-$i; done; cp -a /etc/ufw /root/drill-ufw; cp -a /etc/default/ufw /root/drill-default"
BACK = (
    "rm -rf /etc/ufw; cp -a /root/drill-ufw /etc/ufw; cp -a /root/drill-default /etc/default/ufw; nft flush ruleset;"
    " for i in iptables ip6tables; do $i-restore < /root/drill-$i; done"
)
CLEAN = (
    "rm -rf /etc/portcullis /var/lib/portcullis; find /etc/systemd -name '*portcullis*' -delete;"
    " find /etc/systemd/system -mindepth 1 -type d -empty -delete; systemctl daemon-reload; "
)


class Host:
    """A booted container of one backend, and what ``drills.py`` has, run in it."""

    def __init__(self, backend: str) -> None:
        self.container, self.backend = booted.Container(), backend
        self.container.run("systemctl disable --now ssh")
        if backend == "ufw":
            self.container.run(f"ufw --force enable; {UFW}; {KEPT}")

    def drill(self, code: str) -> t.Any:
        return self.container.drill(self.backend, code)

    def clean(self) -> None:
        """The foreign rules, and nothing of ours."""
        self.container.run(CLEAN + (BACK if self.backend == "ufw" else f"nft flush ruleset; nft -f - <<'END'\n{FOREIGN}END"))
