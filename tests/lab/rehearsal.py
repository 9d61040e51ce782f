# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The whole run, step by step: set up, plan, apply, prove, turn red on purpose, repair, special cases."""

import os
import pathlib
import re
import shutil
import typing as t
from concurrent.futures import ThreadPoolExecutor

import both_systems
import on_purpose
import special_cases
import topology
from ansible_run import ROOT, WINDOWS, Ansible, Played
from background import Background
from company import Company, company_of, read_company
from namespace_host import HostFailed, NamespaceHost, everywhere
from oracle import Oracle
from probed_ports import ports_to_probe
from proof import Findings, Probe, Prover, all_probes
from report import Report
from windows_hosts import Stores, listing, said
from written_tuples import ECHO, PORTLESS, Written, read_tuples

CATALOGS = ROOT / "plugins" / "catalogs"
TUPLES = ROOT / "tests" / "lab" / "tuples"
MATRIX = pathlib.Path(__file__).with_name("matrix.yml")
WORK = pathlib.Path("/run/lab")  # the lab's own tmpfs
STEPS = 10
KEPT = {"plan": "msports-plan", "matrix of flows": "matrix.md", "rulesets as both systems hold them": "rulesets", "this report": "report.json"}
# What is right in the lab: a namespace has no init; and the stand-in for Windows says of every host that it is one, and what runs the C#.
RIGHT_WARNINGS = ("systemd does not run here", "is a stand-in for a Windows host")
BESIDE = "fsp01"  # its few rules are shown as both systems say them


class LabFailed(Exception):
    """The lab itself could not go on; the text says why."""


