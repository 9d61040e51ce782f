# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What ufw cannot say, as far as the rules and what is known of ufw's settings tell it.

On the host all of these settings are known. On the controller those are that a run sets: so what is refused there is refused by every host.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses
from ansible_collections.portcullis.msports.plugins.module_utils._limits import Refusal, matching, of_every_backend, place
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import settings, tuples
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.settings import Policies
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import AddressSets, Options

# ufw reads all its rules at each of its commands; with so many in one file one command takes about two seconds.
LIMIT = 10000
BROADCAST_ANSWERS = "netbios-ns"


class Known(t.NamedTuple):
    """``policies`` ufw's own after the run by direction, ``None`` where only the host knows; ``keeps`` by direction whether they are left alone;
    ``audit`` the mode; ``ipv6`` whether ufw filters it, ``None`` where only the host knows."""

    policies: Policies
    keeps: t.Mapping[str, bool]
    audit: bool
    ipv6: t.Optional[t.Any]


ZERO = "{0}: ufw knows the ports 1 to 65535, not 0; begin at 1"
PING = "ufw has no rules for ICMP: before.rules decide about ping, edit the line with echo-request there, and leave this rule out"
TFTP = "TFTP answers from another port, ufw has no helper of connection tracking, and its default for {0} is {1}: {2}"
TFTP_ADVICE = {"in": "let outbound pass", "out": "let inbound pass, or allow the answers by a rule of their own"}
MANY = "{0} rules of ufw for IPv{1}, and {2} are the most: ufw has no sets, so each address takes a rule for every 15 ports; name networks in {3}"
WORDS = {"in": "inbound", "out": "outbound"}


def known(options: Options) -> Known:
    """Return what the options of a run alone tell; in audit mode no default becomes tighter."""
    asked = {"in": options["default_inbound"], "out": options["default_outbound"]}
    audit = options["mode"] == "audit"
    return Known(settings.asked(asked, audit), {direction: default == "keep" for direction, default in asked.items()}, audit, None)


def refusals(rules: t.Iterable[Plain], address_sets: AddressSets, what: t.Any) -> t.List[Refusal]:
    """Return a ``Refusal`` for each reason of each complete, checked rule, and for too many of them; ``what`` is ``Known``."""
    found, counted = [], {4: [], 6: []}
    for index, rule, remote, local in matching(rules, address_sets):
        reasons = of_every_backend(rule, remote, local) + _of_ufw(rule, what)
        found += [Refusal(index, rule["name"], reason) for reason in reasons]
        if not reasons:
            for version, count in _counts(rule, remote, local, what):
                counted[version].append((count, Refusal(index, rule["name"], "")))
    for version, counts in counted.items():
        total = sum(count for count, _rule in counts)
        if total > LIMIT:
            most = sorted(counts, key=lambda item: (-item[0], item[1].index))[:3]
            longest = ", ".join("{0} ({1})".format(place(one), count) for count, one in most)
            found.append(Refusal(-1, "", MANY.format(total, version, LIMIT, longest)))
    return found


def _of_ufw(rule: Plain, what: t.Any) -> t.List[str]:
    if rule["protocol"] == "icmp_echo":
        return [PING] if rule["action"] == "block" else []
    reasons = [ZERO.format(key) for key in ("local_ports", "remote_ports") if any(first == 0 for first, _last in _ports.restriction(rule[key]))]
    other = {"in": "out", "out": "in"}[rule["direction"]]
    if rule["helper"] == "tftp" and what.policies[other] not in (None, "ACCEPT"):
        reasons.append(TFTP.format(WORDS[other], what.policies[other], TFTP_ADVICE[rule["direction"]]))
    return reasons


def idle(direction: str, what: t.Any) -> bool:
    """Tell whether allow rules of a direction are not written, because ufw's own default lets all of it pass and is kept."""
    return direction == "out" and what.keeps["out"] and what.policies["out"] == "ACCEPT"


def _counts(rule: Plain, remote: Addresses, local: Addresses, what: t.Any) -> t.Iterator[t.Tuple[int, int]]:
    """Yield ``(version, number of tuples)`` that are certainly written for a rule."""
    allows = rule["action"] == "allow"
    if rule["protocol"] == "icmp_echo" or (what.audit and not allows):
        return
    may_be_idle = allows and idle(rule["direction"], what._replace(policies={key: policy or "ACCEPT" for key, policy in what.policies.items()}))
    answers = rule["helper"] == BROADCAST_ANSWERS and rule["direction"] == "out" and what.policies["in"] not in (None, "ACCEPT")
    times = (not may_be_idle) + answers
    lists = len(tuples.chunks(_ports.restriction(rule["local_ports"]))) * len(tuples.chunks(_ports.restriction(rule["remote_ports"])))
    for version in (4, 6):
        # Where ufw does not filter IPv6, rules that allow are refused for it or have no more of it than of IPv4; those that block say nothing.
        if version == 4 or what.ipv6 or (what.ipv6 is None and allows):
            ends = [sum(1 for _network in _addresses.networks(_addresses.of_family(intervals, version))) for intervals in (remote, local)]
            yield version, times * lists * ends[0] * ends[1]
