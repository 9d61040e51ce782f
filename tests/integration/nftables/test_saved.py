# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept for the next boot when it cannot be written, when a run is killed, and when a table is not ours; in a real kernel."""

from __future__ import annotations

import os
import pathlib
import resource
import signal
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import files
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import Nft, NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import Host, Refused, inspect
from network_namespaces import run

Apply = t.Any
STRANGE = "table inet msports { chain theirs { type filter hook input priority 5; policy accept; tcp dport 9 drop; }; }"


def held(apply: Apply) -> tuple[str, dict[str, t.Any]]:
    """The ruleset, and everything below the root, folders as ``None``."""
    root = pathlib.Path(apply.root)
    names = {str(path.relative_to(root)): path.read_text() if path.is_file() else None for path in root.rglob("*") if "run" not in path.parts}
    return run("nft -s list ruleset"), names


def full_disk(apply: Apply) -> str:
    run(f"mount -t tmpfs -o size=16k none {apply.root}/etc/portcullis")
    return "No space left on device"


def read_only(apply: Apply) -> str:
    folder = f"{apply.root}/etc/portcullis"
    run(f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}")
    return "Read-only file system"


def folder_in_its_place(apply: Apply) -> str:
    path = pathlib.Path(apply.saved)
    path.unlink(missing_ok=True)
    path.mkdir()
    return "a folder is in its place"


def file_for_a_folder(apply: Apply) -> str:
    run(f"rm -r {apply.root}/etc/portcullis/msports; touch {apply.root}/etc/portcullis/msports")
    return "(Not a directory|File exists)"


@pytest.mark.parametrize("obstacle", [full_disk, read_only, folder_in_its_place, file_for_a_folder])
@pytest.mark.parametrize("timeout", [0, 60])
def test_what_cannot_be_written_leaves_the_old_rules(apply: Apply, rule: t.Any, obstacle: t.Callable[[Apply], str], timeout: int) -> None:
    apply(rule("old"))
    said = obstacle(apply)
    try:
        before = held(apply)
        many = [rule(f"rule {number}", local_ports=[str(number)]) for number in range(1, 1500)]
        with pytest.raises(NftError, match=f"cannot write /.*: {said}; nothing was changed"):
            apply(*many, rollback_timeout=timeout)
        assert held(apply) == before
        if obstacle in (read_only, folder_in_its_place):
            with pytest.raises(NftError, match="; nothing was changed"):
                apply(state="absent")
            assert held(apply) == before
    finally:
        run(f"umount {apply.root}/etc/portcullis", check=False)


def test_a_limit_on_files_leaves_the_old_rules(apply: Apply, rule: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(rule("old"))
    before = held(apply)
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(NftError, match="File too large; nothing was changed"):
            apply(*[rule(f"rule {number}", local_ports=[str(number)]) for number in range(1, 400)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert held(apply) == before


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("call", range(8))
def test_a_run_that_is_killed_leaves_nothing_that_the_next_does_not_clean(apply: Apply, rule: t.Any, state: str, call: int) -> None:
    """Killed before the n-th of the calls that change files or rules; a restart in the middle ends in one of both states."""
    os.makedirs(os.path.join(apply.root, "run/systemd/system"))
    if state == "absent":
        apply(rule("old"))
    left = [call]
    child = os.fork()
    if child == 0:
        try:
            for place, name in ((files.os, "rename"), (files.os, "unlink"), (files.os, "link"), (files.os, "fsync"), (Nft, "load")):
                setattr(place, name, dying(getattr(place, name), left))
            apply(*([] if state == "absent" else [rule("new")]), state=state)
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    if state == "absent" and "msports" not in run("nft list ruleset"):
        assert not os.path.exists(apply.saved), "a restart would bring the rules back"
    apply(*([] if state == "absent" else [rule("new")]), state=state)
    names = [name for name in held(apply)[1] if "portcullis-kept" in name or ".portcullis-" in name]
    assert names == []
    assert (os.path.exists(apply.saved), "msports" in run("nft list ruleset")) == (state == "present",) * 2


def dying(genuine: t.Callable[..., t.Any], left: list[int]) -> t.Callable[..., t.Any]:
    def call(*arguments: t.Any, **named: t.Any) -> t.Any:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return genuine(*arguments, **named)

    return call


def test_a_table_of_somebody_else_is_neither_taken_over_nor_removed(apply: Apply, rule: t.Any) -> None:
    run("nft -f -", STRANGE)
    before = held(apply)
    with pytest.raises(Refused, match=r"the table inet msports was not made by this collection: .*choose another owner"):
        apply(rule("a"))
    done = apply(state="absent")
    assert (done["changed"], "was not made by this collection" in done["warnings"][0]) == (False, True)
    seen = inspect("msports", Host(root=apply.root, environment={}))
    assert (seen["present"], "was not made by this collection" in seen["warnings"][0]) == (False, True)
    assert held(apply) == before
    run("nft flush table inet msports; nft delete chain inet msports theirs")
    assert apply(rule("a"))["changed"], "an empty table holds nothing of anybody"


def test_a_table_of_ours_is_known_by_what_is_saved(apply: Apply, rule: t.Any) -> None:
    apply(rule("a"))
    run("nft delete table inet msports")
    run("nft -f -", STRANGE)
    assert apply(rule("a"))["changed"]
    assert "theirs" not in run("nft list ruleset")


def test_a_keyword_is_no_owner(apply: Apply, rule: t.Any) -> None:
    with pytest.raises(Refused, match="owner 'table': expected a name that is no keyword of nft"):
        apply(rule("a"), owner="table")
