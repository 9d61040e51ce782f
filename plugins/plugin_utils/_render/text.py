# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The ruleset of a host as its backend writes it, without the host: what ``nft``, the files of firewalld or ufw, or Windows would say.

Each backend's own renderer makes it. What only the host knows (its version, helpers of its kernel, its own settings) is taken to be what is usual.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import render as firewalld
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import render as nftables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import table
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import render as ufw
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import settings, tuples
from ansible_collections.portcullis.msports.plugins.module_utils._options import PROFILES, defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import checked_rules
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import Options, Plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import host_of, render

UFW_OF_ITS_OWN = {"in": "DROP", "out": "ACCEPT"}  # as ufw is installed
TYPES = {"in": "Inbound", "out": "Outbound"}
ECHO = {4: ("ICMPv4", "8"), 6: ("ICMPv6", "128")}


def text(plan: Plain, host: str, backend: str = "auto") -> str:
    """Return the ruleset of ``host`` as text; ``auto`` is nftables on Linux, which each Linux host can have, and windows on Windows.

    Raises what :func:`render` raises.
    """
    problems = Problems()
    if backend not in ("auto", *TEXTS):
        problems.add("backend", backend, f"expected one of auto, {', '.join(TEXTS)}", TEXTS)
    problems.raise_as(MsportsError)
    if backend == "auto":
        backend = "windows" if host_of(plan, host)["system"] == "windows" else "nftables"
    options = {**defaults(backend), **render(plan, host, backend)}
    return TEXTS[backend](options)


def _nftables(options: Options) -> str:
    arguments = (options[key] for key in ("address_sets", "default_inbound", "default_outbound", "owner", "mode"))
    return table.text(nftables.render(checked_rules(options), *arguments).table, options["owner"])


def _firewalld(options: Options) -> str:
    rendered = firewalld.render(checked_rules(options), options["address_sets"], options)
    return "\n".join(f"# /etc/firewalld/{path}\n{content}" for path, content in sorted(objects.files(rendered.objects).items()))


def _ufw(options: Options) -> str:
    asked = {"in": options["default_inbound"], "out": options["default_outbound"]}
    policies = {direction: policy or UFW_OF_ITS_OWN[direction] for direction, policy in settings.asked(asked, False).items()}
    closed = {direction: default in ("block", "reject") for direction, default in asked.items()}
    keeps = {direction: default == "keep" for direction, default in asked.items()}
    context = ufw.Context("", policies, closed, keeps, False, lambda *_asked: True, True)
    rules = ufw.render(checked_rules(options), options["address_sets"], context).rules
    files = (("user.rules", 4), ("user6.rules", 6))
    return "\n".join(f"# /etc/ufw/{file}\n" + "".join(_ufw_rule(name, rule, version) for name, rule in rules[version]) for file, version in files)


def _ufw_rule(name: str, rule: tuples.Rule, version: int) -> str:
    return "\n".join([f"# {name}", *tuples.lines(rule, version)]) + "\n"


def _windows(options: Options) -> str:
    """Return a command of PowerShell for each rule: as an admin would write it, to read and not to run."""
    return "".join(_command(rule, options, *family) for rule in options["rules"] for family in _families(rule, options["address_sets"]))


def _families(rule: Plain, sets: t.Mapping[str, t.Sequence[str]]) -> list[tuple[str, ...]]:
    """Return the protocol and the ICMP type of each rule that Windows needs for one: echo requests have a protocol for each family."""
    if rule["protocol"] != "icmp_echo":
        return [("Any" if rule["protocol"] == "any" else rule["protocol"].upper(),)]
    versions = _addresses.families(_addresses.parse(_listed(rule["remote_addresses"], sets)))
    return [ECHO[version] for version in versions]


def _command(rule: Plain, options: Options, protocol: str, icmp: str = "") -> str:
    sets, profiles = options["address_sets"], options["windows_profiles"]
    version = {"ICMPv4": 4, "ICMPv6": 6}.get(protocol, 0)
    parts = {
        "DisplayName": [rule["name"]],
        "Direction": [TYPES[rule["direction"]]],
        "Action": [rule["action"].capitalize()],
        "Protocol": [protocol],
        "IcmpType": [icmp] if icmp else [],
        "LocalPort": rule["local_ports"],
        "RemotePort": rule["remote_ports"],
        "LocalAddress": _of_version(_listed(rule["local_addresses"], sets), version),
        "RemoteAddress": _of_version(_listed(rule["remote_addresses"], sets), version),
        "Program": [rule["program"]] if rule.get("program") else [],
        "Service": [rule["service"]] if rule.get("service") else [],
        "Profile": [profile.capitalize() for profile in profiles] if len(profiles) < len(PROFILES) else [],
    }
    given = (f"-{name} {','.join(map(_quoted, values))}" for name, values in parts.items() if values)
    return f"New-NetFirewallRule {' '.join(given)}\n"


def _listed(texts: t.Sequence[str], sets: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    return [address for text in texts for address in (sets[text[1:]] if text.startswith("@") else [text])]


def _of_version(texts: t.Sequence[str], version: int) -> list[str]:
    """Return the addresses of one family, or all of them for version 0; everyone needs no word."""
    return [text for text in texts if text != "any" and (not version or _addresses.parse_one(text)[0] == version)]


def _quoted(value: t.Any) -> str:
    plain = str(value)
    return plain if re.fullmatch(r"[A-Za-z0-9.:/-]+", plain) else "'" + plain.replace("'", "''") + "'"


TEXTS: dict[str, t.Callable[[Options], str]] = {"nftables": _nftables, "firewalld": _firewalld, "ufw": _ufw, "windows": _windows}
