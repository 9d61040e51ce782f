# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``make demo``, then ``make test``, on machines that nobody has prepared: bare roots of Debian with git and make, and nothing else.

Usage: ``fresh.py [--release RELEASE]... [--keep] [WORD]...``. Releases are those of ``RELEASES``, and all without the option. A WORD is ``demo`` or
a group of ``run_checks.py``; without any, the demo and all groups are run. ``--keep`` leaves the root, and the next run with it goes on in it.

The root is made by debootstrap, and lies in ``.cache/fresh``. It is entered in namespaces of its own: mounts, processes, and a network that
slirp4netns connects to the outside, so that nothing of this machine is changed. Taken along are the settings by which this machine reaches
its registries: the mirror of Debian, what apt and pip are told, certificates, proxies; and of the checkout what is committed.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import typing as t

import checkout
import debian_root

ROOT, FRESH = checkout.ROOT, checkout.CACHE / "fresh"
RELEASES = ("bookworm", "trixie")
BARE = "git,make"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
# Longer than what podman takes for its own folders, as checkouts may be.
CHECKOUT = "/srv/checkouts/of/somebody/who/likes/long/paths/msports"
# Built in memory, because dpkg waits for the disk after each file.
BASE = """set -eu
mount -t tmpfs -o size=2g,mode=755 tmpfs "$1"
debootstrap --variant=minbase --include="$2" "$3" "$1" $5
echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/unsafe-io"
rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*
tar -C "$1" -cf "$4" .
"""
# What is run inside: a log for each command, and a line of result for each. The counts are those of the checks.
INSIDE = """set -u
cd / && mkdir -p "$(dirname "$CHECKOUT")"
[ -d "$CHECKOUT" ] || git clone -q --no-checkout /checkout.bundle "$CHECKOUT" || exit
cd "$CHECKOUT" && git fetch -q /checkout.bundle HEAD && git reset -q --hard FETCH_HEAD || exit
rm -rf .cache/test
for word in $WORDS; do
    start=$(date +%s)
    echo "== $RELEASE: make $word"
    case $word in demo) set -- ;; *) set -- "RUN=$RUN" "RELEASE=$RELEASE" ;; esac
    make "$word" "$@" 2>&1 | tee "/logs/$word.log"
    status=${PIPESTATUS[0]}
    printf '%s\\t%s\\t%s\\t%s\\n' "$word" "$status" "$(($(date +%s) - start))" "$(cat .cache/test/counts 2>/dev/null)" >> /logs/results
    cp -r .cache/test /logs/ 2>/dev/null
done
"""
QUIET_GIT = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "init.defaultBranch", "GIT_CONFIG_VALUE_0": "main"}
ENVIRONMENT = re.compile(r"(?i)LANG|TERM|.*_proxy|PIP_.*|(.*_)?(CERT|CERT_FILE|CERT_DIR|CAINFO|CA_BUNDLE|CA_CERTS)|MSPORTS_.*")
PIP_SETTINGS = ("/etc/pip.conf", "/etc/xdg/pip", "~/.config/pip", "~/.pip")


class Broken(Exception):
    """The fresh machine cannot be made; the text says why."""


