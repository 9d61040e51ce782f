# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools that run at the same time share one link to the checkout, and wait for each other's copy of it."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import threading

import pytest
from tools_under_test import TOOLS, load


def test_parts_that_start_together_make_one_link_to_the_checkout(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = load("checkout")
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        for number in range(200):
            monkeypatch.setattr(checkout, "CACHE", tmp_path / str(number))
            ready = threading.Barrier(4)
            for made in [pool.submit(lambda ready=ready: (ready.wait(), checkout.link())[1]) for _part in range(4)]:
                assert os.readlink(made.result() / "ansible_collections" / "portcullis" / "msports") == "../../../.."
            assert os.listdir(tmp_path / str(number) / "collections" / "ansible_collections" / "portcullis") == ["msports"]


def test_two_runs_do_not_share_a_copy_of_the_checkout(tmp_path: pathlib.Path) -> None:
    code = "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import checkout; checkout.CACHE = pathlib.Path(sys.argv[2]); checkout.hold('x')"
    argv = [sys.executable, "-c", code + "; print('held', flush=True); sys.stdin.read()", str(TOOLS), str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin and first.stdout and first.stdout.readline() == "held\n"
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as second:
            assert second.stdout and second.stderr and "waiting" in second.stderr.readline()
            assert second.poll() is None
            first.stdin.close()
            assert second.stdout.readline() == "held\n"
