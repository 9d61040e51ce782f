# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Names of an owner's objects in firewalld. Apart from everything else, because whoever looks for traces of an owner needs only this."""

from __future__ import annotations

import hashlib

# Names of policies have room for 17 characters, "-out-allow" is the longest of our endings.
PREFIX_LIMIT = 7


def prefix(owner):
    """Return what the names of the owner's objects begin with, before a hyphen. An owner's name has none, so no two share objects."""
    if len(owner) <= PREFIX_LIMIT:
        return owner
    return owner[:2] + hashlib.sha256(owner.encode("ascii")).hexdigest()[: PREFIX_LIMIT - 2]
