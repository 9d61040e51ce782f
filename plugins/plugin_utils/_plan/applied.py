# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What was applied to which host, beside the plan and not in it: ``<plan directory>.applied/<host>.json``.

From it follow the hosts that lag behind a plan, and the orphans: hosts that have a ruleset and are no longer planned. What no record tells is
unknown, and unknown is neither.
"""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.difference import OPTIONS
from ansible_collections.portcullis.msports.plugins.plugin_utils._files import file_name, read_file, replace_file
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load_host, read_index
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.text import digest_of, encode, text_of

PRESENT, ABSENT = "present", "absent"
Records = t.Dict[str, Plain]


def folder_of(directory: str) -> str:
    return os.path.abspath(directory) + ".applied"


def settings_of(host: Plain) -> str:
    """Return the digest of what decides on a host beside its rules."""
    return digest_of(encode({key: host[key] for key in OPTIONS if key in host}))


def deciding(plan: Plain, name: str) -> tuple[str, str]:
    """Return the digests of what decides on a host that was loaded by itself: of its ruleset, and of its settings."""
    return plan["ruleset"], settings_of(plan["hosts"][name])


def record(directory: str, name: str, entry: t.Mapping[str, t.Any]) -> None:
    """Write down what a host got, atomically; raise :class:`OSError`. Each host has a file of its own, because hosts are applied to at once."""
    folder = folder_of(directory)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, file_name(name))
    replace_file(path, text_of({"host": name, **entry}).encode())


def owner_of(directory: str, name: str, default: str) -> str:
    """Return the owner of what a host was recorded to have got; ``default`` where nothing is recorded."""
    return str(_entry(directory, name).get("owner", default))


def state_of(directory: str, name: str) -> t.Optional[str]:
    """Return whether what a host was recorded to have got last is ``present`` or ``absent``; ``None`` where nothing is recorded."""
    return _entry(directory, name).get("state")


def was_closed(directory: str, name: str) -> bool:
    """Tell whether a host was recorded to stop what comes in and no rule names: what the next run stops there is no surprise."""
    entry = _entry(directory, name)
    return entry.get("state") == PRESENT and entry.get("closes_inbound") is True


def begins_to_close(directory: str, name: str, closing: t.Mapping[str, bool]) -> bool:
    """Tell whether a direction of ``closing`` stops what no rule names, and was recorded not to. What no record tells is unknown."""
    entry = _entry(directory, name)
    return entry.get("state") == PRESENT and any(closes and entry.get(key) is False for key, closes in closing.items())


def _entry(directory: str, name: str) -> Plain:
    with contextlib.suppress(OSError, ValueError, MsportsError):
        entry = json.loads(read_file(os.path.join(folder_of(directory), file_name(name))))
        return entry if isinstance(entry, dict) else {}
    return {}


def recorded(directory: str, leave_out: t.Iterable[str] = ()) -> Records:
    """Return host -> what was recorded last, but for hosts to ``leave_out``. A file that is not one of ours says nothing."""
    folder = folder_of(directory)
    found: Records = {}
    files = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    for file in sorted(files - set(map(file_name, leave_out)) if files else files):
        with contextlib.suppress(OSError, ValueError, MsportsError):
            entry = json.loads(read_file(os.path.join(folder, file)))
            if isinstance(entry, dict) and isinstance(entry.get("host"), str) and file == file_name(entry["host"]):
                found[entry["host"]] = entry
    return found


def lagging(records: Records, files: t.Mapping[str, str], decides: t.Callable[[str], tuple[str, str]]) -> list[str]:
    """Return the planned hosts that were recorded to have anything else than the plan says.

    ``files`` are the digests of the hosts' files, ``decides`` returns the digests of a host's ruleset and settings; it is asked only where the file is
    another one than was applied, because a file also says what changes no rule.
    """
    return [name for name, entry in sorted(records.items()) if name in files and entry.get("file") != files[name] and _differs(entry, *decides(name))]


def lagging_of(directory: str) -> t.Optional[list[str]]:
    """Return the hosts that lag behind a saved plan; ``None`` where nothing was ever recorded beside it."""
    if not os.path.isdir(folder_of(directory)):
        return None
    files = read_index(directory)["hosts"]
    return lagging(recorded(directory), files, lambda name: deciding(load_host(directory, name, files[name]), name))


def _differs(entry: Plain, ruleset: str, settings: str) -> bool:
    return entry.get("state") != PRESENT or (entry.get("ruleset"), entry.get("settings")) != (ruleset, settings)


def orphans(plan: Plain, saved: Plain, records: Records) -> list[str]:
    """Return the hosts that have a ruleset, as far as is known, and none in ``plan``: they were planned in the ``saved`` index, or applied to.

    One leaves the list when its ruleset was removed (``state: absent``), or when it is planned again.
    """
    present = {name for name, entry in records.items() if entry.get("state") == PRESENT}
    # Whoever sees a part of the inventory does not know what became of the other hosts.
    known = set() if plan["partial_inventory"] else {*saved.get("hosts", ()), *present}
    removed = {name for name, entry in records.items() if entry.get("state") == ABSENT}
    return sorted({*known, *saved.get("orphaned", ()), *plan["orphaned"]} - set(plan["hosts"]) - removed)
