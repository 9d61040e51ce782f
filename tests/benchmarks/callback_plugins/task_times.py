# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: task_times
type: aggregate
short_description: Write how long each task took
description:
  - Seconds from the start of a task to the start of the next, as JSON, to the file that C(MSPORTS_BENCH_TIMES) names.
author: the portcullis.msports contributors (@portcullis)
"""

import json
import os
import time

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Times by the name of the task; a loop is one task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"

    def __init__(self):
        super().__init__()
        self._name = None
        self._started = 0.0
        self._tasks = {}

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._close()
        self._name, self._started = task.get_name(), time.perf_counter()

    def v2_playbook_on_stats(self, stats):
        self._close()
        failed = sum(stats.failures.values()) + sum(stats.dark.values())
        with open(os.environ["MSPORTS_BENCH_TIMES"], "w", encoding="utf-8") as stream:
            json.dump({"tasks": self._tasks, "failed": failed, "changed": sum(stats.changed.values())}, stream)

    def _close(self):
        if self._name is not None:
            self._tasks[self._name] = self._tasks.get(self._name, 0.0) + time.perf_counter() - self._started
