# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observing a real kernel, from the census to the playbooks: what is there is seen, what a plan would cut is announced, and what drifted is named."""

from __future__ import annotations

import contextlib
import json
import re
import os
import pathlib
import socket
import subprocess
import typing as t

import network_namespaces as net
import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import learning, sockets
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError
from playbook_runs import Place, Played

pytestmark = pytest.mark.skipif(net.why_not() is not None, reason=str(net.why_not()))

OWN_PLACES = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && exec "$@"', "sh")
INVENTORY = """
all:
  vars:
    ansible_connection: local
    ansible_become: false
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    msports_releases: {configmgr: "1806"}
    msports_management: {from: [10.9.0.0/24], services: [ssh]}
    msports_networks: {configmgr.client: [10.20.0.0/16]}
  children:
    configmgr_site_server: {hosts: {site01: {msports_addresses: [10.1.1.10]}}}
    configmgr_sql_server: {hosts: {sql01: {msports_addresses: [10.7.0.1]}}}
    configmgr_management_point: {hosts: {mp01: {msports_addresses: [10.7.0.2]}}}
    windows_server_domain_controller: {hosts: {dc01: {msports_addresses: [10.1.3.10], ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}}
"""
CLIENT = """
import socket
open_ = [socket.create_connection(("10.7.0.1", port)) for port in (1433, 5432, 5432)]
six = socket.create_connection(("fd07::1", 5432))
print("ready")
input()
"""


@pytest.fixture(scope="module")
def peer() -> t.Iterator[net.Peer]:
    """A host in a namespace of its own: three listeners, one of which nobody uses, and a peer with sessions to two of them."""
    with net.fresh(), contextlib.ExitStack() as stack:
        found = net.Peer("wire0")
        stack.callback(found.close)
        for port in (1433, 5432, 5999):
            stack.enter_context(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True))
        stack.enter_context(socket.create_server(("127.0.0.1", 6000)))
        learning.start(Nft(), "msports", 8, 7)
        client = found.python(CLIENT)
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        stack.callback(client.communicate, "\n")
        yield found


def of(seen: t.Iterable[dict[str, t.Any]], kind: str) -> set[tuple[t.Any, ...]]:
    return {(item["direction"], item["peer"], item["port"], item["times"]) for item in seen if item["seen"] == kind}


def test_the_census_is_who_is_there(peer: net.Peer) -> None:
    found = sockets.census()
    assert of(found.observations, "listener") == {("in", "", 1433, 1), ("in", "", 5432, 1), ("in", "", 5999, 1)}, "and not what is on lo"
    assert of(found.observations, "session") == {("in", peer.there, 1433, 1), ("in", peer.there, 5432, 2), ("in", peer.there6, 5432, 1)}
    assert {item["process"][:6] for item in found.observations} == {pathlib.Path("/proc/self/comm").read_text()[:6].strip()}
    assert found.unknown == []


def test_every_new_conversation_is_learned_and_a_full_set_says_so(peer: net.Peer) -> None:
    nft = Nft()
    flows, missing, _mark = learning.learned(nft, "msports")
    assert of(flows or [], "flow") >= {("in", peer.there, 1433, 1), ("in", peer.there, 5432, 1), ("in", peer.there6, 5432, 1)}
    assert missing == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for port in range(2000, 2020):
            sender.sendto(b"x", (peer.there, port))
    flows, missing, _mark = learning.learned(nft, "msports")
    assert len([item for item in flows or [] if item["direction"] == "out" and item["protocol"] == "udp"]) == 8, "the memory is bounded"
    assert len(missing) == 1 and "out_udp4 of learned conversations is full (8 of 8)" in missing[0]
    assert not learning.would_change(nft, "msports", "present", 8, 7) and learning.would_change(nft, "msports", "present", 9, 7)
    assert learning.learned(nft, "nobody") == (None, [], {})


def test_an_answer_to_a_connection_from_before_is_no_conversation_of_ours() -> None:
    with net.fresh(), contextlib.ExitStack() as stack:
        far = net.Peer("wire1")
        stack.callback(far.close)
        server = stack.enter_context(socket.create_server(("10.7.0.1", 1433)))
        client = far.python('import socket\nopen_ = socket.create_connection(("10.7.0.1", 1433))\nprint("ready")\nopen_.recv(5)\nprint("heard")\ninput()')
        assert client.stdout is not None and client.stdout.readline() == "ready\n"
        session, _peer = server.accept()
        stack.enter_context(session)
        learning.start(Nft(), "msports", 8, 7)
        session.send(b"hello")
        assert client.stdout.readline() == "heard\n"
        flows, _missing, _mark = learning.learned(Nft(), "msports")
        client.communicate("\n")
    assert [item for item in flows or [] if item["direction"] == "out" and item["protocol"] == "tcp"] == []


