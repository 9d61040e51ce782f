# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The files of an owner that stay below ``/etc/firewalld`` when the package firewalld is removed: in force nowhere, until it is installed again."""

from __future__ import annotations

import os

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import actual_state, names, objects, result
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import kernel as kernels
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.persist import Store
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.services import running

NOBODY = "firewalld is removed, so nothing that goes was in force"


def are_all(root="/", proc="/proc"):
    """Tell whether files are all that can be left of firewalld: its program is gone, and no process of it lives."""
    return not Store("", root).installed() and not running("firewalld", root, proc)


def remove(options, check_mode=False, root="/"):
    """Remove the files of an owner and return the result of ``state: absent``."""
    owner = options.get("owner", "msports")
    store = Store(names.prefix(owner), root)
    texts = store.texts()
    if texts and not check_mode:
        store.write({})
        _tidy(os.path.join(root, "etc/firewalld"))
    actual = actual_state.Actual(store.objects(texts), None, kernels.NOTHING)
    return dict(result.absent(owner, actual, bool(texts), [NOBODY]), warnings=[])


def _tidy(folder):
    """Remove folders that held nothing but our files; the package takes those along that are empty when it goes."""
    for path in [os.path.join(folder, name) for name in sorted(objects.FOLDERS.values())] + [folder]:
        try:
            os.rmdir(path)
        except OSError:
            pass
