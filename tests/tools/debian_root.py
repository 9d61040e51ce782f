# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root of Debian with some packages, made by mmdebstrap, which takes half of the processor time of debootstrap. It needs root."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile
import typing as t

PROGRAM = "mmdebstrap"  # and the name of its package
# An Ubuntu does not trust the keys of Debian by itself.
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# In memory; the tree is gone with the mount, whatever happens.
IN_MEMORY = 'mount -t tmpfs -o size=4g,mode=755 tmpfs "$TMPDIR" && exec "$@"'


def own_mirror() -> list[str]:
    """The mirror of Debian that this machine uses; none where it is not Debian, and what makes a root takes its own."""
    facts = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text(encoding="utf-8").splitlines() if "=" in line)
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    if facts.get("ID") != "debian" or shutil.which("apt-get") is None:
        return []
    targets = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
    wanted = [facts.get("VERSION_CODENAME"), "main"]
    return [target.split()[0] for target in targets if target.split()[1:] == wanted][:1]


def make(release: str, packages: t.Sequence[str], target: pathlib.Path, *hooks: str) -> str:
    """Make ``target``: a tar archive where its name ends so, else a folder. Why it cannot be made, or nothing.

    ``hooks`` are shell commands that are run at the end; ``$1`` is the tree there.
    """
    words = [PROGRAM, "--quiet", "--mode=root", "--variant=minbase", f"--keyring={KEYRING}", f"--include={','.join(packages)}"]
    # dpkg waits for the disk after each file otherwise.
    words += ["--dpkgopt=force-unsafe-io", *(f"--customize-hook={hook}" for hook in hooks)]
    with tempfile.TemporaryDirectory() as folder:
        command = ["unshare", "--mount", "sh", "-c", IN_MEMORY, "sh", *words, release, str(target), *own_mirror()]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env={**os.environ, "TMPDIR": folder})
    return "" if done.returncode == 0 else f"{PROGRAM} of {release}: exit {done.returncode}: {(done.stdout + done.stderr).strip()[-600:]}"
