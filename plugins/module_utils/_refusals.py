# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The options of a run, the same for every backend, and why a run is refused before anything is changed."""

from __future__ import annotations

import re

from ansible_collections.portcullis.msports.plugins.module_utils import _guard, _wire

OPTIONS = {
    "rules": [],
    "address_sets": {},
    "default_inbound": "block",
    "default_outbound": "keep",
    "owner": "msports",
    "purge": True,
    "max_removals": None,
    "management": {},
    "allow_lockout": False,
    "allow_other_manager": False,
    "mode": "enforce",
    "state": "present",
    "persist": True,
}
OWNER = re.compile(r"^[a-z][a-z0-9_]{0,23}\Z")


UNUSABLE = "the rules cannot be used, nothing was changed"
LOCKED_OUT = "these rules would lock out whoever manages this host, nothing was changed (allow_lockout skips this check)"


class Refused(Exception):
    """Nothing was changed, and the text says why and what to do. ``problems`` are the single reasons."""

    def __init__(self, text, problems=()):
        self.problems = list(problems)
        super().__init__("{0}: {1}".format(text, "; ".join(self.problems)) if self.problems else text)


def check_owner(owner):
    if not OWNER.match(owner):
        raise Refused("owner {0!r}: expected a lower-case letter and up to 23 lower-case letters, digits or underscores".format(owner))


def checked_rules(options):
    """Return the complete wire rules; raise ``Refused`` with every problem of rules, address sets and ``management`` at once."""
    rules, problems = examined_rules(options)
    if problems:
        raise Refused(UNUSABLE, problems)
    return rules


def examined_rules(options, windows=False):
    """Return ``(rules, problems)``: the complete wire rules, and every problem of rules, address sets and ``management``."""
    rules, problems = _wire.check(options["rules"], options["address_sets"], windows)
    management = options["management"]
    for index, address in enumerate(management.get("addresses") or []):
        if address != "any" and not _wire.is_address(address):
            problems.append("management.addresses[{0}]: {1!r}: expected an IP address, a network, first-last or any".format(index, address))
    for index, port in enumerate(management.get("ports") or []):
        if not re.match(r"^(tcp/)?\d{1,5}(-\d{1,5})?\Z", str(port)):
            problems.append("management.ports[{0}]: {1!r}: expected a TCP port or first-last".format(index, port))
    return rules, problems


def lockout(rules, options, sessions, judge=None):
    """Raise ``Refused`` when the rules would not admit a present session or ``management``, unless that is allowed."""
    if options["allow_lockout"] or options["mode"] != "enforce":
        return
    judged = [rule for rule in rules if rule["direction"] == "in"]
    found = _guard.lockout(judged, options["address_sets"], options["default_inbound"], options["management"], sessions, judge)
    if found:
        raise Refused(LOCKED_OUT, found)
