# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian container that boots systemd, for tests of real firewall managers and of what survives a boot. Everything it needs stays below ``.cache``.

One image serves all tests: every manager is installed, and none is active. ``MSPORTS_IMAGE`` names an image to use instead of building it: Debian with
the packages of ``PACKAGES``, with firewalld switched off.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tests" / "tools"))
import debian_root  # noqa: E402  (it lies in a folder of tools)

CACHE = ROOT / ".cache" / "persistence"
# What tests and drills of rollback run inside a container.
DRILLS = pathlib.Path(__file__).with_name("drills.py")
# The release of Debian in the image; both are tested (TESTING.md).
RELEASES = ("bookworm", "trixie")
RELEASE = os.environ.get("MSPORTS_RELEASE") or RELEASES[0]
# polkitd, which firewalld depends on, wants a provider of logind: libpam-systemd. python3-apt is what Ansible's module for packages asks for.
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-apt,nftables,iproute2,iptables,openssh-server,firewalld,ipset,libpam-systemd,ufw,sudo"
# firewalld starts after polkit, whose sandbox of its own needs rights that the container has not.
POLKIT = """[Service]
CapabilityBoundingSet=~
DevicePolicy=auto
LockPersonality=no
MemoryDenyWriteExecute=no
NoNewPrivileges=no
PrivateDevices=no
PrivateNetwork=no
PrivateTmp=no
ProtectClock=no
ProtectControlGroups=no
ProtectHome=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectSystem=no
RestrictAddressFamilies=
RestrictNamespaces=no
RestrictRealtime=no
RestrictSUIDSGID=no
SystemCallArchitectures=
SystemCallFilter=
"""
# What is done in the tree before it becomes an image.
HOOKS = (
    'chroot "$1" systemctl disable firewalld',
    'mkdir -p "$1/etc/systemd/system/polkit.service.d"',
    f"""printf '%s' '{POLKIT}' > "$1/etc/systemd/system/polkit.service.d/container.conf\"""",
)
TOOLS = {name: name for name in ("podman", "runc", debian_root.PROGRAM)}
# runc, because crun does not start on hybrid cgroups; limits that need no CAP_SYS_RESOURCE.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=8192:8192", "nproc=8192:8192"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_config_dir = "{0}"
"""
# Why the tests of a folder fail, and how they are left out.
WHY = "this machine cannot run the container: {0}. MSPORTS_SKIP='{1}' leaves these tests out by name"
STORAGE = CACHE / "images"
NETWORKS = CACHE / "networks"


def runroot(cache: pathlib.Path) -> pathlib.Path:
    """Where podman keeps what ends with the boot. It takes no path over 50 characters, and checkouts lie anywhere; ``make clean`` follows the link to it."""
    folder = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return pathlib.Path(folder) / f"msports-{hashlib.sha256(str(cache).encode()).hexdigest()[:8]}"


RUNROOT = runroot(CACHE)
COMMAND = ["podman", "--root", str(STORAGE), "--runroot", str(RUNROOT)]
COLLECTION = "/collections/ansible_collections/portcullis/msports"

# What "firewall-cmd --state" asks, which takes twenty times as long.
FIREWALLD_ANSWERS = "busctl get-property org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.fedoraproject.FirewallD1 state 2>&1 | grep -q RUNNING"

# Imported once in a container instead of in each errand there.
PRELOADED = ("_linux.firewalld.reconcile", "_linux.nftables.reconcile", "_linux.reconcile", "_linux.ufw.reconcile")


class CannotRun(Exception):
    """This machine cannot run the container; the text says exactly why."""


@functools.cache
def _settings() -> pathlib.Path:
    """Podman's configuration and its folders, made when they are not there."""
    CACHE.mkdir(parents=True, exist_ok=True)
    RUNROOT.mkdir(mode=0o700, exist_ok=True)
    if RUNROOT.is_symlink() or RUNROOT.stat().st_uid != os.geteuid():
        raise CannotRun(f"{RUNROOT} is somebody else's")
    configuration, link = CACHE / "containers.conf", CACHE / "runroot"
    # Made aside and renamed: several parts begin at once, and podman must not read half of it.
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        aside = pathlib.Path(folder)
        aside.joinpath(configuration.name).write_text(CONFIGURATION.format(NETWORKS), encoding="utf-8")
        aside.joinpath(link.name).symlink_to(RUNROOT)
        for made in (configuration, link):
            os.replace(aside / made.name, made)
    return configuration


def _environment() -> dict[str, str]:
    return {**os.environ, "CONTAINERS_CONF": str(_settings())}


def podman(*arguments: str, given: t.Optional[bytes] = None, check: bool = True, timeout: float = 900) -> str:
    """Run podman with storage and configuration of our own."""
    try:
        result = subprocess.run([*COMMAND, *arguments], input=given, capture_output=True, check=False, timeout=timeout, env=_environment())
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"{' '.join(arguments[:2])}: no end after {timeout:.0f} s") from error
    if check and result.returncode != 0:
        raise CannotRun(f"{' '.join(arguments[:2])}: exit {result.returncode}: {result.stderr.decode(errors='replace').strip()[-600:]}")
    return result.stdout.decode(errors="replace")


