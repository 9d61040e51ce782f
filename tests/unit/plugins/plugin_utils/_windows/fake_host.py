# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Windows host in Python: what the executor promises, in a form that a unit test can look into.

It takes the arguments of ``win_firewall_policy`` and returns its result. What it reads back is as hostile as Windows: masks for prefixes,
another order, a comma behind a keyword, ``7`` for all profiles, paths spelled otherwise.
"""

from __future__ import annotations

import copy
import hashlib
import ipaddress
import json
import random
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import COLUMNS

Columns = dict[str, t.Any]

NEW_RULE: Columns = {
    "name": "",
    "description": "",
    "enabled": False,
    "direction": 1,
    "action": 1,
    "protocol": 256,
    "local_ports": "*",
    "remote_ports": "*",
    "local_addresses": "*",
    "remote_addresses": "*",
    "profiles": 0x7FFFFFFF,
    "program": "",
    "service": "",
    "interface_types": "All",
    "interfaces": [],
    "icmp": "*",
    "edge": 0,
    "secure": 0,
    "grouping": "",
    "users": "",
}
PROFILE: Columns = {
    "enabled": True,
    "inbound": "block",
    "outbound": "allow",
    "block_all": False,
    "local_rules": True,
    "excluded_interfaces": [],
    "log_allowed": False,
    "log_dropped": False,
    "log_path": "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log",
    "log_size": 4096,
    "log_policy": False,
    "unicast_responses": True,
    "given": {},
}


def foreign(name: str, **columns: t.Any) -> Columns:
    """A foreign rule: enabled, of no group, admitting everything from everywhere unless told otherwise."""
    return {**NEW_RULE, "name": name, "enabled": True, **columns}


WINRM = foreign("Windows Remote Management (HTTP-In)", protocol=6, local_ports="5985", program="System", grouping="@FirewallAPI.dll,-30267")


class FakeHost:
    """``rules`` are all rules of the store, ``fail_at`` is the number of the operation that fails."""

    def __init__(self, rules: t.Iterable[Columns] = (), seed: t.Optional[int] = None) -> None:
        self.rules: list[Columns] = [dict(rule) for rule in rules]
        self.profiles = {name: copy.deepcopy(PROFILE) for name in ("domain", "private", "public")}
        self.active = ["domain"]
        self.modify_state = "ok"
        self.memory: t.Optional[str] = None
        self.sessions: list[dict[str, t.Any]] = []
        self.ssh_connection: t.Optional[str] = None
        self.unreadable: list[list[t.Any]] = []
        self.system_root = "C:\\Windows"
        self.policy_rules: list[list[str]] = []
        self.products: t.Any = []
        self.app_rules_alike = 0
        self.addresses: t.Union[list[str], str] = ["10.1.1.20", "fd00::20"]
        self.stubborn: dict[str, Columns] = {}  # profile -> what group policy says there, whatever is written
        self.calls: list[Columns] = []
        self.commits = 0
        self.fail_at: t.Optional[int] = None
        self.meanwhile: t.Optional[t.Callable[[FakeHost], None]] = None
        self.history: list[list[str]] = []  # names of the enabled own allows after each operation
        self._random = None if seed is None else random.Random(seed)

    def session(self, peer: str, port: int = 5985, local: str = "10.1.1.20") -> None:
        self.sessions.append({"peer": peer, "peer_port": 50111, "local": local, "local_port": port})

    def __call__(self, arguments: Columns) -> Columns:
        arguments = json.loads(json.dumps(arguments))
        self.calls.append(arguments)
        group = f"portcullis:{arguments['owner']}"
        if not arguments.get("operations"):
            answer = {"changed": False, "state": self._state(group), "counts": {"enumerations": 1, "commits": 0}}
            if self.meanwhile:
                self.meanwhile(self)
            return json.loads(json.dumps(answer))
        return self._write(arguments, group)

    def own(self, owner: str = "msports") -> list[Columns]:
        return [rule for rule in self.rules if rule["grouping"] == f"portcullis:{owner}"]

    def others(self, owner: str = "msports") -> list[Columns]:
        return [rule for rule in self.rules if rule["grouping"] != f"portcullis:{owner}"]

    # --- read ---------------------------------------------------------------------------------------------------------

    def _ids(self, group: str) -> list[tuple[str, Columns]]:
        seen: dict[str, int] = {}
        found = []
        for rule in self.rules:
            if rule["grouping"] == group:
                text = hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()[:16]
                seen[text] = seen.get(text, 0) + 1
                found.append((text if seen[text] == 1 else f"{text}#{seen[text]}", rule))
        return found

    def digest(self, group: str) -> str:
        told = [sorted(text for text, _rule in self._ids(group)), self.profiles, self.memory]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def _state(self, group: str) -> Columns:
        others = [rule for rule in self.rules if rule["grouping"] != group]
        return {
            "digest": self.digest(group),
            "fields": list(COLUMNS),
            "rules": [self._row(text, rule) for text, rule in self._ids(group)],
            "others": [self._row("", {**rule, "description": ""}) for rule in others if rule["enabled"]],
            "others_disabled": sum(not rule["enabled"] for rule in others),
            "app_rules_alike": self.app_rules_alike,
            "addresses": self.addresses,
            "profiles": self.profiles,
            "active": self.active,
            "modify_state": self.modify_state,
            "memory": self.memory,
            "sessions": self.sessions,
            "ssh_connection": self.ssh_connection,
            "system": "10.0.17763.0",
            "unreadable": self.unreadable,
            "system_root": self.system_root,
            "policy_rules": self.policy_rules,
            "products": self.products,
        }

    def _row(self, text: str, rule: Columns) -> list[t.Any]:
        row = {**rule, "id": text}
        if self._random:
            row = hostile(row, self._random)
        return [row[column] for column in COLUMNS]

    # --- write --------------------------------------------------------------------------------------------------------

    def _write(self, arguments: Columns, group: str) -> Columns:
        if arguments.get("expected") != self.digest(group):
            return {"failed": True, "msg": "the firewall changed in between: it is not what the operations were planned from; nothing was changed"}
        before = copy.deepcopy((self.rules, self.profiles, self.memory))
        ids = dict(self._ids(group))
        written, commits = [], 0
        for index, operation in enumerate(arguments["operations"]):
            if index == self.fail_at:
                self.rules, self.profiles, self.memory = before
                msg = f"operation {index + 1} of {len(arguments['operations'])} failed: injected; what was done before it is undone"
                return {"failed": True, "msg": msg, "failed_at": index, "done": index, "undone": True, "remaining": [], "changed": False}
            commits += self._do(operation, ids, group, written)
            self.history.append(sorted(rule["name"] for rule in self.own() if rule["enabled"] and rule["action"] == 1))
        self.commits += commits
        rows = [self._row("0" * 16, rule) for rule in written]
        answer = {"changed": True, "counts": {"enumerations": 1, "commits": commits}, "written": rows}
        if any(operation["kind"] in ("default_action", "logging") for operation in arguments["operations"]):
            answer["profiles"] = self.profiles
        return json.loads(json.dumps(answer))

    def _do(self, operation: Columns, ids: dict[str, Columns], group: str, written: list[Columns]) -> int:
        kind = operation["kind"]
        if kind == "add":
            assert operation["rule"]["enabled"] in (True, False)
            rule = {**NEW_RULE, **operation["rule"], "grouping": group}
            self.rules.append(rule)
            written.append(rule)
        elif kind == "edit":
            rule = ids[operation["id"]]
            assert rule["name"] == operation["name"] and operation["set"] and set(operation["set"]) <= set(NEW_RULE)
            rule.update(operation["set"])
            written.append(rule)
            return len(operation["set"])
        elif kind == "remove":
            rule = ids.pop(operation["id"])
            assert rule["name"] == operation["name"]
            unique = sum(other["name"] == rule["name"] for other in self.rules) == 1
            del self.rules[next(index for index, other in enumerate(self.rules) if other is rule)]
            return 1 if unique else 2
        elif kind == "default_action":
            self.profiles[operation["profile"]]["inbound" if operation["direction"] == "in" else "outbound"] = operation["action"]
        elif kind == "logging":
            self.profiles[operation["profile"]].update({f"log_{key}": operation[key] for key in ("allowed", "dropped", "path", "size")})
        else:
            assert kind == "memory"
            self.memory = operation["value"]
            return 0
        for profile, state in self.stubborn.items():
            self.profiles[profile].update(state)
        return 1


def hostile(row: Columns, chance: random.Random) -> Columns:
    """Return a row in the words of Windows."""
    found = dict(row)
    for key in ("local_addresses", "remote_addresses"):
        tokens = [_masked(token, chance) for token in row[key].split(",")]
        chance.shuffle(tokens)
        found[key] = ",".join(tokens)
    for key in ("local_ports", "remote_ports"):
        tokens = row[key].split(",")
        chance.shuffle(tokens)
        keyword = any(token[:1].isalpha() for token in tokens)
        found[key] = ",".join(tokens) + ("," if keyword else "")
        if row["protocol"] not in (6, 17) and row[key] == "*":
            found[key] = chance.choice(["", "*", None])
    if row["profiles"] == 0x7FFFFFFF:
        found["profiles"] = chance.choice([7, 0x7FFFFFFF])
    if row["icmp"] == "*":
        found["icmp"] = chance.choice(["", None, "*"])
    found["program"] = chance.choice([row["program"], row["program"].upper(), row["program"].lower().replace("%systemroot%", "C:\\Windows")])
    found["service"] = chance.choice([row["service"], row["service"].upper()])
    return found


def _masked(token: str, chance: random.Random) -> str:
    if token == "*" or "-" in token:
        return token
    if token[:1].isalpha() and ":" not in token:
        return chance.choice([token, token.lower(), token.upper()])
    try:
        network = ipaddress.ip_network(token)
    except ValueError:
        return token
    if network.version == 4:
        return network.with_netmask
    return chance.choice([token, token.upper(), f"{network.network_address.exploded}/{network.prefixlen}"])