def base(release: str) -> pathlib.Path:
    """The archive of a bare root of this release, made when it is not there."""
    mirror = debian_root.own_mirror()
    archive = FRESH / f"base-{release}-{hashlib.sha256(f'{BASE} {BARE} {mirror}'.encode()).hexdigest()[:8]}.tar"
    if not archive.exists():
        print(f"debootstrap of {release}", flush=True)
        tree, aside = FRESH / f"tree-{release}", archive.with_suffix(".new")
        tree.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(
            ["unshare", "--mount", "sh", "-c", BASE, "base", str(tree), BARE, release, str(aside), *(mirror or [""])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if made.returncode:
            raise Broken(f"debootstrap of {release}: exit {made.returncode}: {made.stdout.strip()[-600:]}")
        tree.rmdir()
        aside.rename(archive)
    return archive


def paths_in(text: str) -> t.Iterator[pathlib.Path]:
    """Absolute paths of this machine that a setting names; of a local index its parent, because its pages link to what lies beside."""
    for word in text.split():
        path = pathlib.Path(word.removeprefix("file://"))
        if path.is_absolute() and path.exists():
            yield path.parent if word.startswith("file://") else path


def settings() -> tuple[dict[str, str], list[pathlib.Path]]:
    """How this machine reaches its registries, and what MSPORTS_... say: environment, and the files and folders that this and pip's settings name."""
    environment = {name: value for name, value in os.environ.items() if ENVIRONMENT.fullmatch(name)}
    values = list(environment.values())
    for name in PIP_SETTINGS:
        place = pathlib.Path(name).expanduser()
        for file in [place, place / "pip.conf"]:
            if file.is_file():
                parser = configparser.RawConfigParser()
                parser.read(file, encoding="utf-8")
                values += [value for section in parser.sections() for _key, value in parser.items(section)]
    return environment, sorted({path for value in values for path in paths_in(value)})


def furnish(root: pathlib.Path, paths: t.Sequence[pathlib.Path]) -> list[tuple[pathlib.Path, str]]:
    """Copy this machine's settings into the root. Returns what is to be shown inside instead, because it is too large to copy."""
    copied = {pathlib.Path("/usr/local/share/ca-certificates"): "/usr/local/share/ca-certificates"}
    copied.update((pathlib.Path(name).expanduser(), name.replace("~", "/root", 1)) for name in PIP_SETTINGS)
    copied.update((path, str(path)) for path in paths if path.is_relative_to("/etc"))
    for source, target in copied.items():
        place = root / target.lstrip("/")
        if source.exists() and not place.exists():  # its links lead out of the root, so that nothing is written over
            place.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-RL", str(source), str(place)], stderr=subprocess.DEVNULL, check=False)  # a certificate's link may lead nowhere
    told = subprocess.run(["apt-config", "dump", "Acquire"], stdout=subprocess.PIPE, text=True, check=False).stdout if shutil.which("apt-config") else ""
    kept = [line for line in told.splitlines() if not re.match(r"Acquire::(IndexTargets|Changelogs|CompressionTypes|cdrom)|Acquire \"", line)]
    root.joinpath("etc/apt/apt.conf.d/00machine").write_text("\n".join([*kept, ""]), encoding="utf-8")
    root.joinpath("etc/resolv.conf").unlink(missing_ok=True)
    root.joinpath("etc/resolv.conf").write_text("nameserver 10.0.2.3\n", encoding="utf-8")  # slirp4netns asks this machine's
    root.joinpath("etc/hosts").write_text("127.0.0.1 localhost fresh\n::1 localhost\n", encoding="utf-8")
    return [(path, str(path)) for path in paths if not path.is_relative_to("/etc")]


def clean_up(root: pathlib.Path, keep: bool) -> None:
    """Remove what the machine left: cgroups of containers that ended with it, by their ids, and its files."""
    for container in root.glob(CHECKOUT.lstrip("/") + "/.cache/persistence/images/overlay-containers/*/"):
        pattern = f"libpod_parent/libpod*{container.name}*"
        for group in [*CGROUPS.glob(pattern), *CGROUPS.glob(f"*/{pattern}")]:
            for folder, _folders, _files in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):  # processes that are still ending keep theirs, which then stay empty
                    os.rmdir(folder)
    if not keep:
        subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=False)


@contextlib.contextmanager
def machine(release: str, keep: bool) -> t.Iterator[pathlib.Path]:
    """The root of a fresh machine, which is gone at the end."""
    root = FRESH / release / "root"
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name("lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        archive = base(release)
        try:
            if not (keep and root.exists()):
                clean_up(root, keep=False)  # of a run that was killed
                aside = root.with_name("unpacked")
                subprocess.run(["rm", "-rf", str(aside)], check=True)
                aside.mkdir()
                subprocess.run(["tar", "-C", str(aside), "-xpf", str(archive)], check=True)
                aside.rename(root)
            yield root
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):  # who is impatient does not leave half of it
                signal.signal(number, signal.SIG_IGN)
            clean_up(root, keep)
            subprocess.run(["rm", "-rf", str(root.with_name("unpacked"))], check=False)
            listen()


