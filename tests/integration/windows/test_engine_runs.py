# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that runs gets values and an environment as under PowerShell, and ends as there: with a result, a warning or an error."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import typing as t

import engines
import policy_file
import pytest
from engines import payload


def test_values_are_those_of_powershell(echo: t.Callable[..., payload.Done]) -> None:
    given = {"whole": 5, "large": 5_000_000_000, "flag": True, "text": "x", "list": [1], "map": {"Key": None}, "nothing": None}
    types = {"large": "Int64", "flag": "Boolean", "text": "String", "list": "Object[]", "map": "Hashtable", "nothing": "null"}
    # PowerShell 7 has wide numbers whatever is asked; Mono takes the part of either.
    for wide, whole in ((False, "Int32"), (True, "Int64")) if engines.chosen().name == "mono" else ((True, "Int64"),):
        result = json.loads(echo(given=given, wide=wide).output)
        assert result["types"] == {**types, "whole": whole}
        assert result["values"] == given


@pytest.mark.parametrize(
    "text", ["", "ünï€ \U0001f600", "\"quoted\" 'single' `tick` $(Get-Item x) %PATH% \\", "line\nline\r\ntab\t", " ", "x" * 10_000, "</script>\u2028"]
)
def test_texts_arrive_and_come_back_unchanged(text: str, echo: t.Callable[..., payload.Done]) -> None:
    given = {"text": text, "list": [text, {"in it": text}]}
    assert json.loads(echo(given=given).output)["values"] == given


def test_names_that_differ_in_case_alone_are_no_hashtable(echo: t.Callable[..., payload.Done]) -> None:
    done = echo(given={"name": 1, "NAME": 2})
    assert done.code != 0


def test_the_environment_is_that_of_the_host_and_of_the_task(echo: t.Callable[..., payload.Done], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 50000 10.0.0.2 22")
    result = json.loads(echo(environment={"OF_THE_TASK": "ünï"}).output)
    assert result["variable"] == "ünï"
    assert "SSH_CONNECTION" not in result["environment"], "that is the controller's"


def test_the_end_of_a_script_is_an_exception_that_can_be_swallowed(echo: t.Callable[..., payload.Done]) -> None:
    done = echo("Swallow")
    assert done.code == 1
    assert [json.loads(line).get("msg") for line in done.output.decode().splitlines() if line] == [None, "swallowed ExitException"]


def test_an_error_that_nobody_catches(echo: t.Callable[..., payload.Done]) -> None:
    done = echo("Break")
    result = json.loads(done.output)
    assert (done.code, result["failed"]) == (1, True)
    assert result["msg"] == 'Unhandled exception while executing module: Exception calling "Break" with "1" argument(s): "broken on purpose"'


def test_warnings_of_a_module_come_through(echo: t.Callable[..., payload.Done]) -> None:
    assert json.loads(echo("Warned").output)["warnings"] == ["a warning"]


def test_a_method_that_is_not_there(echo: t.Callable[..., payload.Done]) -> None:
    done = echo("Missing")
    assert done.code == 1
    assert "does not contain a method named 'Missing'" in json.loads(done.output)["msg"]


def test_check_mode_reaches_the_module(read: payload.Call, tmp_path: pathlib.Path) -> None:
    path = policy_file.write(tmp_path / "host.json", policy_file.fresh_server())
    arguments = {**read.arguments, "_ansible_check_mode": True, "expected": "x", "operations": [{"kind": "memory", "value": "x"}]}
    done = engines.chosen().run(dataclasses.replace(read, arguments=arguments), path)
    assert "check mode" in json.loads(done.output)["msg"]
