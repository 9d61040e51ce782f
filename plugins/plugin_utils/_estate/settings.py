# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Settings, features and releases: what products let their owners choose."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.addresses import network, read_address
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.former import current
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, as_text, entries, items, near_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses, union
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Setting
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.releases import is_like, is_release
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT, number, parse_ports, texts

MULTICAST = Addresses.parse(["224.0.0.0/4", "ff00::/8"])
WSUS_HTTP, WSUS_HTTPS = "configmgr.wsus_http", "configmgr.wsus_https"
# Switches of the whole estate: the entry of one role at one host is no place for them.
WHOLE = ("configmgr.client_roaming", "exchange.internal_unrestricted")
# A feature that means nothing without the value of a setting, and the role that it is a feature of.
NEEDED_SETTINGS = (("configmgr.multicast", "configmgr.multicast_addresses", "configmgr.distribution_point"),)


def read_setting(name: str, value: t.Any, path: str, problems: ProblemCollector, catalogs: Catalogs, role: t.Optional[str] = None) -> t.Any:
    """Return the value of one setting in its own type, or ``None`` and a problem.

    ``port`` gives an int, ``ports`` and ``addresses`` give tuples of canonical texts, ``bool`` a bool. A role may be given, which must be
    one that the setting belongs to.
    """
    setting = catalogs.settings.get(name)
    if setting is None:
        problems.add(path, value, _not_settable(name, catalogs), near=near_name(name, catalogs.settings))
        return None
    if role is not None and name in WHOLE:
        problems.add(path, value, f"{name} holds for the whole estate: write it in msports_settings")
        return None
    owners = owners_of(setting)
    if role is not None and owners and role not in owners:
        problems.add(path, value, f"{name} is no setting of {role}; it is one of {', '.join(owners)}")
        return None
    return _READ[setting.type](value, path, problems, setting)


def owners_of(setting: Setting) -> t.Tuple[str, ...]:
    """Return the full names of the roles that a setting belongs to; none = it is no role's own."""
    product = setting.id.partition(".")[0]
    return tuple(role if "." in role else f"{product}.{role}" for role in setting.roles)


def _not_settable(name: t.Any, catalogs: Catalogs) -> str:
    product = str(name).partition(".")[0]
    if product not in catalogs.products:
        return f"expected <product>.<setting>; the products are {', '.join(sorted(catalogs.products))}"
    known = sorted(setting for setting in catalogs.settings if setting.startswith(f"{product}."))
    if not known:
        return f"{product} documents nothing that can be set"
    return f"{product} documents no such choice; what can be set: {', '.join(known)}"


def _port(value: t.Any, path: str, problems: ProblemCollector, setting: Setting) -> t.Optional[int]:
    port = number(as_text(value) or "")
    if port is None:
        problems.add(path, value, f"expected a port, 1-{LAST_PORT}")
    return port


def _ports(value: t.Any, path: str, problems: ProblemCollector, setting: Setting) -> t.Optional[t.Tuple[str, ...]]:
    try:
        return tuple(texts(parse_ports(value if isinstance(value, (list, tuple)) else [value])))
    except ValueError:
        problems.add(path, value, f"expected a port, a range first-last, or a list of these, 0-{LAST_PORT}")
        return None


def _bool(value: t.Any, path: str, problems: ProblemCollector, setting: Setting) -> t.Optional[bool]:
    if isinstance(value, bool):
        return value
    problems.add(path, value, "expected true or false")
    return None


def _addresses(value: t.Any, path: str, problems: ProblemCollector, setting: Setting) -> t.Optional[t.Tuple[str, ...]]:
    if not isinstance(value, (list, tuple)):
        problems.add(path, value, "expected a list of addresses")
        return None
    groups = "multicast" in setting.id
    found = []
    for index, item in enumerate(value):
        found.append(read_address(item, f"{path}[{index}]", problems, _group if groups else network))
    return tuple(union(found).cidrs())


def _group(text: str) -> Addresses:
    try:
        found = Addresses.parse([text])
    except ValueError:
        raise ValueError("expected a multicast address") from None
    if not found or found - MULTICAST:
        raise ValueError("expected a multicast address: 224.0.0.0/4 or ff00::/8")
    return found


_READ: t.Mapping[str, t.Callable[[t.Any, str, ProblemCollector, Setting], t.Any]] = {"port": _port, "ports": _ports, "bool": _bool, "addresses": _addresses}


def parse_settings(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> dict[str, t.Any]:
    """Read ``msports_settings``: ``<product>.<setting>`` to a value."""
    found = {}
    for written, (path, value) in entries(declared, problems).items():
        name = current("settings", written, path, problems, catalogs)
        read = None if name is None else read_setting(name, value, path, problems, catalogs)
        if read is not None:
            found[name] = read
    return found


def parse_features(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> frozenset[str]:
    """Read ``msports_features``: names of features that are on."""
    found = set()
    for path, item in items(declared):
        feature = current("features", item, path, problems, catalogs)
        if feature in catalogs.features:
            found.add(str(feature))
        elif feature is not None:
            problems.add(path, item, "expected the name of a feature, <product>.<feature>", near=near_name(item, catalogs.features))
    return frozenset(found)


def parse_releases(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> dict[str, str]:
    """Read ``msports_releases``: product to the release in use, in the product's own numbers."""
    found = {}
    for product, path, value in _by_product(declared, problems, catalogs):
        text = as_text(value)
        if text is None or not is_release(text):
            problems.add(path, value, "expected a release in the product's own numbers, in quotes, like '1802'")
        elif not is_like(text, catalogs.editions.get(product, ())):
            problems.add(path, value, f"{product} has no release of such a number: expected one like {catalogs.products[product].edition!r}")
        else:
            found[product] = text
    return found


def _by_product(declared: Declarations, problems: ProblemCollector, catalogs: Catalogs) -> t.Iterator[t.Tuple[str, str, t.Any]]:
    for product, (path, value) in entries(declared, problems).items():
        if product in catalogs.products:
            yield product, path, value
        else:
            problems.add(path, MISSING, f"expected a product: {', '.join(sorted(catalogs.products))}", near=near_name(product, catalogs.products))


def wsus_pair(settings: Mapping[str, t.Any]) -> t.Optional[str]:
    """Return what is wrong with the two WSUS ports among effective settings, or ``None``."""
    http, https = settings.get(WSUS_HTTP), settings.get(WSUS_HTTPS)
    if http is None or https is None:
        return None
    right = 443 if http == 80 else http + 1
    if https == right:
        return None
    return f"WSUS answers HTTPS on 443 when HTTP is 80, and else on the port after that of HTTP: with {http} for HTTP it is {right}, not {https}"


def agreed(declared: t.Iterable[Mapping[str, t.Any]]) -> dict[str, t.Any]:
    """Return the settings that all mappings which have them have with one value."""
    found: dict[str, t.Any] = {}
    differing = set()
    for settings in declared:
        for name, value in settings.items():
            if found.setdefault(name, value) != value:
                differing.add(name)
    return {name: found[name] for name in sorted(found) if name not in differing}
