# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that wait, are ended at a point, and end as they should: runs inside a booted container, for tests of each backend of Linux and for the drills.

A point is one thing that a run does to the host: a file made, renamed or removed, a call that changes the daemon, a program started. A process is
killed right before or right after it. What is there then is compared as a whole: kernel, daemon and files, ours and foreign.
"""

from __future__ import annotations

import ast
import importlib
import os
import random
import re
import shutil
import signal
import subprocess
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux import reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback as composer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import iptables, nft, rollback, services, timer
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import host as ufw
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import kernel, programs
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RuleFile

OWNER = "msports"
BACKEND = ["firewalld"]  # which one is drilled; ``use`` names another
DIED = [0]  # how many processes were killed here
# About as many points as each of these has; a process that ends before its point is one that nobody kills.
REACH = {
    "nftables": {"run": 30, "run without rollback": 22, "confirmation": 30, "rollback": 11},
    "ufw": {"run": 30, "run without rollback": 17, "confirmation": 22, "rollback": 12},
    "firewalld": {"run": 62, "run without rollback": 34, "confirmation": 30, "rollback": 30},
}
# What of the daemon and of the files changes nothing.
READS = re.compile("get|list|query|Hello|NameHasOwner|GetAll|Get$")
STEPS: tuple[tuple[t.Any, str], ...] = (
    *((os, name) for name in ("rename", "replace", "unlink", "link", "symlink", "mkdir", "rmdir", "fsync")),
    (shutil, "rmtree"),
    (daemon.Bus, "call"),
    (iptables.Iptables, "_run"),
    (nft.Nft, "load"),
    (nft.Nft, "check"),
    (programs.Programs, "_start"),
    (services, "call"),
)
TRACES = "find /var/lib/portcullis /run -maxdepth 2 -name '*portcullis*' -not -name '*.confirmed' -not -path '*/systemd/*' 2> /dev/null | sort"
# Files, and what they hold. Handles, times and counters are no state; nor are tables of iptables without a rule, which its tools make as they please.
STATE = {
    "kernel": (
        "nft -s list ruleset | sed 's/ expires [^ ,}]*//; s/ timeout [^ ,}]*//' "
        "| grep -v 'policy accept;$\\|^\\s*}\\|^\\s*chain [A-Z]* {\\|^table ip6\\? \\|^$' | sort"
    ),
    "files": "find /etc/firewalld /etc/systemd -type f -exec sha256sum {} + | sort; find /etc/firewalld /etc/systemd | sort",
    "traces": TRACES,
}
_ELSE = "find /etc/portcullis /etc/systemd -type f -exec sha256sum {} + | sort; find /etc/portcullis /etc/systemd | sort"
STATES = {
    "firewalld": STATE,
    "nftables": {"kernel": "nft -s list ruleset", "files": _ELSE, "traces": TRACES},
    "ufw": {
        "kernel": r"for i in iptables ip6tables; do $i-save -t filter | sed 's/^#.*//; s/ \[[0-9]*:[0-9]*\]$//'; done",
        "files": "find /etc/ufw /etc/default -type f -exec sha256sum {} + | sort; find /etc/ufw /etc/default; " + _ELSE,
        "traces": TRACES,
    },
}


def state() -> dict[str, str]:
    found = {name: _said(command) for name, command in STATES[BACKEND[0]].items()}
    if BACKEND[0] == "firewalld":
        # What lies beside this file; as a program of its own it would need longer to start than to ask.
        found["daemon"] = "\n".join(map(_meaning, importlib.import_module("state").tell().splitlines()))
    return found


def _meaning(line: str) -> str:
    """A line about what is ours without what means nothing: the description of the last reload, the order of rules that do the same, that of a set."""
    kind, *words = line.split(" ", 2)
    if kind not in MEANINGS or not words[0].startswith(OWNER):
        return line
    return f"{kind} {words[0]} {MEANINGS[kind](ast.literal_eval(words[1]))!r}"


MEANINGS: dict[str, t.Callable[[t.Any], t.Any]] = {
    "getPolicySettings": lambda settings: {**settings, "description": "", "rich_rules": sorted(settings.get("rich_rules", []))},
    "getIPSetSettings": lambda settings: [*settings[:-1], sorted(settings[-1])],
    "getEntries": sorted,
}


def _said(command: str) -> str:
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False).stdout


def use(backend: str) -> None:
    """Drill another backend."""
    BACKEND[0] = backend


def apply(rules: list[dict[str, t.Any]], seconds: int = 0, **options: t.Any) -> dict[str, t.Any]:
    """Apply as the module does; the result, or what was refused or failed."""
    given = {"backend": BACKEND[0], "rules": rules, "rollback_timeout": seconds, "allow_lockout": True, **options}
    try:
        return reconcile.run(given)
    except reconcile.Refused as error:
        return {"refused": str(error), "changed": False}
    except reconcile.failures() as error:
        return {"failed": str(error), "changed": False}


def confirm(nonce: str) -> dict[str, t.Any]:
    shelf = Shelf(OWNER)
    backend = composer.backend_of(BACKEND[0])
    with backend.held():
        return rollback.confirm(shelf, backend, nonce)


def fire(nonce: str) -> bool:
    shelf = Shelf(OWNER)
    backend = composer.backend_of(BACKEND[0])
    with backend.held():
        return rollback.fire(shelf, backend, nonce)


def settled(seconds: float = 600) -> t.Any:
    """Wait until nothing waits any more, and return the note of the host, if it has made one."""
    end, ended = time.monotonic() + seconds, False
    while time.monotonic() < end:
        there = Shelf(OWNER).look()
        if there is None:
            return Shelf(OWNER).note()
        if ended:
            return None  # no timer was started, or what fired was killed: the next run does it
        # What fires may end between the look above and this question: only a look after "ended" tells whether it has done its work.
        ended = not Shelf(OWNER).left(there[1]) and not _active(there[1])
        time.sleep(0.1)
    raise AssertionError(f"something still waits after {seconds} s: {Shelf(OWNER).look()}")


def _active(pending: t.Any) -> bool:
    """Tell whether the timer still waits, or what it has started still runs."""
    units = [timer._unit(pending) + ending for ending in (".timer", ".service")]
    states = _said("systemctl is-active " + " ".join(units)).split()
    return "active" in states or "activating" in states


class Counter:
    """Counts points, and kills this process before or after one of them."""

    def __init__(self, end: t.Optional[int] = None, after: bool = False) -> None:
        self.count, self._end, self._after = 0, end, after
        for place, name in STEPS:
            setattr(place, name, self._wrapped(place is daemon.Bus, getattr(place, name)))

    def _wrapped(self, asks: bool, genuine: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def call(*arguments: t.Any, **named: t.Any) -> t.Any:
            if asks and READS.match(arguments[4]):
                return genuine(*arguments, **named)
            self.count += 1
            here = self.count == self._end
            if here and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return genuine(*arguments, **named)
            finally:  # what fails, like looking for a file to remove, is a point, too
                if here:
                    os.kill(os.getpid(), signal.SIGKILL)

        return call


def points(act: t.Callable[[], t.Any]) -> int:
    """How many points an act has; it is done."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        counter = Counter()
        try:
            act()
        finally:
            os.write(writer, str(counter.count).encode())
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as stream:
        return int(stream.read())


