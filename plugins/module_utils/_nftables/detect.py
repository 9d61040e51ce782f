# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who else filters on this host, and what that means for our rules."""

from __future__ import annotations

import collections

Outside = collections.namedtuple("Outside", "managers reasons warnings")


def examine(foreign, desired, rules, options, root="/", proc="/proc"):
    """Return ``Outside``: active managers, reasons why the effect is not exactly the plan's, warnings."""
    return Outside([], [], [])
