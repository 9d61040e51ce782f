# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks of the Molecule scenarios say to the container engines: every command line, parsed by the engine's own program where it is."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t
import warnings

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "extensions" / "molecule" / "shared"

# Options that only one of the two knows, as of podman 4.3 and docker 20.10 to 28: no command line may have one of the other's.
ONLY = {"podman": {"--systemd", "--replace", "--ignore", "--time"}, "docker": {"--privileged", "--cgroupns", "--stop-signal"}}
PACKAGES = {"podman": "the package podman", "docker": "the package docker-cli, in older Debian docker.io"}


@functools.lru_cache
def command_lines(engine: str) -> list[list[str]]:
    """Every command line of the engine, as Ansible makes it of the playbooks and vars/engine.yml."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MSPORTS_MOLECULE_")}
    chosen = {"MSPORTS_MOLECULE_ENGINE": engine, "MSPORTS_MOLECULE_BUILD_OPTIONS": "--network host", "MOLECULE_SCENARIO_NAME": "nftables"}
    program = [sys.executable, str(HERE / "command_lines.py")]
    done = subprocess.run(program, env={**kept, **chosen}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return t.cast("list[list[str]]", json.loads(done.stdout))


def refused(line: t.Sequence[str], folder: pathlib.Path) -> str:
    """What the engine's own program says against the options of a command line; nothing is run, and no daemon is asked."""
    words = 2 if line[1] == "network" else 1
    asked = [*line[: 1 + words], "--help", *line[1 + words :]]  # options are parsed first, and a wrong one is told instead of the help
    environment = {**os.environ, "DOCKER_HOST": f"unix://{folder}/nobody.sock", "DOCKER_CONFIG": str(folder), "HOME": str(folder)}
    done = subprocess.run(asked, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600)
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_every_verb_is_said_to_either_engine(engine: str) -> None:
    verbs = [" ".join(line[1:3]) if line[1] == "network" else line[1] for line in command_lines(engine)]
    assert verbs == ["build", "network create", "run", "exec", "network rm", "restart", "rm"]


@pytest.mark.parametrize(("engine", "other"), [("podman", "docker"), ("docker", "podman")])
def test_no_engine_is_told_what_only_the_other_knows(engine: str, other: str) -> None:
    said = {part.partition("=")[0] for line in command_lines(engine) for part in line}
    assert said & ONLY[other] == set()
    assert said & ONLY[engine] != set()


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_the_engine_takes_every_option(engine: str, tmp_path: pathlib.Path) -> None:
    if shutil.which(engine) is None:
        warnings.warn(f"NOT PARSED BY {engine.upper()}: no such program ({PACKAGES[engine]}); only the table of options was compared", stacklevel=1)
        return
    wrong = {" ".join(line): why for line in command_lines(engine) if (why := refused(line, tmp_path))}
    assert wrong == {}
    assert "--nonsense" in refused([engine, "run", "--nonsense", "image"], tmp_path)


def test_docker_finds_the_containerfile_and_ends_systemd_in_order() -> None:
    lines = {line[1]: line for line in command_lines("docker")}
    assert lines["build"][2:4] == ["--file", f"{SHARED}/Containerfile"]  # by itself it looks for a Dockerfile
    assert lines["build"][-3:] == ["--network", "host", str(SHARED)]
    assert "PACKAGES=nftables ufw" in lines["build"]
    assert "--stop-signal=SIGRTMIN+3" in lines["run"]
    assert lines["run"][-2:] == ["localhost/msports-nftables:latest", "/sbin/init"]


@pytest.mark.parametrize(
    ("said", "nothing"),
    [
        ("Error: No such container: msports-ufw-mp", True),
        ("Error response from daemon: No such container: msports-ufw-mp", True),
        ("Error response from daemon: network msports-ufw not found", True),
        ("Error: No such network: msports-ufw", True),
        ("Error: unable to find network with name or ID msports-ufw: network not found", True),
        ('Error: "msports-ufw" has associated containers with it. Use -f to forcibly delete containers and pods: network is being used', False),
        ('Error: default OCI runtime "runc" not found: invalid argument', False),
        ("permission denied while trying to connect to the Docker daemon socket", False),
    ],
)
def test_only_that_there_is_nothing_to_remove_is_no_failure(said: str, nothing: bool) -> None:
    pattern = yaml.safe_load(SHARED.joinpath("vars", "engine.yml").read_text(encoding="utf-8"))["nothing_there"]
    assert bool(re.search(pattern, said)) == nothing
