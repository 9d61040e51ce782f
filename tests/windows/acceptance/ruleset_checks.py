# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reconciliation takes for granted: what it writes comes back as the same rules, so that a second run changes nothing."""

from __future__ import annotations

import time
import typing as t

from . import PORT, Answer, Host, Plain, check, expect

NETWORK = "192.0.2.0/24"
SVCHOST = "%SystemRoot%\\system32\\svchost.exe"


def wire(name: str, remote: t.Sequence[str] = (NETWORK,), ports: t.Sequence[str] = (PORT,), **more: t.Any) -> Plain:
    return {"name": name, "direction": "in", "protocol": "tcp", "local_ports": list(ports), "remote_addresses": list(remote), **more}


@check
def addresses(host: Host) -> Answer:
    """Every form of an address comes back as the same addresses."""
    together = ["203.0.113.5-203.0.113.9", "2001:db8:0:1::/64", "192.0.2.9", "198.51.100.0/24", "192.0.2.1"]
    rules = [
        wire("single", ["192.0.2.1"]),
        wire("network", ["192.0.2.64/26"]),
        wire("range", ["203.0.113.5-203.0.113.9"]),
        wire("single v6", ["2001:db8::1"]),
        wire("network v6", ["2001:db8:0:1::/64"]),
        wire("range v6", ["2001:db8::5-2001:db8::9"]),
        wire("local", local_addresses=["198.51.100.7"]),
        wire("together", together),
    ]
    return _there_and_back(host, rules, "remote_addresses")


@check
def halves(host: Host) -> Answer:
    """All addresses of one family are its two halves. These rules block: they admit nobody, and nobody talks to this port."""
    return _there_and_back(host, [wire("all v4", ["0.0.0.0/0"], action="block"), wire("all v6", ["::/0"], action="block")], "remote_addresses")


@check
def ports(host: Host) -> Answer:
    """Every form of a port comes back as the same ports."""
    rules = [
        wire("some", ports=["48890", PORT, "48900-48910"]),
        wire("udp", protocol="udp", remote_ports=["1024-65535"]),
        wire("rpc", ports=["RPC"]),
        wire("mapper", ports=["RPC-EPMap"], program=SVCHOST, service="RpcSs"),
        wire("rpc and number", ports=["RPC", PORT]),
        wire("echo", [NETWORK, "2001:db8::/64"], ports=[], protocol="icmp_echo"),
        wire("anything", ports=[], protocol="any"),
        wire("out", ports=[], remote_ports=[PORT], direction="out"),
    ]
    return _there_and_back(host, rules, "local_ports")


@check
def bulk(host: Host) -> Answer:
    """Many rules at once: the payload arrives, and what it takes is told."""
    why = "one of many, with a text of the length that a reason has: configmgr.management_point.site_server.https.tcp"
    many = range(host.machine.rules)
    rules = [wire(f"acceptance {n}", [f"198.18.{n // 250 % 250}.{n % 250}"], [str(40000 + n % 20000)], description=why) for n in many]
    return _there_and_back(host, rules)


def _there_and_back(host: Host, rules: t.Sequence[Plain], show: str = "") -> Answer:
    """Check mode, run, run again, remove: the first two say the same, the third changes nothing, and nothing is left."""
    predicted = host.ruleset(check=True, rules=rules)
    done, first = _timed(lambda: host.ruleset(rules=rules))
    again, second = _timed(lambda: host.ruleset(rules=rules))
    held = host.rules()
    gone, third = _timed(lambda: host.ruleset(state="absent"))
    differs = again["changed_rules"] + again["added"] + again["removed"]
    came_back = predicted["changed"] and done["changed"] and not again["changed"] and again["kept"] == len(done["added"])
    alike = (predicted["added"], predicted["diff"]) == (done["added"], done["diff"])
    saw = (
        f"{len(done['added'])} rules: {first:.1f} s for {done['calls']['commits']} commits, {second:.1f} s unchanged "
        f"({'changed again: ' + ', '.join(differs) if differs else 'nothing changed'}), {third:.1f} s removed"
    )
    shown = [f"{one['name']}: {one[show].replace(',', ', ')}" for one in sorted(held, key=lambda one: str(one["name"]))] if show else []
    return expect(came_back and alike and gone["changed"] and host.rules() == [], " -- ".join([saw, *shown]))


def _timed(run: t.Callable[[], Plain]) -> tuple[Plain, float]:
    begun = time.monotonic()
    return run(), time.monotonic() - begun


@check
def audit(host: Host) -> Answer:
    """Audit switches the logging of allowed connections and dropped packets on, and leaving it puts back what was there."""

    def log(state: Plain) -> list[t.Any]:
        return [(name, profile["log_allowed"], profile["log_dropped"], profile["log_size"]) for name, profile in state["profiles"].items()]

    def inbound(state: Plain) -> list[t.Any]:
        return [profile["inbound"] for profile in state["profiles"].values()]

    before = host.read()
    host.ruleset(mode="audit")
    during = host.read()
    host.ruleset(state="absent")
    after = host.read()
    logged = all(profile["log_policy"] or profile["log_allowed"] and profile["log_dropped"] for profile in during["profiles"].values())
    back = (after["profiles"], after["memory"]) == (before["profiles"], before["memory"])
    return expect(logged and inbound(during) == inbound(before) and back, f"before {log(before)}, during {log(during)}, put back: {back}")


@check
def guard(host: Host) -> Answer:
    """In check mode, which writes nothing: a rule that blocks what we came by is refused. A block beats every rule that admits."""
    done = host.try_ruleset(check=True, rules=[wire("acceptance lockout", ["any"], [], action="block")])
    said = str(done.get("msg", f"not refused: {done.get('effective', {}).get('guarded')}"))
    return expect("the rule 'acceptance lockout' blocks it" in said, said[:300])


@check
def session(host: Host) -> Answer:
    """The session that wrote all this still stands, or this check would not be reached; a new one must be possible, too."""
    host.machine.reconnect()
    return expect("digest" in host.read(), "a new connection was made and read the firewall")