def killed(act: t.Callable[[], t.Any], point: int, after: bool = False) -> bool:
    """Do an act in a process that is killed at a point, and tell whether it came to that."""
    child = os.fork()
    if child == 0:
        try:
            Counter(point, after)
            act()
        finally:
            os._exit(0)
    died = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    DIED[0] += died
    return died


def interrupted(act: t.Callable[[], t.Any], seconds: float, number: int) -> bool:
    """Do an act in a process that gets a signal after so many seconds, and tell whether it ended by it."""
    child = os.fork()
    if child == 0:
        for one in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_DFL)
        try:
            act()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, number)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def ruleset(chance: random.Random) -> dict[str, t.Any]:
    """Some ruleset or other: rules, lists of addresses, defaults, precedence."""
    many = [f"10.{chance.randrange(250)}.{number}.0/24" for number in range(chance.choice([3, 9]))]
    rules = [
        {
            "name": f"r{number}",
            "direction": chance.choice(["in", "in", "out"]),
            "protocol": "tcp",
            "local_ports": [str(chance.randrange(1000, 1040))],
            "remote_addresses": chance.choice([["any"], ["@many"], ["10.1.0.0/16"]]),
        }
        for number in range(chance.randrange(1, 6))
    ]
    return {
        "rules": rules,
        "address_sets": {"many": many},
        "default_inbound": chance.choice(["keep", "block", "reject"]),
        "firewalld_precedence": chance.choice(["merge", "override", "yield"]),
    }