def test_a_table_of_that_name_that_does_not_learn_is_left_alone() -> None:
    with net.fresh():
        net.run("nft 'add table inet x_learning; add chain inet x_learning input { type filter hook input priority 0; policy accept; }'")
        before = net.run("nft list ruleset")
        for act in (lambda: learning.start(Nft(), "x", 8, 7), lambda: learning.stop(Nft(), "x"), lambda: learning.would_change(Nft(), "x", "absent", 8, 7)):
            with pytest.raises(NftError, match="the table inet x_learning does not learn: .* left alone"):
                act()
        assert net.run("nft list ruleset") == before


def test_two_thousand_conversations_of_two_thousand(peer: net.Peer) -> None:
    nft = Nft()
    learning.start(nft, "many", 4096, 7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for port in range(2000, 4000):
            sender.sendto(b"x", (peer.there, port))
    flows, missing, _mark = learning.learned(nft, "many")
    assert learning.stop(nft, "many") and not learning.stop(nft, "many")
    assert {item["port"] for item in flows or [] if item["direction"] == "out" and item["protocol"] == "udp"} >= set(range(2000, 4000))
    assert missing == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("preflight"))
    made.write("inventory.yml", INVENTORY)
    return made


def play(place: Place, name: str, **variables: t.Any) -> Played:
    hosts = {"preflight_hosts": "sql01", "observe_hosts": "sql01", "drift_hosts": "sql01"}
    return place.play("-i", "inventory.yml", f"portcullis.msports.{name}", "-e", json.dumps({**hosts, **variables}), within=OWN_PLACES)


def test_preflight_announces_exactly_what_would_be_cut(peer: net.Peer, place: Place) -> None:
    done = play(place, "preflight", observe_learning=True)
    assert done.code == 2, done.output

    told = done.by_task()["Say what the plan would cut, and fail if there is something"]["msg"]
    assert [text.split(" (")[0] for text in told] == ["fd07::2 -> sql01 tcp/5432", "mp01 -> sql01 tcp/5432"], told
    assert all("allow it by name" in text for text in told)
    # every host: one connection leads nowhere, and that nobody looked there is said
    accepted = play(place, "preflight", host_firewall_accept_cut=["sql01 tcp/5432"], preflight_hosts="sql01:dc01", observe_hosts="sql01:dc01")
    assert "not looked at, so what the plan cuts there is unknown: dc01" in accepted.output
    assert accepted.by_task()["Say what the plan would cut, and fail if there is something"]["msg"] == (
        "This plan cuts nothing that was seen in use, but for what is accepted by name: sql01 tcp/5432"
    )
    assert accepted.code == 2 and "1 of 2 hosts were not looked at, so what this plan cuts there is unknown" in accepted.output, accepted.output
    assert accepted.by_task()["Say how many hosts were looked at"]["msg"].startswith("1 of 2 hosts were looked at: ")
    kept = json.loads((place.folder / "msports-plan.observed" / "sql01.json").read_text())
    assert {item["seen"] for item in kept["observations"]} >= {"listener", "session"}


def test_a_preflight_that_reached_nobody_says_so_and_not_that_nothing_is_cut(place: Place) -> None:
    """Ansible ends a run where it reaches nobody, without a word about the plan; what was seen on other days says nothing of today."""
    done = play(place, "preflight", preflight_hosts="dc01", observe_hosts="dc01")
    assert "UNREACHABLE!" in done.output
    assert done.code == 2 and "none of 1 hosts could be looked at, so what this plan cuts is unknown" in done.output, done.output
    assert "cuts nothing" not in done.output


@pytest.fixture(scope="module")
def planned(place: Place) -> None:
    """The plan that verify reads first."""
    done = play(place, "plan")
    assert done.code == 0, done.output


@pytest.mark.parametrize("name", ["apply", "drift", "observe", "preflight", "verify"])
def test_a_name_that_no_host_has_is_refused(place: Place, planned: None, name: str) -> None:
    """Ansible would warn, and go on with the others."""
    done = play(place, name, **{f"{name}_hosts": "sql01,sql1"})
    assert done.code != 0 and re.search(f"{name}_hosts: 'sql1': no host .* did you mean 'sql01'", done.output), done.output
    assert "Reconcile the firewall" not in done.output and "See " not in done.output


