# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backend serves a Linux host, told from a folder that looks like its root."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import MADE_BY, Chosen, choose, prefix, traces
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import environment
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import settings
from ansible_collections.portcullis.msports.plugins.module_utils._options import defaults
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import Refused

NONE = Chosen("nftables", "no other manager of firewall rules is active")
FIREWALLD = Chosen("firewalld", "firewalld is running")
UFW = Chosen("ufw", "ufw is enabled")


def put(root: pathlib.Path, path: str, text: str = "") -> None:
    root.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
    root.joinpath(path).write_text(text, encoding="utf-8")


def firewalld(root: pathlib.Path) -> None:
    put(root, "sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs", "4711\n")
    for pid in ("4711", "self"):
        root.joinpath("proc", pid, "ns").mkdir(parents=True, exist_ok=True)
        root.joinpath("proc", pid, "ns/net").symlink_to("net:[4026531840]")


def ufw(root: pathlib.Path, enabled: str = "yes") -> None:
    put(root, "etc/ufw/ufw.conf", f"# a comment\nENABLED={enabled}\nLOGLEVEL=low\n")
    program(root, "usr/sbin/ufw")


def program(root: pathlib.Path, path: str) -> None:
    put(root, path)
    root.joinpath(path).chmod(0o755)


def chosen(root: pathlib.Path, asked: str = "auto") -> Chosen:
    return choose(asked, str(root), str(root / "proc"))


def test_nobody_else(tmp_path: pathlib.Path) -> None:
    assert chosen(tmp_path) == NONE


def test_a_firewalld_that_runs(tmp_path: pathlib.Path) -> None:
    firewalld(tmp_path)
    assert chosen(tmp_path) == FIREWALLD


def test_a_firewalld_in_a_container_that_sees_its_control_groups_elsewhere(tmp_path: pathlib.Path) -> None:
    firewalld(tmp_path)
    tmp_path.joinpath("sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs").unlink()
    assert chosen(tmp_path) == NONE
    put(tmp_path, "proc/4711/comm", "firewalld\n")
    assert chosen(tmp_path) == NONE, "it is not even installed"
    tmp_path.joinpath("etc/firewalld").mkdir(parents=True)
    assert chosen(tmp_path) == FIREWALLD


def test_a_firewalld_of_another_network_namespace_is_not_this_host_s(tmp_path: pathlib.Path) -> None:
    firewalld(tmp_path)
    tmp_path.joinpath("proc/4711/ns/net").unlink()
    tmp_path.joinpath("proc/4711/ns/net").symlink_to("net:[4026532000]")
    assert chosen(tmp_path) == NONE


SPELLINGS = ["yes", '"yes"', "'yes'", "YES", '"YES"', "yes ", "yes # on", "yes; X=1", "no\nENABLED=yes"]
OTHERWISE = ["no", "", "Yes", "true", "1", "yesterday", "yes\nENABLED=no"]


@pytest.mark.parametrize(("enabled", "expected"), [(text, UFW) for text in SPELLINGS] + [(text, NONE) for text in OTHERWISE])
def test_ufw_by_its_own_word(tmp_path: pathlib.Path, enabled: str, expected: Chosen) -> None:
    """Whoever chooses, whoever warns and the backend itself read the same file the same way."""
    ufw(tmp_path, enabled)
    assert chosen(tmp_path) == expected
    assert settings.read("", tmp_path.joinpath("etc/ufw/ufw.conf").read_text()).enabled is (expected == UFW)
    loaded = [("chain", {"family": "ip", "table": "filter", "name": "ufw-user-input"})]
    managers = environment.examine(loaded, None, defaults("nftables"), str(tmp_path), str(tmp_path / "proc")).managers
    assert managers == (["ufw is enabled and its rules are loaded"] if expected == UFW else [])


