# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # which catalogs are read
    DOCUMENTATION = r"""
options:
  releases:
    description:
      - The release of each product that runs, as a mapping of products to releases. The newest edition that is not newer counts.
      - Without it, the union of the variables C(msports_releases) and C(msports_releases__*) counts.
      - A product that is not named there is read in its newest edition.
    type: dict
  catalog_paths:
    description:
      - Folders with catalogs of your own, which are looked at first. Relative paths start at the current folder of the controller.
      - A folder holds C(<product>/<edition>.yml), or catalogs side by side as C(*.yml).
      - Without it, the union of the variables C(msports_catalog_paths) and C(msports_catalog_paths__*) counts.
    type: list
    elements: str
"""

    # JMESPath over the answer
    QUERY = r"""
options:
  query:
    description:
      - A JMESPath expression that is applied to the list of answers, for what the other options cannot say.
      - Its result is what the lookup returns. A result that is not a list becomes the only element of one; no result is an empty list.
      - Needs the Python package C(jmespath) on the controller.
    type: str
"""
