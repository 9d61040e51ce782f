# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: local
short_description: The local connection, with every call written down
author: portcullis.msports contributors (@portcullis)
description:
  - For tests only. Appends the name of each call to the file that the environment variable MSPORTS_CALLS names.
extends_documentation_fragment:
  - connection_pipelining
"""

import os

from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    transport = "portcullis.counted.local"

    def exec_command(self, *args, **kwargs):
        _count("exec_command")
        return super().exec_command(*args, **kwargs)

    def put_file(self, *args, **kwargs):
        _count("put_file")
        return super().put_file(*args, **kwargs)

    def fetch_file(self, *args, **kwargs):
        _count("fetch_file")
        return super().fetch_file(*args, **kwargs)


def _count(name: str) -> None:
    with open(os.environ["MSPORTS_CALLS"], "a", encoding="utf-8") as file:
        file.write(name + "\n")
