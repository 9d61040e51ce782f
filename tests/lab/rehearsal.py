# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The whole run, step by step: set up, plan, apply, prove, turn red on purpose, repair, special cases, upgrade."""

import os
import pathlib
import typing as t

import on_purpose
import special_cases
import topology
from ansible_run import ROOT, Ansible
from background import Background
from company import Company, company_of, read_company
from namespace_host import HostFailed
from observing import Sessions, tried, wrong_ends
from oracle import Oracle
from probed_ports import ports_to_probe
from proof import Probe, Prover, all_probes
from report import Report
from stage import BESIDE, WORK, LabFailed, Stage
from windows_hosts import Stores
from written_tuples import ECHO, PORTLESS, Written, read_tuples

CATALOGS = ROOT / "plugins" / "catalogs"
TUPLES = ROOT / "tests" / "lab" / "tuples"
MATRIX = pathlib.Path(__file__).with_name("matrix.yml")
NEWEST = pathlib.Path(__file__).with_name("newest_editions")
STEPS = 12
SERVERS = ("linux01", "relay01")  # Linux in the plan too, so that what it says of their defaults holds here
KEPT = {
    "plan": "msports-plan",
    "matrix of flows": "matrix.md",
    "rulesets as both systems hold them": "rulesets",
    "what this run found": "report.json",
    "report of the plan, for a browser": "firewalls.html",
}


