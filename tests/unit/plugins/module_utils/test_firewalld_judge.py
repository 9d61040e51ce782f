# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lockout guard of firewalld: what may connect before a run and not after it, by our rules, zones and policies of others in firewalld's order."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import asked, evaluate, objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import daemon as daemons
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import Refused
from test_firewalld_reconcile import Backend, rule

NET = "10.9.0.0/24"
MANAGEMENT = {"addresses": [NET], "ports": ["22"]}
SSH = rule("ssh", local_ports=["22"], remote_addresses=[NET])
WEB = rule("web", local_ports=["443"])
DROP = f'rule family="ipv4" source address="{NET}" drop'
PUBLIC = {"target": "default", "services": ["ssh"]}


@pytest.fixture
def apply(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend(tmp_path)
    monkeypatch.setattr(daemons, "Bus", lambda _address: made.daemon)
    return made


def has(apply: Backend, policies: t.Any = (), active: t.Any = (), **zones: dict[str, t.Any]) -> None:
    """Give the daemon other zones and policies."""
    apply.daemon.saved.zones.update({name: {"target": "default", **settings} for name, settings in zones.items()})
    apply.daemon.active.update(active)
    shape = {"target": "CONTINUE", "ingress_zones": ["ANY"], "egress_zones": ["HOST"], "rich_rules": []}
    apply.daemon.saved.policies.update({name: {**shape, **settings} for name, settings in dict(policies).items()})
    apply.daemon.load()


SOURCE_ZONE = {"drop": {"target": "DROP", "sources": [NET]}, "active": {"drop": {"sources": [NET]}}}
BAN = {"public": {**PUBLIC, "rules_str": [DROP]}}
FOREIGN = {"policies": {"theirs": {"priority": -500, "rich_rules": [DROP]}}}
NO_SSH = {"public": {"services": []}}
# What others have, and who is named as the one that would stop management once our rule is gone.
STOPPING = {
    "a source zone with the target DROP": (SOURCE_ZONE, "zone drop stops it (target DROP)"),
    "the source zone of an ipset": (
        {"drop": {"target": "DROP", "sources": ["ipset:bad"]}, "active": {"drop": {"sources": ["ipset:bad"]}}},
        "zone drop stops it (target DROP)",
    ),
    "a zone by hardware address": (
        {"drop": {"target": "DROP"}, "active": {"drop": {"sources": ["00:11:22:33:44:55"]}}},
        "zone drop stops it (target DROP)",
    ),
    "the zone of an interface": ({"dmz": {"services": []}, "active": {"dmz": {"interfaces": ["eth1"]}}}, "zone dmz stops it (target default)"),
    "a ban in a zone": (BAN, "zone public stops it (rich rule"),
    "a ban of one address": ({"public": {**PUBLIC, "rules_str": [DROP.replace(NET, "10.9.0.7")]}}, ") for 10.9.0.7, which is not so now"),
    "a ban that is logged": (
        {"public": {**PUBLIC, "rules_str": [DROP.replace(" drop", ' log prefix="x" level="info" limit value="1/m" drop')]}},
        "stops it (rich",
    ),
    "a ban by an ipset": ({"public": {**PUBLIC, "rules_str": ['rule family="ipv4" source ipset="bad" drop']}}, "stops it (rich rule"),
    "a ban that cannot be read": ({"public": {**PUBLIC, "rules_str": ['rule source NOT address="10.0.0.0/8" drop']}}, "zone public may stop it (rich"),
    "a policy of others": (FOREIGN, "policy theirs stops it (rich rule"),
    "a policy of others for one zone": (
        {"policies": {"theirs": {"priority": -500, "target": "REJECT", "ingress_zones": ["public"]}}},
        "policy theirs stops it (target REJECT)",
    ),
    "a zone without ssh": (NO_SSH, "zone public stops it (target default)"),
    "a zone with an earlier ban than its ssh": (
        {"public": {"rules_str": [DROP.replace("rule", 'rule priority="-5"', 1), 'rule priority="-4" service name="ssh" accept']}},
        "zone public stops it (rich rule",
    ),
}


@pytest.mark.parametrize("way", ["present", "audit", "absent"])
@pytest.mark.parametrize("what", STOPPING)
def test_what_our_rule_admitted_and_others_stop(apply: Backend, what: str, way: str) -> None:
    """Our rule admits what others would stop; it cannot go by any way while it is the one."""
    others, told = STOPPING[what]
    apply.daemon.saved.ipsets["bad"] = ("", "bad", "", "hash:net", {"family": "inet"}, [NET])
    has(apply, **others)
    assert apply(SSH, management=MANAGEMENT)["added"] == ["ssh"]
    files, running = apply.files(), repr(apply.daemon.running)
    options = {"present": {}, "audit": {"mode": "audit"}, "absent": {"state": "absent"}}[way]
    for check in (True, False):
        with pytest.raises(Refused, match="would lock out whoever manages this host, nothing was changed") as refused:
            apply(WEB, management=MANAGEMENT, check=check, **options)
        assert told in str(refused.value)
    assert (apply.files(), repr(apply.daemon.running)) == (files, running)
    assert apply(WEB, management=MANAGEMENT, allow_lockout=True, **options)["removed"] == ["ssh"]


@pytest.mark.parametrize("precedence", ["merge", "override"])
@pytest.mark.parametrize("what", STOPPING)
def test_rules_that_go_behind_the_zones(apply: Backend, what: str, precedence: str) -> None:
    """The same rules with another precedence: what a zone and policies before it ban counts again, the target of a zone does not: ours stand before it."""
    apply.daemon.saved.ipsets["bad"] = ("", "bad", "", "hash:net", {"family": "inet"}, [NET])
    has(apply, **STOPPING[what][0])
    apply(SSH, management=MANAGEMENT, firewalld_precedence=precedence)
    if "zone" in STOPPING[what][1] and "target" in STOPPING[what][1]:
        assert apply(SSH, management=MANAGEMENT, firewalld_precedence="yield")["changed"]
    else:
        with pytest.raises(Refused, match="stops? it|for 10.9.0.7"):
            apply(SSH, management=MANAGEMENT, firewalld_precedence="yield")


KEPT = {
    "the zone admits it": {},
    "the source zone admits it": {"trusted": {"target": "ACCEPT", "sources": [NET]}, "active": {"trusted": {"sources": [NET]}}, "public": {"services": []}},
    "the ban is for others": {"public": {**PUBLIC, "rules_str": [DROP.replace(NET, "10.8.0.0/16")]}},
    "the ban is behind what admits": {"public": {**PUBLIC, "rules_str": [DROP.replace("rule", 'rule priority="5"', 1)]}},
    "the ban is for another port": {"public": {**PUBLIC, "rules_str": [DROP.replace(" drop", ' port port="80" protocol="tcp" drop')]}},
    "a policy of others admits it": {"public": {"services": []}, "policies": {"theirs": {"priority": 7, "services": ["ssh"]}}},
    "a policy of others before the ban": {"public": {"rules_str": [DROP]}, "policies": {"theirs": {"priority": -7, "target": "ACCEPT"}}},
    "a policy of others that stops something else": {"policies": {"theirs": {"priority": -500, "target": "DROP", "ingress_zones": ["unused"]}}},
    "a policy for what passes through": {"policies": {"theirs": {"priority": -500, "target": "DROP", "egress_zones": ["ANY"]}}},
    "parts of it by different rules": {
        "public": {"rules_str": [f'rule family="ipv4" source address="10.9.0.{part}/25" port port="22" protocol="tcp" accept' for part in (0, 128)]}
    },
    "a log is not a ban": {"public": {**PUBLIC, "rules_str": [DROP.replace("drop", 'log prefix="drop" level="info" limit value="1/m"')]}},
    "a zone with a target of its own": {"public": {"target": "ACCEPT"}},
}


@pytest.mark.parametrize("what", KEPT)
def test_what_others_admit_needs_no_rule_of_ours(apply: Backend, what: str) -> None:
    has(apply, **KEPT[what])
    apply(SSH, management=MANAGEMENT)
    for options in ({}, {"mode": "audit"}, {"firewalld_precedence": "yield"}, {"state": "absent"}):
        done = apply(WEB, management=MANAGEMENT, check=True, **options)
        assert done["removed"] == ["ssh"]
        assert not any("already" in warning for warning in done["warnings"])


@pytest.mark.parametrize("what", STOPPING)
def test_what_others_stop_already_is_told_and_is_no_reason_to_refuse(apply: Backend, what: str) -> None:
    apply.daemon.saved.ipsets["bad"] = ("", "bad", "", "hash:net", {"family": "inet"}, [NET])
    has(apply, **STOPPING[what][0])
    done = apply(WEB, management=MANAGEMENT)
    assert done["changed"]
    # Where a part of it may pass, nothing is said: a zone may well be closed to management.
    told = [warning for warning in done["warnings"] if "already" in warning]
    part = "interface" in what or "one address" in what or "hardware" in what or "cannot be read" in what
    assert len(told) == (0 if part else 1), told
    assert all(f"{NET} from port 22 already" in text and "this run does not change that" in text for text in told)
    again = apply(WEB, management=MANAGEMENT)
    assert (again["changed"], [warning for warning in again["warnings"] if "already" in warning]) == (False, told)
    assert apply(state="absent", management=MANAGEMENT)["changed"]


def test_what_our_own_rules_stop_is_always_refused(apply: Backend) -> None:
    """Also where others stop it as well: whoever writes both the default and ``management`` has made a mistake."""
    has(apply, **NO_SSH)
    for options in ({}, {"firewalld_precedence": "override"}, {"firewalld_precedence": "yield"}):
        with pytest.raises(Refused, match="management from 10.9.0.0/24 to port 22: no rule admits it"):
            apply(WEB, management=MANAGEMENT, default_inbound="block", **options)
    with pytest.raises(Refused, match="the rule 'no' blocks it"):
        apply(rule("no", action="block", remote_addresses=["10.9.0.7"]), SSH, management=MANAGEMENT)
    assert apply(rule("no", action="block", remote_addresses=["10.9.0.7"]), SSH, management=MANAGEMENT, mode="audit")["changed"]
    assert apply(WEB, management=MANAGEMENT, default_inbound="allow")["changed"], "every zone is passed before its target"


def test_a_session_is_judged_by_the_address_that_it_came_to(apply: Backend) -> None:
    here, elsewhere = rule("here", local_ports=["22"], local_addresses=["10.1.1.1"]), rule("there", local_ports=["22"], local_addresses=["10.1.1.2"])
    has(apply, **NO_SSH)
    apply(here)
    session = _guard.Session("10.9.0.5", 40000, "10.1.1.1", 22)

    def judged(*rules: dict[str, t.Any], **options: t.Any) -> str | None:
        apply.daemon.own["policies"].clear()
        before = daemons.Daemon(apply.daemon).own("msports")
        apply(*rules, **options)
        after = daemons.Daemon(apply.daemon).own("msports")
        made = evaluate.Evaluator(asked.Asked(daemons.Daemon(apply.daemon)), objects.names(before) | objects.names(after), before, after)
        found = _guard.lockout([], {}, "block", {}, [session], made)
        return found[0] if found else None

    assert judged(here) is None
    assert "zone public stops it" in str(judged(elsewhere))
    assert judged(elsewhere) is None, "it was stopped before"
    assert judged(here) is None
    assert "from 10.9.0.5 to 10.1.1.1 port 22: no rule admits it" in str(judged(elsewhere, default_inbound="reject"))
    many = rule("many", local_ports=["22"], remote_ports=["1024-65535"], local_addresses=["10.1.1.0/30"])
    assert judged(many, default_inbound="reject") is None, "ports at both ends"
    assert judged(rule("odd", local_ports=["22"], remote_ports=["1024-2000"]), default_inbound="reject"), "not from every port"


def test_a_kernel_without_the_rules_of_firewalld_stops_nothing_yet(apply: Backend) -> None:
    """Somebody has flushed all: a reload brings back zones that stop management, and nothing stops it now."""
    has(apply, **NO_SSH)
    apply(WEB)
    apply.daemon.kernel_drift = lambda _objects: []
    with pytest.raises(Refused, match="zone public stops it"):
        apply(WEB, management=MANAGEMENT)


def test_somebody_elses_opening_in_a_policy_of_ours(apply: Backend) -> None:
    """It admits management, and the run would take it back."""
    has(apply, **NO_SSH)
    apply(WEB)
    apply.policy("in-allow")["services"] = ["ssh"]
    with pytest.raises(Refused, match="zone public stops it"):
        apply(WEB, management=MANAGEMENT)


def test_absent_tells_which_sessions_it_looked_at(apply: Backend) -> None:
    apply(SSH)
    assert apply(state="absent")["effective"]["guarded"] == ["no management session over the network was found: there is nothing to guard"]


def test_zones_with_priorities_are_asked_in_every_order(apply: Backend) -> None:
    """A zone of an interface may come before that of the source then."""
    trusted = {"trusted": {"target": "ACCEPT", "sources": [NET]}, "active": {"trusted": {"sources": [NET]}}}
    has(apply, public={"services": [], "ingress_priority": -10}, **trusted)
    apply(SSH, management=MANAGEMENT)
    with pytest.raises(Refused, match="zone public stops it"):
        apply(WEB, management=MANAGEMENT)


GRE_ANY = rule("peer", protocol="any", remote_addresses=["10.9.0.9"])
VXLAN = rule("vxlan", protocol="udp", local_ports=["4789"], remote_addresses=[NET])


@pytest.mark.parametrize(
    ("zone", "rules", "options", "protocol", "expected"),
    [
        ({"ports": [("4789", "udp")]}, [WEB], {"default_inbound": "keep"}, 17, None),
        ({"ports": [("4789", "udp")]}, [WEB], {"firewalld_precedence": "override"}, 17, "no rule admits it"),
        ({"ports": [("4789", "udp")]}, [VXLAN], {"firewalld_precedence": "override"}, 17, None),
        ({"ports": [("4789", "tcp")]}, [WEB], {}, 17, "no rule admits it"),
        ({}, [dict(VXLAN, protocol="tcp")], {}, 17, "no rule admits it"),
        ({}, [dict(VXLAN, remote_addresses=["10.9.0.8"])], {}, 17, "no rule admits it"),
        ({}, [VXLAN, rule("no", action="block", protocol="udp", remote_addresses=["10.9.0.9"])], {}, 17, "the rule 'no' blocks it"),
        ({}, [dict(VXLAN, remote_ports=["1024-65535"], local_addresses=["10.1.1.1"])], {}, 17, "no rule admits it"),  # to one of our addresses only
        ({"protocols": ["gre"]}, [WEB], {"default_inbound": "keep"}, 47, None),
        ({"protocols": ["gre"]}, [WEB], {"firewalld_precedence": "override"}, 47, "no rule admits it"),
        ({}, [GRE_ANY], {}, 47, None),
        ({"protocols": ["esp"]}, [VXLAN], {}, 47, "no rule admits it"),
    ],
)
def test_other_protocols_are_judged_as_tcp_is(
    apply: Backend, zone: dict[str, t.Any], rules: list[t.Any], options: dict[str, t.Any], protocol: int, expected: t.Optional[str]
) -> None:
    has(apply, public={**PUBLIC, **zone})
    apply(SSH, *rules, **{"default_inbound": "block", **options})
    after = daemons.Daemon(apply.daemon).own("msports")
    judge = evaluate.Evaluator(asked.Asked(daemons.Daemon(apply.daemon)), objects.names(after), objects.EMPTY, after)
    peers = _addresses.parse(["10.9.0.9"])
    found = judge.why_blocked(peers, (4789, 4789) if protocol == 17 else (0, 65535), None, protocol)
    assert found is None if expected is None else expected in str(found)
    assert judge.why_blocked(peers, (22, 22), None) is None, "and TCP still is"


def test_what_the_run_would_stop_of_a_tunnel_is_named(apply: Backend) -> None:
    """A ban that our rule was passing over, and the end of that rule."""
    has(apply, public={**PUBLIC, "rules_str": [DROP]})
    apply(SSH, VXLAN)
    before = daemons.Daemon(apply.daemon).own("msports")
    judge = evaluate.Evaluator(asked.Asked(daemons.Daemon(apply.daemon)), objects.names(before), before, objects.EMPTY)
    reason = judge.why_blocked(_addresses.parse(["10.9.0.9"]), (4789, 4789), None, 17)
    assert reason is not None and "zone public stops it (rich rule" in reason
