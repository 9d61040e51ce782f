# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for Windows hosts: the internal module by itself, and whole playbook runs. ``conftest.py`` gives it to the tests beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from ansible.release import __version__ as ansible_version

ROOT = pathlib.Path(__file__).resolve().parents[3]
for _folder in ("tools", "windows"):
    if str(ROOT / "tests" / _folder) not in sys.path:
        sys.path.insert(0, str(ROOT / "tests" / _folder))

import engines
import executor_cases
import policy_file
import sanity
from engines import mono, payload

READ = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Read
      portcullis.msports.win_firewall_policy:
        owner: msports
      environment:
        OF_THE_TASK: "yes"
"""


def ansible_playbook() -> pathlib.Path:
    """An ``ansible-playbook`` whose payloads the engine takes: that of the running Python, or of an environment with the core that it needs."""
    core = engines.chosen().core
    if core is None or version(ansible_version) >= version(core):
        return pathlib.Path(sys.executable).with_name("ansible-playbook")
    python = sanity.find_python(core)
    assert python is not None, f"the engine {engines.chosen().name} needs ansible-core {core}, and that a Python from {' to '.join(sanity.PYTHONS[core])}"
    return sanity.make_venv(core, python) / "bin" / "ansible-playbook"


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def playbook_environment(folder: pathlib.Path, **more: str) -> dict[str, str]:
    """What ansible-playbook needs to find this collection and the test connection, and nothing of the user's own."""
    namespace = folder / "collections" / "ansible_collections" / "portcullis"
    namespace.mkdir(parents=True, exist_ok=True)
    if not namespace.joinpath("msports").exists():
        namespace.joinpath("msports").symlink_to(ROOT, target_is_directory=True)
    paths = os.pathsep.join((str(folder / "collections"), str(ROOT / "tests" / "lab" / "collections")))
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "MSPORTS_PWSH", "MSPORTS_WINDOWS_POWERSHELL", "MSPORTS_ENGINE") if name in os.environ}
    own = {"HOME": str(folder), "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_COLLECTIONS_PATH": paths, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    return {**kept, **own, **(mono.for_playbooks() if engines.chosen().name == "mono" else {}), **more}


def run_playbook(folder: pathlib.Path, text: str, hosts: t.Sequence[str], program: t.Optional[pathlib.Path] = None, **environment: str) -> tuple[int, str]:
    """Run a playbook on stand-in hosts whose stores are ``<folder>/<host>.json``; exit code and everything that was said."""
    play = folder / "play.yml"
    play.write_text(text, encoding="utf-8")
    inventory = folder / "hosts.json"
    shared = {"ansible_connection": "portcullis.lab.windows_stand_in", "msports_stand_in_directory": str(folder)}
    inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(hosts, {}), "vars": shared}}), encoding="utf-8")
    command = [str(program or ansible_playbook()), "-i", str(inventory), str(play)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=playbook_environment(folder, **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def script_of(kind: str, options: str = "", method: str = "Run") -> str:
    """The script of a module that a test brings, with these options."""
    spec = f"$spec = @{{ options = @{{ {options} }}; no_log = $true; supports_check_mode = $true }}\n"
    return f"#!powershell\n\n# a comment\n{spec}$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)\n[{kind}]::{method}($module)\n"


class Sent(t.NamedTuple):
    """What ansible-core sent to a host, and what the run of it said."""

    command: str
    in_data: bytes
    said: str


def send(folder: pathlib.Path, program: t.Optional[pathlib.Path] = None) -> Sent:
    """A read of one stand-in by a playbook, with what went over the wire."""
    policy_file.write(folder / "w1.json", policy_file.fresh_server())
    kept = folder / "kept"
    kept.mkdir()
    # What is sent does not depend on who runs it, and a playbook's host under Wine is another one, which takes its time.
    quick = {"MSPORTS_ENGINE": "mono"} if engines.chosen().name == "wine" else {}
    code, said = run_playbook(folder, READ, ["w1"], program, MSPORTS_STAND_IN_KEEP=str(kept), **quick)
    assert code == 0, said
    (path,) = kept.iterdir()
    found = json.loads(path.read_text(encoding="utf-8"))
    return Sent(found["command"], found["in_data"].encode(), said)


@pytest.fixture(scope="session")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """What an ansible-core that the engine takes sends for a read."""
    return send(tmp_path_factory.mktemp("sent"))


@pytest.fixture(scope="session")
def read(sent: Sent) -> payload.Call:
    """The same, decoded."""
    return payload.read_call(sent.command, sent.in_data)


def result_of(done: payload.Done) -> dict[str, t.Any]:
    """What a module said, whose exit code has to fit."""
    assert not done.error, done.error.decode()
    result = t.cast(dict[str, t.Any], json.loads(done.output))
    assert (done.code != 0) == bool(result.get("failed")), done
    return result


class Host:
    """One stand-in host: its file, and the internal module on it, as ansible-core sent it, with parameters of the test's own."""

    def __init__(self, path: pathlib.Path, call: payload.Call) -> None:
        self.path = path
        self._call = call

    @property
    def content(self) -> policy_file.Content:
        return policy_file.read(self.path)

    def switch(self, **switches: t.Any) -> None:
        with policy_file.edited(self.path) as content:
            policy_file.switch(content, **switches)

    def __call__(
        self, operations: t.Optional[list[dict[str, t.Any]]] = None, expected: t.Optional[str] = None, owner: str = "msports", wide: bool = False, **more: t.Any
    ) -> dict[str, t.Any]:
        """One call of the module. With operations and no ``expected`` it reads first. Other keywords go to the module as they are."""
        if operations is not None and expected is None:
            expected = self.known(owner)["digest"]
        call = self.call(owner=owner, operations=operations, expected=expected, **more)
        return result_of(engines.chosen().run_open(call, self.path, wide=wide))

    def run(self, **given: t.Any) -> dict[str, t.Any]:
        """One call with exactly these parameters."""
        return result_of(engines.chosen().run_open(self.call(**given), self.path))

    def call(self, **given: t.Any) -> payload.Call:
        """The module's call with these parameters; None is not given."""
        return dataclasses.replace(self._call, arguments={**self._call.arguments, **{name: value for name, value in given.items() if value is not None}})

    def known(self, owner: str = "msports") -> dict[str, t.Any]:
        """What a read tells; not read anew where the same store was read before, by whichever test."""
        content = self.content
        key = json.dumps([owner, policy_file.state(content), content["switches"]])
        if key not in _READS:
            _READS[key] = self(owner=owner)["state"]
        return _READS[key]

    def rows(self, owner: str = "msports") -> list[dict[str, t.Any]]:
        """Our rules, as columns by name."""
        found = self.known(owner)
        return [dict(zip(found["fields"], row)) for row in found["rules"]]


_READS: dict[str, dict[str, t.Any]] = {}


@pytest.fixture
def make_host(tmp_path: pathlib.Path, read: payload.Call) -> t.Callable[..., Host]:
    def make(content: t.Optional[policy_file.Content] = None, name: str = "host") -> Host:
        return Host(policy_file.write(tmp_path / f"{name}.json", content or policy_file.fresh_server()), read)

    return make


@pytest.fixture
def host(make_host: t.Callable[..., Host]) -> Host:
    """A fresh Windows Server."""
    return make_host()


@pytest.fixture
def full(make_host: t.Callable[..., Host]) -> Host:
    """A server with rules of ours, among them twins, a disabled one, and names that others have, too."""
    return make_host(executor_cases.estate())
