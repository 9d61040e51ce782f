# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift and learning beside each manager, on hosts that boot: nothing is reported that did not happen, and everything that did; learning outlives reloads."""

from __future__ import annotations

import json
import typing as t

import booted
import pytest
from network_namespaces import PROBE, REFUSED, Prober
from required import or_fail
from wire import wired


pytestmark = pytest.mark.container

RULES = [
    {"name": "in tcp/443", "direction": "in", "protocol": "tcp", "local_ports": ["443"], "remote_addresses": ["@users"]},
    {"name": "in tcp/8443", "direction": "in", "protocol": "tcp", "local_ports": ["8443"], "remote_addresses": ["any"]},
    {"name": "in tcp/8500", "direction": "in", "protocol": "tcp", "local_ports": ["8500-8599"], "remote_addresses": ["any"]},
    {"name": "never", "direction": "in", "action": "block", "protocol": "any", "remote_addresses": ["10.66.0.0/16"]},
]
OPTIONS: dict[str, t.Any] = {"rules": RULES, "address_sets": {"users": [f"10.{i}.0.0/24" for i in range(0, 40, 2)]}, "allow_lockout": True}
STARTED = f"for i in $(seq 50); do {booted.FIREWALLD_ANSWERS} && break; sleep 0.2; done"


class Manager(t.NamedTuple):
    """How a manager is started, what reloads it, and faults by kind: what is done, and what drift says then."""

    start: str
    reloads: tuple[str, ...]
    faults: t.Mapping[str, tuple[str, str]]


CUT = "nft add table inet other; nft 'add chain inet other input { type filter hook input priority 10; }'; nft add rule inet other input tcp dport 8443 drop"
MANAGERS = {
    "nftables": Manager(
        "systemctl disable --now ssh; systemctl enable --now nftables",
        ("systemctl reload nftables", "systemctl restart nftables"),
        {
            "missing": ("nft flush chain inet msports rules_in", "missing: in tcp/443"),
            "extra": ("nft add rule inet msports rules_in tcp dport 23 accept comment '\"telnet\"'", "extra: telnet"),
            "changed": (
                "nft delete rule inet msports rules_in handle $(nft -a list chain inet msports rules_in | sed -n 's/.*dport 8443 .*handle //p');"
                " nft add rule inet msports rules_in tcp dport 8444 accept comment '\"in tcp/8443\"'",
                "changed: in tcp/8443",
            ),
            "cuts": (CUT, "foreign: table inet other"),
            "defeats": (
                "nft add table ip turned; nft 'add chain ip turned early { type nat hook prerouting priority -100; }';"
                " nft add rule ip turned early tcp dport 23 redirect to :8443",
                "sends connections to another port of this host, and rules are asked about that one",
            ),
        },
    ),
    "firewalld": Manager(
        f"systemctl disable --now ssh; systemctl enable --now firewalld; {STARTED}",
        (
            f"firewall-cmd --reload; {STARTED}",
            f"firewall-cmd --complete-reload; {STARTED}",
            f"systemctl restart firewalld; {STARTED}",
        ),
        {
            "missing": (
                "firewall-cmd --policy=msports-in-allow --remove-rich-rule='rule port port=8443 protocol=tcp accept'",
                "in tcp/8443",
            ),
            # firewalld's rules have no names, so one more is told as its policy
            "extra": ("firewall-cmd --policy=msports-in-allow --add-rich-rule='rule port port=23 protocol=tcp accept'", "changed: policy msports-in-allow"),
            "changed": (
                "firewall-cmd --ipset=$(firewall-cmd --get-ipsets | tr ' ' '\\n' | grep msports-users) --remove-entry=10.2.0.0/24",
                "changed: in tcp/443",
            ),
            "cuts": (CUT, "foreign: table inet other"),
            "defeats": ("firewall-cmd --zone=public --add-port=23/tcp", "foreign: zone public admits"),
        },
    ),
    "ufw": Manager(
        "systemctl disable --now ssh; ufw --force enable",
        ("ufw reload", "systemctl restart ufw", "ufw --force disable; ufw --force enable"),
        {
            "missing": ("ufw delete allow 8443/tcp", "missing: in tcp/8443"),
            "extra": ("ufw allow 23/tcp comment 'msports: telnet'", "extra: telnet"),
            "changed": ("ufw delete allow 8443/tcp; ufw allow 8444/tcp comment 'msports: in tcp/8443'", "changed: in tcp/8443"),
            "cuts": (CUT, "foreign: table inet other"),
            "defeats": ("ufw allow 23/tcp", "foreign: chain ufw-user-input accepts more than the rules: -p tcp --dport 23"),
        },
    ),
}
CALL = """
import json
from ansible_collections.portcullis.msports.plugins.module_utils._linux import reconcile
print("ANSWER " + json.dumps(reconcile.run(json.loads({options!r}), {check!r})))
"""


