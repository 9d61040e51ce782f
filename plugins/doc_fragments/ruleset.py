# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # what a ruleset has on Linux and on Windows
    DOCUMENTATION = r"""
options:
  address_sets:
    description:
      - Lists of addresses by name, for rules that refer to them as V(@name).
      - A rule with an empty set matches nobody, and is left out with a warning.
    type: dict
    default: {}
  max_removals:
    description:
      - Refuse to remove more own rules than this. Without it there is no limit.
    type: int
  generation:
    description:
      - The generation of the plan that the rules come from, as M(portcullis.msports.apply) passes it on. The host remembers it until O(state=absent), and
        refuses an earlier one.
    type: int
  planned_addresses:
    description:
      - The addresses that the plan gives this host, as M(portcullis.msports.apply) passes them on. When none of them is on an interface of the host, a warning
        says so. Peers that have strict rules know the host by these alone.
    type: list
    elements: str
    default: []
  allow_older_plan:
    description:
      - Apply the rules although the host has a later O(generation).
    type: bool
    default: false
"""
