# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What the kernel holds of ufw, what it should hold, and the one transaction a family that makes it so.

Chains of ours and the administrator's rules are what the file says. Around them stands ufw's frame: the jumps from the builtin chains,
the policies and the chains that go with them. ``iptables-restore --noflush`` replaces the chains that it names in one commit: no packet
meets an empty chain, and chains that are not named stay as they are.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import Filter
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import tuples
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.settings import Policies


class Difference(t.NamedTuple):
    """One part that is not right: its name, what is wrong in words (a list), and the lines for ``iptables-restore`` that repair it."""

    part: str
    found: t.List[str]
    lines: t.List[str]


BUILTIN = {"in": "INPUT", "out": "OUTPUT"}
PRIMARY = ("before-logging", "before", "after", "after-logging", "reject", "track")
SECONDARY = ("skip-to-policy", "user-logging", "user")
SHOWN = 5


def loaded(table: Filter, version: int, before_text: str) -> bool:
    """Tell whether every chain of ufw that inbound and outbound packets pass is there, and none that ``before.rules`` fill is empty."""
    filled = {line.split()[1] for line in xtables.filter_lines(before_text)}
    names = [chain(version, kind, direction) for direction in BUILTIN for kind in PRIMARY + SECONDARY]
    jumps = {chain(version, "before", direction): "-j " + chain(version, "user", direction) for direction in BUILTIN}
    for name in names:
        if name not in table.chains:
            return False
        if name in jumps and name in filled and not [line for line in table.chains[name] if not line.endswith(jumps[name])]:
            return False
    return True


def chain(version: int, kind: str, direction: str) -> str:
    return "{0}-{1}-{2}".format(tuples.PREFIX[version], kind, tuples.CHAINS.get(direction, direction))


def differences(table: Filter, version: int, policies: Policies, user_text: t.Optional[str], kinds: t.Sequence[str] = ("user",)) -> t.List[Difference]:
    """Return the ``Difference`` list between a loaded table and the files of ufw, under the policies ``DROP``, ``REJECT`` or ``ACCEPT``.

    ``kinds`` are the chains whose content is ours to keep: those of logging only when rules or defaults of ours are logged, or were.
    """
    found = []
    user = xtables.filter_lines(user_text)
    for direction in ("in", "out"):
        policy = policies[direction]
        found += _jumps(table, version, direction)
        found += _policy(table, version, direction, policy)
        found += _before(table, version, direction)
        for kind in kinds:
            found += _content(table, chain(version, kind, direction), user)
    return found


def forwarding(table: Filter, version: int) -> t.List[Difference]:
    """Return what is wrong with ufw's jumps for forwarded packets: to be repaired only where ufw was built anew, and otherwise not ours."""
    return _jumps(table, version, "forward")


def _jumps(table: Filter, version: int, direction: str) -> t.List[Difference]:
    builtin = BUILTIN.get(direction, "FORWARD")
    wanted = [xtables.Line(builtin, (("-j", chain(version, kind, direction)),)) for kind in PRIMARY]
    lines = [(line, xtables.canonical(line)) for line in table.chains.get(builtin, [])]
    there = [line for _text, line in lines if line in wanted]
    if there == wanted:
        return []
    repair = ["-D" + text[2:] for text, line in lines if line in wanted] + ["-A {0} -j {1}".format(builtin, line.items[0][1]) for line in wanted]
    return [Difference("chain " + builtin, ["its jumps to the chains of ufw are not what ufw makes them"], repair)]


