# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The way from an action to the executor on a Windows host, and from what goes wrong there to a failed result."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.result import HostFailed, Plain

MODULE = "portcullis.msports.win_firewall_policy"
CONFIRM = "portcullis.msports.win_firewall_rollback"
NO_WINDOWS = (
    "this is for Windows hosts, and the connection to {0} speaks to another shell; nothing was done. On a Windows host set ansible_connection "
    "to winrm or psrp, or over ssh set ansible_shell_type to powershell (or cmd), whichever the host's DefaultShell is"
)
BROKEN = (
    "the connection broke, or the host gave no answer, while its firewall was being written: a part of the change may be done, and the rest not. "
    "With rollback_timeout the host takes it back by itself, and the next run reports that. Without it, run again: the next run reads what is there, and does "
    "what is left"
)
# What of a failed module's result the action passes on besides the message.
NO_ANSWER = ("unreachable", "module_stdout")  # keys of a result that the executor has not made
PASSED_ON = ("failed_at", "done", "undone", "remaining", "changed", "exception", "module_stdout", "module_stderr", "rc", "unreachable")


def through(shell: t.Any, host: t.Optional[str], execute: t.Callable[[str, Plain], Plain], work: t.Callable[[t.Callable[[Plain], Plain]], Plain]) -> Plain:
    """Return the result of ``work(call)``, or a failed one that says why.

    ``shell`` is the shell plugin of the connection, ``execute(module, arguments)`` runs a module on the host.
    """
    if not getattr(shell, "_IS_WINDOWS", False):
        text = NO_WINDOWS.format(host or "this host")
        return {"failed": True, "msg": text, "problems": [text]}
    try:
        return work(lambda arguments: execute(MODULE, arguments))
    except Refused as refusal:
        return {"failed": True, "msg": str(refusal), "problems": refusal.problems}
    except HostFailed as failure:
        if failure.writing and any(key in failure.failed for key in NO_ANSWER):
            failure = HostFailed({**failure.failed, "msg": f"{failure}. {BROKEN}"})
        passed = {key: failure.failed[key] for key in PASSED_ON if key in failure.failed}
        return {**passed, "failed": True, "msg": str(failure), "problems": failure.problems}


def known_port(*known: object) -> list[int]:
    """Return the port that a connection is known to use on the host as a list, an empty one where it is not known.

    ``known`` are values from the nearest to the farthest, as they stand in options and variables; what is no port is passed over.
    """
    ports = (_ports.number(str(value).strip()) for value in known)
    return next(([port] for port in ports if port is not None), [])
