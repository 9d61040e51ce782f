# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""What a host of the lab can be asked to do: every function here runs inside its namespaces."""

import pathlib
import subprocess
import typing as t

from exchange_tasks import listen, ping, receive, send, send_frame, send_protocol, sniff, take_in, give_out, tftp_fetch, tftp_serve  # noqa: F401
from probe_tasks import forget, measure, probe, seen  # noqa: F401


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
