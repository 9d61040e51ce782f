# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Reading YAML files: plain data, with the keys that stand twice in a mapping told as problems."""

from __future__ import annotations

import hashlib
import pathlib
import typing as t

import yaml

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, Problem

_BASE: t.Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):
    """The fast safe loader, which notes repeated keys instead of letting the last one win."""

    def __init__(self, stream: t.Any) -> None:
        super().__init__(stream)
        self.repeated: list[tuple[int, str]] = []
        self.seen: set[t.Any] = set()

    def flatten_mapping(self, node: t.Any) -> None:
        # Called before merged keys (<<) are put among the written ones, which may override them; and more than once for a node
        # that is merged elsewhere.
        if node not in self.seen:
            self.seen.add(node)
            keys = set()
            for key, _value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if (key.tag, key.value) in keys:
                        self.repeated.append((key.start_mark.line + 1, key.value))
                    keys.add((key.tag, key.value))
        super().flatten_mapping(node)


class Document(t.NamedTuple):
    """A file's content as plain data, its digest (SHA-256 of the bytes, hex), and what was wrong with its YAML."""

    plain: t.Any
    digest: str
    problems: tuple[Problem, ...]


def read_yaml(path: str, file: str) -> Document:
    """Read a file; ``file`` is how problems call it. Raises :class:`CatalogError` when there is nothing to go on with."""
    try:
        raw = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise CatalogError([Problem(file, None, f"cannot be read: {error.strerror}")]) from None
    loader = _Loader(raw)
    try:
        plain = loader.get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f": line {mark.line + 1}" if mark else ""
        raise CatalogError([Problem(f"{file}{where}", None, f"is not valid YAML: {getattr(error, 'problem', None) or error}")]) from None
    finally:
        loader.dispose()
    repeated = tuple(Problem(f"{file}: line {line}", repr(key), "stands in this mapping twice") for line, key in loader.repeated)
    return Document(plain, hashlib.sha256(raw).hexdigest(), repeated)
