# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The variables of the inventory: name, level and shape of each. What a value means is read elsewhere."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import nearest, one_slip

PREFIX = "msports_"
BACKEND = "host_firewall_backend"  # the role's: where the inventory says it, the plan knows what this backend cannot say
HOST, ESTATE = "host", "estate"
LIST, MAPPING, TEXT, BOOL, SITE = "list", "mapping", "text", "bool", "site"

SHAPE_WORDS = {
    LIST: "expected a list",
    MAPPING: "expected a mapping",
    TEXT: "expected a text",
    BOOL: "expected true or false",
    SITE: "expected the name of a site (a number in quotes), a list of names, or a mapping of products to names",
}


@dataclass(frozen=True)
class Variable:
    """One variable. ``estate`` level: hosts that declare it must agree. Lists and mappings unite with their suffixed forms."""

    name: str
    level: str
    shape: str

    @property
    def unites(self) -> bool:
        return self.shape in (LIST, MAPPING, SITE)


VARIABLES: t.Mapping[str, Variable] = {
    f"{PREFIX}{name}": Variable(f"{PREFIX}{name}", level, shape)
    for name, level, shape in (
        ("address_from", ESTATE, LIST),
        ("addresses", HOST, LIST),
        ("allow", HOST, LIST),
        ("catalog_paths", ESTATE, LIST),
        ("claims", ESTATE, LIST),
        ("default_inbound", HOST, TEXT),
        ("default_outbound", HOST, TEXT),
        ("dynamic_ports", HOST, TEXT),
        ("excluded_flows", ESTATE, LIST),
        ("features", HOST, LIST),
        ("group_roles", ESTATE, MAPPING),
        ("hierarchy", ESTATE, MAPPING),
        ("ignore_groups", ESTATE, LIST),
        ("infrastructure", ESTATE, MAPPING),
        ("managed", HOST, BOOL),
        ("management", HOST, MAPPING),
        ("networks", ESTATE, MAPPING),
        ("not_deployed", ESTATE, LIST),
        ("ping", HOST, LIST),
        ("releases", ESTATE, MAPPING),
        ("roles", HOST, LIST),
        ("settings", HOST, MAPPING),
        ("site", HOST, SITE),
        ("supplements", ESTATE, LIST),
        ("system", HOST, TEXT),
        ("windows_profiles", HOST, LIST),
    )
}


CALLED_NOW: t.Mapping[str, str] = {  # what variables were called once
    f"{PREFIX}{once}": f"{PREFIX}{now}" for once, now in (("absent", "not_deployed"), ("editions", "releases"), ("without", "excluded_flows"))
}


@functools.lru_cache(maxsize=1 << 14)  # thousands of hosts have variables of the same names
def meant(name: str) -> t.Optional[str]:
    """Return the variable that ``name`` has but for a slip or another case in our prefix (``msport_roles``), else ``None``.

    What follows has to be a variable of ours, or near to one: other collections have variables, too.
    """
    for end in [place for place, sign in enumerate(name) if sign in "_-"][:2]:
        start, rest = name[:end].lower().replace("_", "").replace("-", ""), name[end + 1 :].lower().replace("-", "_")
        base, mark, suffix = rest.partition("__")
        if rest and not name.startswith(PREFIX) and (start == PREFIX[:-1] or one_slip(start, PREFIX[:-1])):
            known = {variable.removeprefix(PREFIX) for variable in VARIABLES}
            right = base if base in known else nearest(base, known)
            if right:
                return PREFIX + right + mark + suffix
    return None


def is_variable(name: str) -> bool:
    """Tell whether ``name`` is a variable of the inventory, or the form with a suffix of one that unites."""
    base, mark, _suffix = name.partition("__")
    return base in VARIABLES and (not mark or VARIABLES[base].unites)
