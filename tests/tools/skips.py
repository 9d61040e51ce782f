# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``MSPORTS_SKIP`` allows to leave out: a comma-separated list of patterns for tests and for whole parts of the checks."""

from __future__ import annotations

import fnmatch
import os


def allowed(name: str) -> bool:
    """Tell whether a pattern (``*`` as in a shell, and over slashes, too) is that of a test ``folder/file.py::name``, or of a part."""
    return any(fnmatch.fnmatchcase(name, pattern.strip()) for pattern in os.environ.get("MSPORTS_SKIP", "").split(",") if pattern.strip())
