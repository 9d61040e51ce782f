# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What people would use instead, where this machine has it: two collections, unpacked from PyPI's package ``ansible``, and the role of linux-system-roles.

Nothing is installed and nothing becomes a dependency: it all stays below ``.cache``.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import typing as t
import zipfile

LOOPED = {"firewalld": "ansible.posix", "ufw": "community.general"}  # whose modules are looped over, by manager
VARIABLE = "MSPORTS_BENCH_LSR"
ROLE = "linux-system-roles.firewall"
IN_COLLECTIONS = ("fedora/linux_system_roles", "redhat/rhel_system_roles")
ROLES = "~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles"
COLLECTIONS = "~/.ansible/collections:/usr/share/ansible/collections"


class Missing(Exception):
    """A rival cannot be had here; the text says why."""


class Role(t.NamedTuple):
    """The role's name in a play, the folder that Ansible finds it in (a folder of roles or of collections), and its version."""

    name: str
    variable: str
    folder: str
    version: str


def collections(cache: pathlib.Path) -> pathlib.Path:
    """Return a folder of collections with those of :data:`LOOPED`; downloaded once, in the version that belongs to this ansible-core."""
    from ansible.release import __version__ as core

    major = int(core.split(".")[1]) - 7  # the package ansible 12 goes with ansible-core 2.19
    folder = cache / f"rivals-{major}"
    if not all(_manifest(folder, name).exists() for name in LOOPED.values()):
        with tempfile.TemporaryDirectory(prefix="msports-bench-") as work:
            _download(pathlib.Path(work), f"ansible=={major}.*", folder)
    return folder


def version(folder: pathlib.Path, name: str) -> str:
    """Return name and version of a collection below ``folder``."""
    found = re.search(r'"version": "([^"]+)"', _manifest(folder, name).read_text(encoding="utf-8"))
    return f"{name} {found.group(1)}" if found else name


def role(work: pathlib.Path, environment: t.Mapping[str, str]) -> Role:
    """Return the role from the path that :data:`VARIABLE` names, from the path of roles, or from a collection; raise :class:`Missing`."""
    given = environment.get(VARIABLE)
    if given:
        found = pathlib.Path(given).expanduser().resolve()
        if not _is_role(found):
            raise Missing(f"{VARIABLE} is {given}, which is not a copy of the role (no tasks/main.yml with library/firewall_lib.py)")
        return _linked(work, found)
    for folder in _folders(environment.get("ANSIBLE_ROLES_PATH", ROLES)):
        if _is_role(folder / ROLE):
            return _linked(work, folder / ROLE)
    for folder in _folders(environment.get("ANSIBLE_COLLECTIONS_PATH", COLLECTIONS)):
        for name in IN_COLLECTIONS:
            if (folder / "ansible_collections" / name / "roles/firewall/tasks/main.yml").exists():
                dotted = name.replace("/", ".")
                return Role(f"{dotted}.firewall", "ANSIBLE_COLLECTIONS_PATH", str(folder), version(folder, dotted))
    raise Missing(f"{ROLE} is not on this machine: set {VARIABLE} to the folder of a copy (github.com/linux-system-roles/firewall)")


def _manifest(folder: pathlib.Path, name: str) -> pathlib.Path:
    return folder.joinpath("ansible_collections", *name.split("."), "MANIFEST.json")


def _download(work: pathlib.Path, package: str, folder: pathlib.Path) -> None:
    """Download one wheel, and keep the two collections of it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run([*command, "--dest", str(work), package], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"the package {package} cannot be downloaded: {done.stdout.strip()[-300:]}")
    starts = tuple(f"ansible_collections/{name.replace('.', '/')}/" for name in LOOPED.values())
    with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith(starts)])


def _is_role(folder: pathlib.Path) -> bool:
    return (folder / "tasks/main.yml").exists() and (folder / "library/firewall_lib.py").exists()


def _linked(work: pathlib.Path, found: pathlib.Path) -> Role:
    """Give the copy the name that it has in plays."""
    (work / "roles").mkdir(exist_ok=True)
    (work / "roles" / ROLE).symlink_to(found, target_is_directory=True)
    changes = found / "CHANGELOG.md"
    told = re.search(r"^\[([\d.]+)\]", changes.read_text(encoding="utf-8"), re.MULTILINE) if changes.exists() else None
    return Role(ROLE, "ANSIBLE_ROLES_PATH", str(work / "roles"), f"{ROLE} {told.group(1) if told else 'of an unknown version'}")


def _folders(paths: str) -> list[pathlib.Path]:
    return [pathlib.Path(path).expanduser() for path in paths.split(os.pathsep) if path]