def difference(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What differs of the state, in lines."""
    lines = []
    for name in before:
        sides = [side[name].splitlines() for side in (before, now)]
        lines += [f"{name}: gone: {line[:300]}" for line in sides[0] if line not in sides[1]]
        lines += [f"{name}: new: {line[:300]}" for line in sides[1] if line not in sides[0]]
    return lines[:12]


def foreign(side: dict[str, str]) -> dict[str, str]:
    """A state without what is ours."""
    if BACKEND[0] == "ufw":
        return _foreign_of_ufw()
    if BACKEND[0] == "nftables":
        return {"kernel": "".join(part for part in re.split(r"(?m)^(?=table )", side["kernel"]) if not part.startswith("table inet msports "))}
    parts = {name: "\n".join(line for line in text.splitlines() if OWNER not in line) for name, text in side.items()}
    parts["kernel"] = _iptables()
    parts["daemon"] = "\n".join(line for line in parts["daemon"].splitlines() if not line.startswith("getActivePolicies"))
    return parts


def _foreign_of_ufw() -> dict[str, str]:
    """The admin's rules with their lines, and every chain that holds neither rules of the admin or ours, nor what follows from ufw's defaults."""
    entries, chains = [], []
    for version, name in ufw.USER.items():
        with open(f"/{name}", encoding="utf-8") as stream:
            entries += [repr((entry.parsed, entry.lines)) for entry in RuleFile(stream.read(), OWNER, version).entries if entry.name is None]
        kinds = ("user", "user-logging", "after-logging", "reject", "track", "skip-to-policy")
        ours = {kernel.chain(version, kind, direction) for kind in kinds for direction in kernel.BUILTIN}
        lines = _said(f"{programs.NAMES[version]}-save").splitlines()
        chains += [line for line in lines if line.startswith("-A") and line.split()[1] not in ours]
    return {"files": "\n".join(entries), "kernel": "\n".join(chains)}


def _iptables() -> str:
    """The tables of others, in their order; of firewalld's own, the daemon tells."""
    listed = subprocess.run(["sh", "-c", "iptables-save; ip6tables-save"], capture_output=True, text=True, check=False).stdout
    return "\n".join(re.sub(r"\[\d+:\d+\]", "", line) for line in listed.splitlines() if not line.startswith("#"))


def drill(number: int, seed: str) -> list[str]:
    """So many processes killed at random points: of runs, confirmations and rollbacks. Returns what was wrong, with how it came to that."""
    wrong: list[str] = []
    for turn in range(number):
        chance = random.Random(f"{seed}/{turn}")
        kind = chance.choice(["run", "run", "run", "run without rollback", "confirmation", "rollback"])
        wrong += [f"{seed}/{turn} {kind}: {line}" for line in _one(chance, kind)]
    return wrong


def _one(chance: random.Random, kind: str) -> list[str]:
    previous, options = ruleset(chance), ruleset(chance)
    done = apply(**previous)
    before = state()
    left = foreign(before)
    point, after = chance.randint(1, REACH[BACKEND[0]][kind]), chance.random() < 0.5
    how = f"point {point} {'after' if after else 'before'}"
    if kind == "run":
        died = killed(lambda: apply(seconds=1, **options), point, after)
        return _taken_back(previous, before, f"{how} died {died}", died)
    if kind == "run without rollback":
        died = killed(lambda: apply(**options), point, after)
        wrong = _converges(options)
    else:
        done = apply(seconds=600, **options)
        if "rollback" not in done:
            return [f"nothing waits: {done}"] if state()["kernel"] != before["kernel"] else []  # other names of the same rules are in files only
        act = confirm if kind == "confirmation" else fire
        died = killed(lambda: act(done["rollback"]["nonce"]), point, after)
        answer = confirm(done["rollback"]["nonce"])
        wrong = _converges(options if answer["confirmed"] else previous)
        if answer["confirmed"] is bool(answer["rolled_back"]):
            wrong.append(f"host and report: {answer}")
        if kind == "rollback" and answer["confirmed"]:
            wrong += [] if died else ["a rollback was confirmed"]
    return wrong + [f"{how} died {died}: foreign: {line}" for line in difference(left, foreign(state()))]


def _taken_back(previous: dict[str, t.Any], before: dict[str, str], how: str, died: bool) -> list[str]:
    note = settled()
    stayed = state()["kernel"] != before["kernel"]  # a run that changes nothing there waits for nothing
    again = apply(**previous)
    wrong = difference(before, state())
    if again["changed"] or "failed" in again or "refused" in again:
        wrong.append(f"the next run: {again.get('failed') or again.get('refused') or again['diff']}")
    if bool(note) and "rolled_back_before" not in again:
        wrong.append("a rollback that nobody hears of")
    if not died and not note and stayed:
        wrong.append("nobody confirmed, and it was not taken back")
    return [f"{how}: {line}" for line in wrong]


def _converges(options: dict[str, t.Any]) -> list[str]:
    """The next run leaves what it was told, and the one after it changes nothing."""
    first, second = apply(**options), apply(**options)
    told = [str(done.get("failed") or done.get("refused")) for done in (first, second) if "failed" in done or "refused" in done]
    if second["changed"] or not second.get("effective", {}).get("in_force"):
        told.append(f"the run after the next: {second.get('diff')}")
    return told