def image() -> str:
    """Return the name of the image, built when it is not there."""
    given = os.environ.get("MSPORTS_IMAGE")
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None and not (given and tool == debian_root.PROGRAM)]
    if missing:
        raise CannotRun(f"missing on PATH, install the packages: {' '.join(missing)}")
    if given:
        return given
    if os.geteuid() != 0:
        raise CannotRun("building the image needs root; or name an image in MSPORTS_IMAGE")
    CACHE.mkdir(parents=True, exist_ok=True)
    name = f"localhost/msports-test:{hashlib.sha256(f'{RELEASE} {PACKAGES} {HOOKS}'.encode()).hexdigest()[:12]}"
    with CACHE.joinpath("build.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests and scenarios run side by side, and want the same image
        if not podman("images", "-q", name).strip():
            _build(name)
    return name


def _build(name: str) -> None:
    archive = CACHE / f"archive-{RELEASE}.tar"
    why = debian_root.make(RELEASE, PACKAGES.split(","), archive, *HOOKS)
    if why:
        raise CannotRun(why)
    podman("import", str(archive), name, timeout=60 * 60)
    archive.unlink()


class Attendant:
    """``attendant.py`` in a container; one errand at a time."""

    def __init__(self, container: str, modules: t.Iterable[str]) -> None:
        code = pathlib.Path(__file__).with_name("attendant.py").read_text(encoding="utf-8")
        modules = [*modules, *(f"ansible_collections.portcullis.msports.plugins.module_utils.{name}" for name in PRELOADED)]
        command = [*COMMAND, "exec", "-i", "-e", "PYTHONPATH=/collections", "-e", "PYTHONDONTWRITEBYTECODE=1", container, "python3", "-c", code, *modules]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment())

    def ask(self, errand: dict[str, str], timeout: float = 3600) -> dict[str, t.Any]:
        """Have one errand done: its exit status, output and errors."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(errand).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, and below says why
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            self.close()
            raise CannotRun(f"{json.dumps(errand)[:200]}: no end after {timeout:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            errors = self._process.communicate()[1].decode(errors="replace").strip()
            raise CannotRun(f"exec: exit {self._process.returncode}: {errors[-600:]}")
        return json.loads(line)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Container:
    """One booted container without any network but its own ``lo``. What runs Python code inside has imported ``modules`` already."""

    def __init__(self, *modules: str) -> None:
        self._idle: list[Attendant] = []
        self._drills = False
        self._pid, self._modules = "", modules
        made = image()
        self._id = podman(
            *("run", "-d", "--systemd=always", "--network=none", "--cap-add", "NET_ADMIN,NET_RAW"),
            *("-v", f"{ROOT}/plugins:{COLLECTION}/plugins:ro", made, "/sbin/init"),
        ).strip()
        try:
            self.wait()
        except BaseException:
            self.close()
            raise

    def wait(self) -> None:
        """Wait until systemd has booted."""
        state = ""
        for _attempt in range(3000):
            state = self.run("systemctl is-system-running --wait", check=False).strip()  # it waits as soon as systemd answers
            if state in ("running", "degraded"):
                return
            time.sleep(0.2)
        raise CannotRun(f"the container did not boot: state {state!r}: {podman('logs', '--tail', '20', self._id, check=False)}")

    @property
    def pid(self) -> str:
        """The process that holds the namespaces of the container: another one after each boot."""
        self._pid = self._pid or podman("inspect", "--format", "{{.State.Pid}}", self._id).strip()
        return self._pid

    def reboot(self) -> None:
        self._dismiss()
        podman("restart", "--time", "300", self._id)
        self.wait()

    def crash(self) -> None:
        """End all of it at once, as a power failure does, and start it again."""
        self._dismiss()
        podman("kill", "--signal", "KILL", self._id)
        podman("wait", self._id, check=False)
        podman("start", self._id)
        self.wait()

    def run(self, command: str, check: bool = True) -> str:
        """Run a shell command inside; output and errors together."""
        return self._errand({"sh": command}, check)

    def python(self, code: str) -> str:
        """Run Python code inside, with the collection importable; return its output."""
        return self._errand({"python": code}, True)

    def drill(self, backend: str, code: str) -> t.Any:
        """Run code with what ``drills.py`` has inside, and return what it leaves in ``answer``."""
        if not self._drills:
            self.python(f"import os; os.makedirs('/opt/test', exist_ok=True); open('/opt/test/drills.py', 'w').write({DRILLS.read_text(encoding='utf-8')!r})")
            self._drills = True
        begin = f"import json, sys\nsys.path.insert(0, '/opt/test')\nfrom drills import *\nuse({backend!r})\n"
        return json.loads(self.python(f"{begin}{code}\nprint('ANSWER ' + json.dumps(answer))").partition("ANSWER ")[2])

    def _errand(self, errand: dict[str, str], check: bool) -> str:
        attendant = self._idle.pop() if self._idle else Attendant(self._id, self._modules)
        answer = attendant.ask(errand)
        self._idle.append(attendant)
        if check and answer["status"] != 0:
            raise CannotRun(f"{next(iter(errand))}: exit {answer['status']}: {(answer['output'] + answer['errors']).strip()[-600:]}")
        return answer["output"]

    def _dismiss(self) -> None:
        self._pid = ""
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        self._dismiss()
        podman("rm", "-f", "--time", "0", self._id, check=False)
