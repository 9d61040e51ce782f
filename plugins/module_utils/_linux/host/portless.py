# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Packets without a port of TCP or UDP that come in here (VRRP, OSPF, ESP, tunnels), and that a default which stops would cut: nobody thinks of them in time.

Seen are sockets for a protocol, the ports of IKE, and tunnels. What only passes through the kernel, like IPsec with keys set by hand, is not seen.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import Ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import links
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.links import ESP, Outer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.services import read_text
from ansible_collections.portcullis.msports.plugins.module_utils._match import UDP, Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options

# Numbers of IANA's registry "Protocol Numbers".
NAMES = {4: "IPIP", 41: "IPv6 in IPv4", 46: "RSVP", 47: "GRE", 50: "ESP", 51: "AH", 88: "EIGRP", 89: "OSPF", 103: "PIM", 112: "VRRP", 115: "L2TP", 132: "SCTP"}
# What rules or base rules are about anyway, and the number that stands for sending only.
ORDINARY = (1, 2, 6, 17, 58, 255)
IKE = (500, 4500)
CUT = (
    "{0} is used here ({1}), and these rules do not admit all of it: {2}. If it is wanted, add to the inventory: "
    "msports_allow: [{{name: {3}, in: {4}, from: [{5}], because: ...}}]"
)


def warnings(rules: t.Sequence[Plain], options: Options, proc: str = "/proc") -> t.List[str]:
    """Return a warning for each protocol or tunnel that is used here and that the rules do not admit, where the default is to stop it."""
    found: t.List[str] = []
    if options["default_inbound"] not in ("block", "reject"):
        return found
    evaluator = Ruleset(rules, options["address_sets"], options["default_inbound"])
    for outer, why in used(proc):
        remote = _addresses.parse([outer.remote]) if outer.remote else ()
        peers = remote if remote and not _addresses.overlaps(remote, _guard.MULTICAST) else _addresses.ANY
        reasons = (evaluator.why_blocked(peers, ports, None, outer.protocol or 0) for ports in outer.ports or _ports.ALL)
        reason = next((reason for reason in reasons if reason), None)
        if reason:
            port = "udp/" + _ports.text_of(outer.ports[0]) if outer.protocol == UDP and outer.ports else "any"
            whom = outer.remote if peers == remote else "10.7.0.9"
            found.append(CUT.format(_name(outer), why, reason, _name(outer).split("/")[0].lower(), port, whom))
    return found


def used(proc: str = "/proc") -> t.List[t.Tuple[Outer, str]]:
    """Return what comes in without a port that a service has, each with where it was seen."""
    numbers = {number: "a process has a socket for it" for number in _sockets(proc, "raw") if number not in ORDINARY}
    ike = sorted({number for number in _sockets(proc, "udp") if number in IKE})
    if ike:
        numbers.setdefault(ESP, "udp/{0} of IKE is open".format(ike[0]))
    found = [(Outer("", number, _ports.ALL, None, False), why) for number, why in sorted(numbers.items())]
    try:
        carriers = [links.carrier(link) for _number, link in sorted(links.links().items())]
    except OSError:
        carriers = []
    return found + [(outer, "the tunnel " + outer.name) for outer in carriers if outer and outer.protocol and outer.ports]


def _name(outer: Outer) -> str:
    if outer.protocol == UDP and outer.ports:
        return "udp/" + _ports.text_of(outer.ports[0])
    return NAMES.get(outer.protocol or 0, "protocol {0}".format(outer.protocol))


def _sockets(proc: str, kind: str) -> t.Iterator[int]:
    """Yield the number of each socket of a kind in both families: its port, of raw sockets the protocol."""
    for name in (kind, kind + "6"):
        for line in read_text(os.path.join(proc, "net", name)).splitlines()[1:]:
            yield int(line.split()[1].rpartition(":")[2], 16)
