# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Answers of the catalog lookups: plain values and options in, plain values out."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import query
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.compare import compare, editions
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import editions_of, load_catalogs, well_known
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.shelves import NOTHING
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, CatalogError, Problem, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import KINDS, Catalog, Catalogs, Flow, Role

Options = t.Mapping[str, t.Any]
SELECTORS = ("role", "source", "destination", "direction", "protocol", "port", "service", "feature", "requirement", "flow")


def catalog(terms: t.Sequence[str], options: Options) -> list[t.Any]:
    """Return the content of catalogs, one for each product in ``terms`` (all when there is none).

    With ``show: editions`` one entry for each edition that there is; with ``from`` and ``to`` what the one says differently from the other.
    """
    edition = options.get("edition")
    if options.get("from") is not None or options.get("to") is not None:
        return query.search(options.get("query"), [_compared(terms, options)])
    if options.get("show") == "editions":
        return query.search(options.get("query"), editions(_editions(terms, options)))
    if edition is not None and len(terms) != 1:
        raise CatalogError([Problem("edition", repr(edition), "goes with exactly one product; use releases for several")])
    catalogs = _load(options, {} if edition is None else {terms[0]: edition})
    return query.search(options.get("query"), [_with_text_keys(chosen.plain) for chosen in _of(terms, catalogs)])


def _compared(terms: t.Sequence[str], options: Options) -> dict[str, t.Any]:
    problems = Problems()
    if len(terms) != 1:
        problems.add("_terms", list(terms), "two editions are those of exactly one product, so name it")
    for name in ("from", "to"):
        if options.get(name) is None:
            problems.add(name, MISSING, "two editions are compared: give both, from and to")
    problems.raise_as(CatalogError)
    old, new = (_load(options, {terms[0]: options[name]}).products[terms[0]] for name in ("from", "to"))
    return compare(old, new)


def _editions(terms: t.Sequence[str], options: Options) -> list[Catalog]:
    there = editions_of(options.get("catalog_paths") or ())
    names = [chosen.product for chosen in _of(terms, _load(options))]
    return [_load(options, {name: edition}).products[name] for name in names for edition in there[name]]


def roles(terms: t.Sequence[str], options: Options) -> list[t.Any]:
    """Return the product roles, sorted by id; the roles that no product owns only when no product is named."""
    catalogs = _load(options)
    kinds = options.get("kind") or KINDS
    problems = Problems()
    for kind in kinds:
        if kind not in KINDS:
            problems.add("kind", kind, "expected one of " + ", ".join(KINDS), KINDS)
    problems.raise_as(CatalogError)
    named = {chosen.product for chosen in _of(terms, catalogs)}
    found = (role for name, role in sorted(catalogs.roles.items()) if not terms or name.partition(".")[0] in named)
    return query.search(options.get("query"), [_role(role) for role in found if role.kind in kinds])


def flows(terms: t.Sequence[str], options: Options) -> list[t.Any]:
    """Return the flows that the selectors mean, in the order of their catalogs."""
    _catalogs, found, _by = _select(terms, options)
    return query.search(options.get("query"), [flow.as_dict() for flow in found])


def ports(terms: t.Sequence[str], options: Options) -> list[t.Any]:
    """Return the ports that holders of roles need: see :func:`.query.needed_ports`, with ``role`` in front of each entry."""
    if not options.get("role"):
        raise CatalogError([Problem("role", None, "name the role whose ports are wanted, such as configmgr.management_point")])
    catalogs, found, by = _select(terms, options)
    dynamic = query.parse_dynamic(options.get("dynamic_ports") or query.DYNAMIC_PORTS)
    wanted = by.direction or query.DIRECTIONS
    rows = []
    for role in options["role"]:
        held = query.roles_of_holder([role], catalogs) if options.get("implied") else (role,)
        rows.extend({"role": role, **row} for row in query.needed_ports(found, held, wanted, dynamic))
    return query.search(options.get("query"), rows)


