# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend that is chosen gets the options, and what others still hold is told, or removed when nothing is to stay."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux import generation, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import Chosen
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

FIREWALLD = Chosen("firewalld", "firewalld is running")


class Host:
    """Backends that say what they were asked, and who holds what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, held: t.Sequence[str] = (), nft: bool = True) -> None:
        self.asked: list[tuple[str, dict[str, t.Any], bool]] = []
        monkeypatch.setattr(reconcile, "choose", lambda asked: FIREWALLD if asked == "auto" else Chosen(asked, "asked for by name"))
        monkeypatch.setattr(reconcile, "traces", lambda owner: list(held))
        monkeypatch.setattr(reconcile, "program", lambda: "/usr/sbin/nft" if nft else None)
        monkeypatch.setattr(reconcile, "_backend", self.backend)
        monkeypatch.setattr(generation, "ROOT", "/nonexistent")
        self.held = held
        self.fails: dict[tuple[str, bool], Exception] = {}

    def backend(self, name: str) -> t.Any:
        def run(options: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
            self.asked.append((name, options, check_mode))
            if (name, check_mode) in self.fails:
                raise self.fails[name, check_mode]
            removed = [f"rule of {name}"] if name in self.held else []
            lists = {"added": [], "changed_rules": [], "removed": removed, "structure": [], "warnings": [f"{name} warns"]}
            return {**lists, "changed": bool(removed), "diff": {"before": f"{name}\n" if removed else "", "after": ""}, "kept": 0, "effective": {}}

        return types.SimpleNamespace(run=run, inspect=lambda owner: {"present": name in self.held, "owner": owner})


def test_the_chosen_backend_gets_the_options_and_says_why_it_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, held=["firewalld"])
    done = reconcile.run({"backend": "auto", "rules": [], "owner": "msports", "max_removals": None}, True)
    assert host.asked == [("firewalld", {"rules": [], "owner": "msports"}, True)]
    assert (done["backend"], done["backend_reason"], done["warnings"]) == (*FIREWALLD, ["firewalld warns"])


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize(("backend", "value", "count"), [("firewalld", "override", 0), ("ufw", "override", 1), ("nftables", "yield", 1), ("ufw", "merge", 0)])
def test_precedence_is_for_firewalld_and_reported_elsewhere(monkeypatch: pytest.MonkeyPatch, backend: str, value: str, count: int, state: str) -> None:
    host = Host(monkeypatch)
    done = reconcile.run({"backend": backend, "firewalld_precedence": value, "state": state})
    assert host.asked == [(backend, {"state": state, **({"firewalld_precedence": value} if backend == "firewalld" else {})}, False)]
    warnings = [text for text in done["warnings"] if f"firewalld_precedence is {value}, which is about firewalld: with {backend} it" in text]
    assert len(warnings) == (count if state == "present" else 0)


def test_absent_hands_precedence_to_firewalld_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, held=["firewalld", "ufw"])
    reconcile.run({"firewalld_precedence": "override", "state": "absent"})
    handed = [(name, "firewalld_precedence" in options) for name, options, check in host.asked if not check]
    assert handed == [("nftables", False), ("firewalld", True), ("ufw", False)]


def test_rules_left_in_another_backend_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Host(monkeypatch, held=["nftables", "firewalld"])
    assert reconcile.run({"owner": "msports"})["warnings"] == [
        "firewalld warns",
        "nftables still holds rules of the owner msports from an earlier run: remove them with linux_ruleset, backend: nftables and state: absent",
    ]


def test_a_backend_asked_for_by_name_is_used_for_absent_too(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, held=["nftables", "ufw"])
    assert reconcile.run({"backend": "ufw", "state": "absent"})["removed"] == ["rule of ufw"]
    assert [name for name, _options, _check in host.asked] == ["ufw"]


@pytest.mark.parametrize(
    ("held", "nft", "asked"),
    [
        (["firewalld", "ufw"], True, ["nftables", "firewalld", "ufw"]),
        (["firewalld"], False, ["firewalld"]),
        ([], True, ["nftables"]),
        ([], False, ["nftables"]),  # says in words that nft is missing
    ],
)
def test_absent_leaves_nothing_in_any_backend(monkeypatch: pytest.MonkeyPatch, held: list[str], nft: bool, asked: list[str]) -> None:
    host = Host(monkeypatch, held, nft)
    done = reconcile.run({"state": "absent"}, True)
    assert [name for name, _options, _check in host.asked] == asked
    assert all(check and options == {"state": "absent"} for _name, options, check in host.asked)
    assert (done["changed"], done["removed"]) == (bool(held), [f"rule of {name}" for name in held])
    assert done["diff"] == {"before": "".join(f"{name}\n" for name in held), "after": ""}
    assert done["warnings"] == [f"{name} warns" for name in asked]
    assert done["backend"] == ", ".join(asked)


def test_absent_asks_every_backend_before_it_changes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, held=["firewalld", "ufw"])
    reconcile.run({"state": "absent"})
    assert [(name, check) for name, _options, check in host.asked] == [(name, check) for check in (True, False) for name in ("nftables", "firewalld", "ufw")]
    host = Host(monkeypatch, held=["nftables", "ufw"])
    host.fails["ufw", True] = Refused("locked out")
    with pytest.raises(Refused, match="locked out"):
        reconcile.run({"state": "absent"})
    assert all(check for _name, _options, check in host.asked)
    host = Host(monkeypatch, held=[])
    reconcile.run({"state": "absent"})
    assert [check for _name, _options, check in host.asked] == [False], "one backend is asked once"


def test_absent_that_fails_half_way_says_what_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(monkeypatch, held=["nftables", "firewalld", "ufw"])
    host.fails["ufw", False] = UfwError("cannot write user.rules")
    with pytest.raises(reconcile.HalfDone) as caught:
        reconcile.run({"state": "absent", "owner": "me"})
    assert str(caught.value).startswith("cannot write user.rules. Before that the rules of me were removed from nftables and firewalld, and they stay removed")
    host = Host(monkeypatch, held=["ufw"])  # nftables had nothing
    host.fails["ufw", False] = UfwError("cannot write user.rules")
    with pytest.raises(UfwError, match=r"^cannot write user.rules\Z"):
        reconcile.run({"state": "absent"})


def test_what_is_there_is_read_from_the_backend_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    Host(monkeypatch, held=["firewalld"])
    assert reconcile.inspect("me") == {"present": True, "owner": "me", "backend": "firewalld", "backend_reason": "firewalld is running"}
    assert reconcile.inspect("me", "ufw")["present"] is False


def test_a_bad_owner_is_refused_before_anything_is_read() -> None:
    for work in (lambda: reconcile.run({"owner": "No Owner"}), lambda: reconcile.inspect("../x")):
        with pytest.raises(Refused, match="expected a lower-case letter"):
            work()


@pytest.mark.parametrize("backend", ["nftables", "firewalld", "ufw"])
def test_every_backend_is_there_and_its_failures_are_known(backend: str) -> None:
    found = reconcile._backend(backend)
    assert callable(found.run)
    assert callable(found.inspect)
    assert {error.__name__ for error in reconcile.failures()} == {"BusError", "FirewalldError", "HalfDone", "NftError", "UfwError"}
