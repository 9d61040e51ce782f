# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What ``internet`` means: public unicast space as a fixed list, less the networks that the estate declares.

Source of the list: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates).
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import ANY, Addresses, union

NOT_INTERNET = Addresses.parse(
    [
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared between carriers and customers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and limited broadcast
        "2001::/23",  # protocol assignments
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    ]
)
GLOBAL = Addresses.parse(["0.0.0.0/0", "2000::/3"])  # of IPv6 only this part is given out as global unicast
INTERNET = GLOBAL - NOT_INTERNET


def internet_beside(declared: t.Iterable[Addresses]) -> Addresses:
    """Return the Internet without what is ``declared`` for other roles of the estate; what names a whole family takes nothing away."""
    return INTERNET - union(_without_whole_families(found) for found in declared)


def _without_whole_families(addresses: Addresses) -> Addresses:
    """Return ``addresses`` less every family that is there in full: ``any`` and ``0.0.0.0/0`` mean everyone, the Internet too."""
    return union(part for version in (4, 6) if (part := addresses.family(version)) != ANY.family(version))
