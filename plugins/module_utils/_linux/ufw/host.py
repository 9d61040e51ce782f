# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The host as a run finds it: ufw's files, its settings, what the kernel holds of it. And the files of a run, written under the lock of ufw, all or none."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import time
import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _locks
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import xtables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.files import Content, File, Writing
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import UFW_CONF, ufw_installed
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.xtables import Filter
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import kernel, settings
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import Programs, UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.rulefile import RULES, RuleFile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.settings import Record, Settings

DEFAULTS, CONF = "etc/default/ufw", UFW_CONF
USER = {4: "etc/ufw/user.rules", 6: "etc/ufw/user6.rules"}
BEFORE = {4: "etc/ufw/before.rules", 6: "etc/ufw/before6.rules"}
AFTER = {4: "etc/ufw/after.rules", 6: "etc/ufw/after6.rules"}
RECORD = "etc/portcullis/msports/{0}.ufw.json"

# What of ufw is there: loaded; off in its own configuration; enabled, but its service is stopped; enabled, but chains are missing; its files only.
RUNNING, INACTIVE, STOPPED, BROKEN, REMOVED = "running", "inactive", "stopped", "broken", "removed"

LEFT_OVER = (
    "ufw is removed from this host, and only its files below /etc are left: install the package ufw to use it again, or choose another backend "
    "(backend: auto takes the manager that is there). Nothing was changed; state: absent works on the files that are left"
)
NO_LINE = (
    "/{0} has no line '{1}', which ufw writes; nothing was changed. Put it back above the first rule, as in /usr/share/ufw/iptables/{2}. ('ufw reset' makes "
    "new files, too, but it disables ufw and takes all rules of the administrator out of force, those of before.rules and after.rules as well)"
)
NO_POLICY = "/{0}: {1}: expected ACCEPT, DROP or REJECT, without which ufw itself does not start; nothing was changed. Correct it there, and run again"


class Found(t.NamedTuple):
    """``defaults``, ``conf``, ``before`` and ``after`` are texts, ``files`` are ``RuleFile`` by family, ``tables`` are ``Filter`` by family
    (none when ufw is off), ``no_ipv6`` is "" or why rules for IPv6 have no effect, ``record`` are the defaults that we have changed, ``legacy`` tells
    whether iptables is the old one, ``igmp`` whether the system knows that protocol by its name."""

    defaults: str
    conf: str
    settings: Settings
    no_ipv6: str
    record: Record
    files: t.Dict[int, RuleFile]
    before: t.Dict[int, str]
    after: t.Dict[int, str]
    tables: t.Dict[int, Filter]
    state: str
    legacy: bool
    igmp: bool


class Host:
    """The machine as a run sees it. Tests give another root, environment, /proc or pause."""

    def __init__(
        self,
        programs: t.Optional[Programs] = None,
        root: str = "/",
        environment: t.Optional[t.Mapping[str, str]] = None,
        proc: str = "/proc",
        pause: t.Callable[[float], t.Any] = time.sleep,
    ) -> None:
        self.programs = programs or Programs()
        self.root = root
        self.environment = os.environ if environment is None else environment
        self.proc = proc
        self.pause = pause

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def versions(self, found: Found) -> t.Tuple[int, ...]:
        """Return the families that ufw filters."""
        return (4,) if found.no_ipv6 else (4, 6)


def written(owner: str, host: Host) -> t.List[str]:
    """Return the paths of all files that a run may write."""
    return [os.path.realpath(host.path(name)) for name in [*USER.values(), DEFAULTS, RECORD.format(owner)]]


def require(host: Host, absent: bool = False) -> None:
    """Raise ``UfwError`` when there is no ufw. For ``absent`` the files that a removed package leaves are enough."""
    missing = [name for name in (DEFAULTS, CONF, USER[4]) if not os.path.exists(host.path(name))]
    if missing:
        raise UfwError("ufw is not installed here, or older than 0.35: /{0} is missing; install the package ufw".format(missing[0]))
    if not absent and not ufw_installed(host.root):
        raise UfwError(LEFT_OVER)


