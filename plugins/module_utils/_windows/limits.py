# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What Windows Firewall cannot say, as far as the rules themselves tell it.

The plan asks before it is saved, the renderer before anything is connected to, and the action for whatever options it is given.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._limits import Refusal

Plain = t.Mapping[str, t.Any]
Ends = t.Dict[str, _addresses.Addresses]

MOST_ADDRESSES = 1000  # of one rule; what older servers hold
MOST_CHARACTERS = 10000  # of one text, as UTF-16 with its end
IMPOSSIBLE = _addresses.parse(["::/127", "ff00::/8"])  # Windows refuses them in a rule
WORDS = "{0!r}: Windows takes no unspecified, loopback or multicast IPv6 address in a rule"
_PROGRAM = re.compile(r"^(?:system|[a-z]:\\[^/]+|%[^%/]+%\\[^/]+)\Z", re.IGNORECASE)


def refusals(rules: t.Sequence[Plain], address_sets: Plain, options: Plain) -> t.List[Refusal]:
    """Return a ``Refusal`` for each reason of each complete, checked rule, and for options that have no meaning on Windows."""
    found = [Refusal(-1, option, reason) for option, _colon, reason in (text.partition(": ") for text in of_options(options))]
    for index, rule in enumerate(rules):
        found += [Refusal(index, rule["name"], reason) for reason in of_texts(rule) + of_ends(ends(rule, address_sets))]
    return found


def of_options(options: Plain) -> t.List[str]:
    """Return the options that have no meaning on Windows, with what to write in their place."""
    found = []
    if options.get("default_inbound") == "reject":
        found.append("default_inbound: 'reject': Windows Firewall answers nothing to what it stops; write block")
    if not options.get("windows_profiles", True):
        found.append("windows_profiles: []: rules of no profile admit nobody; name one or more of domain, private, public")
    if not options.get("persist", True):
        found.append("persist: False: the policy store of Windows is kept over every boot, there is no other; leave persist out")
    return found


def of_texts(rule: Plain) -> t.List[str]:
    """Return what is wrong with the texts of a rule, each with its key."""
    found = []
    for key in ("name", "description") + _ruleset.WINDOWS_KEYS:
        text = rule.get(key, "")
        if not isinstance(text, str):
            found.append("{0}: {1!r}: expected text".format(key, text))
            continue
        shown = text if len(text) <= 60 else text[:57] + "..."
        if "|" in text:
            found.append("{0}: {1!r}: Windows takes no '|' in a text".format(key, shown))
        if text.startswith("@"):
            found.append("{0}: {1!r}: Windows takes a text that begins with '@' for a reference to a resource".format(key, shown))
        if any(ord(character) < 32 and not (key == "description" and character.isspace()) or 0xD800 <= ord(character) < 0xE000 for character in text):
            found.append("{0}: {1!r}: expected text without control characters and halves of characters".format(key, shown))
        size = len(text.encode("utf-16-le", "surrogatepass")) // 2 + 1
        if size > MOST_CHARACTERS:
            found.append("{0}: {1!r}: {2} characters in UTF-16 with the end; Windows takes {3}".format(key, shown, size, MOST_CHARACTERS))
    name, program, service = (str(rule.get(key, "")) for key in ("name", "program", "service"))
    if name != name.strip():
        found.append("name: {0!r}: expected no space at either end".format(name))
    if isinstance(rule.get("program", ""), str) and program.strip() and not _PROGRAM.match(program.strip()):
        found.append("program: {0!r}: expected System, or a full path such as C:\\... or %SystemRoot%\\...".format(program))
    if name.lower() == "all":
        found.append("name: {0!r}: Windows does not take this name".format(name))
    if service == "*":
        found.append("service: '*': this means services only; leave it out for every program")
    return found


def ends(rule: Plain, address_sets: Plain) -> Ends:
    """Return both ends of a rule as intervals, one for each thing that a Windows rule lists; an end of nobody is empty."""
    found = {}
    for key in ("remote_addresses", "local_addresses"):
        given = rule[key] or ["any"]
        found[key] = pieces(tuple(address_sets[given[0][1:]] if given[0].startswith("@") else given))
    return found


def of_ends(both: Ends) -> t.List[str]:
    """Return what is wrong with the ends of a rule, each with its key."""
    return ["{0}: {1}".format(key, reason) for key, intervals in both.items() for reason in of_addresses(intervals)]


@functools.lru_cache(maxsize=1 << 12)
def of_addresses(intervals: _addresses.Addresses) -> t.Tuple[str, ...]:
    """Return why a rule cannot list these intervals."""
    many = "{0} addresses; a Windows rule holds {1}, split it into several rules".format(len(intervals), MOST_ADDRESSES)
    return ((many,) if len(intervals) > MOST_ADDRESSES else ()) + tuple(map(WORDS.format, map(_addresses.text_of, impossible(intervals))))


def impossible(intervals: _addresses.Addresses) -> _addresses.Addresses:
    """Return the intervals that no rule can list."""
    return tuple(interval for interval in intervals if _addresses.covers(IMPOSSIBLE, (interval,)))


@functools.lru_cache(maxsize=1 << 12)
def pieces(texts: t.Tuple[str, ...]) -> _addresses.Addresses:
    """Return addresses as the fewest intervals that Windows can hold: a whole family as its halves, because a mask of no bits is refused."""
    intervals = _addresses.parse(texts)
    return intervals if intervals == _addresses.ANY else tuple(part for interval in intervals for part in _addresses.halves(interval))