@pytest.mark.parametrize("name", ["preflight", "verify"])
def test_a_limit_that_leaves_out_the_work_is_refused(place: Place, name: str) -> None:
    done = place.play("-i", "inventory.yml", f"portcullis.msports.{name}", "--limit", "sql01")
    assert done.code != 0 and f"choose hosts with -e {name}_hosts=..." in done.output, done.output


def test_a_limit_with_a_name_that_nobody_has_is_refused_in_plays_of_ones_own(place: Place) -> None:
    place.write("own.yml", "- hosts: all\n  gather_facts: false\n  tasks: [{portcullis.msports.apply: {directory: none}}]")
    done = place.play("-i", "inventory.yml", "own.yml", "--limit", "sql01,sql1")
    assert done.code == 2 and "--limit: 'sql1': no host or group" in done.output, done.output
    part = place.play("-i", "inventory.yml", "portcullis.msports.apply", "-e", '{"host_firewall_partial_inventory": true, "apply_hosts": "sql1"}')
    assert part.code == 0, part.output


def test_a_verification_that_tried_nothing_fails(place: Place, planned: None) -> None:
    done = play(place, "verify", verify_systems=[], verify_hosts="sql01")
    assert done.code == 2 and "nothing was tried" in done.output, done.output


DRIFT = """
ip link set lo up
P="$PROGRAM -i inventory.yml -e host_firewall_persist=false -e apply_hosts=sql01 -e drift_hosts=sql01"
$P portcullis.msports.apply -e msports_default_inbound=keep >kept.txt 2>&1 || exit 8
$P portcullis.msports.apply >refused.txt 2>&1; echo $? >refused.code
$P portcullis.msports.apply portcullis.msports.drift -e '{"host_firewall_accept_cut": ["sql01 tcp/54*"]}' >none.txt 2>&1; echo $? >none.code
nft add table inet other
nft 'add chain inet other input { type filter hook input priority 10; }'
nft add rule inet other input tcp dport 1433 drop
$P portcullis.msports.drift >foreign.txt 2>&1; echo $? >foreign.code
nft flush chain inet msports rules_in
$P portcullis.msports.drift -e drift_ignore_foreign=true >missing.txt 2>&1; echo $? >missing.code
nft delete table inet other
$P portcullis.msports.apply portcullis.msports.drift -e host_firewall_mode=audit >audit.txt 2>&1; echo $? >audit.code
"""


def test_what_is_in_use_is_not_cut_by_the_first_rules_and_drift_is_named(place: Place) -> None:
    """The first rules that stop something are refused until what they cut is accepted. No drift follows, until foreign rules cut, and rules go.
    An audit that is asked for is no drift."""
    session = {"direction": "in", "peer": "10.7.0.2", "protocol": "tcp", "port": 5432, "seen": "session", "outcome": "passed", "last": "2026-11-28"}
    (place.folder / "msports-plan.observed").mkdir(exist_ok=True)
    kept = {"format": 1, "host": "sql01", "observations": [session]}
    place.write("msports-plan.observed/sql01.json", json.dumps(kept))
    place.write("drift.sh", DRIFT)
    environment = {**os.environ, **place.environment, "PROGRAM": " ".join(place.program)}
    done = subprocess.run(["unshare", "--net", *OWN_PLACES, "sh", "drift.sh"], cwd=place.folder, env=environment, check=False)
    assert done.returncode == 0, place.folder.joinpath("kept.txt").read_text()
    told = {name: place.folder.joinpath(f"{name}.txt").read_text() for name in ("refused", "none", "foreign", "missing", "audit")}
    codes = {name: place.folder.joinpath(f"{name}.code").read_text().strip() for name in told}
    assert codes == {"refused": "2", "none": "0", "foreign": "2", "missing": "2", "audit": "0"}, told
    assert "would cut what was seen in use: 10.7.0.2 -> sql01 tcp/5432" in told["refused"] and "accept_cut" in told["refused"]
    assert "1 of 1 hosts are as the plan says" in told["none"] and "hosts are as the plan says" not in told["missing"]
    assert "1433" in told["foreign"].split("foreign: ")[1]
    assert "missing: in tcp/1433 from configmgr.management_point" in told["missing"]