def find(owner: str, host: Host) -> Found:
    """Read everything once and return ``Found``; raise ``UfwError`` when ufw cannot work as it is."""
    defaults, conf, record = (read_file(host.path(name)) for name in (DEFAULTS, CONF, RECORD.format(owner)))
    user = {version: read_file(host.path(name)) for version, name in USER.items()}
    read = settings.read(defaults, conf)
    wrong = [settings.POLICY_KEYS[direction] for direction, policy in sorted(read.policies.items()) if policy is None]
    if wrong:
        raise UfwError(NO_POLICY.format(DEFAULTS, ", ".join(settings.shown(defaults, key) for key in wrong)))
    no_ipv6 = ""
    if not read.ipv6:
        no_ipv6 = "IPV6 is not yes in /{0}: ufw stops all IPv6 (to change that, set IPV6=yes there and run 'ufw reload')".format(DEFAULTS)
    elif not os.path.isdir(os.path.join(host.proc, "sys/net/ipv6")):
        no_ipv6 = "the kernel has no IPv6"
    rule_files = {version: RuleFile(text, owner, version) for version, text in user.items()}
    for version in (4,) if no_ipv6 else (4, 6):
        if not rule_files[version].usable:
            raise UfwError(NO_LINE.format(USER[version], RULES, os.path.basename(USER[version])))
    try:
        changed = settings.load_record(record)
    except ValueError as error:
        text = "/{0} cannot be read ({1}); it holds the defaults of ufw from before: look into it, then remove it"
        raise UfwError(text.format(RECORD.format(owner), error)) from error
    program, there = host.programs.find("iptables"), ufw_installed(host.root)
    found = Found(
        defaults or "",
        conf or "",
        read,
        no_ipv6,
        changed,
        rule_files,
        {version: read_file(host.path(name)) or "" for version, name in BEFORE.items()},
        {version: read_file(host.path(name)) or "" for version, name in AFTER.items()},
        {},
        INACTIVE if there else REMOVED,
        program is not None and "legacy" in os.path.realpath(program),
        re.search(r"^igmp\s", read_file(host.path("etc/protocols")) or "", re.MULTILINE) is not None,
    )
    return with_tables(found, host) if read.enabled and there else found


def with_tables(found: Found, host: Host, versions: t.Optional[t.Sequence[int]] = None) -> Found:
    """Return ``found`` with what the kernel holds now; of some families only, where the others were not touched."""
    tables = dict(found.tables)
    for version in versions or host.versions(found):
        tables[version] = xtables.parse_save(host.programs.save(version))
    if all(kernel.loaded(table, version, found.before[version]) for version, table in tables.items()):
        state = RUNNING
    else:
        state = BROKEN if host.programs.service_is_active() else STOPPED
    return found._replace(tables=tables, state=state)


def own_tables(found: Found) -> t.Tuple[t.Tuple[str, str], ...]:
    """Return the tables of nft that are those of ufw's iptables, and are read by it."""
    return () if found.legacy or not found.tables else (("ip", "filter"), ("ip6", "filter"))


LOCK = "run/ufw.lock"
HELD = "ufw or another run has held the lock {0} for {1} seconds; nothing was changed. See what it waits for ('fuser -v {0}' names it), end it, and run again"


@contextlib.contextmanager
def locked(root: str, check_mode: bool, pause: t.Callable[[float], t.Any] = time.sleep, seconds: float = _locks.SECONDS) -> t.Iterator[None]:
    """Hold ufw's lock, so that no command of ufw and no other run reads or writes between our reading and our writing.

    Check mode makes no file: where ufw has not made its lock yet, nobody holds it.
    """
    path = os.path.join(root, LOCK)
    try:
        # For writing, because an exclusive lock needs it; but unlike ufw's own opening this truncates nothing.
        handle = os.open(path, os.O_RDWR | (0 if check_mode else os.O_CREAT), 0o644)
    except OSError as error:
        if check_mode and error.errno == errno.ENOENT:
            yield
            return
        raise UfwError("cannot open the lock of ufw, {0}: {1}".format(path, error.strerror)) from error
    try:
        try:
            taken = _locks.taken(lambda: fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB), pause, seconds)
        except OSError as error:
            raise UfwError("cannot take the lock of ufw, {0}: {1}; nothing was changed".format(path, error.strerror)) from error
        if not taken:
            raise UfwError(HELD.format(path, seconds))
        yield
    finally:
        os.close(handle)


def read_file(path: str) -> t.Optional[str]:
    """Return the text of a file with every byte in it, or ``None`` when it does not exist."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise UfwError("cannot read {0}: {1}".format(path, error.strerror)) from error


def contents(texts: t.Mapping[str, t.Optional[str]]) -> t.Dict[str, Content]:
    """Return what is to be written for ``{path: text}``, ``None`` for a file that goes away: a link of the admin's stays, and what it points to changes."""
    return {os.path.realpath(path): None if text is None else File(text) for path, text in texts.items()}


def stage(texts: t.Mapping[str, t.Optional[str]]) -> Writing:
    """Return the new contents of some files, already on the disk; raise ``UfwError``, and nothing was changed then."""
    try:
        return Writing(contents(texts))
    except OSError as error:
        raise UfwError("{0}; nothing was changed".format(error.strerror)) from error


def commit(staged: Writing) -> None:
    """Put every file in its place; raise ``UfwError`` after putting back those that were."""
    try:
        staged.commit()
    except OSError as error:
        raise UfwError("{0}; the old files are back".format(error.strerror)) from error
