# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The plan directory: ``index.json``, ``sets.json`` and ``hosts/<name>.json``; sorted, without timestamps.

It diffs in review, is an artifact in CI, and is what slices of a large run share.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import stat
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.folder import INDEX, claim, file_name, refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import HOSTS, SETS, read_object, says
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import HostTexts, text_of

FILE_MODE = 0o644


def digest(value: t.Any) -> str:
    """Return the SHA-256 of ``value`` (plain data) as hexadecimal text; equal data give equal digests."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def save(plan: Plain, directory: t.Union[str, pathlib.Path], same: t.Container[str] = ()) -> list[str]:
    """Write ``plan``; return the names of the files that changed. A host that left the plan loses its file.

    ``same`` are hosts of which the caller knows that the directory says what the plan says (``load`` with ``beside``): they are left alone.
    Hosts that the directory knew and the plan does not are kept in ``orphaned`` until their ruleset is removed.
    Raises :class:`MsportsError` when the directory is something else's (:func:`claim`) or cannot be written.
    """
    folder = pathlib.Path(directory)
    ours = claim(folder)
    try:
        return _save(plan, folder, ours, same)
    except OSError as error:
        raise refused(str(folder), f"cannot be written ({error.strerror}); expected a plan directory that this user may write") from error


def _save(plan: Plain, folder: pathlib.Path, ours: t.AbstractSet[str], same: t.Container[str]) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    hosts: dict[str, Plain] = plan["hosts"]
    index = {key: value for key, value in plan.items() if key not in ("hosts", "sets")}
    index["orphaned"] = orphans(plan, folder)
    index["hosts"] = {name: file_name(name) for name in sorted(hosts)}
    texts = HostTexts(hosts)
    wanted = {f"{HOSTS}/{file}": name for name, file in index["hosts"].items()}
    root = str(folder)
    if folder.joinpath(HOSTS).exists():
        # One text at a time in memory.
        changed = [file for file, name in sorted(wanted.items()) if name not in same and _write(os.path.join(root, file), texts.of(name))]
    else:
        changed = _write_all(root, wanted, texts)
    if _write(os.path.join(root, SETS), text_of(plan["sets"])):
        changed.append(SETS)
    for stale in sorted(f"{HOSTS}/{file}" for file in ours):
        if stale not in wanted and folder.joinpath(stale).exists():
            folder.joinpath(stale).unlink()
            changed.append(stale)
    if _write(os.path.join(root, INDEX), text_of(index)):  # last, because its digest says that the rest is complete
        changed.append(INDEX)
    return changed


def orphans(plan: Plain, directory: t.Union[str, pathlib.Path]) -> list[str]:
    """Return the hosts that had a ruleset in the saved plan, or were orphaned there, and have none in ``plan``."""
    ignored = Problems()
    index = read_object(pathlib.Path(directory, INDEX), ignored)
    known = index.get("hosts", ()) if plan["whole"] else ()  # a slice does not know what became of hosts that it does not see
    return sorted({*known, *index.get("orphaned", ()), *plan["orphaned"]} - set(plan["hosts"]))


def _write_all(root: str, wanted: t.Mapping[str, str], texts: HostTexts) -> list[str]:
    """Write the folder of hosts, which is not there yet. All of it is made under another name first, instead of each of thousands of files."""
    temporary = _beside(os.path.join(root, HOSTS))
    os.mkdir(temporary)
    try:
        for file, name in wanted.items():
            _create(os.path.join(temporary, os.path.basename(file)), texts.of(name).encode())
        os.replace(temporary, os.path.join(root, HOSTS))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return sorted(wanted)


def _write(path: str, text: str) -> bool:
    """Write atomically, and only what differs."""
    content = text.encode()
    if says(path, content):
        return False
    temporary = _beside(path)
    try:
        _create(temporary, content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return True


def _beside(path: str) -> str:
    """Return a new name in the same folder; hidden, so that what a killed process leaves is not taken for somebody's file."""
    return os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}")


def _create(path: str, content: bytes) -> None:
    """Write a file that is not there yet, for all to read whatever the umask of whoever plans."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE), "wb") as file:
        file.write(content)
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) != FILE_MODE:
            os.fchmod(file.fileno(), FILE_MODE)
