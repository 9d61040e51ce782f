# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the code on the host takes for granted, asked through it."""

from __future__ import annotations

from . import ALL_PROFILES, NOT_RUN, PORT, TOLD, Answer, Host, Plain, check, column, expect, rule

KEPT = '{"acceptance": "a\u00e9\\"\\\\"}'  # what the check `memory` keeps on the host for a moment
ANOTHER_OWNER = "acc_twins_other"


@check
def reads(host: Host) -> Answer:
    """The host can be read, and the session that reads it is seen."""
    state = host.read()
    sessions = state["ssh_connection"] or sorted({one["peer"] for one in state["sessions"]})
    local = [name for name, profile in state["profiles"].items() if profile["local_rules"]]
    saw = (
        f"Windows {state['system']}, active {state['active']}, {state['modify_state']}, local rules apply: {local}, "
        f"{len(state['others'])} enabled foreign rules and {len(state['policy_rules'])} of group policy, unreadable: {state['unreadable']}, "
        f"sessions: {sessions}, products: {state['products']}"
    )
    return expect(
        bool(sessions) and len(state["profiles"]) == 3 and len(state["fields"]) == 21 and not state["unreadable"] and isinstance(state["products"], list), saw
    )


@check
def profiles(host: Host) -> Answer:
    """Seven and 0x7fffffff are all profiles, a single one is itself."""
    found = host.add(rule("acceptance 7", profiles=7), rule("acceptance all", profiles=ALL_PROFILES), rule("acceptance one", profiles=2))
    by_name = {one["name"]: one["profiles"] for one in found}
    everything = {by_name.get("acceptance 7"), by_name.get("acceptance all")}
    return expect(everything <= {7, ALL_PROFILES} and by_name.get("acceptance one") == 2, by_name)


@check
def twins(host: Host) -> Answer:
    """Names are no keys: of several rules of one name, also of another owner, exactly one is removed."""
    other = Host(host.machine, ANOTHER_OWNER)
    other.add(rule("acceptance twin"))
    found = host.add(rule("acceptance twin"), rule("acceptance twin", local_ports="48889"), rule("acceptance twin"))
    gone = next(one for one in found if one["local_ports"] == "48889")
    done = host.do({"kind": "remove", "id": gone["id"], "name": gone["name"]})
    left, kept = column(host.rules(), "local_ports"), other.rules()
    return expect(
        len(found) == 3 and left == [PORT, PORT] and len(kept) == 1, f"{done.get('msg', '')} three of one name, then {left}, and {len(kept)} of the other owner"
    )


@check
def edit(host: Host) -> Answer:
    """A stored rule changes its protocol when its ports go first."""
    (stored,) = host.add(rule())
    done = host.do(_edit(stored, protocol=1, local_ports="", icmp="8:*"))
    found = [(one["protocol"], one["icmp"]) for one in host.rules()]
    return expect(found == [(1, "8:*")], f"{done.get('msg', '')} {found}")


@check
def none(host: Host) -> Answer:
    """A program and a service can be taken off again."""
    (stored,) = host.add(rule(local_ports="RPC-EPMap", program="%SystemRoot%\\system32\\svchost.exe", service="RpcSs"))
    done = host.do(_edit(stored, program="", service=""))
    found = [(one["program"], one["service"]) for one in host.rules()]
    return expect(stored["service"].lower() == "rpcss" and found == [("", "")], f"{done.get('msg', '')} {stored['program']} {stored['service']}, then {found}")


def _edit(stored: Plain, **columns: object) -> Plain:
    return {"kind": "edit", "id": stored["id"], "name": stored["name"], "set": columns}


@check
def undo(host: Host) -> Answer:
    """What fails in the middle is undone."""
    done = host.do({"kind": "add", "rule": rule()}, {"kind": "add", "rule": rule("acceptance bad", local_ports="70000")})
    return expect(bool(done.get("undone")) and host.rules() == [] and done["counts"]["commits"] == 2, done.get("msg", "port 70000 was taken"))


@check
def digest(host: Host) -> Answer:
    """Two readings with nothing between them have one digest, and a plan of something else is refused."""
    same = host.read()["digest"] == host.read()["digest"]
    done = host.do({"kind": "add", "rule": rule()}, digest="0000")
    return expect(same and "in between" in done.get("msg", "") and host.rules() == [], done.get("msg", "taken"))


@check
def memory(host: Host) -> Answer:
    """The registry remembers and forgets. There is one text for all owners of a host, so one that is there already is left alone."""
    if host.read()["memory"] is not None:
        return Answer(NOT_RUN, "the host is managed: its text is left alone")
    done = host.do({"kind": "memory", "value": KEPT})
    kept = host.read()["memory"]
    host.do({"kind": "memory"})
    left = host.read()["memory"]
    return expect(kept == KEPT and left is None, f"{done.get('msg', '')} {kept}, then {left}")


@check
def default_action(host: Host) -> Answer:
    """A default action can be set: to what it is, so nothing changes."""
    before = host.read()["profiles"]
    done = host.do({"kind": "default_action", "profile": "public", "direction": "in", "action": before["public"]["inbound"]})
    kept = host.read()["profiles"] == before
    return expect(bool(done.get("changed")) and done["counts"]["commits"] == 1 and kept, done.get("msg", f"public, inbound: {before['public']['inbound']}"))


@check
def texts(host: Host) -> Answer:
    """Texts of the greatest length that is let through arrive whole."""
    found = [(len(one["name"]), len(one["description"])) for one in host.add(rule("n" * 140, description="d" * 9999))]
    return expect(found == [(140, 9999)], f"name and description of {found} characters")


@check
def many_addresses(host: Host) -> Answer:
    """A rule holds a thousand addresses: every other one, so that no two make a range."""
    sent = [f"198.18.{number // 125}.{number % 125 * 2}" for number in range(1000)]
    found = [len(one["remote_addresses"].split(",")) for one in host.add(rule(remote_addresses=",".join(sent)))]
    return expect(found == [1000], f"{found} addresses")


@check
def host_bits(host: Host) -> Answer:
    """What becomes of a network with host bits, which is never sent?"""
    done = host.do({"kind": "add", "rule": rule(remote_addresses="192.0.2.7/24")})
    said = f"is refused: {done['msg']}" if done.get("failed") else f"comes back as {column(host.rules(), 'remote_addresses')}"
    return Answer(TOLD, f"192.0.2.7/24 {said}")
