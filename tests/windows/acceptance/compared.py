# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Windows PowerShell says, held against what the modules say of the same host."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import group_policy

from . import NOT_RUN, Answer, Host, Plain, expect

# Property of Get-NetFirewallProfile -> how the modules say the same.
_SAME: dict[str, t.Callable[[Plain], t.Any]] = {
    "enabled": lambda profile: profile["enabled"],
    "inbound": lambda profile: profile["inbound"],
    "outbound": lambda profile: profile["outbound"],
    "rules": lambda profile: not profile["block_all"],
    "unicast": lambda profile: profile["unicast_responses"],
    "merge": lambda profile: profile["local_rules"],
}


def active_profiles(host: Host, said: str) -> Answer:
    """The settings in force are those that the modules take for it, with what group policy gives."""
    ours = {name: group_policy.settings(profile) for name, profile in host.read()["profiles"].items()}
    differs, given = [], []
    for theirs in json.loads(said):
        profile = ours[theirs["name"].lower()]
        given += [f"{theirs['name']}.{key}" for key in profile["policy"]]
        for key, value in _SAME.items():
            found = theirs[key].lower()
            if found != "notconfigured" and found != str(value(profile)).lower():
                differs.append(f"{theirs['name']}.{key} is {found}, and the modules say {value(profile)}")
    return expect(not differs, "; ".join(differs) or f"the same; given by group policy: {given or 'nothing'}")


def policy_rules(host: Host, said: str) -> Answer:
    """The rules of group policy are those that the modules read from the registry."""
    theirs, ours = set(json.loads(said)), {name for _origin, name, _text in host.read()["policy_rules"]}
    if not theirs | ours:
        return Answer(NOT_RUN, "no rule comes from group policy on this host")
    saw = f"{len(theirs)} by NetSecurity, {len(ours)} by the registry; only the one: {sorted(theirs - ours)[:5]}, only the other: {sorted(ours - theirs)[:5]}"
    unread = group_policy.rules(host.read()["policy_rules"], "")[1]
    return expect(theirs == ours and not unread, f"{saw}; not understood: {unread}" if theirs != ours or unread else f"{len(ours)} rules, the same")


COMPARED: dict[str, t.Callable[[Host, str], Answer]] = {"active_profiles": active_profiles, "policy_rules": policy_rules}
