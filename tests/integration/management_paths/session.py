# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that stands in for sshd, and the module at the end of a session of it: real sockets, real processes, real users and rights.

Run in the host's namespace with one JSON argument:

``path``      sys.path of the module
``listen``    ``[[address, port], ...]``
``name``      what the server is called in /proc
``sessions``  how many connections it waits for before it starts the module; 0: at once
``user``      who is logged in; the module is root again, as behind sudo
``variable``  where SSH_CONNECTION stands: ``own`` (the module's environment), ``above`` (that of the login), ``stale`` (an ended one in the module's), ``none``
``detach``    the module is no descendant of the server
``ptrace``    whether anybody may trace
``hidepid``   whether /proc hides processes of other users

Then each line is a job, ``{"options": ..., "check": ..., "root": ..., "pretend": {interface: [kind, {attribute: bytes}]}}``, and its answer. Attribute 0
of WireGuard is what the kernel answers when it is asked for the interface.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import socket
import sys
import time

SET_NAME, DROP_BOUNDING = 15, 24
TRACING = (19, 21, 38)  # CAP_SYS_PTRACE; CAP_SYS_ADMIN and CAP_PERFMON let read an environment as well, and a container of podman has none of them
NEW_MOUNTS, PRIVATE_BELOW = 0x00020000, 0x44000
BANNER = b"SSH-2.0-stand-in\r\n"
libc = ctypes.CDLL(None, use_errno=True)


def serve(spec: dict) -> None:
    if spec["hidepid"]:
        assert libc.unshare(NEW_MOUNTS) == 0
        assert libc.mount(b"none", b"/", None, PRIVATE_BELOW, None) == 0
        assert libc.mount(b"proc", b"/proc", b"proc", 0, b"hidepid=2") == 0, os.strerror(ctypes.get_errno())
        spec = dict(spec, hidepid=False)
    if not spec["ptrace"]:
        for right in TRACING:
            libc.prctl(DROP_BOUNDING, right, 0, 0, 0)
        os.execv(sys.executable, [sys.executable, __file__, json.dumps(dict(spec, ptrace=True))])  # only a new program has fewer rights
    libc.prctl(SET_NAME, spec["name"].encode(), 0, 0, 0)
    listeners = [listener(*address) for address in spec["listen"]]
    say({"ready": True})
    accepted: list[socket.socket] = []
    while len(accepted) < spec["sessions"]:
        for ready in select.select(listeners, [], [])[0]:
            accepted.append(ready.accept()[0])
            accepted[-1].send(BANNER)
    variable = connection(accepted[-1]) if accepted else ""
    if os.fork() == 0:
        for each in listeners:
            each.close()
        if spec["detach"]:
            for each in accepted:
                each.close()
            os.setsid()
            parent = os.getpid()
            if os.fork():
                os._exit(0)
            while os.getppid() == parent:
                time.sleep(0.01)
        login(spec, variable)
    os.close(0)
    while True:
        for ready in select.select(listeners, [], [])[0] if listeners else [time.sleep(3600)]:
            accepted.append(ready.accept()[0])
            accepted[-1].send(BANNER)


def listener(address: str, port: int) -> socket.socket:
    if ":" not in address:
        return socket.create_server((address, port))
    return socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=True)


def connection(session: socket.socket) -> str:
    peer, local = session.getpeername(), session.getsockname()
    return f"{peer[0]} {peer[1]} {local[0]} {local[1]}"


def login(spec: dict, variable: str) -> None:
    """Become the login shell, whose environment the kernel shows as it was at the start of the program."""
    environment = {"SSH_CONNECTION": variable} if spec["variable"] in ("own", "above") else {}
    again = {"SSH_CONNECTION": variable} if spec["variable"] == "own" else {"SSH_CONNECTION": "192.0.2.9 9 192.0.2.1 22"} if spec["variable"] == "stale" else {}
    os.execve(sys.executable, [sys.executable, __file__, "login", json.dumps(spec), json.dumps(again)], environment)


def shell(spec: dict, environment: dict) -> None:
    """Start the module as root, and be the user."""
    libc.prctl(SET_NAME, b"sh", 0, 0, 0)
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(writing)
        os.read(reading, 1)  # not before the login has become somebody else
        os.execve(sys.executable, [sys.executable, __file__, "module", json.dumps(spec)], environment)
    if spec["user"]:
        os.setresgid(spec["user"], spec["user"], spec["user"])
        os.setresuid(spec["user"], spec["user"], spec["user"])
    os.close(writing)
    os.close(0)
    os.wait()


def module(spec: dict) -> None:
    """Do the jobs."""
    sys.path[:0] = spec["path"]
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import links, wireguard
    from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import reconcile

    genuine = links.links
    say({"module": os.getpid()})
    for line in sys.stdin:
        job = json.loads(line)
        made = job["pretend"]

        def pretended(made: dict = made) -> dict:
            known = genuine()
            kinds = {name: (kind, {int(key): bytes.fromhex(value) for key, value in data.items()}) for name, (kind, data) in made.items()}
            return {number: link._replace(kind=kinds[link.name][0], data=kinds[link.name][1]) if link.name in kinds else link for number, link in known.items()}

        def told(name: str, made: dict = made) -> wireguard.Tunnel | None:
            answer = made[name][1].get("0")
            return wireguard.parse([bytes.fromhex(answer)]) if answer else None

        links.links, wireguard.read = pretended, told
        try:
            done = reconcile.run(job["options"], job["check"], reconcile.Host(root=job["root"]))
            say({"refused": "", "warnings": done["warnings"], "guarded": done["effective"]["guarded"]})
        except reconcile.Refused as refusal:
            say({"refused": str(refusal), "warnings": [], "guarded": []})


def say(value: dict) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


FORWARD = """
import socket, threading
def pump(source, sink):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
    except OSError:
        pass
listener = socket.create_server((%r, %d)); print("ready", flush=True)
while True:
    outside = listener.accept()[0]
    inside = socket.create_connection((%r, 22))
    for ends in ((outside, inside), (inside, outside)):
        threading.Thread(target=pump, args=ends, daemon=True).start()
"""

if __name__ == "__main__":
    if sys.argv[1] == "login":
        shell(json.loads(sys.argv[2]), json.loads(sys.argv[3]))
    elif sys.argv[1] == "module":
        module(json.loads(sys.argv[2]))
    else:
        serve(json.loads(sys.argv[1]))
