# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who signed a plan: a signature of its index is one of all of it, because the index has the digest of everything else."""

from __future__ import annotations

import os
import shutil
import subprocess

from ansible_collections.portcullis.msports.plugins.plugin_utils._files import read_file, refused

SIGNATURE = "index.json.asc"  # what `gpg --armor --detach-sign index.json` writes
PROGRAM = "gpgv"


def check_signature(directory: str, index: bytes, keyring: str) -> None:
    """Raise :class:`MsportsError` unless ``index``, the content of a plan's index, was signed by a key of ``keyring``."""
    path = os.path.join(directory, SIGNATURE)
    program = shutil.which(PROGRAM)
    if program is None:
        raise refused(PROGRAM, "is not installed on the controller; it checks the signature that keyring asks for")
    try:
        read_file(path)  # a link is refused, as everywhere in a plan directory
        if not os.path.isfile(keyring):
            raise refused(keyring, "is no file; expected a keyring, such as `gpg --export <key> > keyring.gpg` writes it")
        done = subprocess.run([program, "--keyring", os.path.abspath(keyring), "--", path, "-"], input=index, capture_output=True, check=False)
    except OSError as error:
        raise refused(path, f"cannot be read ({error.strerror}), so the plan is not signed; sign it with gpg --armor --detach-sign index.json") from None
    if done.returncode:
        why = " ".join(line.removeprefix("gpgv: ") for line in done.stderr.decode(errors="replace").splitlines()[-1:])
        raise refused(path, f"is not the signature of this plan by a key of {keyring} ({why}); sign the plan again, or fetch the published one")
