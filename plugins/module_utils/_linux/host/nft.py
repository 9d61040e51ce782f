# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The ``nft`` program: found once, every start of it counted, its complaints turned into one error."""

from __future__ import annotations

import json
import os
import re
import subprocess
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.express import L4PROTO
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain

Objects = t.List[t.Tuple[str, Plain]]  # kind and value, as nft prints them

# How a table of this collection is made, by direction: so each backend tells those of other owners from tables of strangers.
HOOKS = {"in": "input", "out": "output"}
RULE_CHAINS = {"in": "rules_in", "out": "rules_out"}

# Without /etc/protocols (minimal systems have none) nft prints the protocol of a helper as a number, which it does not read.
HELPER = re.compile(r'(type "[^"\n]*" protocol )(\d+)\b')

PLACES = ("/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft")


class NftError(Exception):
    """``nft`` is missing or refused what it was given; the text says which and why."""


def program() -> t.Optional[str]:
    """Return the path of ``nft``, or ``None`` when it is not installed."""
    return next((place for place in PLACES if os.access(place, os.X_OK)), None)


class Nft:
    """Runs ``nft``. ``count`` is the number of processes started so far."""

    def __init__(self, path: t.Optional[str] = None) -> None:
        self.count = 0
        found = path or program()
        if found is None:
            raise NftError("nft was not found in {0}: install the package nftables".format(", ".join(PLACES)))
        self.path = found

    def _run(self, arguments: t.Sequence[str], given: str = "") -> t.Tuple[int, str, str]:
        self.count += 1
        environment = dict(os.environ, LC_ALL="C", TZ="UTC0")  # times are printed and read in the zone of the process
        # A list and no shell; and tests run it without a module. pylint: disable-next=ansible-bad-function
        process = subprocess.Popen(
            [self.path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, universal_newlines=True
        )
        output, errors = process.communicate(given)
        return process.returncode, output, errors

    def list_objects(self, owner: t.Optional[str] = None, terse: bool = False) -> t.List[t.Dict[str, t.Any]]:
        """Return the objects of the whole ruleset, or of the table ``inet <owner>`` alone (nothing when it does not exist).

        With ``terse`` the elements of sets may be left out, which takes less than half the time where there are many.
        """
        what = ["list", "table", "inet", owner] if owner else ["list", "ruleset"]
        code, output, errors = self._run(["-nn", "-j"] + (["-t"] if terse else []) + what)
        if code != 0 and terse and "option" in errors:  # of an nft that does not know it yet
            return self.list_objects(owner)
        if code != 0:
            if owner and "No such file" in errors:
                return []
            raise NftError("nft cannot read the ruleset: {0}".format(_short(errors)))
        try:
            return json.loads(output)["nftables"] if output.strip() else []
        except (ValueError, KeyError) as error:
            raise NftError("nft printed a ruleset that is no JSON ({0}); nft must be built with JSON support".format(error)) from error

    def text(self, owner: str) -> str:
        """Return the table ``inet <owner>`` in nft's own words, which put it back as it is; counters and the like are left out."""
        code, output, errors = self._run(["-nn", "-s", "list", "table", "inet", owner])
        if code != 0:
            raise NftError("nft cannot print the table inet {0}: {1}".format(owner, _short(errors)))
        return HELPER.sub(lambda found: found[1] + L4PROTO.get(int(found[2]), found[2]), output)

    def check(self, text: str) -> None:
        """Let the kernel check ``text`` without changing anything; raise ``NftError`` when it would be refused."""
        code, _output, errors = self._run(["-c", "-f", "-"], text)
        if code != 0:
            raise NftError("nft refuses the ruleset, nothing was changed: {0}".format(_short(errors)))

    def load(self, text: str) -> None:
        """Load ``text`` in one transaction; raise ``NftError`` when it failed as a whole."""
        code, _output, errors = self._run(["-f", "-"], text)
        if code != 0:
            raise NftError("nft could not load the ruleset, the rules from before are still in force: {0}".format(_short(errors)))


def _short(errors: str) -> str:
    lines = [line.strip() for line in errors.strip().splitlines() if line.strip()]
    return "; ".join(line[:300] for line in lines[:6]) or "no reason given"


def split(objects: t.Iterable[Plain], owner: str) -> t.Tuple[Objects, Objects]:
    """Return ``(own, foreign)``: objects of the table ``inet <owner>``, and the rest. Both keep nft's order."""
    own, foreign = [], []
    for item in objects:
        ((kind, value),) = item.items()
        if kind == "metainfo":
            continue
        mine = value.get("family") == "inet" and value.get("name" if kind == "table" else "table") == owner
        (own if mine else foreign).append((kind, value))
    return own, foreign


def has_netbios(nft: Nft) -> bool:
    """Tell whether the kernel has the connection tracking helper ``netbios-ns``: it accepts one in a check."""
    return _accepts(nft, 'ct helper probe {\n\t\ttype "netbios-ns" protocol udp\n\t\tl3proto ip\n\t}')


def has_time(nft: Nft) -> bool:
    """Tell whether the kernel compares with its clock (since Linux 5.4)."""
    return _accepts(nft, "chain probe {\n\t\tmeta time < 1 accept\n\t}")


def _accepts(nft: Nft, content: str) -> bool:
    try:
        nft.check("table inet portcullis_probe {{\n\t{0}\n}}\n".format(content))
        return True
    except NftError:
        return False
