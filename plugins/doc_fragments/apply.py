# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # where a plan lies
    DOCUMENTATION = r"""
options:
  directory:
    description:
      - The plan directory on the controller. Relative paths start at the folder in which Ansible was started.
    type: path
    default: msports-plan
"""
