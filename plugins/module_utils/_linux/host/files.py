# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Small files, read and replaced as a whole: one of them, or several of a run, all or none."""

from __future__ import annotations

import errno
import os
import typing as t

# What lies beside a file while it is written. The names are fixed, so the next run finds what a killed one has left.
ASIDE, KEPT = ".portcullis-{0}", ".portcullis-kept-{0}"


class File(t.NamedTuple):
    """``mode`` is ``None`` where the file keeps the mode and the owner that it has."""

    text: t.Union[str, bytes]
    mode: t.Optional[int] = None


class Link(t.NamedTuple):
    target: str


Content = t.Union[File, Link, None]  # None: it goes away


def read_text(path: str) -> t.Optional[str]:
    """Return the text of a file; ``None`` only when there is none. ``OSError`` when it is there and cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None


def replace(path: str, content: t.Union[str, bytes], mode: int) -> None:
    """Replace a file as a whole, on disk before this returns: readers see the old one or the new one, after a power failure, too."""
    temporary = aside(path, File(content, mode))
    try:
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class Writing:
    """New contents of some files: all are on the disk before the first one is put in its place, and the old ones can be put back.

    Until ``finish`` an old file has a second name beside it, so putting it back needs no room on the disk.
    """

    def __init__(self, contents: t.Mapping[str, Content]) -> None:
        """``contents`` maps paths to what is to be there, in the order of writing. Raises ``OSError`` with the path; nothing was changed then."""
        self._done: t.List[t.Tuple[str, t.Optional[str]]] = []
        self._ready: t.List[t.Tuple[str, t.Optional[str]]] = []
        for path, content in contents.items():
            try:
                self._ready.append((path, _write(path, content)))
            except OSError as error:
                self.discard()
                raise _about(path, error) from error

    def commit(self) -> None:
        """Put every file in its place; raise ``OSError`` after putting back those that were."""
        while self._ready:
            path, temporary = self._ready[0]
            try:
                self._done.append((path, _second_name(path)))
                if temporary is None:
                    remove(path)
                else:
                    os.rename(temporary, path)
            except OSError as error:
                self.undo()
                raise _about(path, error) from error
            self._ready.pop(0)

    def undo(self) -> None:
        """Put back what was replaced, and drop what was not yet."""
        self.discard()
        for path, kept in reversed(self._done):
            if kept is None:
                remove(path)
            else:
                _back(kept, path)
        self._done = []

    def finish(self) -> None:
        """Forget the old files."""
        for _path, kept in self._done:
            if kept is not None:
                remove(kept)
        self._done = []

    def discard(self) -> None:
        """Drop what was not put in its place."""
        for _path, temporary in self._ready:
            if temporary is not None:
                remove(temporary)
        self._ready = []


def write_all(contents: t.Mapping[str, Content]) -> None:
    """Write some files, all or none; ``OSError`` when that failed and nothing was changed."""
    writing = Writing(contents)
    writing.commit()
    writing.finish()


def tidy(paths: t.Iterable[str]) -> None:
    """Remove what a run that was killed has left beside these files, and folders that it has made for nothing.

    The caller holds the lock under which they are written.
    """
    for path in paths:
        for name in (ASIDE, KEPT):
            try:
                remove(_beside(path, name))
            except OSError:
                pass  # it is not there, or what is wrong with the folder shows when it is written


def remove(path: str) -> None:
    """Remove a file that may be gone, and the folders that exist for files of ours only when nothing is left in them."""
    if os.path.lexists(path):
        os.unlink(path)
    folder = os.path.dirname(path)
    while folder.endswith(("/portcullis/msports", "/portcullis")):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            pass  # a run was killed that had made its parent
        except OSError:
            return
        folder = os.path.dirname(folder)


def _write(path: str, content: Content) -> t.Optional[str]:
    """Write a content beside its place, on disk, and return the path of it; ``None`` for one that goes away. ``OSError`` leaves nothing."""
    if os.path.isdir(path) and not os.path.islink(path):
        raise IsADirectoryError(errno.EISDIR, "a folder is in its place", path)
    return None if content is None else aside(path, content)


def aside(path: str, content: t.Union[File, Link], temporary: t.Optional[str] = None) -> str:
    """Write the new content of ``path`` to ``temporary``, else beside it, on disk, and return where that is; ``OSError`` leaves nothing."""
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    temporary = temporary or _beside(path, ASIDE)
    if os.path.lexists(temporary):
        os.unlink(temporary)
    if isinstance(content, Link):
        os.symlink(content.target, temporary)
        return temporary
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.text if isinstance(content.text, bytes) else content.text.encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(stream.fileno())
        _dress(temporary, path, content.mode)
    except BaseException:
        remove(temporary)
        raise
    return temporary


def _dress(temporary: str, path: str, mode: t.Optional[int]) -> None:
    """Give a new file its mode, or mode and owner of the file that it replaces."""
    if mode is not None:
        os.chmod(temporary, mode)
    elif os.path.exists(path):
        there = os.stat(path)
        os.chmod(temporary, there.st_mode & 0o7777)
        os.chown(temporary, there.st_uid, there.st_gid)


def _beside(path: str, name: str) -> str:
    return os.path.join(os.path.dirname(path), name.format(os.path.basename(path)))


def _about(path: str, error: OSError) -> OSError:
    return OSError(error.errno, "cannot write {0}: {1}".format(path, error.strerror))


def _second_name(path: str) -> t.Optional[str]:
    """Give a file another name beside it, and return that; ``None`` when there is no file."""
    if not os.path.lexists(path):
        return None
    kept = _beside(path, KEPT)
    if os.path.lexists(kept):  # a run was killed; what it had changed is what the host has now
        os.unlink(kept)
    os.link(path, kept, follow_symlinks=False)
    return kept


def _back(kept: str, path: str) -> None:
    """Give a file its first name back. Between two names of one file a rename does nothing, so the second one is removed then."""
    os.rename(kept, path)
    if os.path.lexists(kept):
        os.unlink(kept)
