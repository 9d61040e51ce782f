# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that waits on a host, and what may come then: a confirmation, the task that fires, a restart, another run."""

from __future__ import annotations

import base64
import gzip
import json
import random
import typing as t

import engines
import policy_file
from stand_in_hosts import ROOT, Host
from engines import payload
from executor_cases import edit, estate, new, ours, row_of

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import rollback

UTILS = ROOT / "plugins" / "module_utils"
SCRIPT = ROOT / "plugins" / "modules" / "win_firewall_rollback.ps1"
# The task calls Fire with a text; what stands for it here is called as a module is.
TASK = """
using System;
using System.Collections;
using System.Collections.Generic;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallRollback;
using ansible_collections.portcullis.msports.plugins.module_utils._FirewallTask;

namespace portcullis.msports.tests
{
    public static class Task
    {
        public static Dictionary<string, object> Xml(IDictionary arguments)
        {
            return new Dictionary<string, object> { { "xml", RollbackTask.Xml((string)arguments["nonce"], DateTime.UtcNow) } };
        }

        public static Dictionary<string, object> Run(IDictionary arguments)
        {
            return new Dictionary<string, object> { { "changed", false }, { "done", Rollback.Fire((string)arguments["nonce"]) } };
        }
    }
}
"""
FIRE = "$result = [portcullis.msports.tests.Task]::Run($complex_args)\nConvertTo-Json -InputObject $result -Compress\n"
# Milliseconds since the host started.
PAST = 0


class Waiting:
    """A host on which ``operations`` were written with a rollback armed, or were to be."""

    def __init__(self, host: Host, read: payload.Call, operations: list[dict[str, t.Any]], seconds: int = 60, **given: t.Any) -> None:
        self.host, self.read = host, read
        self.before = host.content
        self.armed = rollback.arm(seconds)
        self.nonce = self.armed["nonce"]
        self.result = self._written(operations, given)

    @classmethod
    def of(cls, host: Host, read: payload.Call, nonce: str) -> Waiting:
        """What a run, of whichever kind, has left waiting under this name."""
        waiting = cls.__new__(cls)
        waiting.host, waiting.read, waiting.before, waiting.nonce = host, read, host.content, nonce
        return waiting

    @classmethod
    def written(cls, host: Host, read: payload.Call) -> Waiting:
        """The usual operations, however far the process came."""
        return cls(host, read, small(host))

    def _written(self, operations: list[dict[str, t.Any]], given: dict[str, t.Any]) -> t.Optional[dict[str, t.Any]]:
        call = self.host.call(owner="msports", operations=operations, expected=self.host.known()["digest"], rollback=self.armed, **given)
        return self._run(call)

    def confirm(self, anew: bool = True) -> t.Optional[dict[str, t.Any]]:
        """The second call of the controller; None when the process ended."""
        if anew:
            with policy_file.edited(self.host.path) as content:
                for session in content["sessions"]:
                    session["peer_port"] += 1
        csharp = {f"{rollback.NAMESPACE}{path.stem}.cs": path.read_text(encoding="utf-8") for path in sorted(UTILS.glob("*.cs")) if "Executor" not in path.name}
        call = payload.other_module(self.read, SCRIPT.name, SCRIPT.read_text(encoding="utf-8"), csharp, {"owner": "msports", "nonce": self.nonce, "ports": []})
        return self._run(call)

    def fire(self, ends: t.Optional[int] = PAST) -> t.Optional[dict[str, t.Any]]:
        """The task's own code, out of the registry; its time is over, or ends when the run said."""
        if ends is not None:
            self.pass_time(ends)
        code = self.host.content["memory"].get("rollback_code")
        if code is None:
            return {"done": True}
        source = gzip.decompress(base64.b64decode(code)).decode().split("@'\n")[1].split("\n'@")[0]
        return self._run(payload.other_module(self.read, "fire.ps1", FIRE, {"merged.cs": source, "task.cs": TASK}, {"nonce": self.nonce}))

    def task(self) -> str:
        """The XML by which the task is registered, from the code that makes it."""
        call = payload.other_module(
            self.read, "task.ps1", FIRE.replace("Run(", "Xml("), {"merged.cs": rollback.source(), "task.cs": TASK}, {"nonce": self.nonce}
        )
        return str(json.loads(engines.named("mono").run_open(call, None).output)["xml"])

    def pass_time(self, ends: int = PAST) -> None:
        with policy_file.edited(self.host.path) as content:
            token = content["memory"].get("rollback", "").split("|")
            if len(token) == 7:
                content["memory"]["rollback"] = "|".join([*token[:5], str(ends), token[6]])

    def restart(self) -> None:
        with policy_file.edited(self.host.path) as content:
            content["until_restart"] = None

    def by_hand(self, change: t.Callable[[policy_file.Content], t.Any]) -> None:
        with policy_file.edited(self.host.path) as content:
            change(content)

    def _run(self, call: payload.Call) -> t.Optional[dict[str, t.Any]]:
        done = engines.chosen().run_open(call, self.host.path)
        return json.loads(done.output) if done.output else None

    @property
    def phase(self) -> t.Optional[str]:
        token = self.host.content["memory"].get("rollback")
        return token.split("|")[1] if token else None

    @property
    def note(self) -> list[str]:
        return (self.host.content["memory"].get("rolled_back.msports") or "").split("\n")

    def leftovers(self) -> dict[str, t.Any]:
        """What of a rollback lies on the host, besides its note."""
        content = self.host.content
        kept = {name: value for name, value in content["memory"].items() if name.startswith("rollback")}
        return {**kept, **({"task": content["task"]} if content["task"] else {})}

    def is_as_before(self) -> bool:
        """Rules, defaults, logging and memory are those from before; a note is no policy."""
        return policy(self.host.content) == policy(self.before)


