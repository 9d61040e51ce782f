# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Rules of a catalog that tables cannot say: between keys of one flow, between flows, and names that refer to something."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.format import DEFAULT_SHAPES, PORT_PROTOCOLS
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses

Found = t.Iterator[t.Tuple[str, object, str]]  # path below the flow, value, expectation
Plain = t.Mapping[str, t.Any]
PORT_TYPES = ("port", "ports")


class Named(t.NamedTuple):
    """A name in a file: where it stands, and the full form of what it means."""

    path: str
    name: str


def qualify(name: str, product: str) -> str:
    """Return the full name: names without a product belong to ``product``."""
    return name if "." in name else f"{product}.{name}"


def _ports_fit_protocol(flow: Plain, settings: Plain) -> Found:
    if flow["protocol"] in PORT_PROTOCOLS:
        return
    for name in ("ports", "source_ports", "alternatives"):
        if flow.get(name):
            yield name, flow[name], f"{flow['protocol']} has no ports, leave this out"
    if "setting" in flow:
        yield "setting", flow["setting"], f"{flow['protocol']} has no ports that a setting could change, leave this out"


def _ports_or_setting(flow: Plain, settings: Plain) -> Found:
    if flow["protocol"] not in PORT_PROTOCOLS:
        return
    setting = settings.get(flow.get("setting", ""))
    default = setting.get("default") if isinstance(setting, dict) and setting.get("type") in PORT_TYPES else None
    if not flow.get("ports"):
        if "setting" not in flow:
            yield "ports", MISSING, f"{flow['protocol']} needs ports, or a setting without default where the document says user defined"
        elif default is not None:
            yield "ports", MISSING, f"expected the ports, since setting {flow['setting']} has the default {default}"
    elif default is not None and list(flow["ports"]) != _texts(default):
        yield "ports", flow["ports"], f"expected the default of setting {flow['setting']}, which is {default}"


def _setting_changes_ports(flow: Plain, settings: Plain) -> Found:
    setting = settings.get(flow.get("setting", ""))
    if isinstance(setting, dict) and setting.get("type") not in PORT_TYPES:
        yield "setting", flow["setting"], f"expected a setting of type port or ports, this one is {setting.get('type')}"


def _setting_of_needs_setting(flow: Plain, settings: Plain) -> Found:
    if "setting_of" in flow and "setting" not in flow:
        yield "setting", MISSING, "setting_of says whose setting counts, so name the setting"


def _conditional_names_feature(flow: Plain, settings: Plain) -> Found:
    conditional = flow.get("requirement", "required") == "conditional"
    if conditional and "feature" not in flow:
        yield "feature", MISSING, "a conditional flow names the feature that switches it on"
    for name in ("feature", "feature_at"):
        if not conditional and name in flow:
            yield name, flow[name], "only a flow with requirement: conditional has a feature"


def _starts_need_either(flow: Plain, settings: Plain) -> Found:
    if "starts" in flow and flow.get("initiator", "source") != "either":
        yield "starts", flow["starts"], "only a flow with initiator: either says who starts"


def _starts_unless_is_bool(flow: Plain, settings: Plain) -> Found:
    for end, start in flow.get("starts", {}).items():
        setting = settings.get(start.get("unless", "")) if isinstance(start, dict) else None
        if isinstance(setting, dict) and setting.get("type") != "bool":
            yield f"starts.{end}.unless", start["unless"], f"expected a setting of type bool, this one is {setting.get('type')}"


def _only_with_or_without(flow: Plain, settings: Plain) -> Found:
    for role in flow.get("only_with", ()):
        if role in flow.get("only_without", ()):
            yield "only_without", role, "stands in only_with, too, so the flow could never hold"


# what each rule reads: a rule is left out for a flow where one of these keys is already wrong
FLOW_RULES: tuple[tuple[tuple[str, ...], t.Callable[[Plain, Plain], Found]], ...] = (
    (("protocol", "ports", "source_ports", "alternatives", "setting"), _ports_fit_protocol),
    (("protocol", "ports", "setting"), _ports_or_setting),
    (("setting",), _setting_changes_ports),
    (("setting", "setting_of"), _setting_of_needs_setting),
    (("requirement", "feature", "feature_at"), _conditional_names_feature),
    (("starts", "initiator"), _starts_need_either),
    (("starts",), _starts_unless_is_bool),
    (("only_with", "only_without"), _only_with_or_without),
)


