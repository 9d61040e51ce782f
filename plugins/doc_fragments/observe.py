# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # whose rules and tables
    OWNER = r"""
options:
  owner:
    description:
      - The mark of ownership, as with M(portcullis.msports.linux_ruleset).
    type: str
    default: msports
"""
