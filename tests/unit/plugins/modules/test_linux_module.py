# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that leave the choice to the host: every failure of every backend ends as a failure with its words, and nothing else is caught."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.portcullis.msports.plugins.module_utils._linux import reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import OPTIONS, FirewalldError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import Chosen
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused
from ansible_collections.portcullis.msports.plugins.modules import linux_ruleset, linux_ruleset_info

ERRORS: list[tuple[Exception, list[str]]] = [
    (Refused("no, twice", ["one", "two"]), ["one", "two"]),
    (FirewalldError("a reload failed; the rules from before are saved and in force"), ["a reload failed; the rules from before are saved and in force"]),
    (BusError("nobody answers"), ["nobody answers"]),
    (UfwError("cannot write /etc/ufw/user.rules: No space left on device"), ["cannot write /etc/ufw/user.rules: No space left on device"]),
    (NftError("nft was not found"), ["nft was not found"]),
]


def ran(module: t.Any, answer: t.Any, monkeypatch: pytest.MonkeyPatch, capsys: t.Any, **options: t.Any) -> dict[str, t.Any]:
    """Run a module on a host that chooses firewalld, whose backend gives or raises ``answer``."""
    given: list[t.Any] = []

    class Backend:
        def run(self, *arguments: t.Any) -> t.Any:
            given.append(arguments)
            if isinstance(answer, Exception):
                raise answer
            return dict(answer)

        inspect = run

    warned: list[str] = []
    monkeypatch.setattr(reconcile, "choose", lambda asked: Chosen("firewalld" if asked == "auto" else asked, "the test says so"))
    monkeypatch.setattr(reconcile, "traces", lambda _owner: [])
    monkeypatch.setattr(reconcile, "_backend", lambda _name: Backend())
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, text: warned.append(text))
    with patch_module_args(options), pytest.raises(SystemExit):
        module.main()
    return {**json.loads(capsys.readouterr().out), "given": given[0], "warned": warned}


@pytest.mark.parametrize("module", [linux_ruleset, linux_ruleset_info], ids=["ruleset", "info"])
@pytest.mark.parametrize(("error", "problems"), ERRORS, ids=[type(error).__name__ for error, _problems in ERRORS])
def test_every_failure_is_told(monkeypatch: pytest.MonkeyPatch, capsys: t.Any, module: t.Any, error: Exception, problems: list[str]) -> None:
    done = ran(module, error, monkeypatch, capsys)
    assert (done["failed"], done["msg"], done["problems"]) == (True, str(error), problems)


def test_an_error_of_our_own_is_no_failure_of_a_backend(monkeypatch: pytest.MonkeyPatch, capsys: t.Any) -> None:
    with pytest.raises(KeyError):
        ran(linux_ruleset, KeyError("ours"), monkeypatch, capsys)


def test_success(monkeypatch: pytest.MonkeyPatch, capsys: t.Any) -> None:
    answer = {"changed": True, "added": ["a"], "warnings": ["mind this"]}
    done = ran(linux_ruleset, answer, monkeypatch, capsys, rules=[{"name": "a"}], firewalld_precedence="override")
    assert (done["changed"], done["added"], done["backend"], done["backend_reason"]) == (True, ["a"], "firewalld", "the test says so")
    assert done["warned"] == ["mind this"]
    options, check = done["given"]
    assert check is False
    assert options["firewalld_precedence"] == "override"
    assert set(OPTIONS) - set(options) == {"max_removals", "default_inbound", "connection_port"}, "what is not set is the backend's business"
    elsewhere = ran(linux_ruleset, answer, monkeypatch, capsys, backend="ufw", firewalld_precedence="override")
    assert "firewalld_precedence" not in elsewhere["given"][0]
    assert "firewalld_precedence is override, which is about firewalld: with ufw it changes nothing" in elsewhere["warned"][1]
