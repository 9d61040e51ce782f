# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rules that others have made with iptables and ebtables: a reload of firewalld flushes them all, so they are read before and put back.

Seen with firewalld 1.3.3: the tables filter, nat, mangle and raw of iptables are empty after a reload, whoever had filled them (fail2ban,
podman, a script of the administrator).
"""

from __future__ import annotations

import os
import re
import subprocess
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain

TOOLS = {"ip": "iptables", "ip6": "ip6tables", "bridge": "ebtables"}
TABLES = ("filter", "nat", "mangle", "raw", "security", "broute")
FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin")
LEGACY = {"ip": "net/ip_tables_names", "ip6": "net/ip6_tables_names"}


def families(objects: t.Iterable[t.Tuple[str, Plain]], proc: str = "/proc") -> t.List[str]:
    """Return the families whose tables of iptables hold anything, from the objects that nft printed and the names of legacy tables."""
    found = set()
    for kind, value in objects:
        family, table = value.get("family"), value.get("table")
        if family in TOOLS and table in TABLES and (kind == "rule" or (kind == "chain" and ("hook" not in value or value.get("policy") == "drop"))):
            found.add(family)
    for family, place in LEGACY.items():
        try:
            with open(os.path.join(proc, place)) as stream:
                found |= {family} if stream.read().split() else set()
        except OSError:
            pass
    return sorted(found)


# What firewalld itself puts into the chains of iptables, where that is its backend: its own chains, and these lines of the kernel's.
_OWN_CHAIN = (
    r"(?:(?:IN|OUT|FWD|FWDI|FWDO|PRE|POST)_.+"
    r"|(?:INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING|BROUTING)_.*(?:direct|ZONES.*|POLICIES(?:_p(?:re|ost))?)|RFC3964_IPv4)"
)
_OWN_RULES = tuple(
    re.compile(form)
    for form in (
        r"-m conntrack --ctstate (?:RELATED,ESTABLISHED(?:,DNAT)?) -j ACCEPT$",
        r"-m conntrack --ctstate INVALID .*-j (?:DROP|LOG .*)$",
        r"-m conntrack --ctstate INVALID -j DROP$",
        r"-[io] lo -j ACCEPT$",
        r"(?:-m pkttype .*)?-j LOG --log-prefix \"?FINAL_REJECT",
        r"-j REJECT( --reject-with \S+)?$",
        r"(?:-p ipv6-icmp )?-m icmp6 --icmpv6-type \d+ -j ACCEPT$",
        r"-m rpfilter .*-j (?:DROP|LOG .*)$",
        r"-[jg] " + _OWN_CHAIN + "$",
    )
)
_BUILTIN = ("INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING", "BROUTING")
_EMPTY = re.compile(r":(?:{0}) ACCEPT$".format("|".join(_BUILTIN)))


def foreign(text: str, chains: t.Iterable[str] = ()) -> t.List[str]:
    """Return the rules of a saved text that firewalld has not made, where it uses iptables itself; ``chains`` are those of its direct rules."""
    found = []
    for _table, line in sorted(_rules(text)):
        chain, _space, rest = line[3:].partition(" ")
        if not line.startswith("-A ") or chain in chains or re.match(_OWN_CHAIN + "$", chain):
            continue
        if chain not in _BUILTIN or not any(form.match(rest.replace("-p icmpv6", "-p ipv6-icmp")) for form in _OWN_RULES):
            found.append(line)
    return found


def there(family: str) -> bool:
    """Tell whether the programs that save and restore a family are installed."""
    return all(_find(TOOLS[family] + ending) for ending in ("-save", "-restore"))


def filled(saved: t.Mapping[str, str]) -> t.List[str]:
    """Return the families that hold rules, by ``{family: what its own tool has saved}``: for where nothing else tells."""
    return sorted(family for family, text in saved.items() if _rules(text))


class Iptables:
    """Reads and restores whole tables. ``count`` is the number of processes started."""

    def __init__(self) -> None:
        self.count = 0

    def save(self, wanted: t.Iterable[str]) -> t.Dict[str, str]:
        """Return ``{family: text}``; what has no tools here is not in it."""
        return {family: self._run(TOOLS[family] + "-save", ["-c"] if family != "bridge" else []) for family in wanted if there(family)}

    def restore(self, saved: t.Mapping[str, str]) -> t.List[str]:
        """Put back the families whose rules are no longer what they were; return the tools that complained, with what they said.

        Where others have made rules since, theirs stay, and what is missing comes behind them.
        """
        failed = []
        for family, text in saved.items():
            try:
                now, before = _rules(self._run(TOOLS[family] + "-save", [])), _rules(text)
                more = ["-c"] if family != "bridge" else []
                if now <= before and now != before:
                    self._run(TOOLS[family] + "-restore", more, text)
                elif before - now:
                    self._run(TOOLS[family] + "-restore", more + ["--noflush"], _missing(text, now))
            except OSError as error:
                failed.append(str(error))
        return failed

    def _run(self, tool: str, arguments: t.Sequence[str], given: str = "") -> str:
        self.count += 1
        # A list and no shell; and tests run it without a module. pylint: disable-next=ansible-bad-function
        process = subprocess.Popen(
            [_find(tool) or tool, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env=dict(os.environ, LC_ALL="C"),
        )
        output, errors = process.communicate(given)
        if process.returncode != 0:
            raise OSError("{0}: {1}".format(tool, " ".join(errors.split())[:300]))
        return str(output)


def _missing(text: str, now: t.Set[t.Tuple[str, str]]) -> str:
    """Return of a saved text the tables, and in them the chains and rules, that are not there now."""
    lines, table = [], ""
    for line in text.splitlines():
        bare = _bare(line)
        table = bare if bare.startswith("*") else table
        if bare.startswith("*") or bare == "COMMIT" or (bare and not bare.startswith("#") and not _EMPTY.match(bare) and (table, bare) not in now):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _bare(line: str) -> str:
    """Return a line without counters."""
    return re.sub(r"\[\d+:\d+\] ?", "", line).strip()


def _find(tool: str) -> t.Optional[str]:
    return next((os.path.join(folder, tool) for folder in FOLDERS if os.access(os.path.join(folder, tool), os.X_OK)), None)


def _rules(text: str) -> t.Set[t.Tuple[str, str]]:
    """Return what the rules are, without counters, comments and empty tables."""
    found, table = set(), ""
    for line in text.splitlines():
        line = _bare(line)
        if line.startswith("*"):
            table = line
        elif line and not line.startswith("#") and line != "COMMIT" and not _EMPTY.match(line):
            found.add((table, line))
    return found