def policy(content: policy_file.Content) -> t.Any:
    memory = {name: value for name, value in content["memory"].items() if name != "rolled_back.msports"}
    return policy_file.state({**content, "memory": memory})


def small(host: Host) -> list[dict[str, t.Any]]:
    """One operation of each kind."""
    return [
        {"kind": "memory", "value": "more"},
        new("added"),
        new("twin", local_ports="443,80"),
        edit(row_of(host, "web"), remote_addresses="10.7.0.0/16", description="other"),
        {"kind": "default_action", "profile": "domain", "direction": "in", "action": "allow"},
        {"kind": "logging", "profile": "private", "allowed": True, "dropped": True, "path": "D:\\fw.log", "size": 16384},
        {"kind": "remove", "id": row_of(host, "twin", 1)["id"], "name": "twin"},
        {"kind": "memory", "of": "generation", "value": "7"},
    ]


def end_a_run(make_host: t.Callable[..., Host], read: payload.Call, step: int) -> bool:
    """End the process of a run after a step, and have the host or the next run put right what is left; False when it has fewer steps."""
    host = make_host(estate(die_after_steps=step), f"run-{step}")
    waiting = Waiting(host, read, small(host))
    host.switch(die_after_steps=0)
    if waiting.result is not None:
        return False
    if host.content["task"]:
        waiting.fire()
    waiting.pass_time()
    assert "state" in host(settle=True), step
    assert (waiting.is_as_before(), waiting.leftovers()) == (True, {}), step
    assert policy_file.foreign(host.content) == policy_file.foreign(waiting.before), step
    return True


def end_an_answer(make_host: t.Callable[..., Host], read: payload.Call, what: str, step: int) -> bool:
    """End a confirmation (``confirm``) or the task (``fire``) after a step; the host is in one of two states, and says in which."""
    host = make_host(estate(), f"{what}-{step}")
    waiting = Waiting(host, read, small(host))
    written = policy_file.own(host.content)
    host.switch(die_after_steps=step)
    ended = waiting.confirm() if what == "confirm" else waiting.fire()
    host.switch(die_after_steps=0)
    if ended is not None:
        return False
    assert "state" in host(settle=True) if waiting.phase != "armed" else waiting.fire(), step
    confirmed = what == "confirm" and waiting.note == [""]
    assert policy_file.own(host.content) == written if confirmed else waiting.is_as_before(), step
    assert confirmed or waiting.note[0] == waiting.nonce, step
    answer = waiting.confirm()
    assert answer is not None and bool(answer["rolled_back"]) == (not confirmed), (step, answer)
    assert "state" in host(settle=True) and waiting.leftovers() == {}, (step, waiting.leftovers())
    assert policy_file.foreign(host.content) == policy_file.foreign(waiting.before), step
    return True


def locked_out(make_host: t.Callable[..., Host], read: payload.Call, dice: random.Random) -> list[str]:
    """Cut the controller off in one of the ways there are, and say in which respect the host did not come back by itself."""
    content = estate()
    content["rules"] = [one for one in content["rules"] if "5986" not in str(one["local_ports"])]
    content["profiles"]["domain"]["inbound"] = dice.choice([policy_file.ALLOW, policy_file.BLOCK])
    policy_file.add(content, ours("the way in", local_ports="5986"))
    host = make_host(content, f"locked-{dice.random()}")
    ways = [
        [{"kind": "remove", "id": row_of(host, "the way in")["id"], "name": "the way in"}],
        [edit(row_of(host, "the way in"), enabled=False)],
        [edit(row_of(host, "the way in"), action=policy_file.BLOCK)],
        [edit(row_of(host, "the way in"), local_ports="5985")],
        [new("closes", local_ports="5986", action=policy_file.BLOCK)],
    ]
    closes = {"kind": "default_action", "profile": "domain", "direction": "in", "action": "block"}
    waiting = Waiting(host, read, [closes, *dice.choice(ways), new("one more", local_ports="8443")])
    wrong = ["the controller was not cut off"] if policy_file.admits(host.content, 5986) else []
    if dice.random() < 0.3:
        waiting.restart()
    waiting.fire()
    wrong += [] if policy_file.admits(host.content, 5986) else ["the host did not open again"]
    wrong += [] if waiting.is_as_before() and not waiting.leftovers() else ["something is not as before"]
    answer = waiting.confirm()
    return wrong + ([] if answer and answer["rolled_back"] and not answer["confirmed"] else [f"the host says something else: {answer}"])
