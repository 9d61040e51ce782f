# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make fresh` takes along how this machine reaches its indexes and nothing else of it, and tells honestly what a fresh machine came to."""

from __future__ import annotations

import contextlib
import pathlib
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
if str(ROOT / "tests" / "tools") not in sys.path:
    sys.path.insert(0, str(ROOT / "tests" / "tools"))

import fresh


def test_how_indexes_are_reached_is_taken_along_and_nothing_else(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("index/simple", "wheels", "unused"):
        tmp_path.joinpath(name).mkdir(parents=True)
    for name in ("ca.pem", "pwsh.tar", "constraints.txt"):
        tmp_path.joinpath(name).write_text("", encoding="utf-8")
    settings = tmp_path / ".config/pip/pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[global]\nextra-index-url = file://{tmp_path}/index/simple https://index.example/simple\nconstraint = {tmp_path}/constraints.txt\n")
    taken = {
        "https_proxy": "http://proxy.example:3128",
        "PIP_FIND_LINKS": f"{tmp_path}/wheels {tmp_path}/nowhere",
        "SSL_CERT_FILE": f"{tmp_path}/ca.pem",
        "MSPORTS_PWSH": f"{tmp_path}/pwsh.tar",
    }
    monkeypatch.setattr(fresh.os, "environ", {**taken, "HOME": str(tmp_path), "PATH": f"{tmp_path}/unused", "SOME_PASSWORD": "x", "VIRTUAL_ENV": str(tmp_path)})
    monkeypatch.setattr(fresh, "PIP_SETTINGS", ("~/.config/pip",))
    environment, paths = fresh.settings()
    assert environment == taken
    assert paths == [tmp_path / name for name in ("ca.pem", "constraints.txt", "index", "pwsh.tar", "wheels")]


@pytest.mark.parametrize(
    ("words", "written", "told"),
    [
        ([], "demo\t0\t80\t\ntest\t0\t900\t5000 passed, 0 failed\n", ["make demo: passed, 80 s", "make test: passed, 900 s: 5000 passed, 0 failed"]),
        ([], "demo\t2\t5\t\n", ["make demo: failed (exit 2), 5 s", "make test: failed (exit -1), 0 s: did not end"]),
        (["lint", "unit"], "test\t1\t60\t9 passed, 1 failed\n", ["make test: failed (exit 1), 60 s: 9 passed, 1 failed"]),
        (["demo"], "", ["make demo: failed (exit -1), 0 s: did not end"]),
    ],
)
def test_what_did_not_end_is_told_as_failed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, words: list[str], written: str, told: list[str]) -> None:
    asked: list[t.Mapping[str, str]] = []

    def enter(_root: pathlib.Path, logs: pathlib.Path, environment: t.Mapping[str, str], _shown: t.Sequence[object]) -> None:
        asked.append(environment)
        if written:
            logs.joinpath("results").write_text(written, encoding="utf-8")

    tmp_path.joinpath("trixie").mkdir()
    monkeypatch.setattr(fresh, "FRESH", tmp_path)
    monkeypatch.setattr(fresh, "machine", lambda _release, _keep: contextlib.nullcontext(tmp_path))
    monkeypatch.setattr(fresh, "furnish", lambda _root, _paths: [])
    monkeypatch.setattr(fresh, "enter", enter)
    results = fresh.run("trixie", words, False)
    assert [str(result) for result in results] == [f"trixie: {line}" for line in told]
    assert all((result.status == 0) == (": passed" in str(result)) for result in results)
    assert asked[0]["RUN"] == " ".join(word for word in words if word != "demo")
    assert tmp_path.joinpath("checkout.bundle").exists(), "what is committed is taken along"
