# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which programs manage firewall rules on this host, by its files, its processes and its tables. Starts no process."""

from __future__ import annotations

import os
import re

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.services import masked, read_text, running, starts

UFW_CONF = "etc/ufw/ufw.conf"
# A package that was removed and not purged leaves its settings, so the program decides whether ufw is there.
UFW_PROGRAMS = ("usr/sbin/ufw", "sbin/ufw", "usr/bin/ufw", "usr/local/sbin/ufw")

# Services that load rules of iptables at boot.
LOADERS = ("iptables", "ip6tables", "netfilter-persistent")

_LINE = re.compile(r"""^\s*([A-Za-z_]\w*)=(?:"([^"]*)"|'([^']*)'|([^\s#;]*))""")


def assignments(lines):
    """Yield ``(number, key, value)`` of the lines of a file that the shell reads, as both files with ufw's settings are."""
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if match:
            yield number, match.group(1), "".join(value or "" for value in match.groups()[1:])


def is_yes(value):
    """Tell whether a setting means yes to ufw, whose loader knows these two spellings."""
    return value in ("yes", "YES")


def ufw_installed(root="/"):
    """Tell whether the program ufw is there."""
    return any(os.access(os.path.join(root, path), os.X_OK) for path in UFW_PROGRAMS)


def ufw_enabled(root="/"):
    """Tell whether ufw is there and its own configuration says that it is on."""
    try:
        with open(os.path.join(root, UFW_CONF), encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            values = {key: value for _number, key, value in assignments(stream)}
    except OSError:
        return False
    return is_yes(values.get("ENABLED")) and ufw_installed(root)


def other_managers(tables, legacy, root, proc):
    """Return ``(active, warnings)`` about managers of firewall rules, found without starting a process."""
    active, warnings = [], []
    names = {key[2] for key in tables.chains}
    if firewalld_runs(tables, root, proc):
        active.append("firewalld is running")
    filters = bool(legacy) or any(key[0] in ("ip", "ip6") and key[1] == "filter" for key in tables.chains)
    if ufw_enabled(root):
        if legacy or any(name.startswith("ufw") for name in names):
            active.append("ufw is enabled and its rules are loaded")
        elif not masked("ufw", root):
            warnings.append("ufw is enabled, but its rules are not loaded; they will be at the next boot")
    for name in LOADERS:
        if starts(name, root):
            if filters:
                active.append("{0}.service is enabled and its rules are loaded".format(name))
            else:
                warnings.append("{0}.service is enabled, but no rules of iptables are loaded; they will be at the next boot".format(name))
    return active, warnings


def legacy_tables(proc):
    """Return the names of the loaded tables of legacy iptables, whose rules nft cannot read."""
    return [name for place in ("net/ip_tables_names", "net/ip6_tables_names") for name in read_text(os.path.join(proc, place)).split()]


def firewalld_runs(tables, root, proc):
    """Tell whether firewalld filters here: its table is in the kernel, or a process of it lives."""
    return any(key[1] == "firewalld" for key in tables.chains) or running("firewalld", root, proc)