def test_a_ufw_that_was_removed_leaves_its_settings_and_is_not_chosen(tmp_path: pathlib.Path) -> None:
    ufw(tmp_path)
    tmp_path.joinpath("usr/sbin/ufw").unlink()
    assert chosen(tmp_path) == NONE
    firewalld(tmp_path)
    assert chosen(tmp_path) == FIREWALLD, "and it is no second manager"
    outside = environment.examine([], None, defaults("nftables"), str(tmp_path), "/nonexistent")
    assert not [text for text in outside.warnings + outside.managers if "ufw" in text]


def test_a_firewalld_that_is_stopped_but_comes_back_is_told(tmp_path: pathlib.Path) -> None:
    def told() -> list[str]:
        return environment.examine([], None, defaults("nftables"), str(tmp_path), str(tmp_path / "proc")).warnings

    link = tmp_path / "etc/systemd/system/multi-user.target.wants/firewalld.service"
    put(tmp_path, str(link.relative_to(tmp_path)))
    assert (chosen(tmp_path), told()) == (NONE, []), "a link that a removed package has left"
    program(tmp_path, "usr/sbin/firewalld")
    assert chosen(tmp_path) == Chosen("nftables", "no other manager of firewall rules is active; firewalld is enabled, but does not run")
    (warning,) = told()
    assert warning.startswith("firewalld is stopped, but enabled: at the next boot it filters again")
    assert "systemctl disable firewalld" in warning
    firewalld(tmp_path)
    assert (chosen(tmp_path), told()) == (FIREWALLD, []), "one that runs is refused, not warned about"
    tmp_path.joinpath("sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs").unlink()
    tmp_path.joinpath("etc/systemd/system/firewalld.service").symlink_to("/dev/null")
    assert (chosen(tmp_path), told()) == (NONE, []), "nothing starts what is masked"


def test_a_masked_ufw_is_not_active(tmp_path: pathlib.Path) -> None:
    ufw(tmp_path)
    put(tmp_path, "etc/systemd/system/x")
    tmp_path.joinpath("etc/systemd/system/ufw.service").symlink_to("/dev/null")
    assert chosen(tmp_path) == NONE


def test_two_are_refused_and_a_name_decides(tmp_path: pathlib.Path) -> None:
    firewalld(tmp_path)
    ufw(tmp_path)
    with pytest.raises(Refused) as caught:
        chosen(tmp_path)
    assert str(caught.value) == (
        "two firewall managers are active on this host (firewalld is running and ufw is enabled), and they undo each other's work; nothing was "
        "changed. Stop one of them for good ('systemctl disable --now firewalld', or 'ufw disable'), or go on with both of them: name the backend "
        "(backend: firewalld, or backend: ufw) and set allow_other_manager to true"
    )
    assert chosen(tmp_path, "ufw") == Chosen("ufw", "asked for by name")


def test_traces_of_an_owner(tmp_path: pathlib.Path) -> None:
    assert traces("msports", str(tmp_path)) == []
    put(tmp_path, "etc/ufw/user6.rules", "### tuple ### allow tcp 443 ::/0 any ::/0 in comment=" + b"msports: x".hex() + "\n")
    put(tmp_path, "etc/firewalld/policies/msports-in-allow.xml", MADE_BY)
    put(tmp_path, "etc/firewalld/policies/other-in-allow.xml", "which somebody else has made")
    put(tmp_path, "etc/portcullis/msports/msports.nft")
    assert traces("msports", str(tmp_path)) == ["nftables", "firewalld", "ufw"]
    assert traces("other", str(tmp_path)) == []


def test_traces_of_an_owner_whose_name_is_too_long_for_firewalld(tmp_path: pathlib.Path) -> None:
    put(tmp_path, f"etc/firewalld/ipsets/{prefix('second_owner')}-clients-123456-4.xml", MADE_BY)
    assert traces("second_owner", str(tmp_path)) == ["firewalld"]
    assert traces("second", str(tmp_path)) == []
