# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout as the tools see it: where it is, and which files belong to it."""

from __future__ import annotations

import fcntl
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"


def files(*patterns: str) -> list[str]:
    """What git knows or would know of the checkout, sorted, narrowed by git's own patterns (``*.md``)."""
    # The owner of a checkout in a container or CI is often someone else; git would refuse to look.
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns]
    listing = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    # A file deleted but not yet committed is still listed.
    return sorted({name for name in listing.decode().split("\0") if name and (ROOT / name).exists()})


_held: dict[str, t.IO[str]] = {}


def hold(name: str) -> None:
    """Keep the copy of this name until the process ends: another run would take its files away in the middle of a tool's work."""
    if name in _held:
        return
    path = CACHE / "tree" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    _held[name] = path.open("w")
    try:
        fcntl.flock(_held[name], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"another run works on .cache/tree/{name}: waiting until it ends", file=sys.stderr, flush=True)
        fcntl.flock(_held[name], fcntl.LOCK_EX)


def place(name: str) -> pathlib.Path:
    """A fresh copy of the checkout, at ``.cache/tree/<name>/collections/ansible_collections/portcullis/msports``, where every tool accepts it."""
    hold(name)
    copy = CACHE / "tree" / name / "collections" / "ansible_collections" / "portcullis" / "msports"
    shutil.rmtree(copy, ignore_errors=True)
    for path in files():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path, follow_symlinks=False)
    # A repository of its own: tools that ask git would find the one around it, which ignores .cache, and have nothing to look at.
    subprocess.run(["git", "init", "--quiet", copy], check=True)
    return copy


def link() -> pathlib.Path:
    """Link the checkout to where Ansible and mypy find it as a collection; returns the folder for their paths of collections."""
    collections = CACHE / "collections"
    target = collections / "ansible_collections" / "portcullis" / "msports"
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        # Made aside and renamed: several parts may be here at once.
        aside = pathlib.Path(tempfile.mkdtemp(dir=target.parent))
        aside.joinpath("link").symlink_to("../../../..", target_is_directory=True)
        aside.joinpath("link").replace(target)
        aside.rmdir()
    return collections
