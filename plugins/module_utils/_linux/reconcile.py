# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""One Linux host's owned ruleset by the backend that fits it. Each backend is imported only when it is used."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _refusals
from ansible_collections.portcullis.msports.plugins.module_utils._linux import rollback
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import learning, own_addresses
from ansible_collections.portcullis.msports.plugins.module_utils._linux.generation import Memory
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import choose, traces
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import program
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.shelf import Shelf
from ansible_collections.portcullis.msports.plugins.module_utils._options import LINUX, Result, drop_unsupported
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

__all__ = ["Refused", "failures", "inspect", "run"]

LEFT = "{0} still holds rules of the owner {1} from an earlier run: remove them with linux_ruleset, backend: {0} and state: absent"
DONE_BEFORE = "{0}. Before that the rules of {1} were removed from {2}, and they stay removed; put right what is said here and run again for the rest"
# What says of absent results more than one backend gives.
LISTS = ("added", "changed_rules", "removed", "structure", "warnings")


class HalfDone(Exception):
    """One backend failed after another had removed its rules; the text says which, and why."""


def run(options: t.Mapping[str, t.Any], check_mode: bool = False) -> Result:
    """Reconcile and return the result with ``backend`` and ``backend_reason``; raise ``Refused`` or what the backend raises (see ``failures``)."""
    options = {key: value for key, value in options.items() if value is not None}
    owner = options.get("owner", "msports")
    _refusals.check_owner(owner)
    generation, allowed, planned = options.pop("generation", None), options.pop("allow_older_plan", False), options.pop("planned_addresses", [])
    shelf, memory = Shelf(owner), Memory(owner, options.get("persist", True))
    note, warnings = rollback.settle(shelf, check_mode)
    if note:
        memory.take_back(check_mode)
    else:
        memory.trust(check_mode)
    absent = options.get("state") == "absent"
    if generation is not None and not allowed and not absent:
        warnings = warnings + memory.check(generation)
    if not absent:
        warnings = warnings + own_addresses.warnings(planned)
    result = _run(options, check_mode, owner)
    if absent or options.get("mode") == "audit":
        result = _learning(result, learning.follow(owner, absent, check_mode), owner)
    if absent and not check_mode:
        memory.forget()
    elif generation is not None and not check_mode:
        warnings = warnings + memory.keep(generation, "rollback" in result)
    if note and not check_mode:
        shelf.forget_note()
    return dict(result, warnings=warnings + result["warnings"], **({"rolled_back_before": note._asdict()} if note else {}))


def _run(options: t.Dict[str, t.Any], check_mode: bool, owner: str) -> Result:
    asked = options.pop("backend", "auto")
    if asked == "auto" and options.get("state") == "absent":
        return _absent(options, check_mode, owner)
    chosen = choose(asked)
    options, warnings = drop_unsupported(chosen.backend, options)
    result = _backend(chosen.backend).run(options, check_mode)
    result["warnings"] = result["warnings"] + warnings + [LEFT.format(backend, owner) for backend in traces(owner) if backend != chosen.backend]
    return dict(result, backend=chosen.backend, backend_reason=chosen.why)


def _learning(result: Result, done: learning.Followed, owner: str) -> Result:
    """Return a result with what became of learning, which an audit starts and ``absent`` ends."""
    line = "table inet {0}: learns conversations\n".format(learning.table_of(owner)) if done.changed else ""
    ends = {"before": "" if done.learns else line, "after": line if done.learns else ""}
    diff = {end: result["diff"][end] + ends[end] for end in ends}
    return dict(result, changed=result["changed"] or done.changed, diff=diff, learning=done.learns, warnings=result["warnings"] + done.warnings)


def inspect(owner: str, asked: str = "auto") -> Result:
    """Return what is there of one owner in the backend that fits the host."""
    _refusals.check_owner(owner)
    chosen = choose(asked)
    return dict(_backend(chosen.backend).inspect(owner), backend=chosen.backend, backend_reason=chosen.why)


def _absent(options: t.Dict[str, t.Any], check_mode: bool, owner: str) -> Result:
    """Remove what any backend holds, whichever manager is active by now; nftables is asked wherever it is, for a table without its file.

    With several, all are asked in check mode first: what one of them refuses is refused before another has changed anything.
    """
    found = traces(owner)
    held = [backend for backend in LINUX if backend in found or (backend == "nftables" and (program() or not found))]
    given = {backend: drop_unsupported(backend, options)[0] for backend in held}
    if len(held) > 1 and not check_mode:
        for backend in held:
            _backend(backend).run(given[backend], True)
    results = []
    for backend in held:
        try:
            results.append(_backend(backend).run(given[backend], check_mode))
        except (Refused,) + failures() as error:
            done = [name for name, result in zip(held, results) if result["changed"]]
            if done and not check_mode:
                raise HalfDone(DONE_BEFORE.format(error, owner, " and ".join(done))) from error
            raise
    merged = dict(results[-1], **{key: [item for result in results for item in result[key]] for key in LISTS})
    merged["changed"] = any(result["changed"] for result in results)
    merged["diff"] = {end: "".join(result["diff"][end] for result in results) for end in ("before", "after")}
    return dict(merged, backend=", ".join(held), backend_reason="state is absent: every backend that may hold rules of this owner")


def _backend(backend: str) -> t.Any:
    """Return the module ``reconcile`` of a backend."""
    if backend == "firewalld":
        from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import reconcile as firewalld

        return firewalld
    if backend == "ufw":
        from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import reconcile as ufw

        return ufw
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import reconcile as nftables

    return nftables


def failures() -> t.Tuple[t.Type[Exception], ...]:
    """Return the exceptions by which a backend says that it failed, with the old rules in force, or this file that one did after another's end."""
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import FirewalldError
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError

    return (BusError, FirewalldError, HalfDone, NftError, UfwError)