LEARNED = """
import json
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import learning
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft
if {size!r}:
    learning.start(Nft(), "msports", {size!r}, 7)
print("ANSWER " + json.dumps(learning.learned(Nft(), "msports")[:2]))
"""


class Host:
    """A booted container with one manager, and the collection in it."""

    def __init__(self, name: str) -> None:
        self.manager = MANAGERS[name]
        self.container = booted.Container()
        self.container.run(self.manager.start)

    def apply(self, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        output = self.container.python(CALL.format(options=json.dumps({**OPTIONS, **options}), check=check))
        return json.loads(output.partition("ANSWER ")[2])

    def learned(self, size: int = 0) -> tuple[t.Optional[set[tuple[str, int]]], list[str]]:
        """Who opened which port here, as the host learned it, and what it says is missing; with a size it starts anew."""
        answer = self.container.python(LEARNED.format(size=size)).partition("ANSWER ")[2]
        flows, missing = json.loads(answer)
        return None if flows is None else {(item["peer"], item["port"]) for item in flows if item["direction"] == "in"}, missing

    def drift(self) -> list[str]:
        """What the playbook drift asks for, and how it says it."""
        seen = self.apply(check=True)
        parts = {"missing": seen["added"], "extra": seen["removed"], "changed": [*seen["changed_rules"], *seen["structure"]]}
        return [f"{kind}: {text}" for kind, texts in {**parts, "foreign": seen["effective"]["reasons"]}.items() for text in texts]


@pytest.fixture(scope="module", params=sorted(MANAGERS))
def host(request: pytest.FixtureRequest) -> t.Iterator[Host]:
    made = or_fail(lambda: Host(request.param), "persistence")
    yield made
    made.container.close()


def test_no_false_drift_over_reloads_and_a_reboot(host: Host) -> None:
    host.apply()
    before = host.drift()
    assert [text for text in before if not text.startswith("foreign: ")] == []
    for deed in (*host.manager.reloads, "reboot"):
        if deed == "reboot":
            host.container.reboot()
            host.container.run(STARTED if "firewalld" in host.manager.start else "true")
        else:
            host.container.run(deed)
        assert host.drift() == before, deed


@pytest.mark.parametrize("kind", ["missing", "extra", "changed", "cuts", "defeats"])  # each manager has a fault of each kind
def test_what_drifted_is_named_and_a_run_heals_what_is_ours(host: Host, kind: str) -> None:
    host.apply()
    before = host.drift()
    deed, said = host.manager.faults[kind]
    host.container.run(deed)
    more = [text for text in host.drift() if text not in before]
    assert any(said in text for text in more), more
    host.apply()
    healed = [text for text in host.drift() if text not in before]
    assert healed == ([] if kind in ("missing", "extra", "changed") else [text for text in more if text.startswith("foreign: ")])


def test_an_audit_learns_over_reloads_and_absent_leaves_nothing(host: Host) -> None:
    with wired(host.container) as peer:
        host.container.run(host.manager.reloads[0])
        probe = Prober(peer.python(PROBE))
        try:
            done = host.apply(mode="audit")
            assert (done["changed"], done["learning"]) == (True, True)
            assert not host.apply(mode="audit")["changed"]
            assert "would drop" not in host.container.run("nft list ruleset"), "the log is an option"
            assert [probe("tcp", address, 8500) for address in (peer.here, peer.here6)] == [REFUSED, REFUSED]
            expected = {(peer.there, 8500), (peer.there6, 8500)}
            assert host.learned() == (expected, [])
            for port, deed in enumerate(host.manager.reloads, start=8501):
                host.container.run(deed)
                if host.learned()[0] is None and "nftables" in deed:
                    # the system's own service flushes everything; the next run of the audit goes on, and says that it changed something
                    done, expected = host.apply(mode="audit"), set()
                    assert (done["changed"], done["added"], done["learning"]) == (True, [], True), deed
                assert probe("tcp", peer.here, port) == REFUSED
                expected.add((peer.there, port))
                assert host.learned() == (expected, []), deed
            assert host.learned(size=4)[1] == []
            assert {probe("tcp", peer.here, port) for port in range(8510, 8520)} == {REFUSED}
            flows, missing = host.learned()
            assert len(flows or ()) == 4 and "in_tcp4 of learned conversations is full (4 of 4)" in missing[0]
            assert host.apply(check=True, state="absent")["changed"]
            done = host.apply(state="absent")
            assert (done["changed"], done["learning"]) == (True, False)
            assert "msports" not in host.container.run("nft list ruleset")
            assert not host.apply(state="absent")["changed"]
        finally:
            probe.close()