def port_of(terms: t.Sequence[str], options: Options) -> list[t.Any]:
    """Return one port number for each name: a well-known service, ``<product>.<setting>`` or ``<product>.<service>``."""
    problems = Problems()
    found = [_port_of(str(term), options, problems) for term in terms]
    problems.raise_as(CatalogError)
    return found


def is_role(name: t.Any, releases: t.Mapping[str, str], paths: t.Sequence[str]) -> bool:
    """Tell whether hosts or networks can have the role ``name``: a role of a catalog, or ``internet``."""
    return isinstance(name, str) and name != "any_host" and name in load_catalogs(releases, paths).roles


def _port_of(name: str, options: Options, problems: Problems) -> t.Optional[int]:
    if "." not in name:
        table = well_known()
        if name in table:
            return table[name].port
        problems.add("port_of", name, "expected a well-known service, <product>.<setting> or <product>.<service>", table)
        return None
    catalogs = _load(options)
    product = name.partition(".")[0]
    setting = catalogs.settings.get(name)
    if setting is not None and setting.type in ("port", "ports"):
        if setting.default is None:
            problems.add("port_of", name, "has no documented port: it is user defined")
            return None
        specs = {str(item) for item in (setting.default if isinstance(setting.default, tuple) else (setting.default,))}
    else:
        own = catalogs.products[product].flows if product in catalogs.products else ()
        specs = {text for flow in own if f"{product}.{flow.service}" == name for text in flow.ports}
    if not specs:
        services = {f"{flow.product}.{flow.service}" for flow in catalogs.flows if flow.ports}
        numbers = {key for key, item in catalogs.settings.items() if item.type in ("port", "ports")}
        problems.add("port_of", name, "expected a well-known service, <product>.<setting> or <product>.<service>", services | numbers)
        return None
    if len(specs) == 1 and _ports.is_number(next(iter(specs))):
        return int(next(iter(specs)))
    problems.add("port_of", name, f"stands for more than one port ({', '.join(sorted(specs))}); take them with the flows lookup")
    return None


def _select(terms: t.Sequence[str], options: Options) -> tuple[Catalogs, list[Flow], query.Selectors]:
    catalogs = _load(options)
    given = {name: _listed(options.get(name)) for name in SELECTORS}
    checked = query.selectors(catalogs, **given)
    if options.get("implied"):
        given["role"] = list(query.roles_of_holder(checked.role, catalogs))
    by = query.selectors(catalogs, **given)
    dynamic = query.parse_dynamic(options.get("dynamic_ports") or query.DYNAMIC_PORTS)
    candidates: list[Flow] = []
    for chosen in _of(terms, catalogs):
        candidates.extend(chosen.flows)
        if options.get("supplements"):
            candidates.extend(chosen.supplements)
    return catalogs, query.select(candidates, by, dynamic), by


def _listed(value: t.Any) -> list[t.Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]  # as Ansible reads a text where a list is meant
    return value if isinstance(value, list) else [] if value is None else [value]


def _load(options: Options, wanted: t.Mapping[str, str] = NOTHING) -> Catalogs:
    return load_catalogs(options.get("releases") or {}, options.get("catalog_paths") or (), wanted)


def _of(terms: t.Sequence[str], catalogs: Catalogs) -> list[Catalog]:
    problems = Problems()
    for term in terms:
        if term not in catalogs.products:
            problems.add("product", term, "expected a product that has a catalog: " + ", ".join(sorted(catalogs.products)), catalogs.products)
    problems.raise_as(CatalogError)
    return [catalogs.products[name] for name in (dict.fromkeys(terms) or sorted(catalogs.products))]


def _role(role: Role) -> dict[str, t.Any]:
    product, dot, _name = role.id.partition(".")
    return {
        "id": role.id,
        "product": product if dot else None,
        "title": role.title,
        "title_fr": list(role.title_fr),
        "kind": role.kind,
        "essential": role.essential,
        "appliance": role.appliance,
        "implies": list(role.implies),
    }


def _with_text_keys(value: t.Any) -> t.Any:
    """Copy plain data with numbers as keys turned to text, as JSON and JMESPath want it (the notes of a catalog are numbered)."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value
