# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Connections over TCP that are tried at once: open, refused, filtered, or not possible at all. Nothing is sent over them."""

from __future__ import annotations

import errno
import selectors
import socket
import time
import typing as t

AT_ONCE = 200
REFUSED = (errno.ECONNREFUSED, errno.ECONNRESET)
# what a firewall on the way, or our own, answers; and silence
FILTERED = (errno.ETIMEDOUT, errno.EACCES, errno.EPERM, errno.EHOSTUNREACH)
Answer = t.Dict[str, t.Any]
Target = t.Tuple[str, int]


def probe(targets: t.Sequence[Target], timeout: float) -> t.List[Answer]:
    """Return an answer for each of the targets, in their order."""
    found: t.Dict[Target, Answer] = {}
    waiting = list(dict.fromkeys(targets))
    while waiting:
        now, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        found.update(_together(now, timeout))
    return [found[target] for target in targets]


def _together(targets: t.Iterable[Target], timeout: float) -> t.Dict[Target, Answer]:
    found: t.Dict[Target, Answer] = {}
    with selectors.DefaultSelector() as selector:
        for target in targets:
            client = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_STREAM)
            client.setblocking(False)
            code = client.connect_ex(target)
            if code == errno.EINPROGRESS:
                selector.register(client, selectors.EVENT_WRITE, target)
            else:
                found[target] = _answer(target, code)
                client.close()
        end = time.monotonic() + timeout
        while selector.get_map() and time.monotonic() < end:
            for key, _events in selector.select(max(0.0, end - time.monotonic())):
                client = t.cast(socket.socket, key.fileobj)
                found[key.data] = _answer(key.data, client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                selector.unregister(client)
                client.close()
        for key in list(selector.get_map().values()):
            found[key.data] = _answer(key.data, errno.ETIMEDOUT)
            t.cast(socket.socket, key.fileobj).close()
    return found


def _answer(target: Target, code: int) -> Answer:
    answer = "open" if code == 0 else "refused" if code in REFUSED else "filtered" if code in FILTERED else "failed"
    named = {"address": target[0], "port": target[1], "answer": answer}
    return named if answer != "failed" else dict(named, why=errno.errorcode.get(code, str(code)))
