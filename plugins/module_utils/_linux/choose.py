# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Which backend serves a Linux host: that of the manager which is active there, else nftables. Found without starting a process."""

from __future__ import annotations

import collections
import glob
import os

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.names import prefix
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import ufw_enabled
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.services import installed, masked, read_text, running, starts
from ansible_collections.portcullis.msports.plugins.module_utils._options import LINUX
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

Chosen = collections.namedtuple("Chosen", "backend why")
Chosen.__doc__ = """``backend`` is one of ``LINUX``, ``why`` a sentence for people."""

TWO = (
    "two firewall managers are active on this host ({0}), and they undo each other's work; nothing was changed. Stop one of them for good "
    "('systemctl disable --now firewalld', or 'ufw disable'), or go on with both of them: name the backend (backend: firewalld, or backend: ufw) and "
    "set allow_other_manager to true"
)

STOPPED = "; firewalld is enabled, but does not run"


def choose(asked="auto", root="/", proc="/proc"):
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


def traces(owner, root="/"):
    """Return the backends that hold something of ``owner`` for the next boot, sorted as ``LINUX``."""
    mark = "comment=" + (owner + ": ").encode("utf-8").hex()
    found = {
        "nftables": os.path.exists(os.path.join(root, "etc/portcullis/msports", owner + ".nft")),
        "firewalld": any(glob.glob(os.path.join(root, "etc/firewalld", folder, prefix(owner) + "-*.xml")) for folder in ("policies", "ipsets", "services")),
        "ufw": any(mark in read_text(os.path.join(root, "etc/ufw", name)) for name in ("user.rules", "user6.rules")),
    }
    return [backend for backend in LINUX if found[backend]]
