# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Molecule scenarios see what an absent ruleset leaves behind: a snapshot of the host, and its comparison with the one from before."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
import yaml

SHARED = pathlib.Path(__file__).resolve().parents[3] / "extensions" / "molecule" / "shared"
FAKES = {
    "nft": "echo 'table inet theirs { }'; echo 'ip daddr 127.0.0.11 tcp dport 53 dnat to 127.0.0.11:'$$",
    "systemctl": "echo 'ssh.service enabled enabled'; echo run-$$.mount generated -; echo session-$$.scope transient -",
}


def load(name: str) -> t.Any:
    return yaml.safe_load(SHARED.joinpath(name).read_text(encoding="utf-8"))


@pytest.fixture
def etc(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "etc"
    folder.joinpath("sub").mkdir(parents=True)
    folder.joinpath("sub", "file").write_text("text")
    folder.joinpath("sub", "link").symlink_to("file")
    for name, script in FAKES.items():
        fake = tmp_path / "bin" / name
        fake.parent.mkdir(exist_ok=True)
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
    return folder


def snapshot(etc: pathlib.Path, manager: str = ":", status: int = 0) -> str:
    """The text of the snapshot task, run on a folder that stands for /etc, with programs that answer in place of the host's."""
    script = load("tasks/snapshot.yml")[0]["ansible.builtin.shell"]["cmd"].replace("{{ snapshot_command }}", manager).replace("/etc", str(etc))
    path = f"{etc.parent}/bin:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", script], env={**os.environ, "PATH": path}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_two_looks_at_one_host_are_equal(etc: pathlib.Path) -> None:
    seen = snapshot(etc)
    assert snapshot(etc) == seen
    assert "== rules\ntable inet theirs { }\n" in seen
    assert "ssh.service enabled enabled" in seen


CHANGES: dict[str, t.Callable[[pathlib.Path], object]] = {
    "content of a file": lambda etc: etc.joinpath("sub/file").write_text("other"),
    "a new file": lambda etc: etc.joinpath("new").touch(),
    "a file that is gone": lambda etc: etc.joinpath("sub/file").unlink(),
    "a new folder": lambda etc: etc.joinpath("sub/new").mkdir(),
    "a new link": lambda etc: etc.joinpath("sub/other").symlink_to("file"),
    "a link to something else": lambda etc: (etc.joinpath("sub/link").unlink(), etc.joinpath("sub/link").symlink_to("/dev/null")),
    "mode of a file": lambda etc: etc.joinpath("sub/file").chmod(0o600),
    "mode of a folder": lambda etc: etc.joinpath("sub").chmod(0o700),
    "what is enabled": lambda etc: etc.parent.joinpath("bin/systemctl").write_text("#!/bin/sh\necho 'ssh.service masked enabled'\n"),
    "rules in force": lambda etc: etc.parent.joinpath("bin/nft").write_text("#!/bin/sh\necho 'table inet msports { }'\n"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_seen(etc: pathlib.Path, name: str) -> None:
    before = snapshot(etc)
    CHANGES[name](etc)
    assert snapshot(etc) != before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_owner_is_seen(etc: pathlib.Path) -> None:
    before = snapshot(etc)
    os.chown(etc / "sub" / "file", 1, 1)
    assert snapshot(etc) != before


def test_what_the_manager_has_loaded_is_part_of_it_and_has_to_be_readable(etc: pathlib.Path) -> None:
    assert "== manager\nits state\n" in snapshot(etc, manager="echo its state")
    snapshot(etc, manager="exit 3", status=3)
    snapshot(etc, manager="false", status=1)


COMPARED = {
    "equal": ("a\nb\nb\nc", False),
    "another order": ("b\na\nb\nc", True),
    "a line twice": ("a\nb\nb\nc\nc", True),
    "a line once": ("a\nb\nc", True),
    "a line more": ("a\nb\nb\nc\nd", True),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the comparing tasks of absent.yml say to each text, in one run of Ansible."""
    folder = tmp_path_factory.mktemp("compared")
    folder.joinpath("before").write_text("a\nb\nb\nc")
    folder.joinpath("before").chmod(0o600)
    tasks = load("absent.yml")[0]["tasks"][-2:]
    tasks[0]["ansible.builtin.copy"]["dest"] = str(folder / "before")
    plays = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"snapshot": {"stdout": text}},
            "tasks": [{"block": tasks, "rescue": [{"name": "Say", "ansible.builtin.debug": {"msg": f"DIFFERS: {name}."}}]}],
        }
        for name, (text, _differs) in COMPARED.items()
    ]
    folder.joinpath("play.yml").write_text(yaml.safe_dump(plays))
    environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home"), "NO_COLOR": "1", "ANSIBLE_LOCALHOST_WARNING": "false"}
    program = [
        str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        "localhost,",
        "-e",
        f"ansible_python_interpreter={sys.executable}",
        "play.yml",
    ]
    done = subprocess.run(program, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert folder.joinpath("before").read_text() == "a\nb\nb\nc"
    return done.stdout


@pytest.mark.parametrize("name", COMPARED)
def test_the_comparison_sees_order_and_number_of_lines(verdicts: str, name: str) -> None:
    assert (f"DIFFERS: {name}." in verdicts) == COMPARED[name][1]


def test_the_comparison_shows_the_difference(verdicts: str) -> None:
    assert "\n+d\n" in verdicts
