# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of the firewalld backend: options in, results and failures out."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import OPTIONS, FirewalldError, Refused
from ansible_collections.portcullis.msports.plugins.modules import firewalld_ruleset, firewalld_ruleset_info


def ran(module: t.Any, name: str, answer: t.Any, monkeypatch: pytest.MonkeyPatch, capsys: t.Any, **options: t.Any) -> dict[str, t.Any]:
    given: list[t.Any] = []

    def stand_in(*arguments: t.Any) -> t.Any:
        given.append(arguments)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    warned: list[str] = []
    monkeypatch.setattr(module, name, stand_in)
    # Where the controller's code is loaded, too, a warning goes to its display and not into the result.
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text: warned.append(text))
    with patch_module_args(options), pytest.raises(SystemExit):
        module.main()
    return {**json.loads(capsys.readouterr().out), "given": given[0], "warned": warned}


def test_success(monkeypatch: pytest.MonkeyPatch, capsys: t.Any) -> None:
    answer = {"changed": True, "added": ["a"], "warnings": ["mind this"]}
    done = ran(firewalld_ruleset, "run", answer, monkeypatch, capsys, rules=[{"name": "a"}])
    assert (done["changed"], done["added"]) == (True, ["a"])
    assert "mind this" in done["warned"]
    options, check = done["given"]
    assert check is False
    assert set(options) == set(OPTIONS), "the module and the code agree on the options"
    assert {key: value for key, value in options.items() if key != "rules"} == {key: value for key, value in OPTIONS.items() if key != "rules"}


@pytest.mark.parametrize(
    ("error", "problems"), [(Refused("no, twice", ["one", "two"]), ["one", "two"]), (FirewalldError("it broke"), ["it broke"])], ids=["refused", "failed"]
)
def test_failures(monkeypatch: pytest.MonkeyPatch, capsys: t.Any, error: Exception, problems: list[str]) -> None:
    done = ran(firewalld_ruleset, "run", error, monkeypatch, capsys)
    assert done["failed"] is True
    assert done["msg"] == str(error)
    assert done["problems"] == problems


def test_info(monkeypatch: pytest.MonkeyPatch, capsys: t.Any) -> None:
    done = ran(firewalld_ruleset_info, "inspect", {"present": True, "warnings": ["mind this"]}, monkeypatch, capsys, owner="me")
    assert (done["changed"], done["present"], list(done["given"])) == (False, True, ["me"])
    assert "mind this" in done["warned"]
    assert ran(firewalld_ruleset_info, "inspect", Refused("no"), monkeypatch, capsys)["msg"] == "no"
