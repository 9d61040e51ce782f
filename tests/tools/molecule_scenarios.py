# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Molecule scenarios on booted containers, with an image made by mmdebstrap, because no registry is asked for anything.

Usage: ``molecule_scenarios.py [SCENARIO]...``; none means all. To run them on images of a registry, or with another engine, call ``molecule``
itself (extensions/molecule/README.md).
"""

from __future__ import annotations

import fcntl
import os
import pathlib
import subprocess
import sys
import typing as t

import checkout
import kept

ROOT, CACHE = checkout.ROOT, checkout.CACHE
SCENARIOS = ROOT / "extensions" / "molecule"
# Has the callback packed_once: a scenario starts Ansible nine times.
CALLBACKS = ROOT / "tests" / "tools" / "callbacks"
# Networks of containers belong to the machine by name, subnet and bridge, and outlive a killed run. In namespaces of its own a run has its own.
OWN_NETWORKS = """set -e
for place in "$NETWORKS" /run/containers; do mkdir -p "$place"; mount -t tmpfs networks "$place"; done
ip link set lo up
exec "$@"
"""
OWN = ("unshare", "--net", "--mount", "sh", "-c", OWN_NETWORKS, "sh")
STORAGE = """[storage]
driver = "overlay"
graphroot = "{0}"
runroot = "{1}"
"""

sys.path.insert(0, str(ROOT / "tests" / "integration" / "persistence"))
import booted  # noqa: E402


def scenarios() -> list[str]:
    return sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml"))


def environment(base: t.Mapping[str, str]) -> dict[str, str]:
    """What molecule needs to know; the image is built first when it is not there. Raises ``booted.CannotRun`` with the reason."""
    image = booted.image()
    storage = booted.CACHE / "storage.conf"
    storage.write_text(STORAGE.format(booted.STORAGE, booted.RUNROOT), encoding="utf-8")
    return {
        **base,
        "CONTAINERS_CONF": str(booted.CACHE / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(storage),
        "NETWORKS": str(booted.NETWORKS),
        "MSPORTS_MOLECULE_IMAGE": image,
        "MSPORTS_MOLECULE_PREPARED": "true",
        "MSPORTS_MOLECULE_PRERUN": "false",  # Ansible finds the collection by a link
        "MOLECULE_NO_LOG": "false",
    }


def run(scenario: str, base: t.Mapping[str, str]) -> tuple[int, str]:
    """Run the whole test sequence of one scenario: exit code, and output or the reason why it cannot run."""
    try:
        env = environment(base)
    except booted.CannotRun as error:
        return 1, f"this machine cannot run the containers of Molecule: {error}. MSPORTS_SKIP='molecule-*' leaves the scenarios out by name"
    command = [*OWN, str(pathlib.Path(sys.executable).with_name("molecule")), "test", "--scenario-name", scenario]
    lock = CACHE.joinpath(f"molecule-{scenario}.lock")  # names of containers are the same in two runs of one checkout
    with lock.open("w", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        env = {"MSPORTS_PACKED": str(kept.folder()), **env, "ANSIBLE_CALLBACKS_ENABLED": "packed_once", "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS)}
        done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def main() -> int:
    paths = {"ANSIBLE_COLLECTIONS_PATH": str(checkout.link()), "ANSIBLE_HOME": str(CACHE / "ansible"), "NO_COLOR": "1"}
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    base = {**os.environ, **paths, "PATH": path}
    failed = 0
    for scenario in sys.argv[1:] or scenarios():
        status, output = run(scenario, base)
        print(output if status else f"{scenario}: passed", flush=True)
        failed += status != 0
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
