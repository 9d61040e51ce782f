# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The lab as a test: the whole demo once, its isolation, and the small parts that decide what it proves."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import on_purpose  # noqa: E402
from company import company_of, router_of  # noqa: E402
from probe_tasks import SOURCE_PORTS  # noqa: E402
from probed_ports import OUTSIDE, ports_to_probe  # noqa: E402
from proof import Probe, Prover, all_probes  # noqa: E402
from written_tuples import read_tuples  # noqa: E402

ISOLATION = """
import json, os, pathlib, sys
sys.path.insert(0, %(here)r)
import private_namespaces
if not private_namespaces.is_inside():
    private_namespaces.enter(["-c", os.environ["LAB_CODE"]])
private_namespaces.prepare()
from namespace_host import NamespaceHost
host = NamespaceHost("alone")

def fails(command):
    try:
        host.call("run", command=command)
    except Exception:
        return True
    return False

print(json.dumps({
    "own etc": not fails(["touch", "/etc/lab-was-here"]),
    "checkout is read-only": fails(["touch", %(here)r + "/lab-was-here"]),
    "usr is read-only": fails(["touch", "/usr/lab-was-here"]),
    "own name": host.call("run", command=["uname", "-n"]).strip() == "alone",
    "own network": host.call("run", command=["ip", "-o", "link"]).count("\\n") == 1,
    "no sockets of the machine": os.listdir("/run") == [] and host.call("run", command=["find", "/run", "-type", "s"]) == "",
    "no ssh session to guard": not [name for name in os.environ if name.startswith("SSH_")],
    "pid": host.pid,
}))
"""


def test_the_demo_agrees(tmp_path: pathlib.Path) -> None:
    done = subprocess.run([sys.executable, str(HERE / "demo.py"), "--output", str(tmp_path / "demo")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "demo" / "report.json").read_text(encoding="utf-8"))
    print(json.dumps(told["counts"]))
    assert told["agrees"] and told["disagreements"] == []
    assert told["counts"]["hosts"] >= 16
    assert told["counts"]["proof probes"] >= 50_000
    assert told["counts"]["tuples"] >= 600
    assert told["counts"]["faults seen"] == 3
    assert told["counts"]["sessions cut as announced"] >= 300
    assert (told["counts"]["preflight missed"], told["counts"]["preflight false alarms"]) == (0, 0)
    assert (told["counts"]["verify faults seen"], told["counts"]["verify false alarms"]) == (3, 0)
    assert told["counts"]["verify probes"] >= 300
    assert told["counts"]["windows hosts"] >= 15
    assert told["counts"]["windows rules"] >= 300
    assert told["counts"]["hosts alike on both systems"] == told["counts"]["windows hosts"]
    assert told["counts"]["windows hosts not exact"] == told["counts"]["windows hosts"], "rules that Windows brings admit more than the plan, everywhere"
    print("seconds in all:", told["seconds"]["all"])  # told, not judged: a loaded machine is no defect
    for kept in ("msports-plan/index.json", "matrix.csv", "matrix.md", "firewalls.html", "rulesets/mp01.nft", "rulesets/mp01.windows.txt"):
        assert (tmp_path / "demo" / kept).stat().st_size > 0
    windows, linux = ({path.name.partition(".")[0] for path in (tmp_path / "demo" / "rulesets").glob(f"*.{kind}")} for kind in ("windows.txt", "nft"))
    assert len(windows) == told["counts"]["windows hosts"] and windows < linux, "every Windows host has its Linux stand-in"


def test_a_host_of_the_lab_cannot_touch_the_machine() -> None:
    code = ISOLATION % {"here": str(HERE)}
    environment = {**os.environ, "LAB_CODE": code, "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    told.pop("pid")
    assert all(told.values()), told
    assert not pathlib.Path("/etc/lab-was-here").exists()


def test_ranges_are_probed_at_their_edges(tmp_path: pathlib.Path) -> None:
    catalog = tmp_path / "product" / "1.yml"
    catalog.parent.mkdir()
    catalog.write_text('flows: [{ports: ["100-200", "rpc_dynamic"], alternatives: ["8530"]}]\nsettings: {a: {type: port, default: 77}}\n', encoding="utf-8")
    ports = ports_to_probe(tmp_path, {"hosts": {"a": {"vars": {"x": [{"port": 8080}], "in": "tcp/10050,10060"}}}})
    assert {99, 100, 150, 200, 201, 49151, 49152, 57343, 65535, 8530, 77, 8080, 10050, 10060, *OUTSIDE} == set(ports)


def test_a_probed_port_that_probes_come_from_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="choose other source ports"):
        ports_to_probe(tmp_path, {}, [SOURCE_PORTS[0] + 1])