def _policy(table: Filter, version: int, direction: str, policy: t.Optional[str]) -> t.List[Difference]:
    """Return what the default is made of: the policy of the builtin chain, and the lines of the chains reject, track and skip-to-policy."""
    builtin, found, repair = BUILTIN[direction], [], []
    wanted = "ACCEPT" if policy == "ACCEPT" else "DROP"
    if table.policies.get(builtin) != wanted:
        found.append("its policy is {0}, and should be {1}".format(table.policies.get(builtin), wanted))
        repair.append(":{0} {1} [0:0]".format(builtin, wanted))
    tracks = ["-p {0} -m conntrack --ctstate NEW -j ACCEPT".format(protocol) for protocol in ("tcp", "udp")]
    parts = (
        ("reject", ["-j REJECT"], policy == "REJECT"),
        ("track", tracks, policy == "ACCEPT"),
    ) + tuple(("skip-to-policy", ["-j " + name], name == policy) for name in ("ACCEPT", "DROP", "REJECT"))
    for kind, texts, needed in parts:
        name = chain(version, kind, direction)
        there = [(line, xtables.canonical(line)) for line in table.chains[name]]
        for text in texts:
            full = xtables.canonical("-A {0} {1}".format(name, text))
            same = [line for line, value in there if value == full]
            if len(same) != (1 if needed else 0):
                found.append("'{0} {1}' is {2}".format(name, text, "missing" if needed and not same else "there"))
                repair += ["-D" + line[2:] for line in same] + (["-A {0} {1}".format(name, text)] if needed else [])
    return [Difference("default " + ("inbound" if direction == "in" else "outbound"), found, repair)] if found else []


def _before(table: Filter, version: int, direction: str) -> t.List[Difference]:
    """Return what is wrong with the jump to our chain from the one before it."""
    name, user = chain(version, "before", direction), chain(version, "user", direction)
    jump = xtables.Line(name, (("-j", user),))
    jumps = [xtables.canonical(line) for line in table.chains[name]].count(jump)
    if jumps == 1:
        return []
    repair = ["-D {0} -j {1}".format(name, user)] * jumps + ["-A {0} -j {1}".format(name, user)]
    return [Difference("chain " + name, ["its jump to {0} is {1}".format(user, "missing" if not jumps else "there twice")], repair)]


def _declared(lines: t.Iterable[str]) -> t.List[str]:
    return list(collections.OrderedDict((line.split()[1], None) for line in lines))


def _content(table: Filter, name: str, user: t.Sequence[str]) -> t.List[Difference]:
    """Return how a chain with rules of the file differs from it. A line that we cannot read is taken for the line in its place."""
    wanted = xtables.chain_of(user, name)
    # A line that ufw wrote is known by its text; only what differs is taken apart.
    there = table.chains[name]
    left, right = [xtables.canonical(line) for line in wanted], [xtables.canonical(line) for line in there]
    if len(left) == len(right) and all(a == b or a is None for a, b in zip(left, right)):
        return []
    missing, more = collections.Counter(left), collections.Counter(right)
    gone, extra = _take(wanted, left, missing - more), _take(there, right, more - missing)
    words = ["'{0}' is missing".format(line) for line in gone[:SHOWN]] + ["unknown: {0}".format(line) for line in extra[:SHOWN]]
    words += ["{0} more lines".format(len(gone[SHOWN:]) + len(extra[SHOWN:]))] if gone[SHOWN:] or extra[SHOWN:] else []
    return [Difference("chain " + name, words or ["its rules are in another order"], [":{0} - [0:0]".format(name)] + wanted)]


def _take(lines: t.Iterable[str], values: t.Iterable[t.Optional[xtables.Line]], counted: t.Counter[t.Optional[xtables.Line]]) -> t.List[str]:
    found = []
    for line, value in zip(lines, values):
        if counted[value] > 0:
            counted[value] -= 1
            found.append(line)
    return found


def transaction(parts: t.Iterable[Difference]) -> str:
    """Return the input of ``iptables-restore --noflush`` that repairs all the parts in one commit; declarations come first."""
    lines = [line for part in parts for line in part.lines]
    heads = [line for line in lines if line.startswith(":")]
    return "*filter\n{0}\nCOMMIT\n".format("\n".join(heads + [line for line in lines if not line.startswith(":")]))


def named(parts: t.Iterable[Difference]) -> t.List[str]:
    """Return the names of the chains that the lines of ``parts`` change."""
    lines = [line for part in parts for line in part.lines]
    return list(collections.OrderedDict.fromkeys(line[1:].split(" ")[0] if line.startswith(":") else line.split(" ")[1] for line in lines))


