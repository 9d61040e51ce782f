# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What is kept for the next boot: the saved ruleset, a unit that loads it, and a drop-in for ``nftables.service``.

The unit loads the file at boot, after nftables.service where there is one. ``nftables.service`` flushes the whole ruleset
whenever it is started, restarted or reloaded, also when it is started for the first time long after our unit has run;
so the drop-in makes it load our file again each time, last.

Another kernel may refuse what this one has loaded. Then the loader takes the rules without helpers, else the least by which the host can be managed.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import Content, File, Link, Writing, read_text, remove, tidy

Lines = t.List[t.Tuple[str, bool]]

FOLDER = "etc/portcullis/msports"
UNITS = "etc/systemd/system"
BOOT_TARGET = "sysinit.target"

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
ExecStart=/bin/sh {loader}
ExecReload=/bin/sh {loader}

[Install]
WantedBy={target} nftables.service
"""

DROP_IN = """# Loads the rules of portcullis.msports again after nftables.service has flushed the ruleset.
[Service]
ExecStartPost=-/bin/sh {loader}
ExecReload=-/bin/sh {loader}
"""

LOADER = """# Loads the firewall rules of portcullis.msports. What the kernel refuses is loaded without helpers of connection tracking.
# Where it refuses that, too, the least is loaded by which this host can be managed. The state of the service tells of it, and so does the next run.
if {nft} -f {file}; then
  rm -f {mark}
  exit 0
fi
if sed -e '/^\tct helper /,/^\t}}/d' -e 's/ ct helper set "[^"]*"//' {file} | {nft} -f -; then
  loaded='the rules without helpers of connection tracking'
elif {nft} -f {least}; then
  loaded='management and the base rules alone'
else
  loaded='nothing'
