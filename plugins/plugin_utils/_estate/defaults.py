# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a host does with traffic that no rule names, whether it is managed, what system it runs; and what blocking needs first."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from ansible_collections.portcullis.msports.plugins.module_utils._options import PROFILES
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.infrastructure import Infrastructure
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.reader import Reader
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.union import Declarations, ProblemCollector, items
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import DEFAULTS_INBOUND, DEFAULTS_OUTBOUND, SYSTEMS, WINDOWS_DYNAMIC, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import LAST_PORT, PortRange, Ports

WINDOWS_CONNECTIONS = ("winrm", "psrp")
WINDOWS_SHELLS = ("powershell", "cmd")
FIRST_DYNAMIC = 1024  # below are well-known ports; opening them as dynamic would open everything
MANAGEMENT_WORDS = (
    "inbound traffic is blocked here by default and nothing says from where the host is managed: write msports_management, "
    "like {from: [10.9.0.0/24], services: [ssh]}, or set msports_default_inbound to keep or allow"
)


def one_of(words: t.Sequence[str]) -> t.Callable[[Declarations, ProblemCollector], t.Optional[str]]:
    """Return a reader of one of a few words."""

    def parse(declared: Declarations, problems: ProblemCollector) -> t.Optional[str]:
        name, value = declared[0]
        if value in words:
            return t.cast(str, value)
        problems.add(name, value, f"expected {', '.join(words[:-1])} or {words[-1]}", words)
        return None

    return parse


def parse_bool(declared: Declarations, problems: ProblemCollector) -> bool:
    return t.cast(bool, declared[0][1])


def parse_dynamic_ports(declared: Declarations, problems: ProblemCollector) -> Ports:
    """Read ``msports_dynamic_ports``: one range."""
    name, value = declared[0]
    found: t.Optional[PortRange]
    try:
        found = PortRange.parse(value)
    except ValueError:
        found = None
    if found is not None and found.first >= FIRST_DYNAMIC and found.first < found.last:
        return (found,)
    problems.add(name, value, f"expected a range of dynamic ports, first-last, within {FIRST_DYNAMIC}-{LAST_PORT}")
    return WINDOWS_DYNAMIC


def parse_windows_profiles(declared: Declarations, problems: ProblemCollector) -> tuple[str, ...]:
    """Read ``msports_windows_profiles``: the profiles that rules are for, none where they are for all."""
    found = items(declared)
    for path, value in found:
        if value not in PROFILES:
            problems.add(path, value, f"expected one of {', '.join(PROFILES)}, the profiles of Windows Firewall", PROFILES)
    if not found:
        problems.add(declared[0][0], [], f"rules of no profile admit nobody; name one or more of {', '.join(PROFILES)}")
    chosen = tuple(profile for profile in PROFILES if any(value == profile for _path, value in found))
    return () if len(chosen) == len(PROFILES) else chosen


def system_of(reader: Reader, host: str) -> str:
    """Return the declared system, else the one that the connection tells."""
    declared = reader.host_value(host, "msports_system", one_of(SYSTEMS), None)
    return declared or connected_system(reader.variables[host])


def connected_system(variables: Mapping[str, t.Any]) -> str:
    connection = str(variables.get("ansible_connection") or "").rpartition(".")[2]
    shell = str(variables.get("ansible_shell_type") or "").rpartition(".")[2]
    return "windows" if connection in WINDOWS_CONNECTIONS or shell in WINDOWS_SHELLS else "linux"


def inbound_of(reader: Reader, host: str) -> t.Optional[str]:
    return reader.host_value(host, "msports_default_inbound", one_of(DEFAULTS_INBOUND), None)


def outbound_of(reader: Reader, host: str) -> str:
    return reader.host_value(host, "msports_default_outbound", one_of(DEFAULTS_OUTBOUND), None) or "keep"


def blocks_inbound(host: Host) -> bool:
    """Tell whether inbound traffic is blocked: asked for, or unset on Linux, where nothing else may block (MEANING 6)."""
    return host.default_inbound in ("block", "reject") or (host.default_inbound is None and host.system == "linux")


def check_defaults(reader: Reader, host: Host, infrastructure: Infrastructure) -> None:
    """A managed host that blocks must say from where it is managed; one that blocks outbound, where names and time come from."""
    if not host.managed:
        return
    if blocks_inbound(host) and host.management is None and not reader.declares(host.name, "msports_management"):
        reader.add(host.name, "msports_management", MISSING, MANAGEMENT_WORDS)
    if host.default_outbound == "block":
        lacking = [f"msports_infrastructure.{key}" for key in ("dns", "ntp") if not getattr(infrastructure, key)]
        if lacking:
            reader.add(
                host.name,
                "msports_default_outbound",
                "block",
                f"a host that may open only what is named needs names and time: declare {' and '.join(lacking)} first",
            )
