# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the images of the Molecule scenarios are given: the managers that a scenario needs, from where each family of distributions has them."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import typing as t

import pytest

from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

MOLECULE = pathlib.Path(__file__).resolve().parents[3] / "extensions" / "molecule"
SCENARIOS = sorted(path.parent.name for path in MOLECULE.glob("*/molecule.yml"))


def inventory(scenario: str) -> dict[str, t.Any]:
    found: dict[str, t.Any] = safe_load(MOLECULE.joinpath(scenario, "inventory", "hosts.yml").read_text(encoding="utf-8"))
    return t.cast("dict[str, t.Any]", found["all"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_asks_for_the_managers_of_its_hosts_and_no_other(scenario: str) -> None:
    estate = inventory(scenario)
    backends = {host.get("backend", estate["vars"].get("backend")) for host in estate["children"]["hosts"]["hosts"].values()}
    assert sorted(estate["vars"]["packages"]) == sorted(backends | {"nftables"})


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_probes_the_stray_rule_the_rule_that_left_and_somebody_else_s(scenario: str) -> None:
    estate = inventory(scenario)
    managed = set(estate["children"]["managed"]["hosts"])
    probed = {(probe["to"], probe["port"]) for probe in estate["vars"]["probes"]}
    asked = managed if scenario == "mixed" else {"mp"}
    assert {(host, port) for host in asked for port in (7777, 8888)} <= probed
    assert {(host, 22) for host in asked} <= probed
    assert {(host, 9999) for host in asked} <= probed or scenario == "nftables"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_probe_begins_at_a_host_and_leads_to_one(scenario: str) -> None:
    """Each host makes its own; those of another name nobody would make."""
    estate = inventory(scenario)
    named = {probe[end] for probe in estate["vars"]["probes"] for end in ("from", "to")}
    assert named <= set(estate["children"]["hosts"]["hosts"])


def test_the_scenario_of_the_whole_run_shows_of_each_backend_what_the_others_show() -> None:
    """Each port that a scenario of one backend probes at its management point is probed, with the same answer, at the host of that backend."""
    mixed = inventory("mixed")
    hosts = {host["backend"]: name for name, host in mixed["children"]["hosts"]["hosts"].items() if name in mixed["children"]["managed"]["hosts"]}
    shown = {(probe["to"], probe["port"], probe["open"]) for probe in mixed["vars"]["probes"]}
    outward = {(probe["from"], probe["port"]) for probe in mixed["vars"]["probes"] if probe["to"] == "outsider"}
    assert set(hosts) == {scenario for scenario in SCENARIOS if scenario != "mixed"}
    for backend, name in hosts.items():
        probes = inventory(backend)["vars"]["probes"]
        missing = {(probe["port"], probe["open"]) for probe in probes if probe["to"] == "mp" and (name, probe["port"], probe["open"]) not in shown}
        # A site server is asked nothing by clients.
        assert missing == ({(443, True)} if name == "site" else set()), backend
        assert {(name, probe["port"]) for probe in probes if probe["from"] == "mp"} <= outward


def script() -> str:
    """The shell script of the Containerfile."""
    text = MOLECULE.joinpath("shared", "Containerfile").read_text(encoding="utf-8")
    return re.sub(r"\\\n", "\n", text.split("RUN ", 1)[1].split("\nCMD", 1)[0])


@pytest.mark.parametrize(
    ("manager", "packages", "asked"),
    [
        (
            "apt-get",
            "nftables ufw",
            ["update -q", "install -q -y --no-install-recommends systemd systemd-sysv dbus python3 iproute2 openssh-server nftables ufw"],
        ),
        ("dnf", "nftables firewalld", ["install -y systemd dbus python3 iproute findutils openssh-server nftables firewalld"]),
        ("dnf", "nftables ufw", ["install -y epel-release", "install -y systemd dbus python3 iproute findutils openssh-server nftables ufw"]),
    ],
)
def test_epel_is_asked_for_ufw_alone(tmp_path: pathlib.Path, manager: str, packages: str, asked: list[str]) -> None:
    program, log = tmp_path / manager, tmp_path / "log"
    program.write_text(f'#!/bin/sh\necho "$*" >> {log}\n')
    program.chmod(0o755)
    shell = shutil.which("sh")
    assert shell
    subprocess.run([shell, "-c", script()], env={"PATH": str(tmp_path), "PACKAGES": packages}, check=True, capture_output=True, timeout=600)
    assert log.read_text().splitlines() == asked


def test_a_package_that_is_not_there_fails_the_image(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "apt-get"
    program.write_text('#!/bin/sh\ncase "$1" in update) exit 100 ;; esac\n')
    program.chmod(0o755)
    shell = shutil.which("sh")
    assert shell
    assert (
        subprocess.run([shell, "-c", script()], env={"PATH": str(tmp_path), "PACKAGES": "nftables"}, check=False, capture_output=True, timeout=600).returncode
        == 100
    )
