# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: results
type: notification
short_description: Keep what the tasks of a lab's run gave
version_added: 0.1.0
author: the portcullis.msports contributors (@portcullis)
description:
  - For tests only. Appends a line of JSON for every result of an C(apply) task, C([host, result]), to a file.
options:
  path:
    description: The file.
    type: path
    required: true
    env:
      - name: MSPORTS_LAB_RESULTS
"""

import json

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "portcullis.lab.results"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result):
        if result.task.action == "portcullis.msports.apply":
            with open(self.get_option("path"), "a", encoding="utf-8") as stream:
                stream.write(json.dumps([result.host.name, result.result], default=str) + "\n")
