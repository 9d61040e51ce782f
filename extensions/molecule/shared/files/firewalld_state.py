# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Print everything that firewalld has loaded, one line per thing; what it keeps for the next start are files of /etc. Runs on the host, by ``python3 -``."""

from __future__ import annotations

import dbus

NAME, PATH = "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1"
# Interface below NAME, how its things are listed, how one of them is read.
THINGS = (
    (".zone", "getZones", "getZoneSettings2"),
    (".policy", "getPolicies", "getPolicySettings"),
    ("", "listServices", "getServiceSettings2"),
    ("", "listIcmpTypes", "getIcmpTypeSettings"),
    (".ipset", "getIPSets", "getIPSetSettings"),
    (".ipset", "getIPSets", "getEntries"),
)
SINGLE = (
    *(("", name) for name in ("getDefaultZone", "getLogDenied", "queryPanicMode", "queryLockdown", "getAutomaticHelpers")),
    (".zone", "getActiveZones"),
    (".policy", "getActivePolicies"),
    *((".direct", name) for name in ("getAllChains", "getAllRules", "getAllPassthroughs")),
    *((".policies", name) for name in ("getLockdownWhitelistCommands", "getLockdownWhitelistUsers")),
)


def plain(value: object) -> object:
    """A D-Bus value as Python's own, whose text says what it holds."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, int) else str(value)


def main(known: dict[str, str]) -> None:
    """Print all of it. What is ``known`` by the beginning of its line is not asked again."""
    daemon = dbus.SystemBus().get_object(NAME, PATH, introspect=False)  # its description of itself is long, and takes it a while

    def ask(interface: str, method: str, *arguments: str) -> object:
        return plain(daemon.get_dbus_method(method, NAME + interface)(*arguments))

    for interface, method in SINGLE:
        try:
            print(method, ask(interface, method))
        except dbus.DBusException as error:
            if error.get_dbus_name() != "org.freedesktop.DBus.Error.UnknownMethod":  # versions differ in what they have
                raise
    for interface, listing, reading in THINGS:
        for name in sorted(daemon.get_dbus_method(listing, NAME + interface)()):
            print(known.get(f"{reading} {name}") or f"{reading} {name} {ask(interface, reading, name)}")


if __name__ == "__main__":
    main({})
