# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario of Molecule says why it failed, or why it cannot run on this machine."""

from __future__ import annotations

import pathlib

import pytest
from tools_under_test import load


def test_a_failure_of_molecule_is_shown_with_what_is_around_it() -> None:
    parts = load("parts")
    log = [*(f"before {number}" for number in range(100)), "fatal: [mp]: FAILED!", *(f"after {number}" for number in range(500))]
    shown = parts.telling(log)
    assert (shown[0], shown[40], len(shown)) == ("before 60", "fatal: [mp]: FAILED!", 200)
    assert parts.telling(log[:100]) == log[:100]


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (["TASK [one] ***", "ok: [mp]", "TASK [two] ***", "fatal: [mp]: FAILED!", "TASK [remove] ***"], "TASK [two] *** fatal: [mp]: FAILED!"),
        (["fatal: [mp]: FAILED!"], "fatal: [mp]: FAILED!"),
        (["podman is missing", ""], "podman is missing"),
        ([], ""),
    ],
)
def test_the_summary_says_which_task_of_a_scenario_failed(log: list[str], why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    parts = load("parts")
    monkeypatch.setattr(parts, "RESULTS", tmp_path)
    monkeypatch.setattr(parts.molecule_scenarios, "run", lambda _scenario, _env: (2, "\n".join(log)))
    outcome = parts.run_molecule("mixed", False)
    assert (outcome.failures, outcome.said) == ({"molecule-mixed": why}, [load("again").failed_line("molecule-mixed", why)])


@pytest.mark.parametrize(("image", "missing"), [("", "podman runc mmdebstrap"), ("localhost/some:1", "podman runc")])
def test_a_machine_that_cannot_run_containers_says_why(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, image: str, missing: str) -> None:
    scenarios = load("molecule_scenarios")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MSPORTS_IMAGE", image)
    status, why = scenarios.run("ufw", {"PATH": str(tmp_path)})
    assert (status, why) == (
        1,
        f"this machine cannot run the containers of Molecule: missing on PATH, install the packages: {missing}. "
        "MSPORTS_SKIP='molecule-*' leaves the scenarios out by name",
    )


def test_containers_run_from_a_checkout_with_a_long_path() -> None:
    booted = load("molecule_scenarios").booted
    one, other = (booted.runroot(pathlib.Path("/srv", "long" * 60, name)) for name in ("one", "other"))
    assert one != other
    assert len(str(booted.RUNROOT)) <= len(str(one)) <= 50, "podman refuses a longer one"
