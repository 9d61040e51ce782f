# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Observations in a directory beside the plan: one file a host, sorted JSON with one observation a line. Tables come in as CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._files import file_name, read_file, replace_file
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import (
    CONVERSATIONS,
    DEFAULTS,
    WATCHED,
    Observation,
    aggregate,
    is_day,
    parse,
)

FORMAT = 1
SUFFIX = ".observed"
Mark = t.Mapping[str, t.Any]  # where the next look at a host goes on
Watched = t.Mapping[str, t.Sequence[str]]  # kind of evidence -> the days from which and up to which it has no gap
encode = json.JSONEncoder(sort_keys=True).encode
WORDS = "expected a file of observations as the observe action writes it; remove it, and observe again"
KNOWN_PROBLEMS = 50  # so many are told of one table


def folder_of(directory: str) -> str:
    """Return where the observations of a plan directory lie."""
    return os.path.abspath(directory) + SUFFIX


def text_of(host: str, observations: t.Iterable[Observation], mark: t.Optional[Mark] = None, watched: t.Optional[Watched] = None) -> str:
    """Return the file of one host, with the mark of its latest look, and since when looks tell of all. What is as it mostly is, is left out of a line."""
    lines = [" " + encode(_line(item)) for item in aggregate(observations)]
    body = "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"
    marked = "".join(f'"{name}": {encode(value)},\n' for name, value in (("mark", mark), ("watched", watched)) if value)
    return f'{{\n"format": {FORMAT},\n"host": {encode(host)},\n{marked}"observations": {body}\n}}\n'


def _line(item: Observation) -> dict[str, t.Any]:
    return {name: value for name, value in item._asdict().items() if name != "host" and DEFAULTS.get(name, MISSING) != value}


def read_host(folder: str, file: str) -> list[Observation]:
    """Return the observations of one file; raise :class:`MsportsError`."""
    path, content = os.path.join(folder, file), _content(folder, file)
    problems = Problems()
    found = [parse(entry, f"{path}: observations[{number}]", problems, content["host"]) for number, entry in enumerate(content["observations"])]
    problems.raise_as(MsportsError)
    return [item for item in found if item is not None]


def _content(folder: str, file: str) -> dict[str, t.Any]:
    """Return what is in one file, its observations as they are there."""
    path = os.path.join(folder, file)
    problems = Problems()
    try:
        content = json.loads(read_file(path))
    except OSError as error:
        problems.add(path, MISSING, f"cannot be read ({error.strerror})")
    except ValueError as error:
        problems.add(path, MISSING, f"is no JSON ({error}); {WORDS}")
    problems.raise_as(MsportsError)
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("observations"), list):
        problems.add(path, content.get("format") if isinstance(content, dict) else MISSING, f"expected format {FORMAT}; {WORDS}")
    elif file != file_name(str(content.get("host"))):
        problems.add(path, content.get("host"), f"is not the file of this host; {WORDS}")
    problems.raise_as(MsportsError)
    return t.cast("dict[str, t.Any]", content)


def mark_of(folder: str, host: str) -> Mark:
    """Return the mark of the latest look at a host; empty where there was none. Raises :class:`MsportsError` for a file that is not one of ours."""
    return t.cast("Mark", _kept(_content_of(folder, host), "mark"))


def _content_of(folder: str, host: str) -> dict[str, t.Any]:
    """Return what is in the file of a host; nothing where nobody looked."""
    file = file_name(host)
    return _content(folder, file) if os.path.lexists(os.path.join(folder, file)) else {}


def _kept(content: t.Mapping[str, t.Any], name: str) -> dict[str, t.Any]:
    kept = content.get(name)
    return kept if isinstance(kept, dict) else {}


def looked(folder: str, host: str, unbroken: t.Container[str], day: str) -> Watched:
    """Return since when looks tell of everything, after a look on a day: evidence with a gap before it begins again."""
    before = _kept(_content_of(folder, host), "watched")
    return {kind: [before[kind][0] if kind in unbroken and kind in before else day, day] for kind in WATCHED}


def watched_in(value: t.Any) -> dict[str, Watched]:
    """Return since when looks tell of everything, by host, of a directory as :func:`observations_from` takes it; nobody knows of other observations."""
    if not isinstance(value, str) or value.endswith(".csv"):
        return {}
    folder = _folder(value)
    files = _files(folder) if os.path.isdir(folder) else []
    return {str(content["host"]): _kept(content, "watched") for content in (_content(folder, file) for file in files)}


