# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make ``ansible_collections.portcullis.msports`` importable from any checkout folder.

``ansible-test units`` places the checkout itself; plain pytest gets a temporary tree with one symlink.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import pathlib
import shutil
import sys
import tempfile

from hypothesis import settings

if "CI" not in os.environ:  # hypothesis has a profile of its own there: no seconds, either
    settings.register_profile("no seconds", deadline=None)  # a loaded machine is no defect
    settings.load_profile("no seconds")

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _importable() -> bool:
    try:
        return importlib.util.find_spec("ansible_collections.portcullis.msports.plugins") is not None
    except ModuleNotFoundError:
        return False


if not _importable():
    _tree = tempfile.mkdtemp(prefix="msports-collections-")
    atexit.register(shutil.rmtree, _tree, ignore_errors=True)
    _namespace = pathlib.Path(_tree, "ansible_collections", "portcullis")
    _namespace.mkdir(parents=True)
    _namespace.joinpath("msports").symlink_to(ROOT, target_is_directory=True)
    sys.path.insert(0, _tree)
    for _name in [name for name in sys.modules if name.split(".")[0] == "ansible_collections"]:
        del sys.modules[_name]
