# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The controller's half of a rollback: after a change it comes to the host anew, and confirms. Without that the host takes the change back by itself."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ports

# The host's timer runs from before the change, ours from after it; and a host that restores its rules takes a moment.
GRACE = 30.0
PAUSE = 2.0

ROLLED_BACK = "the change was taken back: {0}"
UNSEEN = (
    "the rules have changed, and for {0:.0f} seconds no confirmation over a new connection was answered ({1}). The host takes the change back by itself "
    "{2} seconds after it was made. Or a confirmation may have come through whose answer was lost, and the new rules stay. Neither was seen from here; "
    "the next run reports a change that was taken back"
)
GONE = (
    "the change could not be confirmed: the host knows nothing of it any more, neither that it waits nor that it was taken back; look at the host, "
    "and run again"
)
LOCAL = "the connection {0}, which no rule of this host can cut: nothing over the network was tried"
LOCALS = ("local", "chroot", "podman", "docker", "buildah", "lxc", "lxd", "nsenter", "jail", "zone")
SSH = 22
ANEW = "a new connection by {0}"

Result = dict[str, t.Any]


class Remote(t.Protocol):
    """A connection to the host that is under change."""

    name: str

    def confirm(self, owner: str, nonce: str) -> Result:
        """Give up what is open, multiplexed or kept alive, connect anew, and return the host's answer; a failed one has ``failed`` or ``unreachable``."""


class Clock(t.NamedTuple):
    now: t.Callable[[], float] = time.monotonic
    pause: t.Callable[[float], None] = time.sleep


CLOCK = Clock()


def confirmed(result: Result, remote: Remote, owner: str, clock: Clock = CLOCK) -> Result:
    """Return the result of a change with what became of it: ``result["rollback"]`` says how it was confirmed, or the result is a failure.

    ``result["rollback"]`` is what the module armed: ``nonce``, ``seconds`` and ``by`` (what fires). Without one, nothing waits.
    """
    armed = result.get("rollback")
    if not armed:
        return result
    answer, why = _ask(armed, remote, owner, clock)
    if answer is None:
        text = UNSEEN.format(armed["seconds"] + GRACE, why, armed["seconds"])
        return {**_unseen(result), "failed": True, "rolled_back": False, "msg": text, "problems": [text]}
    result = {**result, "warnings": [*result.get("warnings", []), *answer.get("warnings", [])]}
    if answer["confirmed"]:
        return {**result, "rollback": {"confirmed": True, "seconds": armed["seconds"], "by": _how(remote.name)}}
    result = _unseen(result)
    if not answer["rolled_back"]:
        return {**result, "failed": True, "rolled_back": False, "msg": GONE, "problems": [GONE]}
    text = ROLLED_BACK.format("; ".join(answer["rolled_back"]))
    return {**result, "failed": True, "changed": False, "rolled_back": True, "msg": text, "problems": answer["rolled_back"]}


def _unseen(result: Result) -> Result:
    """Return a result whose rules are no longer seen to stand: they are not in force, in no profile."""
    effective = result.get("effective")
    if effective is None:
        return result
    profiles = {profile: {**values, "in_force": False} for profile, values in effective.get("profiles", {}).items()}
    return {**result, "effective": {**effective, "in_force": False, **({"profiles": profiles} if profiles else {})}}


def _ask(armed: Result, remote: Remote, owner: str, clock: Clock) -> tuple[t.Optional[Result], str]:
    """Return ``(the host's answer, "")``, or ``(None, why there is none)`` after the host's time and some more is over."""
    end = clock.now() + armed["seconds"] + GRACE
    while True:
        answer = remote.confirm(owner, armed["nonce"])
        if not answer.get("failed") and not answer.get("unreachable"):
            return answer, ""
        why = str(answer.get("msg", "no reason given"))
        if clock.now() >= end:
            return None, " ".join(why.split())[:200]
        clock.pause(PAUSE)


def _how(name: str) -> str:
    short = name.rpartition(".")[2]
    return (LOCAL if short in LOCALS else ANEW).format(short)


def network_port(name: str, known: t.Iterable[object]) -> t.Optional[int]:
    """Return the port of the host that a connection leads to; ``None`` where it does not go over the network, or nothing tells.

    ``known`` says which, best first.
    """
    short = name.rpartition(".")[2]
    if short in LOCALS:
        return None
    default = SSH if "ssh" in short or short == "smart" else None  # where a plugin of another kind leads is not known
    return next(filter(None, (_ports.number(str(value)) for value in known)), default)
