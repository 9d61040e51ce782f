# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What rules say that a backend cannot, as far as the rules themselves tell it.

Each backend has one function for that: ``refusals`` here for nftables, and those in ``limits`` of firewalld, ufw and Windows, which refuse more. The plan and
the renderer call it on the controller, before anything is connected to, and the module calls it on the host, which adds what only the host knows.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._addresses import Addresses
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import AddressSets

UNSAYABLE = "{0} cannot express these rules, nothing was changed"


class Refusal(t.NamedTuple):
    """``index`` and ``name`` of the rule; or ``-1`` and the name of an option; or ``-1`` and ``""`` for all rules together.

    ``reason`` says what to do instead."""

    index: int  # type: ignore[assignment]  # a field of this name hides the method of tuples
    name: str
    reason: str


def place(refusal: Refusal) -> str:
    """Return where a refusal is: ``rules[3] 'in tcp/443 from clients'``."""
    return "rules[{0}] {1!r}".format(refusal.index, refusal.name) if refusal.index >= 0 else refusal.name or "rules"


def texts(refusals: t.Iterable[Refusal]) -> t.List[str]:
    """Return the refusals for people, in the order of the rules."""
    return ["{0}: {1}".format(place(refusal), refusal.reason) for refusal in sorted(refusals)]


def some(names: t.Sequence[str], most: int = 5) -> str:
    """Return the first names, and how many more there are."""
    return ", ".join(names[:most]) + (" and {0} more".format(len(names) - most) if len(names) > most else "")


def matching(rules: t.Iterable[Plain], address_sets: AddressSets) -> t.Iterator[t.Tuple[int, Plain, Addresses, Addresses]]:
    """Yield ``(index, rule, remote, local)`` with addresses as sets, for each complete, checked rule that somebody can match."""
    collapsed = {name: _addresses.parse(addresses) for name, addresses in address_sets.items()}
    for index, rule in enumerate(rules):
        remote, local = (addresses_of(rule[key], collapsed) for key in ("remote_addresses", "local_addresses"))
        if remote and local:
            yield index, rule, remote, local


def addresses_of(listed: t.Sequence[str], collapsed: t.Mapping[str, Addresses]) -> Addresses:
    """Return the intervals of a rule's addresses; ``collapsed`` are those of the address sets. No list at all is anybody."""
    if not listed:
        return _addresses.ANY
    return collapsed[listed[0][1:]] if listed[0].startswith("@") else _addresses.parse(listed)


def refusals(rules: t.Iterable[Plain], address_sets: AddressSets) -> t.List[Refusal]:
    """Return a ``Refusal`` for each reason why no backend of Linux can say a rule, of complete, checked rules."""
    return [
        Refusal(index, rule["name"], reason) for index, rule, remote, local in matching(rules, address_sets) for reason in of_every_backend(rule, remote, local)
    ]


def of_every_backend(rule: Plain, remote: Addresses, local: Addresses) -> t.List[str]:
    """Return why no backend of Linux can say a rule."""
    reasons = []
    if rule["helper"] and rule["protocol"] != "udp":
        reasons.append("the helper {0} needs protocol udp, not {1}; leave the helper out".format(rule["helper"], rule["protocol"]))
    if rule["helper"] and rule["action"] != "allow":
        reasons.append("a rule that blocks takes no helper; leave the helper out")
    if not {interval[0] for interval in remote} & {interval[0] for interval in local}:
        reasons.append("its local and its remote addresses have no family in common, so nothing can match it; name addresses of one family at both ends")
    return reasons
