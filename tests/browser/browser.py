# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, driven over its debugging pipe: no driver, no port, no network."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import typing as t

Plain = dict[str, t.Any]
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe")


class Browser:
    """One page of a browser. ``requests`` are the addresses that it asked for."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="msports-browser-", ignore_cleanup_errors=True)
        there, self._write = os.pipe()
        self._read, back = os.pipe()
        # The browser reads commands from 3 and writes answers to 4.
        redirected = f'exec "$@" 3<&{there} 4>&{back}'
        browser = [chromium(), *FLAGS, f"--window-size={width},{height}", f"--user-data-dir={self._profile.name}"]
        command = ["bash", "-c", redirected, "bash", *browser]
        self._process = subprocess.Popen(command, pass_fds=(there, back), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(there)
        os.close(back)
        self._numbers = itertools.count(1)
        self._rest = b""
        self.requests: list[str] = []
        self._loaded = False
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = ""
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, path: pathlib.Path) -> None:
        self._loaded = False
        self._call("Page.navigate", url=path.as_uri())
        while not self._loaded:
            self._event(self._message())

    def ask(self, expression: str) -> t.Any:
        """Return the value of an expression of JavaScript in the page."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def emulate(self, **features: str) -> None:
        """Pretend a feature of the reader's screen, such as ``prefers_color_scheme="dark"``; ``media="print"`` stands for paper."""
        media = features.pop("media", "")
        self._call("Emulation.setEmulatedMedia", media=media, features=[{"name": key.replace("_", "-"), "value": value} for key, value in features.items()])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)
        self._profile.cleanup()

    def _call(self, method: str, **arguments: t.Any) -> Plain:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": arguments, **({"sessionId": self._session} if getattr(self, "_session", "") else {})}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return t.cast(Plain, answer["result"])
            self._event(answer)

    def _event(self, message: Plain) -> None:
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        self._loaded = self._loaded or message.get("method") == "Page.loadEventFired"

    def _message(self) -> Plain:
        while b"\0" not in self._rest:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        first, _zero, self._rest = self._rest.partition(b"\0")
        return t.cast(Plain, json.loads(first))


def chromium() -> str:
    found = shutil.which("chromium")
    assert found, "these tests need a browser: make browser installs the package chromium"
    return found
