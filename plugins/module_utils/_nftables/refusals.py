# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Why a run on nftables alone is refused: somebody else manages the rules of this host."""

from __future__ import annotations

from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

OTHER_MANAGER = (
    "another firewall manager is active, and two of them would undo each other's work. Nothing was changed. firewalld and ufw have backends of "
    "their own (backend: auto chooses them); else stop and mask that manager ('systemctl mask --now firewalld'; 'ufw disable' for ufw), "
    "or set allow_other_manager to true to load our table beside its rules"
)


def other_manager(managers, options):
    """Raise ``Refused`` when others manage the rules of this host, unless that is allowed."""
    if managers and not options["allow_other_manager"]:
        raise Refused(OTHER_MANAGER, managers)