def read_all(folder: str) -> t.Iterator[Observation]:
    """Yield every observation of a directory, host by host, so that one file at a time is in memory; raise :class:`MsportsError`."""
    problems = Problems()
    if not os.path.isdir(folder):
        problems.add(folder, MISSING, "expected a directory of observations; observe first (playbook portcullis.msports.observe)")
        problems.raise_as(MsportsError)
    for file in _files(folder):
        yield from read_host(folder, file)


def _files(folder: str) -> list[str]:
    return sorted(file for file in os.listdir(folder) if file.endswith(".json") and not file.startswith("."))


def read_one(folder: str, host: str) -> list[Observation]:
    """Return the observations of one host; none where nobody looked. Raises :class:`MsportsError` for a file that is not one of ours."""
    file = file_name(host)
    return read_host(folder, file) if os.path.lexists(os.path.join(folder, file)) else []


def watched_from(value: t.Any) -> dict[str, Watched]:
    """Return what somebody says of hosts that were watched without a gap: host -> first and last day. Raises :class:`MsportsError`."""
    problems = Problems()
    if not isinstance(value, dict):
        problems.add("watched", type(value).__name__, "expected a mapping of hosts, each with the first and the last day that it was watched")
        problems.raise_as(MsportsError)
    for host, days in value.items():
        if not isinstance(days, list) or len(days) != 2 or not all(isinstance(day, str) and is_day(day) for day in days):
            problems.add(f"watched: {host}", days, "expected the first and the last day, like [2026-11-01, 2026-11-30]")
    problems.raise_as(MsportsError)
    return {host: {CONVERSATIONS: days} for host, days in value.items()}


def add(folder: str, host: str, observations: t.Iterable[Observation], mark: t.Optional[Mark] = None, watched: t.Optional[Watched] = None) -> bool:
    """Add what was seen at one host to its file, and the mark of that look; tell whether that changed it; raise :class:`MsportsError` or :class:`OSError`."""
    os.makedirs(folder, exist_ok=True)
    file = file_name(host)
    return replace_file(os.path.join(folder, file), text_of(host, [*read_one(folder, host), *observations], mark, watched).encode())


def from_table(text: str, path: str, day: str) -> list[Observation]:
    """Return the observations of a CSV table whose first line names fields; ``day`` counts for lines that have none.

    Raises :class:`MsportsError` with what is wrong, by line.
    """
    problems = Problems()
    found: list[Observation] = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        entry = {name: _cell(name, value) for name, value in row.items() if value not in ("", None)}
        item = parse(entry, f"{path}:{number}", problems, day=day)
        found += [item] if item else []
        if len(problems) > KNOWN_PROBLEMS:
            break
    problems.raise_as(MsportsError)
    return aggregate(found)


def _cell(name: t.Optional[str], value: t.Any) -> t.Any:
    return int(value) if name in ("port", "times") and isinstance(value, str) and _ports.is_number(value) else value


def _folder(value: str) -> str:
    return value if value.rstrip("/").endswith(SUFFIX) else folder_of(value)


def observations_from(value: t.Any, day: str) -> t.Iterable[Observation]:
    """Return observations that are given as a list of mappings, as a directory, as that of the plan beside it, or as a CSV table.

    Raises :class:`MsportsError`; a directory is read while it is gone through.
    """
    problems = Problems()
    if isinstance(value, str) and value.endswith(".csv"):
        try:
            return from_table(read_file(value).decode("utf-8", "replace"), value, day)
        except OSError as error:
            problems.add(value, MISSING, f"cannot be read ({error.strerror}); expected a table of observations")
    elif isinstance(value, str):
        return read_all(_folder(value))
    elif isinstance(value, list):
        found = [parse(entry, f"observations[{number}]", problems, day=day) for number, entry in enumerate(value)]
        problems.raise_as(MsportsError)
        return [item for item in found if item is not None]
    else:
        problems.add("observations", type(value).__name__, "expected a list of observations, the path of a plan directory, or of a .csv file")
    problems.raise_as(MsportsError)
    return []
