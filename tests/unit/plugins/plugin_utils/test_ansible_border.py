# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The border to Ansible: tagged and lazy values become plain, errors are shown line by line."""

from __future__ import annotations

import datetime
import pathlib
import platform
import socket
import types
import typing as t

import pytest
from ansible.errors import AnsibleError, AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import trust_as_template
from ansible_collections.portcullis.msports.plugins.lookup import host_pattern
from ansible_collections.portcullis.msports.plugins.plugin_utils import _ansible
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError, MsportsError, Problem

PLAIN = {str, int, float, bool, type(None), list, dict}


def types_in(value: t.Any) -> set[type]:
    found = {type(value)}
    for item in (*value.keys(), *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ():
        found |= types_in(item)
    return found


class Text(str):
    """Like a tagged text: a subclass whose own ``str`` is not what is asked for."""


class Number(int):
    pass


class Real(float):
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (trust_as_template("{{ x }}"), "{{ x }}"),
        (Text("a"), "a"),
        (Number(5), 5),
        (Real(2.5), 2.5),
        (True, True),
        (None, None),
        (b"bytes", "bytes"),
        ((1, Text("b")), [1, "b"]),
        (types.MappingProxyType({Text("k"): [Number(1), {Text("deep"): (Text("x"),)}]}), {"k": [1, {"deep": ["x"]}]}),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (iter([Text("a")]), ["a"]),
        ({}.keys(), []),
        ({Text("a"): 1}.keys(), ["a"]),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (datetime.date(2027, 1, 31), "2027-01-31"),
        (datetime.datetime(2027, 1, 31, 12, 30), "2027-01-31T12:30:00"),
    ],
)
def test_to_plain(value: t.Any, expected: t.Any) -> None:
    found = _ansible.to_plain(value)
    assert found == expected
    assert types_in(found) <= PLAIN


def test_listed_and_flat() -> None:
    assert [_ansible.listed(value) for value in (None, "a", ["a"], ("a", "b"))] == [[], ["a"], ["a"], ["a", "b"]]
    assert _ansible.flat(["a", ["b", "c"]]) == ["a", "b", "c"]
    assert _ansible.flat([]) == []


def test_errors_become_errors_of_ansible() -> None:
    with pytest.raises(AnsibleFilterError) as caught, _ansible.ansible_errors(AnsibleFilterError):
        raise CatalogError([Problem("b", "'x'", "expected y", "z"), Problem("a", None, "is missing")])
    assert str(caught.value) == "a: is missing\nb: 'x': expected y; did you mean 'z'?"
    assert caught.value.__cause__ is None
    with pytest.raises(AnsibleError), _ansible.ansible_errors():
        raise MsportsError([Problem("a", None, "is missing")])
    with pytest.raises(KeyError), _ansible.ansible_errors():
        raise KeyError("a bug is no problem of the user's")


class Lookup:
    """What the border uses of a lookup: options with their defaults, and rendering (which doubles braces stand for here)."""

    def __init__(self) -> None:
        self._options: dict[str, t.Any] = {"releases": None, "catalog_paths": None, "query": None}
        self._templar = self

    def set_options(self, var_options: t.Any, direct: dict[str, t.Any]) -> None:
        self._options.update({name: value for name, value in direct.items() if name in self._options})

    def get_options(self) -> dict[str, t.Any]:
        return self._options

    def template(self, value: t.Any) -> t.Any:
        return "/rendered" if value == "{{ x }}" else [self.template(item) for item in value] if isinstance(value, list) else value


def test_options_of_a_lookup() -> None:
    variables = {
        "msports_releases": {"exchange": "2013"},
        "msports_releases__b": {"configmgr": "1806", "exchange": "2013"},
        "msports_releases__none": None,
        "msports_releasesx": {"databox": "1"},
        "msports_catalog_paths": ["{{ x }}"],
        "msports_catalog_paths__a": ["/b", "/rendered"],
    }
    found = _ansible.lookup_options(Lookup(), variables, {"query": Text("[]")})
    assert found == {"releases": {"exchange": "2013", "configmgr": "1806"}, "catalog_paths": ["/rendered", "/b"], "query": "[]"}
    assert found["query"].__class__ is str, "no tagged text may pass"
    assert _ansible.lookup_options(Lookup(), variables, {"releases": {}, "catalog_paths": []}) == {"releases": {}, "catalog_paths": [], "query": None}
    assert _ansible.lookup_options(Lookup(), None, {}) == {"releases": None, "catalog_paths": None, "query": None}