def expected_id(flow: Plain, product: str) -> str:
    """Return the id that a flow's own fields give, without variant."""
    ends = (str(flow[end]).rsplit(".", 1)[-1] for end in ("source", "destination"))
    return ".".join((product, *ends, str(flow["service"]), str(flow["protocol"])))


def default_problem(setting: Plain) -> t.Optional[str]:
    """Return what the default of a setting should be, or ``None`` when it is right."""
    default = setting.get("default")
    shape = DEFAULT_SHAPES.get(setting.get("type", ""))
    if default is None or shape is None:
        return None
    wrong: list[str] = []
    shape.check(default, "", lambda path, value, expected, known: wrong.append(expected))
    if not wrong and setting["type"] == "addresses":
        try:
            Addresses.parse(default)
        except ValueError as error:
            return str(error)
    return wrong[0] if wrong else None


def role_names(plain: Plain) -> t.Iterator[Named]:
    """Yield every role that a file names, in full form, with its place. Values of wrong type are left to the tables."""
    product = str(plain.get("product"))
    for section in ("flows", "supplements"):
        for index, flow in _records(plain, section):
            for end in ("source", "destination"):
                yield from _texts_at(f"{section}[{index}].{end}", [flow.get(end)])
            for name in ("only_with", "only_without"):
                yield from _items_at(f"{section}[{index}].{name}", flow.get(name))
    for key, role in _named(plain, "roles"):
        yield from _items_at(f"roles.{key}.implies", role.get("implies"))
    for key, setting in _named(plain, "settings"):
        for path, name in _items_at(f"settings.{key}.roles", setting.get("roles")):
            yield Named(path, qualify(name, product))
    for key, rows in _named(plain, "lists"):
        for index, row in _records(rows, "rows"):
            for end in ("source", "destination"):
                yield from _texts_at(f"lists.{key}.rows[{index}].{end}", [row.get(end)])
    for section in ("configurable", "non_configurable"):
        for index, row in _records(plain, section):
            for end in ("source", "destination"):
                yield from _items_at(f"{section}[{index}].{end}", row.get(end))


def setting_names(plain: Plain) -> t.Iterator[Named]:
    """Yield every setting that flows and lists name, in full form."""
    product = str(plain.get("product"))
    for section in ("flows", "supplements"):
        for index, flow in _records(plain, section):
            for path, name in _texts_at(f"{section}[{index}].setting", [flow.get("setting")]):
                yield Named(path, qualify(name, product))
            for path, name in _starts(flow, f"{section}[{index}]", "unless"):
                yield Named(path, qualify(name, product))
    for section in ("configurable", "non_configurable"):
        for index, row in _records(plain, section):
            for path, name in _items_at(f"{section}[{index}].settings", row.get("settings")):
                yield Named(path, qualify(name, product))


def feature_names(plain: Plain) -> t.Iterator[Named]:
    """Yield every feature that flows name, in full form."""
    product = str(plain.get("product"))
    for section in ("flows", "supplements"):
        for index, flow in _records(plain, section):
            for path, name in _texts_at(f"{section}[{index}].feature", [flow.get("feature")]):
                yield Named(path, qualify(name, product))
            for path, name in _starts(flow, f"{section}[{index}]", "feature"):
                yield Named(path, qualify(name, product))


def _starts(flow: Plain, path: str, key: str) -> t.Iterator[tuple[str, str]]:
    starts = flow.get("starts")
    for end, start in starts.items() if isinstance(starts, dict) else ():
        if isinstance(start, dict):
            yield from _texts_at(f"{path}.starts.{end}.{key}", [start.get(key)])


def _records(plain: Plain, key: str) -> t.Iterator[tuple[int, Plain]]:
    rows = plain.get(key)
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, dict):
            yield index, row


def _named(plain: Plain, key: str) -> t.Iterator[tuple[str, Plain]]:
    table = plain.get(key)
    for name, item in table.items() if isinstance(table, dict) else ():
        if isinstance(item, dict):
            yield str(name), item


def _items_at(path: str, values: object) -> t.Iterator[Named]:
    for index, value in enumerate(values if isinstance(values, list) else ()):
        yield from _texts_at(f"{path}[{index}]", [value])


def _texts_at(path: str, values: t.Iterable[object]) -> t.Iterator[Named]:
    return (Named(path, value) for value in values if isinstance(value, str))


def _texts(default: object) -> list[str]:
    return [str(item) for item in default] if isinstance(default, list) else [str(default)]
