# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The catalogs as the oracle reads them: plain YAML, with the few defaults it needs written out."""

import fnmatch
import functools
import operator
import pathlib
import re
import typing as t

import yaml

Flow = t.Mapping[str, t.Any]
DEFAULTS: Flow = {
    "initiator": "source", "starts": {}, "ports": (), "alternatives": (), "source_ports": (), "setting": None, "setting_of": "destination",
    "via_proxy": False, "delivery": "unicast", "feature": None, "feature_at": "destination", "only_with": (), "only_without": (), "releases": None,
    "scope": "site", "group": None,
}  # fmt: skip
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "==": operator.eq}


class Catalogs:
    """One edition of every product: ``flows``, ``supplements``, ``defaults`` of settings, ``kinds`` and ``implies`` of roles, ``services``."""

    def __init__(self, folders: t.Sequence[pathlib.Path], releases: t.Mapping[str, str]) -> None:
        self.flows: list[Flow] = []
        self.supplements: list[Flow] = []
        self.defaults: dict[str, t.Any] = {}
        self.kinds: dict[str, str] = {"internet": "external"}
        self.implies: dict[str, t.Sequence[str]] = {}
        self.renamed: dict[str, str] = {}  # roles that an edition no longer has, and what took their flows
        self.editions: dict[str, str] = {}
        for folder in (item for place in folders for item in sorted(place.iterdir()) if item.is_dir()):
            files = {item.stem: item for item in folder.glob("*.yml")}
            if files:
                self._read(_whole(files[_edition(list(files), releases.get(folder.name))]))
        self.services = _load(folders[0] / "well_known.yml")["services"]

    def _read(self, catalog: t.Mapping[str, t.Any]) -> None:
        product = catalog["product"]
        self.editions[product] = catalog["edition"]
        for name, role in catalog["roles"].items():
            self.kinds[f"{product}.{name}"] = role["kind"]
            self.implies[f"{product}.{name}"] = role.get("implies", ())
        for name, role in _former_roles(catalog).items():
            if "now" in role:
                self.renamed[f"{product}.{name}"] = f"{product}.{role['now']}"
        for name, setting in (catalog.get("settings") or {}).items():
            self.defaults[f"{product}.{name}"] = setting.get("default")
        self.flows += [_flow(product, item) for item in catalog["flows"]]
        self.supplements += [_flow(product, item) for item in catalog.get("supplements") or ()]

    def shared(self, role: str) -> bool:
        """Shared roles and external ends have no site."""
        return role.startswith("windows_server.") or self.kinds.get(role) == "external"


def _former_roles(catalog: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Mapping[str, str]]:
    return (catalog.get("former") or {}).get("roles") or {}


def _edition(names: t.Sequence[str], release: object) -> str:
    """The newest that is not newer than what runs; the newest of all where nobody says what runs, the oldest where all are newer."""
    ordered = sorted(names, key=_numbers)
    fitting = [name for name in ordered if release is None or _numbers(name) <= _numbers(str(release))]
    return (fitting or ordered[:1])[-1]


@functools.cache
def _whole(path: pathlib.Path) -> t.Any:
    """A catalog as it is, or, where it has a base, what it makes of that: entries and flows added, taken away and changed, supplements documented."""
    delta = _load(path)
    if "base" not in delta:
        return delta
    base = _load(path.parent / f"{delta['base']}.yml")
    told = {**base, "edition": delta["edition"]}
    told["former"] = {"roles": {**_former_roles(base), **_former_roles(delta)}}
    for table in ("roles", "settings", "features", "services"):
        told[table] = {name: item for name, item in {**(base.get(table) or {}), **delta.get(table, {})}.items() if item is not None}
    gone = delta.get("remove", {})
    promoted = set(delta.get("documented", {}))
    changed = delta.get("change", {})

    def edited(flow: Flow) -> Flow:
        return {key: value for key, value in {**flow, **changed.get(flow["id"], {})}.items() if value is not None}

    kept = [flow for flow in base["flows"] if flow["reference"]["section"] not in gone.get("sections", ()) and flow["id"] not in gone.get("flows", ())]
    more = [flow for flow in base["supplements"] or () if flow["id"] not in gone.get("flows", ())]
    now = [{**flow, "group": None} for flow in more if {flow["id"], flow["group"]} & promoted]
    told["flows"] = [*map(edited, [*kept, *now]), *delta.get("add", ())]
    told["supplements"] = [*map(edited, [flow for flow in more if not {flow["id"], flow["group"]} & promoted]), *delta.get("supplements", ())]
    return told


@functools.cache
def _load(path: pathlib.Path) -> t.Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _flow(product: str, written: Flow) -> Flow:
    flow = {**DEFAULTS, **written, "product": product}
    for key in ("feature", "setting"):
        flow[key] = full_name(product, flow[key])
    return flow


def full_name(product: str, name: str | None) -> str | None:
    return name if name is None or "." in name else f"{product}.{name}"


def named(flow: Flow, patterns: t.Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(flow["id"], pattern) for pattern in patterns)


def holds_for(releases: str | None, release: str) -> bool:
    """``<1802`` and the like, several separated by commas."""
    for part in (releases or "").replace(" ", "").split(",") if releases else ():
        sign, number = re.findall(r"^([<>=]+)([\d.]+)$", part)[0]
        if not _COMPARE[sign](_numbers(release), _numbers(number)):
            return False
    return True


def _numbers(release: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", str(release))]
