# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is kept for the next boot: the saved ruleset, a unit that loads it, and a drop-in for ``nftables.service``.

The unit loads the file at boot, after nftables.service where there is one. ``nftables.service`` flushes the whole ruleset
whenever it is started, restarted or reloaded, also when it is started for the first time long after our unit has run;
so the drop-in makes it load our file again each time, last.
"""

from __future__ import annotations

import os
import subprocess
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import replace

Lines = t.List[t.Tuple[str, bool]]

FOLDER = "etc/portcullis/msports"
UNITS = "etc/systemd/system"
BOOT_TARGET = "sysinit.target"
SYSTEMCTL = ("/usr/bin/systemctl", "/bin/systemctl")

UNIT = """[Unit]
Description=Firewall rules of portcullis.msports (table inet {owner})
DefaultDependencies=no
Wants=network-pre.target
After=nftables.service local-fs.target
Before=network-pre.target shutdown.target
Conflicts=shutdown.target
PartOf=nftables.service
ConditionPathExists={file}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={nft} -f {file}
ExecReload={nft} -f {file}

[Install]
WantedBy={target} nftables.service
"""

DROP_IN = """# Loads the rules of portcullis.msports again after nftables.service has flushed the ruleset.
[Service]
ExecStartPost=-{nft} -f {file}
ExecReload=-{nft} -f {file}
"""


class Store:
    """The files of one owner below ``root`` (``/`` but in tests)."""

    def __init__(self, owner: str, nft_path: str, root: str = "/") -> None:
        self.root = root
        self.shown = "/{0}/{1}.nft".format(FOLDER, owner)
        self.file = os.path.join(root, FOLDER, owner + ".nft")
        self._unit_name = "portcullis-msports-{0}.service".format(owner)
        units = os.path.join(root, UNITS)
        self._unit = os.path.join(units, self._unit_name)
        self._drop_in = os.path.join(units, "nftables.service.d", "portcullis-msports-{0}.conf".format(owner))
        self._links = [os.path.join(units, target + ".wants", self._unit_name) for target in (BOOT_TARGET, "nftables.service")]
        words = {"owner": owner, "nft": nft_path, "file": self.shown, "target": BOOT_TARGET}
        self._wanted = {self._unit: UNIT.format(**words), self._drop_in: DROP_IN.format(**words)}
        self.systemd = os.path.isdir(os.path.join(root, "run/systemd/system"))

    def lines(self, text: t.Optional[str]) -> Lines:
        """Return ``[(line, right), ...]``: what is there for the next boot, in words, and whether it is what ``text`` wants (``None``: nothing)."""
        found = [_state("saved rules", self.shown, _read(self.file), text)]
        if self.systemd or text is None:
            for path, wanted in sorted(self._wanted.items()):
                found.append(_state("boot", self._show(path), _read(path), None if text is None else wanted))
            for path in self._links:
                target = os.readlink(path) if os.path.islink(path) else None
                found.append(_state("boot", self._show(path), target, None if text is None else self._link_target()))
        return [(line, right) for line, right in found if line]

    def _show(self, path: str) -> str:
        return "/" + os.path.relpath(path, self.root)

    def _link_target(self) -> str:
        return "/{0}/{1}".format(UNITS, self._unit_name)

    def save(self, text: str) -> bool:
        """Write what differs; return whether systemd must read its units again."""
        if _read(self.file) != text:
            replace(self.file, text, 0o600)
        changed = False
        if self.systemd:
            for path, wanted in self._wanted.items():
                if _read(path) != wanted:
                    replace(path, wanted, 0o644)
                    changed = True
            for path in self._links:
                if not os.path.islink(path) or os.readlink(path) != self._link_target():
                    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
                    if os.path.lexists(path):
                        os.unlink(path)
                    os.symlink(self._link_target(), path)
                    changed = True
        return changed

    def remove(self) -> bool:
        """Remove every trace; return whether systemd must read its units again."""
        units = [path for path in self._links + [self._drop_in, self._unit] if os.path.lexists(path)]
        if units and self.systemd:
            # It has nothing to undo; but a unit that counts as active would stay in systemd's list without its file.
            _systemctl("stop", self._unit_name)
        for path in units + ([self.file] if os.path.lexists(self.file) else []):
            os.unlink(path)
        for path in units + [self.file, os.path.dirname(self.file)]:
            folder = os.path.dirname(path)
            # Only folders that exist for our files; a folder with anything else in it stays.
            if folder.endswith((".wants", ".d", "/portcullis/msports", "/portcullis")) and not folder.endswith("sysinit.target.wants"):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass
        return bool(units) and self.systemd


def reload_systemd() -> t.Optional[str]:
    """Let systemd read its units again; return a complaint or ``None``."""
    return _systemctl("daemon-reload")


def _systemctl(*arguments: str) -> t.Optional[str]:
    program = next((place for place in SYSTEMCTL if os.access(place, os.X_OK)), None)
    if program is None:
        return "systemctl was not found: run 'systemctl {0}' yourself".format(" ".join(arguments))
    # A list and no shell; and tests run it without a module. pylint: disable-next=ansible-bad-function
    process = subprocess.Popen([program] + list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _none = process.communicate()
    if process.returncode != 0:
        return "systemctl {0} failed: {1}".format(" ".join(arguments), output.decode("utf-8", "replace").strip()[:300])
    return None


def _state(what: str, shown: str, actual: t.Optional[str], wanted: t.Optional[str]) -> t.Tuple[t.Optional[str], bool]:
    """Return ``(line or None, whether it is right)`` of one file or link."""
    if actual is None:
        return ("{0}: {1} is missing".format(what, shown), False) if wanted is not None else (None, True)
    if wanted is None:
        return "{0}: {1} is there".format(what, shown), False
    return ("{0}: {1}".format(what, shown), True) if actual == wanted else ("{0}: {1} differs".format(what, shown), False)


def _read(path: str) -> t.Optional[str]:
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return None