class Rehearsal(Stage):
    """One run."""

    def __init__(self, inventory: pathlib.Path, output: pathlib.Path) -> None:
        super().__init__(Report(output, STEPS))
        self.inventory = inventory

    def run(self) -> bool:
        """Do everything and return whether all agreed. A step that cannot be done ends the run as a disagreement."""
        try:
            self._set_up()
            self._plan()
            self._without_rules()
            self._preflight()
            self._apply_windows()
            self._apply()
            self._prove()
            self._by_hand()
            self._on_purpose()
            self._repair()
            self._special_cases()
            self._upgrade()
        except (LabFailed, HostFailed, LookupError, ValueError, RuntimeError, OSError) as error:
            self.report.disagree([f"the run stopped: {type(error).__name__}: {error}"])
        self._conclude()
        return not self.report.disagreements

    def _set_up(self) -> None:
        with self.report.step("Set up: every host of the inventory as a network namespace, on routed subnets"):
            WORK.mkdir()
            self.company: Company = read_company(self.inventory, home=WORK / "ansible")
            self.newest = read_company(self.inventory, NEWEST, home=WORK / "ansible")
            self.hosts = topology.build(self.newest)
            self.stores = Stores(WORK / "windows", self.company)
            self.ansible = Ansible(self.inventory, WORK, {name: host.pid for name, host in self.hosts.items()}, self.stores.folder)
            told = {name: known["vars"] for name, known in self.company.inventory["hosts"].items()}
            rejecting = {name for name, variables in told.items() if variables.get("msports_default_inbound") == "reject"}
            self.prover = Prover(self.newest, self.hosts, rejecting)
            self.prover.prepare()
            self.oracles = Background(_ask_oracles, [self.company.inventory, self.newest.inventory])
            self.report.say(f"{len(self.company.machines)} hosts, {len(self.company.segments())} subnets, {len(self.company.pairs(6))} pairs with IPv6 too")
            self.report.say(f"{len(self.stores.names)} of them run Windows: each is played by a namespace, and by a policy store as well")
            self.report.count("hosts", len(self.company.machines))
            self.report.count("windows hosts", len(self.stores.names))

    def _plan(self) -> None:
        with self.report.step("Plan: ansible-playbook portcullis.msports.plan"):
            self._say(self._play("portcullis.msports.plan"))
            self._start_windows(2)
            self._play(str(MATRIX))
            for name in ("msports-plan", "matrix.csv", "matrix.md", "firewalls.html"):
                self._keep(name)

    def _without_rules(self) -> None:
        with self.report.step("Before any rule: the wires carry every probe and every exchange"):
            self.ports = ports_to_probe(CATALOGS, self.company.inventory)
            self.probes = all_probes(self.company, self.ports)
            self._told("before", self.prover.compare(self.probes, set(self.probes)))
            outcomes = special_cases.run_cases(special_cases.Lab(self.company, self.hosts), special_cases.CASES)
            checks, refusals = (sum(map(count, outcomes)) for count in (lambda outcome: outcome.checks, lambda outcome: len(outcome.refused)))
            wrong = [text for outcome in outcomes for text in outcome.without_rules()]
            self.report.say(f"{checks} special exchanges, {refusals} of which must be refused later; {checks - len(wrong)} succeed now")
            self.report.disagree(f"before: {text}" for text in wrong)

    def _preflight(self) -> None:
        with self.report.step("Preflight: an estate in use, and what the plan would cut of that"):
            self.sessions = Sessions(self.company, self.hosts, SERVERS)
            self.in_use = self.sessions.open(keep=True)
            played = self.ansible.play("portcullis.msports.preflight", host_firewall_accept_cut=[])
            self.announced = self.sessions.announced(played.text)
            self.report.say(f"{len(self.in_use)} sessions to {' and '.join(SERVERS)}; preflight announces that {len(self.announced)} of them would be cut")
            self.report.disagree([] if self.announced and played.code == 2 else [f"preflight ended with {played.code}:\n{played.text[-3000:]}"])

    def _compare_sessions(self) -> None:
        """What cannot be opened any more is what was announced, and nothing else."""
        cut = self.in_use - self.sessions.open(keep=False)
        self.sessions.end()
        unannounced, spared = sorted(cut - self.announced), sorted(self.announced - cut)
        told = f"{len(unannounced)} unannounced, {len(spared)} announced and not cut"
        self.report.say(f"{len(cut)} of {len(self.in_use)} sessions cannot be opened any more: {told}")
        self.report.count("sessions cut as announced", len(cut & self.announced))
        self.report.count("preflight missed", len(unannounced))
        self.report.count("preflight false alarms", len(spared))
        self.report.disagree(f"preflight: {item} was cut and not announced" for item in unannounced)
        self.report.disagree(f"preflight: {item} was announced and not cut" for item in spared)

    def _verify(self, expected: t.Collection[tuple[str, int]]) -> None:
        """Verify from the hosts themselves: it complains of what is expected, and of nothing else."""
        played = self.ansible.play("portcullis.msports.verify")
        wrong = wrong_ends(played.text)
        self.report.say(f"verify complains of {len(wrong)} ports of hosts; {len(wrong & set(expected))} of {len(expected)} faults are among them")
        self.report.count("verify probes", tried(played.text))
        self.report.count("verify faults seen", len(wrong & set(expected)))
        self.report.count("verify false alarms", len(wrong - set(expected)))
        if wrong != set(expected) or played.code != (2 if expected else 0):
            self.report.disagree([f"verify ended with {played.code} and complains of {sorted(wrong)}, not of {sorted(expected)}:\n{played.text[-3000:]}"])

    def _apply_windows(self) -> None:
        with self.report.step("Apply to the Windows hosts, twice: their policy stores, through what Ansible sends to PowerShell"):
            first, second = self._windows()
            rules, calls, commits = (sum(numbers) for numbers in zip(*map(_written, first.values()), strict=True))
            again = sorted(name for name, result in second.items() if result["changed"])
            self.report.say(f"{len(first)} hosts got {rules} rules by {calls} calls of a module and {commits} commits; once more: {len(again)} changed")
            self.report.count("windows rules", rules)
            self.report.disagree(f"windows: {name}: a second run changed it" for name in again)
            self.report.disagree(f"windows: {name}: not in force" for name, result in second.items() if not result["effective"]["in_force"])
            self.report.disagree(f"windows: {name}: rules of others are not what they were" for name in self.stores.touched())
            self._say_what_else_is_admitted(second)

    def _say_what_else_is_admitted(self, results: t.Mapping[str, t.Mapping[str, t.Any]]) -> None:
        wider = {name: result["effective"] for name, result in results.items() if not result["effective"]["exact"]}
        self.report.say(f"effective.exact is false on {len(wider)} of them, because rules that Windows and its products bring admit more:")
        self.report.count("windows hosts not exact", len(wider))
        shown: set[str] = set()
        for name, effective in sorted(wider.items(), key=lambda item: (-len(item[1]["reasons"][0]), item[0])):
            text = "; ".join(effective["reasons"])
            if text not in shown:
                shown.add(text)
                self.report.say(f"  {name}: {text}")

    def _apply(self) -> None:
        with self.report.step("Apply to Linux, which every host runs here: ansible-playbook portcullis.msports.apply"):
            self.managed = self._play("portcullis.msports.apply").changed()
            self.report.say(f"{len(self.managed)} hosts got a ruleset")
            self._compare_sessions()
            self._keep_rulesets()
            self._show_beside()
            differing = self._differing()
            self.report.say(f"of {len(self.stores.names)} hosts, {len(self.stores.names) - len(differing)} allow the same by kernel and by policy store")
            self.report.count("hosts alike on both systems", len(self.stores.names) - len(differing))
            self.report.disagree(f"both systems: {name}: {text}" for name, texts in differing.items() for text in texts)

    def _prove(self) -> None:
        with self.report.step("Packet proof: every pair of hosts, every port, against the oracle"):
            told, self.told_of_newest = self.oracles.result()
            self._expect(told)
            bare = sum(probe.destination not in self.managed for probe in self.expected)
            self.report.say(f"{len(self.ports)} ports from {self.ports[0]} to {self.ports[-1]}, TCP and UDP, IPv4 and IPv6")
            self.report.say(f"the oracle allows {len(self.expected)}: {bare} to hosts without a ruleset, {len(self.expected) - bare} to hosts with one")
            self._told("proof", self.prover.compare(self.probes, self.expected))

    def _expect(self, told: tuple[list[int], list[tuple[t.Any, ...]]]) -> None:
        self.ports, allowed = told
        self.probes = all_probes(self.company, self.ports)
        self.expected = {Probe(*item) for item in allowed}

    def _by_hand(self) -> None:
        with self.report.step("Packet proof: the tuples written by hand from the documents"):
            self._compare_tuples(TUPLES / f"{self.inventory.name}.tsv")

    def _compare_tuples(self, path: pathlib.Path) -> None:
        written = read_tuples(path, self.company.machines)
        probes = {probe: item for item in written if (probe := item.probe())}
        found = self.prover.compare(sorted(probes), {probe for probe, item in probes.items() if item.allowed})
        wrong = [probes[probe] for probe in found.opened + found.closed]
        wrong += [item for item in written if not item.probe() and self._passes(item) != item.allowed]
        refused = sum(not item.allowed for item in written)
        self.report.say(f"{len(written)} tuples, {len(written) - refused} allowed and {refused} refused, {len(wrong)} disagree")
        self.report.count("tuples", len(written))
        self.report.disagree(f"by hand: {path.name} {item}" for item in sorted(wrong, key=lambda item: item.line))

    def _passes(self, item: Written) -> bool:
        """Try what has no ports: an echo request, or a packet of another protocol."""
        source, destination = self.hosts[item.source], self.hosts[item.destination]
        address = self.company.machines[item.destination].address(item.family)
        if item.service == ECHO:
            return bool(source.call("ping", address=address, family=item.family))
        destination.call("listen", name="portless", port=PORTLESS[item.service], kind="raw")
        source.call("send_protocol", address=address, protocol=PORTLESS[item.service])
        return destination.call("receive", name="portless") is not None

    def _on_purpose(self) -> None:
        with self.report.step("Red on purpose: a rule deleted, a rule widened, an address swapped"):
            self.faults = on_purpose.make_faults(self.company, self.hosts, self.expected)
            lost = self.stores.lose_a_rule(BESIDE)
            seen = sorted(self._differing())
            self.report.say(
                f"a rule deleted in the policy store of {BESIDE} ({lost}): seen as a difference between the systems at {', '.join(seen) or 'no host'}"
            )
            self.report.disagree([f"on purpose, in the policy store of {BESIDE}: not seen as it is: {seen}"] if seen != [BESIDE] else [])
            broken = {fault.host for fault in self.faults}
            found = self.prover.compare(all_probes(self.company, self.ports, broken), self.expected)
            opened, closed = set(found.opened), set(found.closed)
            for fault in self.faults:
                saw_opened, saw_closed = (frozenset(probe for probe in seen if probe.destination == fault.host) for seen in (opened, closed))
                right = (saw_opened, saw_closed) == (fault.opens, fault.closes)
                self.report.say(f"{fault.title} at {fault.host} ({fault.rule.comment}): {len(saw_opened)} wrongly open, {len(saw_closed)} wrongly closed")
                self.report.count("faults seen", int(right))
                if not right:
                    wrong = sorted((saw_opened ^ fault.opens) | (saw_closed ^ fault.closes))
                    self.report.disagree(f"on purpose, {fault.title} at {fault.host}: not seen as it is: {probe}" for probe in wrong)
            self._verify({(fault.host, fault.rule.port) for fault in self.faults})

    def _repair(self) -> None:
        with self.report.step("Repaired by a new apply, which changes nothing else; what was broken is proven again"):
            self._start_windows(1)
            changed = self._play("portcullis.msports.apply").changed()
            broken = {fault.host for fault in self.faults}
            self.report.say(f"changed: {', '.join(sorted(changed)) or 'nothing'}")
            self.report.disagree(f"repair: {name} was broken and is not repaired" for name in sorted(broken - changed))
            self.report.disagree(f"repair: {name} was in order and is changed all the same" for name in sorted(changed - broken))
            self._told("proof", self.prover.compare(all_probes(self.company, self.ports, broken), self.expected))
            self._verify(())
            (again,) = self._windows()
            repaired = sorted(name for name, result in again.items() if result["changed"])
            self.report.say(f"changed among the policy stores: {', '.join(repaired) or 'nothing'}")
            self.report.disagree([f"repair: {BESIDE} alone had a rule less, and changed were: {repaired}"] if repaired != [BESIDE] else [])

    def _upgrade(self) -> None:
        with self.report.step("Upgraded: the newest edition of each product, planned, applied and proven as a whole"):
            self.ansible.inventories.append(NEWEST)
            self._play("portcullis.msports.plan")
            changed = self._play("portcullis.msports.apply").changed()
            expected = {Probe(*item) for item in self.told_of_newest[1]}
            opened, closed = (len(one - other) for one, other in ((expected, self.expected), (self.expected, expected)))
            self.report.say(f"{len(changed)} hosts changed; the oracle allows {opened} probes more, and {closed} no longer")
            self.report.disagree([] if changed and opened and closed else ["upgrade: nothing came or nothing went, so it proves nothing"])
            self.company = self.newest
            self._expect(self.told_of_newest)
            self._told("proof", self.prover.compare(self.probes, self.expected))
            self._compare_tuples(TUPLES / f"{NEWEST.name}.tsv")
            self._tell_cases(special_cases.AFTER_THE_UPGRADE)

    def _special_cases(self) -> None:
        with self.report.step("Special cases, each by a real exchange"):
            self._tell_cases(special_cases.CASES)

    def _tell_cases(self, cases: t.Sequence[special_cases.Case]) -> None:
        for outcome in special_cases.run_cases(special_cases.Lab(self.company, self.hosts), cases):
            self.report.say(f"{outcome.title}: {outcome.checks - len(outcome.failures)} of {outcome.checks}")
            self.report.count("special exchanges", outcome.checks)
            self.report.disagree(outcome.failures)

    def _conclude(self) -> None:
        counts = self.report.counts
        path = self.report.save()
        print()
        if self.report.disagreements:
            print(f"{len(self.report.disagreements)} DISAGREEMENTS; all of them are in {path}")
            return
        print("Everything agrees. Proven by packets through real kernels:")
        print(f"  {counts['proof probes']} probes among {counts['hosts']} hosts: 0 wrongly open, 0 wrongly closed;")
        print(f"  {counts['proof answers']} of them cross-checked with what the senders saw")
        print(f"  {counts['tuples']} tuples written by hand, {counts['faults seen']} faults on purpose seen, {counts['special exchanges']} special exchanges")
        print(f"The same plan, {counts['windows rules']} rules on {counts['windows hosts']} Windows hosts, against stand-ins of their policy stores:")
        print("  they allow what the kernels allow; once more, and nothing changes")
        for what, name in KEPT.items():
            print(f"  {what + ':':36}{_shown(self.report.folder / name)}")


def _written(result: t.Mapping[str, t.Any]) -> tuple[int, int, int]:
    """Return the rules, calls and commits of one ``apply`` on Windows."""
    return len(result["added"]), result["calls"]["remote_calls"], result["calls"]["commits"]


def _ask_oracles(inventories: t.Sequence[t.Mapping[str, t.Any]]) -> list[tuple[list[int], list[tuple[t.Any, ...]]]]:
    return list(map(_ask_oracle, inventories))


def _ask_oracle(inventory: t.Mapping[str, t.Any]) -> tuple[list[int], list[tuple[t.Any, ...]]]:
    """Return the ports to probe and the probes that the oracle allows."""
    company = company_of(inventory)
    oracle = Oracle(inventory, CATALOGS)
    ports = ports_to_probe(CATALOGS, inventory, {port for named in oracle.ports().values() for port in named})
    return ports, [tuple(probe) for probe in all_probes(company, ports) if oracle.allows(*probe)]


def _shown(path: pathlib.Path) -> str:
    return os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else str(path)
