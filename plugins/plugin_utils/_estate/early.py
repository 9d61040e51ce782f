# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is known of an inventory before its catalogs: which ones it asks for, and everything that can be wrong without them."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import Problem
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate import defaults
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import parse_declared, parse_sources
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.infrastructure import parse_infrastructure
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader, deduplicate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, as_text, entries, items, collect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.releases import is_release

NO_CATALOGS = Catalogs({}, {}, {}, {})
ASKED = ("msports_releases", "msports_catalog_paths")


@dataclasses.dataclass(frozen=True)
class Asked:
    """Releases by product and folders of the user's, and where each is declared: the variable and the place in it."""

    releases: t.Mapping[str, str]
    paths: t.Tuple[str, ...]
    declared: t.Mapping[str, str]  # what the loader calls it, ``releases.configmgr`` or ``catalog_paths[0]`` -> place in the inventory


def parse_paths(declared: Declarations, problems: ProblemCollector) -> t.Tuple[str, ...]:
    """Read ``msports_catalog_paths``, in the order written: the first folder that has a catalog gives it."""
    return tuple(text for _path, text in _paths(declared, problems))


def _paths(declared: Declarations, problems: ProblemCollector) -> t.Iterator[t.Tuple[str, str]]:
    for path, item in items(declared):
        if isinstance(item, str) and item:
            yield path, item
        else:
            problems.add(path, item, "expected the path of a folder with catalogs")


def asked_for(inventory: Mapping[str, t.Any]) -> Asked:
    """Return what must be known before catalogs can be loaded.

    From the first host that declares each. Raises nothing: what is wrong with them, and hosts that disagree, is told with everything else.
    """
    found: dict[str, Declarations] = {}
    ignored = ProblemCollector()
    for _host, data in sorted(inventory["hosts"].items()):
        variables = {name: value for name, value in (data.get("vars") or {}).items() if name.startswith(ASKED)}
        for name, declared in collect(variables, ignored).items() if variables else ():
            found.setdefault(name, declared)
    places: dict[str, str] = {}
    releases: dict[str, str] = {}
    for product, (path, value) in entries(found.get("msports_releases", ()), ignored).items():
        text = as_text(value)
        if text is not None and is_release(text):
            releases[str(product)] = text
            places[f"releases.{product}"] = f"estate: {path}"
    paths = list(_paths(found.get("msports_catalog_paths", ()), ignored))
    places.update({f"catalog_paths[{index}]": f"estate: {path}" for index, (path, _text) in enumerate(paths)})
    return Asked(releases, tuple(text for _path, text in paths), places)


def without_catalogs(inventory: Mapping[str, t.Any], asked: Asked, problems: t.Iterable[Problem]) -> list[Problem]:
    """Return why catalogs could not be loaded, told as the inventory has it, and everything else that shows without catalogs."""
    reader = Reader(inventory, NO_CATALOGS)
    reader.estate_value("msports_catalog_paths", parse_paths, ())
    reader.estate_value("msports_address_from", parse_sources, ())
    reader.estate_value("msports_infrastructure", parse_infrastructure, None)
    for host in reader.hosts:
        reader.host_value(host, "msports_addresses", parse_declared, ())
        reader.host_value(host, "msports_dynamic_ports", defaults.parse_dynamic_ports, ())
        reader.host_value(host, "msports_windows_profiles", defaults.parse_windows_profiles, ())
        for read in (defaults.system_of, defaults.inbound_of, defaults.outbound_of):
            read(reader, host)
    return [*(_placed(problem, asked) for problem in problems), *deduplicate(reader.problems, reader.hosts)]


def _placed(problem: Problem, asked: Asked) -> Problem:
    """Return a problem of the loader under the name that the user gave the thing; problems of files stay as they are."""
    path = problem.path
    if path == "releases":  # a product that no catalog has is the value
        path = next((f"releases.{product}" for product in asked.releases if repr(product) == problem.value), path)
    return dataclasses.replace(problem, path=asked.declared.get(path, path))
