# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a policy file is not COM: values of the registry, as Windows keeps them, and back from there into the file."""

from __future__ import annotations

import json
import pathlib
import typing as t

import policy_file

Values = dict[str, t.Union[int, str]]

MEMORY = r"SOFTWARE\portcullis\msports"
MEMORY_PARENT = r"SOFTWARE\portcullis"
RESTART = MEMORY + r"\until_restart"
POLICIES = r"SOFTWARE\Policies\Microsoft\WindowsFirewall"
LOCAL = r"SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy"
VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
RULES = {"group policy": rf"{POLICIES}\FirewallRules", "device management": rf"{LOCAL}\Mdm\FirewallRules"}
# The local key of the private profile is of older days.
LOCAL_KEYS = {"domain": "DomainProfile", "private": "StandardProfile", "public": "PublicProfile"}
POLICY_KEYS = {"domain": "DomainProfile", "private": "PrivateProfile", "public": "PublicProfile"}
LOGGING = {"log_allowed": "LogSuccessfulConnections", "log_dropped": "LogDroppedPackets", "log_path": "LogFilePath", "log_size": "LogFileSize"}


class Order(t.TypedDict):
    """For ``agent.cpp``: keys to delete with all below, values to write, keys below which nothing can be written, keys to read; sessions."""

    clear: list[str]
    set: dict[str, Values]
    deny: list[str]
    read: list[str]
    sessions: list[dict[str, t.Any]]


def written(content: policy_file.Content) -> Order:
    """The registry of the host that a policy file describes."""
    values: dict[str, Values] = {VERSION: _version(content)}
    if content["memory"]:
        values[MEMORY] = dict(content["memory"])
    if content["until_restart"]:
        values[RESTART] = {"nonce": content["until_restart"]}
    for name, profile in content["profiles"].items():
        place = rf"{POLICIES}\{POLICY_KEYS[name]}" if profile["log_policy"] else rf"{LOCAL}\{LOCAL_KEYS[name]}"
        values[rf"{place}\Logging"] = {value: _kept(profile[column]) for column, value in LOGGING.items()}
        if not profile["local_rules"]:
            values.setdefault(rf"{POLICIES}\{POLICY_KEYS[name]}", {})["AllowLocalPolicyMerge"] = 0
        if profile["given"]:
            values.setdefault(rf"{POLICIES}\{POLICY_KEYS[name]}", {}).update(profile["given"])
    for rule in content["policy_rules"]:
        values.setdefault(RULES[rule["origin"]], {})[rule["id"]] = rule["text"]
    # A key that is there is read all the same; where there is none, none can be made.
    denied = [MEMORY if MEMORY in values else MEMORY_PARENT] if content["switches"]["fail_memory"] else []
    return {"clear": [MEMORY_PARENT, POLICIES, LOCAL], "set": values, "deny": denied, "read": [], "sessions": content["sessions"]}


def _kept(value: t.Any) -> t.Union[int, str]:
    return int(value) if isinstance(value, bool) else t.cast("t.Union[int, str]", value)


def _version(content: policy_file.Content) -> Values:
    major, minor, build, revision = content["system"].split(".")
    numbers: Values = {"CurrentMajorVersionNumber": int(major), "CurrentMinorVersionNumber": int(minor), "UBR": int(revision)}
    return {**numbers, "CurrentBuildNumber": build, "CurrentBuild": build, "SystemRoot": content["system_root"]}


def reading(content: policy_file.Content) -> Order:
    """What a call of the module may have written. Sessions stay."""
    keys = [MEMORY, RESTART, *(rf"{LOCAL}\{key}\Logging" for key in LOCAL_KEYS.values())]
    return {"clear": [], "set": {}, "deny": [], "read": keys, "sessions": content["sessions"]}


def taken_back(content: policy_file.Content, found: t.Mapping[str, t.Optional[Values]], policy: pathlib.Path) -> list[list[str]]:
    """Into the file's content, in place: what is in the registry now, and what the recorder in place of netsh noted beside the file.

    The command lines that the recorder noted.
    """
    memory = found[MEMORY] or {}
    for name in sorted({*content["memory"], *memory}):
        before, after = content["memory"].get(name), memory.get(name)
        if before != after and not content["switches"]["fail_memory"]:
            content["counters"]["memory_writes"] += 1
            content["journal"].append(_entry(content, content["counters"]["commits"] + 1, "memory", name, after))
    content["memory"] = dict(memory)
    content["until_restart"] = (found[RESTART] or {}).get("nonce")
    for name, profile in content["profiles"].items():
        values = found[rf"{LOCAL}\{LOCAL_KEYS[name]}\Logging"] or {}
        if not profile["log_policy"]:
            profile.update({column: type(profile[column])(values.get(value, profile[column])) for column, value in LOGGING.items()})
    return _take_commits(content, policy)


def _take_commits(content: policy_file.Content, policy: pathlib.Path) -> list[list[str]]:
    seen: list[list[str]] = []
    process, commands = (policy.with_name(f"{policy.name}.{what}") for what in ("process", "netsh"))
    if process.exists():
        counted = json.loads(process.read_text(encoding="utf-8"))
        content["counters"]["commits"] = counted["commits_before"] + counted["made"]
        content["counters"]["failed_commits"] = counted["failed_before"] + counted["failed"]
        process.unlink()
    if commands.exists():
        for line in commands.read_text(encoding="utf-8").splitlines():
            note = json.loads(line)
            seen.append(note["words"])
            name = note["profile"].replace("profile", "")
            if note["took_effect"] and (note["commit"], "logging") not in {(one["commit"], one["what"]) for one in content["journal"]}:
                content["journal"].append(_entry(content, note["commit"], "logging", name, " ".join(note["words"][1:])))
        commands.unlink()
    content["journal"].sort(key=lambda one: (one["call"], one["commit"]))
    return seen


def _entry(content: policy_file.Content, commit: int, what: str, name: str, value: t.Any) -> dict[str, t.Any]:
    return {"call": content["counters"]["calls"], "commit": commit, "what": what, "key": None, "name": name, "property": None, "value": value}
