# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rules that no document asks for: management, ping, the user's own, and what strict outbound needs to live."""

from __future__ import annotations

import calendar
import datetime
import typing as t
from dataclasses import replace

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Allow, Estate, Host, Selection
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange, Ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.rule import AddressSet, Reason, Rule
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.project import Projected

# infrastructure -> what is sent to it: a strict host must reach these whatever its roles are
INFRASTRUCTURE: dict[str, tuple[tuple[str, int], ...]] = {
    "dns": (("udp", 53), ("tcp", 53)),
    "ntp": (("udp", 123),),
}
MANAGED_HOSTS = "managed_hosts"


def own_rules(host: Host, estate: Estate) -> list[Projected]:
    """Return the rules of ``host`` that do not come from a catalog."""
    return [*_management(host, estate), *_ping(host, estate), *_allow(host, estate), *_infrastructure(estate), *_serves(host, estate)]


def served_by(host: Host, estate: Estate) -> tuple[str, ...]:
    """Return which infrastructure the host is itself: every managed host is sent to it, so it has to admit all of them."""
    return tuple(name for name in INFRASTRUCTURE if host.addresses & getattr(estate, name))


def names_only(host: Host) -> bool:
    """Tell whether one of the host's own selections names this host and nobody else."""
    selections = (
        *(host.management.sources if host.management else ()),
        *host.ping,
        *(selection for allow in host.allow for selection in allow.peers),
    )
    return any((selection.hosts or (selection.label,)) == (host.name,) for selection in selections)


def ends(estate: Estate) -> t.Iterator[Note]:
    """Yield a note for each of the user's entries that has a last day, with the hosts that have it."""
    ending: dict[Allow, list[str]] = {}
    for host in estate.hosts.values():
        for allow in host.allow if host.managed else ():
            if allow.until:
                ending.setdefault(allow, []).append(host.name)
    for allow, hosts in ending.items():
        owner = f", its owner is {allow.owner}" if allow.owner else ""
        if _is_over(allow, estate.today):
            yield Note("expired", f"msports_allow {allow.name} ended on {allow.until}; it makes no rule at {some(hosts)}{owner}")
        else:
            how = "nftables ends it by itself, any other backend with the first run after that day"
            yield Note("ends", f"msports_allow {allow.name} ends after {allow.until} at {some(hosts)}{owner}: {how}")


def until_matters(estate: Estate) -> bool:
    """Tell whether today's date is an input of the plan."""
    return any(allow.until for host in estate.hosts.values() for allow in host.allow)


def management_addresses(host: Host, estate: Estate) -> Addresses:
    """Return from where ``host`` is managed, for the guard."""
    sources = host.management.sources if host.management else ()
    return estate.addresses(sources)


def _management(host: Host, estate: Estate) -> t.Iterator[Projected]:
    if host.management:
        for selection in host.management.sources:
            peers = _set("management", selection, estate)
            for ports in ((item,) for item in host.management.ports):
                yield _projected("in", "tcp", ports, peers, Reason("management", selection.label))


def _ping(host: Host, estate: Estate) -> t.Iterator[Projected]:
    for selection in host.ping:
        yield _projected("in", "icmp_echo", (), _set("ping", selection, estate), Reason("ping", selection.label))


def _allow(host: Host, estate: Estate) -> t.Iterator[Projected]:
    for allow in host.allow:
        if not _is_over(allow, estate.today):
            more = (f"{word} {value}" for word, value in (("ticket", allow.ticket), ("owner", allow.owner), ("until", allow.until)) if value)
            text = allow.because + (f" ({life})" if (life := ", ".join(more)) else "")
            for selection in allow.peers:
                peers = _set("allow", selection, estate)
                rule, sets = _projected(allow.direction, allow.protocol, allow.ports, peers, Reason("allow", allow.name, text))
                yield replace(rule, until=allow.until), sets


def _infrastructure(estate: Estate) -> t.Iterator[Projected]:
    for name, sent in INFRASTRUCTURE.items():
        addresses: Addresses = getattr(estate, name)
        if addresses:
            peers = AddressSet(f"infrastructure.{name}", addresses, (f"infrastructure.{name}",))
            for protocol, port in sent:
                yield _projected("out", protocol, (PortRange(port, port),), peers, Reason("infrastructure", name))


def _serves(host: Host, estate: Estate) -> t.Iterator[Projected]:
    for name in served_by(host, estate):
        for protocol, port in INFRASTRUCTURE[name]:
            yield _projected("in", protocol, (PortRange(port, port),), _managed_hosts(estate), Reason("infrastructure", name))


def _managed_hosts(estate: Estate) -> AddressSet:
    managed = [host for host in estate.hosts.values() if host.managed and host.addresses]
    return AddressSet(MANAGED_HOSTS, union(host.addresses for host in managed), tuple(sorted(host.name for host in managed)))


def _projected(direction: str, protocol: str, ports: Ports, peers: AddressSet, why: Reason) -> Projected:
    inbound = direction == "in"
    return Rule(direction, protocol, ports if inbound else (), () if inbound else ports, peers.id, (why,)), (peers,)


def _set(kind: str, selection: Selection, estate: Estate) -> AddressSet:
    members = tuple(sorted(selection.hosts)) or (selection.label,)
    return AddressSet(f"{kind}:{selection.label}", estate.addresses([selection]), members)


def _is_over(allow: Allow, today: datetime.date) -> bool:
    return allow.until is not None and _ruleset.is_over(str(allow.until), calendar.timegm(today.timetuple()))