COMPANY = {
    "hosts": {
        "a": {"vars": {"ansible_host": "10.0.0.10"}, "groups": []},
        "b": {"vars": {"msports_addresses": ["10.0.0.11", {"address": "fd00::11"}]}, "groups": ["branch"]},
        "c": {"vars": {"msports_addresses": ["10.0.1.10", "fd00:1::10"]}, "groups": []},
    }
}


def test_wires_and_pairs_follow_from_the_addresses() -> None:
    company = company_of(COMPANY)
    assert {name: [str(network) for network in networks] for name, networks in company.segments().items()} == {
        "10.0.0.0/24": ["10.0.0.0/24", "fd00::/64"],
        "10.0.1.0/24": ["10.0.1.0/24", "fd00:1::/64"],
    }
    assert str(router_of(company.segments()["10.0.1.0/24"][1])) == "fd00:1::1/64"
    assert len(company.pairs(4)) == 6
    assert [(source.name, destination.name) for source, destination in company.pairs(6)] == [("b", "c"), ("c", "b")]
    assert company.machines["b"].in_branch


class Wires(Prover):
    """A prover whose lab lets through what ``passing`` says, loses ``lost`` once, and answers ``answering``."""

    passing: set[Probe]
    answering: set[Probe]
    lost: set[Probe]

    def fire(self, probes):
        asked = set(probes)
        seen, self.lost = (asked & self.passing) - self.lost, set()
        return seen, asked & self.answering


def _wires(passing: set[Probe], answering: set[Probe], lost: frozenset[Probe] = frozenset(), rejecting: tuple[str, ...] = ()) -> Wires:
    wires = Wires(company_of(COMPANY), {}, rejecting)
    wires.passing, wires.answering, wires.lost = passing, answering, set(lost)
    return wires


def test_the_proof_tells_every_kind_of_disagreement_apart() -> None:
    probes = all_probes(company_of(COMPANY), [1, 2, 3, 4])
    one, two, three, four = (Probe("a", "b", "tcp", port, 4) for port in (1, 2, 3, 4))
    found = _wires({one, two}, {two, three}).compare(probes, {two, four})
    assert (found.opened, found.closed) == ([one], [four])
    assert (found.unanswered, found.unrecorded) == ([], [three])
    found = _wires({one}, set()).compare(probes, {one})
    assert found.unanswered == [one] and len(found.disagreements()) == 1


def test_a_lost_packet_is_repeated_and_a_rejecting_host_answers_what_it_refuses() -> None:
    probes = all_probes(company_of(COMPANY), [1, 2])
    one, two = (Probe("a", "b", "tcp", port, 4) for port in (1, 2))
    found = _wires({one}, {one, two}, frozenset({one}), ("b",)).compare(probes, {one})
    assert found.disagreements() == [] and found.repeated == 1


def test_every_wrong_tuple_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("# comment\na\tb\ttcp/1\tallowed\trow 1\na\tb\tipv6:udp/2\trefused\trow 2\na\tb\tgre\trefused\trow 3\n", encoding="utf-8")
    items = read_tuples(path, {"a", "b"})
    assert [(item.probe(), item.allowed) for item in items] == [(Probe("a", "b", "tcp", 1, 4), True), (Probe("a", "b", "udp", 2, 6), False), (None, False)]
    wrong = ("a b tcp allowed x", "a z tcp/1 allowed x", "a b tcp/1 maybe x", "a b udp/1 allowed x", "a b udp/1 refused x")
    path.write_text("".join(line.replace(" ", "\t") + "\n" for line in wrong), encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        read_tuples(path, {"a", "b"})
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == ["t.tsv:1", "t.tsv:2", "t.tsv:3", "t.tsv:5"]


class Kernel:
    """A host whose ``nft`` lists these rules."""

    def __init__(self, *rules: list[dict[str, object]]) -> None:
        listed = [{"rule": {"table": "msports", "chain": "in", "handle": number, "expr": [*rule, {"accept": None}]}} for number, rule in enumerate(rules)]
        self.listed = json.dumps({"nftables": [{"metainfo": {}}, *listed]})

    def call(self, task: str, **arguments: object) -> str:
        return self.listed


def _match(protocol: str, field: str, right: object) -> dict[str, object]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


def test_faults_are_made_only_in_rules_that_alone_decide_about_a_port() -> None:
    source = _match("ip", "saddr", "10.0.0.1")
    alone, twice, inside = ([source, _match("tcp", "dport", port)] for port in (22, 53, 150))
    span = [source, _match("tcp", "dport", {"set": [{"range": [100, 200]}]})]
    out = [_match("ip", "daddr", "10.0.0.1"), _match("tcp", "dport", 25)]
    found = on_purpose._single_port_rules(Kernel(alone, twice, [_match("udp", "dport", 53)], inside, span, out))
    assert [(rule.port, rule.handle, rule.family) for rule in found] == [(22, 0, 4)]
    assert on_purpose._single_port_rules(Kernel(alone, [source])) == []