def applied(table: Filter, parts: t.Iterable[Difference]) -> Filter:
    """Return what ``table`` is when the lines of ``parts`` are loaded, as far as that can be told beforehand."""
    policies, chains = dict(table.policies), {name: list(lines) for name, lines in table.chains.items()}
    for line in transaction(parts).splitlines()[1:-1]:
        if line.startswith(":"):
            name, policy = line[1:].split(" ")[:2]
            if policy == "-":
                chains[name] = []
            else:
                policies[name] = policy
        elif line.startswith("-D "):
            value = xtables.canonical("-A" + line[2:])
            rows = chains.get(line.split(" ")[1], [])
            there = [number for number, row in enumerate(rows) if xtables.canonical(row) == value]
            del rows[there[0] if there else len(rows) : there[0] + 1 if there else None]
        elif line.startswith("-A "):
            chains.setdefault(line.split(" ")[1], []).append(line)
    return Filter(policies, chains)


def replacing(wanted: Filter, actual: Filter, names: t.Iterable[str] = ()) -> str:
    """Return the transaction that gives the chains of ``wanted`` their content where ``actual`` has another, and removes those of ``names`` without one."""
    lines = []
    for name, rows in wanted.chains.items():
        builtin = name in wanted.policies
        lines += [":{0} {1} [0:0]".format(name, wanted.policies[name])] if builtin else []
        if rows != actual.chains.get(name):
            lines += (["-F " + name] if builtin else [":{0} - [0:0]".format(name)]) + rows
    gone = sorted(name for name in names if name not in wanted.chains and name in actual.chains)
    return transaction([Difference("", [], lines + ["-F " + name for name in gone] + ["-X " + name for name in gone])])


def restoring(table: Filter, parts: t.Sequence[Difference]) -> str:
    """Return the transaction that puts back what ``parts`` have changed in ``table``."""
    names = [name for name in named(parts) if name in table.chains]
    policies = {name: table.policies[name] for name in names if name in table.policies}
    return replacing(Filter(policies, {name: table.chains[name] for name in names}), applied(table, parts))


def is_ufws(name: str) -> bool:
    """Tell whether a chain is one of ufw's."""
    return name.startswith(tuple(prefix + "-" for prefix in tuples.PREFIX.values()))


def whole(user_text: t.Optional[str], version: int) -> str:
    """Return a transaction of all the lines of a rule file, with every chain of ufw declared that they may go to: for a check, never to be loaded."""
    lines = xtables.filter_lines(user_text)
    names = [line.split()[1] for line in lines] + [chain(version, kind, direction) for direction in BUILTIN for kind in PRIMARY + SECONDARY]
    names += ["{0}-{1}".format(tuples.PREFIX[version], name) for name in ("user-limit", "user-limit-accept", "user-logging-forward")]
    return transaction([Difference("", [], [":{0} - [0:0]".format(name) for name in collections.OrderedDict.fromkeys(names)] + lines)])


def planned(table: t.Optional[Filter], version: int, user_text: t.Optional[str], before_text: str, after_text: str) -> Filter:
    """Return the ``Filter`` as it is when ufw has loaded its files; what stands around ufw is as in ``table``, where there is one."""
    chains = collections.OrderedDict(table.chains if table else {})
    policies = dict(table.policies if table else {})
    user, before, after = (xtables.filter_lines(text) for text in (user_text, before_text, after_text))
    built = table is not None and all(chain(version, "user", direction) in chains for direction in BUILTIN)
    if not built:
        chains.update((name, xtables.chain_of(lines, name)) for lines in (before, after) for name in _declared(lines))
    for direction, builtin in BUILTIN.items():
        names = [chain(version, kind, direction) for kind in ("before", "user", "after")]
        chains[names[1]] = xtables.chain_of(user, names[1])
        if not built:
            chains[names[0]] = chains.get(names[0], []) + ["-A {0} -j {1}".format(names[0], names[1])]
            chains[builtin] = ["-A {0} -j {1}".format(builtin, name) for name in (names[0], names[2])]
    return Filter(policies, chains)
