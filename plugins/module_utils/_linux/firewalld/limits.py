# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What firewalld cannot say: of rules whatever its version, and of ipsets on a host."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.module_utils._limits import Refusal, matching, of_every_backend
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import set_type
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import AddressSets

HELPER_PORTS = {"tftp": "69", "netbios-ns": "137"}
HELPER = "firewalld attaches the helper {0} to udp/{1} alone, not to {2}; name that port, or leave the helper out and admit the answers by a rule of their own"

SETS = (
    "{0}: the type {1} is not to be had from this host's firewalld. It uses iptables (FirewallBackend), and the program ipset is missing: install the package "
    "ipset and restart firewalld, or set FirewallBackend=nftables in /etc/firewalld/firewalld.conf"
)


def refusals(rules: t.Iterable[Plain], address_sets: AddressSets) -> t.List[Refusal]:
    """Return a ``Refusal`` for each reason of each complete, checked rule."""
    return [
        Refusal(index, rule["name"], reason)
        for index, rule, remote, local in matching(rules, address_sets)
        for reason in of_every_backend(rule, remote, local) + _of_helper(rule)
    ]


def _of_helper(rule: Plain) -> t.List[str]:
    if not rule["helper"]:
        return []
    ports = [_ports.text_of(interval) for interval in _ports.restriction(rule["local_ports" if rule["direction"] == "in" else "remote_ports"])]
    known = HELPER_PORTS[rule["helper"]]
    return [] if ports == [known] else [HELPER.format(rule["helper"], known, ", ".join(ports) or "any port")]


def missing_sets(sets: t.Mapping[str, t.Any], types: t.Optional[t.Sequence[str]]) -> t.List[str]:
    """Return a complaint for each ipset of ``{name: (version, entries)}`` whose type is not among ``types``; ``None`` when all are to be had."""
    if types is None:
        return []
    needed = {name: set_type(entries) for name, (_version, entries) in sets.items()}
    return [SETS.format(name, needed[name]) for name in sorted(needed) if needed[name] not in types]
