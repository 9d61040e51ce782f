# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback of Ansible that keeps the archives of modules, which each ansible-playbook makes anew, in the folder that ``MSPORTS_PACKED`` names.

Half of a run's processor time goes into reading and compiling what a module imports. The archive is the same for each run of a test process, so it is
made once there. It is found by the name of the module alone: a folder is never used for two versions of a module, nor of ansible-core.
"""

from __future__ import annotations

import os

from ansible import constants
from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "packed_once"

    def __init__(self) -> None:
        super().__init__()
        # Made before the first task, so before any worker is there. The run's own folder goes at its end, and with it the link alone.
        os.symlink(os.environ["MSPORTS_PACKED"], os.path.join(constants.DEFAULT_LOCAL_TMP, "ansiballz_cache"))
