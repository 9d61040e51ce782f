# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a host of the lab can be asked to do: every function here runs inside its namespaces."""

import pathlib
import selectors
import socket
import subprocess
import time
import typing as t

import exchange_tasks
import probe_tasks
from exchange_tasks import ping


def sysctls(values: t.Mapping[str, str]) -> None:
    """Write sysctls of this network namespace; one that this kernel lacks is left out."""
    for name, value in values.items():
        path = pathlib.Path("/proc/sys", name)
        if path.exists():
            path.write_text(value, encoding="ascii")


def ip_batch(lines: t.Sequence[str]) -> None:
    """Hand lines to one ``ip -batch``; a refused line raises with what ``ip`` said."""
    run(["ip", "-batch", "-"], "\n".join(lines) + "\n")


def run(command: t.Sequence[str], text: str = "") -> str:
    """Run a command and return what it printed; a failure raises with its words."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}\n{text[:2000]}")
    return done.stdout


def wait_for(addresses: t.Sequence[tuple[int, str]], tries: int = 12) -> list[str]:
    """Ping every (family, address) until it answers and return those that never did."""
    return [address for family, address in addresses if not any(ping(address, family, seconds=0.25) for _try in range(tries))]


_KEPT: list[socket.socket] = []  # sockets that stay open as long as the host lives


def serve(ports: t.Sequence[int]) -> None:
    """Listen on TCP ports from now on, for both families; who connects is kept waiting."""
    for port in ports:
        _KEPT.append(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=200))


def open_sessions(targets: t.Sequence[tuple[str, int]], keep: bool, seconds: float = 1.0) -> list[bool]:
    """Open a TCP session to each target, all at once, and return which could be opened; with ``keep`` they stay open."""
    clients = [socket.socket() for _target in targets]
    with selectors.DefaultSelector() as selector:
        for client, target in zip(clients, targets, strict=True):
            client.setblocking(False)
            client.connect_ex(target)
            selector.register(client, selectors.EVENT_WRITE)
        opened: set[t.Any] = set()
        end = time.monotonic() + seconds
        # What is there when the time is over counts: a process that stood still meanwhile has looked at nothing.
        while selector.get_map() and (ready := selector.select(max(0.0, end - time.monotonic()))):
            for key, _events in ready:
                selector.unregister(key.fileobj)
                opened.add(key.fileobj)
    results = [client in opened and client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 for client in clients]
    for client, good in zip(clients, results, strict=True):
        if good and keep:
            _KEPT.append(client)
        else:
            client.close()
    return results


def end_sessions() -> None:
    """Close what :func:`serve` and :func:`open_sessions` keep open."""
    while _KEPT:
        _KEPT.pop().close()


# What NamespaceHost.start and .call accept.
TASKS: dict[str, t.Callable[..., t.Any]] = {
    task.__name__: task
    for task in (
        sysctls,
        ip_batch,
        run,
        wait_for,
        serve,
        open_sessions,
        end_sessions,
        *(probe_tasks.measure, probe_tasks.forget, probe_tasks.seen, probe_tasks.probe),
        *(exchange_tasks.listen, exchange_tasks.receive, exchange_tasks.send, exchange_tasks.send_frame, exchange_tasks.send_protocol),
        *(exchange_tasks.sniff, exchange_tasks.give_out, exchange_tasks.take_in, exchange_tasks.tftp_serve, exchange_tasks.tftp_fetch),
        ping,
    )
}
