# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout as the tools see it: where it is, and which files belong to it."""

from __future__ import annotations

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"


def files(*patterns: str) -> list[str]:
    """What git knows or would know of the checkout, sorted, narrowed by git's own patterns (``*.md``)."""
    # The owner of a checkout in a container or CI is often someone else; git would refuse to look.
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns]
    listing = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    # A file deleted but not yet committed is still listed.
    return sorted({name for name in listing.decode().split("\0") if name and (ROOT / name).exists()})