fi
echo "the saved rules {file} could not be loaded; loaded was: $loaded" | tee {mark} >&2
exit 1
"""


class Saved(t.NamedTuple):
    """``text`` is the whole ruleset, ``least`` the one by which the host can be managed, both for ``nft -f``."""

    text: str
    least: str


class Staged(t.NamedTuple):
    """New files of ``paths``, on the disk beside their places; ``units`` tells whether systemd must read its units again."""

    writing: Writing
    paths: t.List[str]
    units: bool
    removes: bool


class Store:
    """The files of one owner below ``root`` (``/`` but in tests)."""

    def __init__(self, owner: str, nft_path: str, root: str = "/") -> None:
        self.root = root
        self.shown = "/{0}/{1}.nft".format(FOLDER, owner)
        self.file = os.path.join(root, FOLDER, owner + ".nft")
        self.mark = os.path.join(root, "run/portcullis-msports.{0}.fallback".format(owner))
        self._least = os.path.join(root, FOLDER, owner + ".least.nft")
        self._unit_name = "portcullis-msports-{0}.service".format(owner)
        units = os.path.join(root, UNITS)
        loader, unit = os.path.join(root, FOLDER, owner + ".load.sh"), os.path.join(units, self._unit_name)
        drop_in = os.path.join(units, "nftables.service.d", "portcullis-msports-{0}.conf".format(owner))
        links = [os.path.join(units, target + ".wants", self._unit_name) for target in (BOOT_TARGET, "nftables.service")]
        shown = {"file": self.shown, "least": self._show(self._least), "loader": self._show(loader), "mark": self._show(self.mark)}
        words = dict(shown, owner=owner, nft=nft_path, target=BOOT_TARGET)
        self._loading: t.Dict[str, t.Union[File, Link]] = {
            loader: File(LOADER.format(**words), 0o600),
            drop_in: File(DROP_IN.format(**words), 0o644),
            unit: File(UNIT.format(**words), 0o644),
        }
        self._loading.update((link, Link("/{0}/{1}".format(UNITS, self._unit_name))) for link in links)
        self.systemd = os.path.isdir(os.path.join(root, services.SYSTEMD))

    def _wanted(self, saved: t.Optional[Saved]) -> t.Dict[str, Content]:
        """Return what is to be there for the next boot, in the order of writing: the ruleset, without which nothing is loaded, comes last and goes first."""
        everything: t.Dict[str, Content] = {self.file: None, self._least: None, **dict.fromkeys(self._loading)}
        if saved is None:
            return everything
        if self.systemd:
            return {self._least: File(saved.least, 0o600), **self._loading, self.file: File(saved.text, 0o600)}
        return {**everything, self.file: File(saved.text, 0o600)}

    def lines(self, saved: t.Optional[Saved]) -> Lines:
        """Return ``[(line, right), ...]``: what is there for the next boot, in words, and whether it is what ``saved`` wants (``None``: nothing)."""
        found = []
        for path, content in sorted(self._wanted(saved).items(), key=lambda item: (item[0] != self.file, item[0])):
            what = "saved rules" if path in (self.file, self._least) else "boot"
            found.append(_state(what, self._show(path), _there(path), content))
        return [(line, right) for line, right in found if line]

    def _show(self, path: str) -> str:
        return "/" + os.path.relpath(path, self.root)

    def there(self) -> t.Optional[Saved]:
        """Return what is kept for the next boot; ``None`` for nothing."""
        text = _there(self.file)
        return None if text is None else Saved(text, _there(self._least) or "")

    def stage(self, saved: t.Optional[Saved]) -> Staged:
        """Return what differs (``None``: every trace goes), on the disk beside its place; ``OSError``, and nothing was changed then."""
        wanted = {path: content for path, content in self._wanted(saved).items() if not _is(_there(path), content)}
        return Staged(Writing(wanted), list(wanted), self.systemd and any(path in self._loading for path in wanted), saved is None)

    def save(self, staged: Staged) -> t.List[str]:
        """Put what was staged in its place, all or none (``OSError``); return warnings."""
        if staged.removes and staged.units:
            # It has nothing to undo; but a unit that counts as active would stay in systemd's list without its file.
            services.call("systemctl", ["stop", self._unit_name])
        staged.writing.commit()
        staged.writing.finish()
        for path in staged.paths:
            _remove_empty(os.path.dirname(path))
        complaint = services.call("systemctl", ["daemon-reload"]) if staged.units else None
        return [complaint] if complaint else []

    def tidy(self) -> None:
        """Remove what a run that was killed has left beside the files."""
        tidy(self._wanted(None))

    def fallback(self) -> t.Optional[str]:
        """Return in words what was loaded in place of the saved rules, ``None`` where they were."""
        return (read_text(self.mark) or "").strip() or None

    def forget_fallback(self) -> None:
        remove(self.mark)


def _there(path: str) -> t.Optional[str]:
    """Return the text of a file, or the target of a link behind an arrow; ``None`` where there is nothing, and something else where it is a folder."""
    if os.path.islink(path):
        return "-> " + os.readlink(path)
    try:
        return read_text(path)
    except OSError as error:
        return "-> {0}".format(error.strerror)


def _is(actual: t.Optional[str], wanted: Content) -> bool:
    return actual == (None if wanted is None else "-> " + wanted.target if isinstance(wanted, Link) else wanted.text)


def _state(what: str, shown: str, actual: t.Optional[str], wanted: Content) -> t.Tuple[t.Optional[str], bool]:
    """Return ``(line or None, whether it is right)`` of one file or link."""
    if actual is None:
        return ("{0}: {1} is missing".format(what, shown), False) if wanted is not None else (None, True)
    if wanted is None:
        return "{0}: {1} is there".format(what, shown), False
    return ("{0}: {1}".format(what, shown), True) if _is(actual, wanted) else ("{0}: {1} differs".format(what, shown), False)


def _remove_empty(folder: str) -> None:
    """Remove a folder that exists for our files only, when nothing is left in it."""
    if folder.endswith((".wants", ".d")) and not folder.endswith("sysinit.target.wants"):
        try:
            os.rmdir(folder)
        except OSError:
            pass
