# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: tasks
short_description: Tells whose calls those are that the connection writes down
author: portcullis.msports contributors (@portcullis)
type: notification
description:
  - For tests only. Appends the name of each task, when it starts, to the file that the environment variable MSPORTS_CALLS names.
"""

import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "portcullis.counted.tasks"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_task_start(self, task, is_conditional):
        with open(os.environ["MSPORTS_CALLS"], "a", encoding="utf-8") as file:
            file.write(f"task {task.name}\n")
