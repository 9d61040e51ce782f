# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The options of a run, the same for every backend, and why a run is refused before anything is changed."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._limits import some
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options

MANAGEMENT_KEYS = ("addresses", "ports")
OWNER = re.compile(r"^[a-z][a-z0-9_]{0,23}\Z")
# What nft 1.0 takes for a word of its own where the name of a table is expected. An owner may meet every backend, so they hold for all.
KEYWORDS = (
    "accept add ah all and arp bridge cgroup chain comment comp constant continue counter cpu create ct day dccp define delete describe destroy device "
    "devices dnat drop dst dup dynamic ecn element elements eq esp ether exists expires export exthdr fib flags flow flowtable flush frag fwd ge get goto "
    "gt handle hbh hook hour ibriport ibrname icmp icmpv6 igmp iif iifgroup iifname iiftype import include index inet insert interval ip ip6 ipsec jhash "
    "jump last le limit list log lshift lt map mark masquerade meta meter mh missing monitor ne netdev nftrace not notrack numgen obriport obrname offload "
    "oif oifgroup oifname oiftype or osf pkttype policy position priority queue quota random redefine redirect reject rename replace reset return rshift rt "
    "rt0 rt2 rtclassid rule ruleset sctp secmark set size skgid skuid snat socket srh symhash synproxy table tcp th time timeout tproxy type typeof udp "
    "udplite undefine update vlan vmap xor xt "
)


ELSEWHERE = (
    "no interface has an address that the plan gives this host ({0}); there are {1}. Peers know it by the planned ones, so what comes from, or goes to, "
    "the others is stopped at them. That is right where a router translates between the two; else correct msports_addresses, or ansible_host"
)
UNUSABLE = "the rules cannot be used, nothing was changed"
OLDER = (
    "this host has generation {0} of the plan, and this is generation {1}, which was saved earlier: nothing was changed. "
    "Fetch the newest plan, or plan again; if the older one is meant, say so with allow_older_plan: true"
)
NOTED = "an earlier change was taken back ({0}): {1}"
LOCKED_OUT = "these rules would lock out whoever manages this host, nothing was changed (allow_lockout skips this check)"

CANNOT_TELL = (
    "it cannot be told whether these rules would lock out whoever manages this host, and no timer would take them back; nothing was changed. Set "
    "rollback_timeout: 60 (host_firewall_rollback_timeout in the role), or put right what is said here, or set allow_lockout: true to do without this check"
)
WARNED = "it cannot be told whether these rules lock out whoever manages this host{0}: {1}"
WAITS = "; without a confirmation the host takes them back"
NEGATIVE = "rollback_timeout: {0}: expected seconds, or 0 for none; nothing takes a change back before it is made"
SHOWS_NOTHING = ", and a confirmation by a connection that is none over the network shows nothing"


class Refused(Exception):
    """Nothing was changed, and the text says why and what to do. ``problems`` are the single reasons."""

    def __init__(self, text: str, problems: t.Iterable[str] = ()) -> None:
        self.problems = list(problems)
        super().__init__("{0}: {1}".format(text, "; ".join(self.problems)) if self.problems else text)


def check_owner(owner: str) -> None:
    if not OWNER.match(owner):
        raise Refused("owner {0!r}: expected a lower-case letter and up to 23 lower-case letters, digits or underscores".format(owner))
    if owner in KEYWORDS.split():
        raise Refused("owner {0!r}: expected a name that is no keyword of nft, which could not make a table of it; for example {0}_rules".format(owner))


def checked_rules(options: Options) -> t.List[t.Dict[str, t.Any]]:
    """Return the complete rules; raise ``Refused`` with every problem of rules, address sets and ``management`` at once."""
    rules, problems = examined_rules(options)
    if problems:
        raise Refused(UNUSABLE, problems)
    return rules


def examined_rules(options: Options, windows: bool = False) -> t.Tuple[t.List[t.Dict[str, t.Any]], t.List[str]]:
    """Return ``(rules, problems)``: the complete rules, and every problem of rules, address sets, ``management`` and ``rollback_timeout``."""
    rules, problems = _ruleset.check(options["rules"], options["address_sets"], windows)
    seconds = options.get("rollback_timeout")
    negative = [NEGATIVE.format(seconds)] if isinstance(seconds, int) and seconds < 0 else []
    return rules, problems + management_problems(options["management"]) + negative


def management_problems(management: t.Mapping[str, t.Any]) -> t.List[str]:
    """Return every problem of ``management``: it is empty, or has ``addresses`` and ``ports``."""
    problems = []
    for key in sorted(set(management) - set(MANAGEMENT_KEYS), key=str):
        problems.append("management.{0}: {1}".format(key, _ruleset.unknown(key, MANAGEMENT_KEYS)))
    given: t.Dict[str, t.Any] = {key: management[key] for key in MANAGEMENT_KEYS if management.get(key) is not None}
    for key in sorted(given):
        if not isinstance(given[key], (list, tuple)):
            problems.append("management.{0}: {1!r}: expected a list".format(key, given.pop(key)))
    for index, address in enumerate(given.get("addresses", ())):
        wrong = _ruleset.why_no_address(address, "expected an IP address, a network, first-last or any") if address != "any" else None
        problems += ["management.addresses[{0}]: {1!r}: {2}".format(index, address, wrong)] if wrong else []
    for index, port in enumerate(given.get("ports", ())):
        if not _is_port(port):
            problems.append("management.ports[{0}]: {1!r}: expected a TCP port (0-65535) or first-last".format(index, port))
    if not problems and given.get("addresses") and not given.get("ports"):
        problems.append("management.ports: missing; addresses without ports guard nothing, write the TCP ports that the host is managed by")
    if not problems and given.get("ports") and "addresses" not in given:
        problems.append("management.addresses: missing; ports without addresses guard nothing, write from where the host is managed")
    return problems


def _is_port(port: t.Any) -> bool:
    if not re.match(r"^(tcp/)?\d{1,5}(-\d{1,5})?\Z", str(port)):
        return False
    try:
        return bool(_ports.PortRange.parse(str(port).rpartition("/")[2]))
    except ValueError:
        return False


def takes_back(options: Options) -> bool:
    """Tell whether the host takes a change back by itself when nobody confirms it."""
    return bool(options.get("rollback_timeout")) and options["state"] == "present"


def refuse_unless_taken_back(options: Options, unsure: t.Sequence[str]) -> t.List[str]:
    """Return as warnings what cannot be told of a lockout; raise ``Refused`` where no timer would take the change back."""
    if not unsure or takes_back(options) or options["state"] == "absent":
        then = "" if options["state"] == "absent" else SHOWS_NOTHING if options.get("connection_port", 0) is None else WAITS
        return [WARNED.format(then, text) for text in unsure]
    raise Refused(CANNOT_TELL, unsure)


def elsewhere(planned: t.Sequence[str], present: t.Sequence[str]) -> t.List[str]:
    """Return a warning where none of the ``planned`` addresses is ``present`` on an interface of the host."""
    if not planned or not present or _addresses.overlaps(_addresses.parse(planned), _addresses.parse(present)):
        return []
    return [ELSEWHERE.format(some(list(planned)), some(list(present)))]