def enter(root: pathlib.Path, logs: pathlib.Path, environment: t.Mapping[str, str], shown: t.Sequence[tuple[pathlib.Path, str]]) -> None:
    """Run ``INSIDE`` in the root, in namespaces of its own that end with this process."""
    inside = [str(ROOT / "tests/tools/fresh_inside.sh"), str(root), "bash", "-c", INSIDE]
    namespaces = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child=KILL"]
    following = ["setpriv", "--pdeathsig", "KILL"]
    with contextlib.ExitStack() as stack:
        process = subprocess.Popen([*following, "unshare", *namespaces, *inside], stdin=subprocess.PIPE, env=dict(environment), text=True)
        stack.callback(process.wait)
        stack.callback(process.kill)
        assert process.stdin is not None
        network = f"/proc/{process.pid}/ns/net"
        own = os.readlink("/proc/self/ns/net")
        while process.poll() is None and os.readlink(network) == own:
            time.sleep(0.02)
        ready, told = os.pipe()
        slirp = [*following, "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={told}", "--netns-type=path", network, "tap0"]
        with root.with_name("slirp4netns.log").open("w", encoding="utf-8") as log:
            helper = subprocess.Popen(slirp, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[told])
        stack.callback(helper.wait)
        stack.callback(helper.terminate)
        os.close(told)
        if os.read(ready, 1) != b"1":
            raise Broken(f"slirp4netns: {root.with_name('slirp4netns.log').read_text(encoding='utf-8').strip()[-600:]}")
        os.close(ready)
        process.stdin.write("".join(f"{source}\t{target}\n" for source, target in [*shown, (logs, "/logs")]) + "\n")
        process.stdin.close()
        if process.wait():
            print(f"the fresh machine ended with exit code {process.returncode}", flush=True)


class Result(t.NamedTuple):
    """What a command inside came to."""

    what: str
    status: int
    seconds: int
    counts: str

    def __str__(self) -> str:
        verdict = "passed" if self.status == 0 else f"failed (exit {self.status})"
        return f"{self.what}: {verdict}, {self.seconds} s" + (f": {self.counts}" if self.counts else "")


def run(release: str, words: t.Sequence[str], keep: bool) -> list[Result]:
    """Run what is asked for on a fresh machine of this release. A command that did not end is a failed one."""
    groups = [word for word in words if word != "demo"]
    targets = [*(["demo"] if "demo" in words or not words else []), *(["test"] if groups or not words else [])]
    environment, paths = settings()
    logs = FRESH / release / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    with machine(release, keep) as root:
        logs.mkdir()
        shown = furnish(root, paths)
        subprocess.run(["git", "-c", "safe.directory=*", "bundle", "create", "-q", str(root / "checkout.bundle"), "HEAD"], cwd=ROOT, check=True)
        own = {"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "CHECKOUT": CHECKOUT, "RELEASE": release, **QUIET_GIT}
        enter(root, logs, {**environment, **own, "WORDS": " ".join(targets), "RUN": " ".join(groups)}, shown)
    results = logs / "results"
    lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    rows = {line.split("\t")[0]: line.split("\t")[1:] for line in lines}
    found = {name: Result(f"{release}: make {name}", int(status), int(seconds), counts) for name, (status, seconds, counts) in rows.items()}
    return [found.get(name, Result(f"{release}: make {name}", -1, 0, "did not end")) for name in targets]


def listen() -> None:
    """An end from outside is an end like the others: what was made is removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(130))


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the demo and the tests on bare machines.")
    parser.add_argument("--release", action="append", choices=RELEASES)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("words", nargs="*")
    given = parser.parse_args()
    if os.geteuid() != 0:
        print("a fresh machine needs root: namespaces, mounts and debootstrap", file=sys.stderr)
        return 1
    listen()
    if subprocess.run(["git", "-c", "safe.directory=*", "status", "--porcelain"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout:
        print("NOT IN IT: what is not committed", flush=True)
    results = []
    for release in given.release or RELEASES:
        try:
            results += run(release, given.words, given.keep)
        except Broken as error:
            results.append(Result(f"{release}: fresh machine", -1, 0, str(error)))
    print("\n== fresh machines (output in .cache/fresh/<release>/logs)")
    for result in results:
        print(result)
    return 1 if any(result.status for result in results) else 0


if __name__ == "__main__":
    raise SystemExit(main())
