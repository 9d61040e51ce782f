# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What the reading of ``hostvars`` alone costs, without a compiler behind it."""

from ansible.plugins.action import ActionBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of


class ActionModule(ActionBase):
    """Read the inventory as the plan does, and return how many hosts it has."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        return {**result, "changed": False, "hosts": len(inventory_of(task_vars["hostvars"])["hosts"])}
