# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Whether ufw is there and switched on. Apart from everything else, because whoever only looks for other managers needs only this."""

from __future__ import annotations

import os
import re

CONF = "etc/ufw/ufw.conf"
# A package that was removed and not purged leaves its settings, so the program decides whether ufw is there.
PROGRAMS = ("usr/sbin/ufw", "sbin/ufw", "usr/bin/ufw", "usr/local/sbin/ufw")

_LINE = re.compile(r"""^\s*([A-Za-z_]\w*)=(?:"([^"]*)"|'([^']*)'|([^\s#;]*))""")


def assignments(lines):
    """Yield ``(number, key, value)`` of the lines of a file that the shell reads, as both files with ufw's settings are."""
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if match:
            yield number, match.group(1), "".join(value or "" for value in match.groups()[1:])


def is_on(value):
    """Tell whether a setting means yes to ufw, whose loader knows these two spellings."""
    return value in ("yes", "YES")


def installed(root="/"):
    """Tell whether the program ufw is there."""
    return any(os.access(os.path.join(root, path), os.X_OK) for path in PROGRAMS)


def enabled(root="/"):
    """Tell whether ufw is there and its own configuration says that it is on."""
    try:
        with open(os.path.join(root, CONF), encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            values = {key: value for _number, key, value in assignments(stream)}
    except OSError:
        return False
    return is_on(values.get("ENABLED")) and installed(root)