def test_unknown_option_is_told() -> None:
    with pytest.raises(MsportsError) as caught:
        _ansible.lookup_options(Lookup(), {}, {"release": "1", "qery": "x"})
    assert str(caught.value).splitlines() == [
        "option: 'qery': expected an option of this lookup: catalog_paths, query, releases; did you mean 'query'?",
        "option: 'release': expected an option of this lookup: catalog_paths, query, releases; did you mean 'releases'?",
    ]


def test_unions_that_contradict_are_told() -> None:
    variables = {"msports_releases": {"exchange": "2013"}, "msports_releases__x": {"exchange": "2016"}, "msports_releases__y": ["exchange"]}
    with pytest.raises(MsportsError) as caught:
        _ansible.lookup_options(Lookup(), variables, {})
    assert str(caught.value).splitlines() == [
        "msports_releases__x.exchange: '2016': msports_releases.exchange says '2013'; one key has one value, whichever variables it is united from",
        "msports_releases__y: ['exchange']: expected a mapping",
    ]


GROUPS = {"all": ["web01", "web02", "localhost"], "ungrouped": [], "web": ["web01", "web02"], "empty": []}


@pytest.mark.parametrize(
    ("pattern", "instead", "wrong"),
    [
        ("all", "", ""),
        ("web[0]:&web", "", ""),
        ("~web.*,!web02", "", ""),
        (["web01", "web02"], "", ""),
        ("fe80::1", "", "'fe80::1': no host"),
        (None, "work_hosts", ""),
        ("wbe01,web02", "", "'wbe01': no host or group .* did you mean 'web01'"),
        ("all:!wbe02", "", "'wbe02': no host .* did you mean 'web02'"),  # somebody was to be left alone
        ("wbe*", "", r"'wbe\*': no host"),
        ("empty", "", "'empty': leaves no host"),
        ("web:!web0*", "", "leaves no host"),
        ("web01", "work_hosts", "leaves out localhost.* -e work_hosts="),
        ("web01,localhost", "work_hosts", ""),
        ("@FILE", "", "'web03': no host"),
        ("localhost,web01.example.com,web01,127.0.0.1", "", ""),  # as ansible-pull does on web01
        ("localhost,web01,wbe02,127.0.0.1", "", "'wbe02': no host"),
        ("web01.example.com,web01", "", "'web01.example.com': no host"),
    ],
)
def test_each_part_has_to_match_somebody(pattern: t.Any, instead: str, wrong: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: "web01.example.com")
    monkeypatch.setattr(platform, "node", lambda: "web01")
    if pattern == "@FILE":
        (tmp_path / "retry").write_text("# the last run\nweb01\nweb03\n")
        pattern = f"@{tmp_path}/retry"
    given = ("--limit", pattern, {"groups": GROUPS}, DataLoader(), instead)
    if not wrong:
        _ansible.refuse_unmatched(*given)
        return
    with pytest.raises(MsportsError, match=wrong):
        _ansible.refuse_unmatched(*given)


def test_a_file_of_hosts_is_for_limits_only(tmp_path: pathlib.Path) -> None:
    """Ansible reads none for the hosts of a play: nobody would be there, and the run would succeed."""
    (tmp_path / "hosts").write_text("web01\n")
    with pytest.raises(MsportsError, match="@.*hosts.*: no host"):
        _ansible.refuse_unmatched("apply_hosts", f"@{tmp_path}/hosts", {"groups": GROUPS}, DataLoader())


class Pattern(host_pattern.LookupModule):  # type: ignore[misc]
    def __init__(self) -> None:
        self._loader = DataLoader()


@pytest.mark.parametrize(("pattern", "limit", "left"), [("web", "web01", True), ("web02", "web01", False), ("all:!web01", "web[0]", False)])
def test_a_limit_has_to_leave_somebody_of_the_pattern(pattern: str, limit: str, left: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"name": "apply_hosts", "instead": "", "partial_inventory": False}
    monkeypatch.setattr(host_pattern, "lookup_options", lambda *_given: options)
    given = {"groups": GROUPS, "ansible_limit": limit}
    if left:
        assert Pattern().run([pattern], given) == [pattern]
        return
    with monkeypatch.context() as checked:
        checked.setattr(host_pattern.context, "CLIARGS", {"syntax": True})  # as ansible-lint does, without an inventory
        assert Pattern().run([pattern], {"groups": {"all": []}}) == [pattern]
    with pytest.raises(AnsibleError, match="--limit: .* leaves none of the hosts of apply_hosts"):
        Pattern().run([pattern], given)