class Rehearsal:
    """One run. ``hosts`` are there after the first step."""

    def __init__(self, inventory: pathlib.Path, output: pathlib.Path) -> None:
        self.inventory = inventory
        self.report = Report(output, STEPS)
        self.hosts: dict[str, NamespaceHost] = {}
        self.pool = ThreadPoolExecutor(max_workers=1)

    def run(self) -> bool:
        """Do everything and return whether all agreed. A step that cannot be done ends the run as a disagreement."""
        try:
            self._set_up()
            self._plan()
            self._without_rules()
            self._apply_windows()
            self._apply()
            self._prove()
            self._by_hand()
            self._on_purpose()
            self._repair()
            self._special_cases()
        except (LabFailed, HostFailed, LookupError, ValueError, RuntimeError, OSError) as error:
            self.report.disagree([f"the run stopped: {type(error).__name__}: {error}"])
        self._conclude()
        return not self.report.disagreements

    def _set_up(self) -> None:
        with self.report.step("Set up: every host of the inventory as a network namespace, on routed subnets"):
            WORK.mkdir()
            self.company: Company = read_company(self.inventory, WORK / "ansible")
            self.hosts = topology.build(self.company)
            self.stores = Stores(WORK / "windows", self.company)
            self.ansible = Ansible(self.inventory, WORK, {name: host.pid for name, host in self.hosts.items()}, self.stores.folder)
            told = {name: known["vars"] for name, known in self.company.inventory["hosts"].items()}
            rejecting = {name for name, variables in told.items() if variables.get("msports_default_inbound") == "reject"}
            self.prover = Prover(self.company, self.hosts, rejecting)
            self.prover.prepare()
            self.oracle = Background(_ask_oracle, self.company.inventory)
            self.report.say(f"{len(self.company.machines)} hosts, {len(self.company.segments())} subnets, {len(self.company.pairs(6))} pairs with IPv6 too")
            self.report.say(f"{len(self.stores.names)} of them run Windows: each is played by a namespace, and by a policy store as well")
            self.report.count("hosts", len(self.company.machines))
            self.report.count("windows hosts", len(self.stores.names))

    def _plan(self) -> None:
        with self.report.step("Plan: ansible-playbook portcullis.msports.plan"):
            self._say(self._play("portcullis.msports.plan"), "msg")
            self._start_windows(2)
            self._play(str(MATRIX))
            for name in ("msports-plan", "matrix.csv", "matrix.md"):
                self._keep(name)

    def _without_rules(self) -> None:
        with self.report.step("Before any rule: the wires carry every probe and every exchange"):
            self.ports = ports_to_probe(CATALOGS, self.company.inventory)
            self.probes = all_probes(self.company, self.ports)
            self._told("before", self.prover.compare(self.probes, set(self.probes)))
            outcomes = special_cases.run_cases(special_cases.Lab(self.company, self.hosts))
            checks, refusals = (sum(map(count, outcomes)) for count in (lambda outcome: outcome.checks, lambda outcome: len(outcome.refused)))
            wrong = [text for outcome in outcomes for text in outcome.without_rules()]
            self.report.say(f"{checks} special exchanges, {refusals} of which must be refused later; {checks - len(wrong)} succeed now")
            self.report.disagree(f"before: {text}" for text in wrong)

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
            self._keep_rulesets()
            self._show_beside()
            differing = self._differing()
            self.report.say(f"of {len(self.stores.names)} hosts, {len(self.stores.names) - len(differing)} allow the same by kernel and by policy store")
            self.report.count("hosts alike on both systems", len(self.stores.names) - len(differing))
            self.report.disagree(f"both systems: {name}: {text}" for name, texts in differing.items() for text in texts)

    def _prove(self) -> None:
        with self.report.step("Packet proof: every pair of hosts, every port, against the oracle"):
            self.ports, allowed = self.oracle.result()
            self.probes = all_probes(self.company, self.ports)
            self.expected = {Probe(*item) for item in allowed}
            bare = sum(probe.destination not in self.managed for probe in self.expected)
            self.report.say(f"{len(self.ports)} ports from {self.ports[0]} to {self.ports[-1]}, TCP and UDP, IPv4 and IPv6")
            self.report.say(f"the oracle allows {len(self.expected)}: {bare} to hosts without a ruleset, {len(self.expected) - bare} to hosts with one")
            self._told("proof", self.prover.compare(self.probes, self.expected))

    def _by_hand(self) -> None:
        with self.report.step("Packet proof: the tuples written by hand from the documents"):
            path = TUPLES / f"{self.inventory.name}.tsv"
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

    def _repair(self) -> None:
        with self.report.step("Repaired by a new apply, which changes nothing else; proven again"):
            self._start_windows(1)
            changed = self._play("portcullis.msports.apply").changed()
            broken = {fault.host for fault in self.faults}
            self.report.say(f"changed: {', '.join(sorted(changed)) or 'nothing'}")
            self.report.disagree(f"repair: {name} was broken and is not repaired" for name in sorted(broken - changed))
            self.report.disagree(f"repair: {name} was in order and is changed all the same" for name in sorted(changed - broken))
            self._told("proof", self.prover.compare(self.probes, self.expected))
            (again,) = self._windows()
            repaired = sorted(name for name, result in again.items() if result["changed"])
            self.report.say(f"changed among the policy stores: {', '.join(repaired) or 'nothing'}")
            self.report.disagree([f"repair: {BESIDE} alone had a rule less, and changed were: {repaired}"] if repaired != [BESIDE] else [])

    def _special_cases(self) -> None:
        with self.report.step("Special cases, each by a real exchange"):
            for outcome in special_cases.run_cases(special_cases.Lab(self.company, self.hosts)):
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

    def _play(self, playbook: str) -> Played:
        return self._checked(playbook, self.ansible.play(playbook))

    def _checked(self, playbook: str, played: Played) -> Played:
        if played.code != 0:
            raise LabFailed(f"{playbook} ended with {played.code}:\n{played.text}")
        for line in played.text.splitlines():
            if "[WARNING]" in line and not any(right in line for right in RIGHT_WARNINGS):
                self.report.disagree([f"{playbook} warns: {line}"])
        return played

    def _say(self, played: Played, key: str) -> None:
        for line in played.text.splitlines():
            if f'"{key}":' in line:
                self.report.say(line.split(":", 1)[1].strip(' ",'))

    def _told(self, name: str, found: Findings) -> None:
        wrong = found.disagreements()
        self.report.count(f"{name} probes", found.probes)
        self.report.count(f"{name} answers", found.cross_checked)
        self.report.say(
            f"{found.probes} probes in {found.seconds:.1f} s, {found.allowed} to pass and {found.probes - found.allowed} to be stopped; "
            f"{found.cross_checked} cross-checked with what senders saw, {found.repeated} repeated, {len(wrong)} disagree"
        )
        self.report.disagree(f"{name}: {text}" for text in wrong)

    def _keep(self, name: str) -> None:
        source = WORK / name
        if source.is_dir():
            shutil.copytree(source, self.report.folder / name)
        else:
            shutil.copy(source, self.report.folder / name)

    def _keep_rulesets(self) -> None:
        folder = self.report.folder / "rulesets"
        folder.mkdir()
        listed = everywhere([self.hosts[name] for name in sorted(self.managed)], "run", command=["nft", "list", "table", "inet", on_purpose.TABLE])
        for name, text in listed.items():
            (folder / f"{name}.nft").write_text(text, encoding="utf-8")
        for name in self.stores.names:
            (folder / f"{name}.windows.txt").write_text(listing(self.stores.own(name)), encoding="utf-8")

    def _start_windows(self, times: int) -> None:
        """Begin to apply to the Windows hosts, so often one after the other, while packets fly: :meth:`_windows` waits for it."""
        self.windows = self.pool.submit(lambda: [self.ansible.play("portcullis.msports.apply", WINDOWS) for _time in range(times)])

    def _windows(self) -> list[dict[str, t.Mapping[str, t.Any]]]:
        """Return what each host gave, for each of the runs."""
        found = []
        for played in self.windows.result():
            results = self._checked("portcullis.msports.apply", played).results
            if missing := sorted(set(self.stores.names) - set(results)):
                raise LabFailed(f"windows: these hosts were not applied to: {', '.join(missing)}")
            found.append({name: results[name] for name in self.stores.names})
        return found

    def _differing(self) -> dict[str, list[str]]:
        """Return what only one of a host's two stand-ins allows, for the hosts where there is such a thing."""
        found = {name: both_systems.differences(self.ansible.collections, self.hosts[name], self.stores.own(name)) for name in self.stores.names}
        return {name: texts for name, texts in found.items() if texts}

    def _show_beside(self) -> None:
        """Say some rules of one host as each system holds them."""
        listed = (self.report.folder / "rulesets" / f"{BESIDE}.nft").read_text(encoding="utf-8")
        kernel: dict[str, list[str]] = {}
        for text, name in re.findall(r'^\s*(.*) comment "([^"]*)"$', listed, re.MULTILINE):
            kernel.setdefault(name, []).append(text)
        rules = [rule for rule in self.stores.own(BESIDE) if rule["name"] in kernel]
        self.report.say(f"{BESIDE} has {len(rules)} rules; some of them on Windows and on Linux:")
        for rule in sorted(rules, key=lambda rule: str(rule["local_ports"]))[-4:]:
            self.report.say(f"  {rule['name']}")
            self.report.say(f"    Windows   {said(rule)}")
            for text in kernel[rule["name"]]:
                self.report.say(f"    nftables  {text}")


def _written(result: t.Mapping[str, t.Any]) -> tuple[int, int, int]:
    """Return the rules, calls and commits of one ``apply`` on Windows."""
    return len(result["added"]), result["calls"]["remote_calls"], result["calls"]["commits"]


def _ask_oracle(inventory: t.Mapping[str, t.Any]) -> tuple[list[int], list[tuple[t.Any, ...]]]:
    """Return the ports to probe and the probes that the oracle allows."""
    company = company_of(inventory)
    oracle = Oracle(inventory, CATALOGS)
    ports = ports_to_probe(CATALOGS, inventory, {port for named in oracle.ports().values() for port in named})
    return ports, [tuple(probe) for probe in all_probes(company, ports) if oracle.allows(*probe)]


def _shown(path: pathlib.Path) -> str:
    return os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else str(path)
