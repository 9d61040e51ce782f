# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which programs manage firewall rules on this host, by its files, its processes and its tables. Starts no process."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.services import installed, masked, read_text, running, starts
from ansible_collections.portcullis.msports.plugins.module_utils._options import LINUX
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

UFW_CONF = "etc/ufw/ufw.conf"
# A package that was removed and not purged leaves its settings, so the program decides whether ufw is there.
UFW_PROGRAMS = ("usr/sbin/ufw", "sbin/ufw", "usr/bin/ufw", "usr/local/sbin/ufw")

# Services that load rules of iptables at boot.
LOADERS = ("iptables", "ip6tables", "netfilter-persistent")

_LINE = re.compile(r"""^\s*([A-Za-z_]\w*)=(?:"([^"]*)"|'([^']*)'|([^\s#;]*))""")


def assignments(lines: t.Iterable[str]) -> t.Iterator[t.Tuple[int, str, str]]:
    """Yield ``(number, key, value)`` of the lines of a file that the shell reads, as both files with ufw's settings are."""
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if match:
            yield number, match.group(1), "".join(value or "" for value in match.groups()[1:])


def is_yes(value: t.Optional[str]) -> bool:
    """Tell whether a setting means yes to ufw, whose loader knows these two spellings."""
    return value in ("yes", "YES")


def ufw_installed(root: str = "/") -> bool:
    """Tell whether the program ufw is there."""
    return any(os.access(os.path.join(root, path), os.X_OK) for path in UFW_PROGRAMS)


def ufw_enabled(root: str = "/") -> bool:
    """Tell whether ufw is there and its own configuration says that it is on."""
    try:
        with open(os.path.join(root, UFW_CONF), encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            values = {key: value for _number, key, value in assignments(stream)}
    except OSError:
        return False
    return is_yes(values.get("ENABLED")) and ufw_installed(root)


def other_managers(tables: Tables, legacy: t.Sequence[str], root: str, proc: str) -> t.Tuple[t.List[str], t.List[str]]:
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


def legacy_tables(proc: str) -> t.List[str]:
    """Return the names of the loaded tables of legacy iptables, whose rules nft cannot read."""
    return [name for place in ("net/ip_tables_names", "net/ip6_tables_names") for name in read_text(os.path.join(proc, place)).split()]


def firewalld_runs(tables: Tables, root: str, proc: str) -> bool:
    """Tell whether firewalld filters here: its table is in the kernel, or a process of it lives."""
    return any(key[1] == "firewalld" for key in tables.chains) or running("firewalld", root, proc)


# Names of policies have room for 17 characters, "-out-allow" is the longest of our endings.
PREFIX_LIMIT = 7
# Stands in each file of firewalld that is ours: a name alone shows nothing.
MADE_BY = "Made by portcullis.msports"


def prefix(owner: str) -> str:
    """Return what the names of the owner's objects begin with, before a hyphen. An owner's name has none, so no two share objects."""
    if len(owner) <= PREFIX_LIMIT:
        return owner
    return owner[:2] + hashlib.sha256(owner.encode("ascii")).hexdigest()[: PREFIX_LIMIT - 2]


class Chosen(t.NamedTuple):
    """``backend`` is one of ``LINUX``, ``why`` a sentence for people."""

    backend: str
    why: str


TWO = (
    "two firewall managers are active on this host ({0}), and they undo each other's work; nothing was changed. Stop one of them for good "
    "('systemctl disable --now firewalld', or 'ufw disable'), or go on with both of them: name the backend (backend: firewalld, or backend: ufw) and "
    "set allow_other_manager to true"
)

STOPPED = "; firewalld is enabled, but does not run"


def choose(asked: str = "auto", root: str = "/", proc: str = "/proc") -> Chosen:
    """Return ``Chosen``; raise ``Refused`` when two managers are active and nobody says which one counts."""
    if asked != "auto":
        return Chosen(asked, "asked for by name")
    active = []
    if running("firewalld", root, proc):
        active.append(Chosen("firewalld", "firewalld is running"))
    if ufw_enabled(root) and not masked("ufw", root):
        active.append(Chosen("ufw", "ufw is enabled"))
    if len(active) > 1:
        raise Refused(TWO.format(" and ".join(found.why for found in active)))
    if active:
        return active[0]
    return Chosen("nftables", "no other manager of firewall rules is active" + (STOPPED if installed("firewalld", root) and starts("firewalld", root) else ""))


def traces(owner: str, root: str = "/") -> t.List[str]:
    """Return the backends that hold something of ``owner`` for the next boot, sorted as ``LINUX``."""
    mark = "comment=" + (owner + ": ").encode("utf-8").hex()
    found = {
        "nftables": os.path.exists(os.path.join(root, "etc/portcullis/msports", owner + ".nft")),
        "firewalld": any(MADE_BY in read_text(path) for path in glob.glob(os.path.join(glob.escape(root), "etc/firewalld/*", prefix(owner) + "-*.xml"))),
        "ufw": any(mark in read_text(os.path.join(root, "etc/ufw", name)) for name in ("user.rules", "user6.rules")),
    }
    return [backend for backend in LINUX if found[backend]]
