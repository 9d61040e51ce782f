# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What every step of a run stands on: playbooks that are played and looked at, policy stores that are written meanwhile, what is told and kept."""

import pathlib
import re
import shutil
import typing as t
from concurrent.futures import Future, ThreadPoolExecutor

import both_systems
import on_purpose
from ansible_run import WINDOWS, Ansible, Played
from namespace_host import NamespaceHost, everywhere
from proof import Findings
from report import Report
from windows_hosts import Stores, listing, said

WORK = pathlib.Path("/run/lab")  # the lab's own tmpfs
# What is right in the lab: a namespace has no init; and the stand-in for Windows says of every host that it is one, and what runs the C#.
RIGHT_WARNINGS = ("systemd does not run here", "is a stand-in for a Windows host")
BESIDE = "fsp01"  # its few rules are shown as both systems say them


class LabFailed(Exception):
    """The lab itself could not go on; the text says why."""


class Stage:
    """The hosts, their stores and the controller; ``hosts``, ``stores`` and ``ansible`` come with the first step."""

    stores: Stores
    ansible: Ansible
    managed: set[str]
    windows: Future[list[Played]]

    def __init__(self, report: Report) -> None:
        self.report = report
        self.hosts: dict[str, NamespaceHost] = {}
        self.pool = ThreadPoolExecutor(max_workers=1)

    def _play(self, playbook: str) -> Played:
        return self._checked(playbook, self.ansible.play(playbook))

    def _checked(self, playbook: str, played: Played) -> Played:
        if played.code != 0:
            raise LabFailed(f"{playbook} ended with {played.code}:\n{played.text}")
        for line in played.text.splitlines():
            if "[WARNING]" in line and not any(right in line for right in RIGHT_WARNINGS):
                self.report.disagree([f"{playbook} warns: {line}"])
        return played

    def _say(self, played: Played) -> None:
        """Say what the summary of a plan says, a line a fact."""
        for line in played.text.split('"msg": [', 1)[-1].split("]\n", 1)[0].splitlines():
            if line.strip():
                self.report.say(line.strip(' ",'))

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
