# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that is named runs, where it is there and new enough; it is an error otherwise, and never another engine."""

from __future__ import annotations

import pathlib
import re
import shutil
import typing as t

import engines
import policy_file
import pytest
from engines import archive, payload, pwsh


def test_a_pwsh_that_is_too_old_or_not_there_is_an_error(pretend_pwsh: t.Callable[[str], pathlib.Path], monkeypatch: pytest.MonkeyPatch) -> None:
    program = pretend_pwsh("7.5.0")
    assert pwsh.Pwsh().missing() == []
    assert pwsh.Pwsh().program == str(program)
    for found in ("7.4.6", "5.1.17763.1", "no version"):
        pretend_pwsh(found)
        assert "needed is 7.5" in pwsh.Pwsh().missing()[0]
    monkeypatch.setenv("MSPORTS_PWSH", "/nowhere/pwsh")
    assert "/nowhere/pwsh: no pwsh, no folder with one" in pwsh.Pwsh().missing()[0]
    monkeypatch.delenv("MSPORTS_PWSH")
    monkeypatch.setenv("PATH", "/nowhere")
    assert pwsh.Pwsh().missing() == ["no pwsh on PATH, and MSPORTS_PWSH names none"]


def test_an_archive_of_powershell_is_unpacked_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "CACHE", tmp_path / "cache")
    tmp_path.joinpath("made").mkdir()
    tmp_path.joinpath("made", "pwsh").write_text("#!/bin/sh\necho 7.6.9\n")
    packed = pathlib.Path(shutil.make_archive(str(tmp_path / "powershell-7.6.9-linux-x64"), "gztar", tmp_path / "made"))
    monkeypatch.setenv("MSPORTS_PWSH", str(packed))
    for _once_more in range(2):
        assert pwsh.Pwsh().missing() == []
    assert pwsh.Pwsh().program == str(tmp_path / "cache" / f"{packed.name}-{packed.stat().st_size}" / "pwsh")


def test_an_engine_that_is_not_there_is_no_other_one(tmp_path: pathlib.Path) -> None:
    policy_file.write(tmp_path / "w1.json", policy_file.fresh_server())
    for name, sentence in (("other", "no such engine: 'other'; expected one of mono, pwsh"), ("pwsh", "the engine pwsh cannot run here: /nowhere/pwsh")):
        with pytest.raises(payload.EngineError, match=re.escape(sentence)), pytest.MonkeyPatch.context() as patch:
            patch.setenv("MSPORTS_PWSH", "/nowhere/pwsh")
            engines.named.__wrapped__(name)
