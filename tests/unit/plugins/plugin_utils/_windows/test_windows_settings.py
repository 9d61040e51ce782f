# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Default actions and logging: set in all profiles, remembered, and put back only where they are still what was set."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import PROFILE, FakeHost
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

WEB = rule("web", ["443"])
PROFILES = ("domain", "private", "public")
QUIET = (False, PROFILE["log_path"], 4096)
LOUD = (True, PROFILE["log_path"], 16384)


def inbound(host: FakeHost) -> list[str]:
    return [host.profiles[name]["inbound"] for name in PROFILES]


def outbound(host: FakeHost) -> list[str]:
    return [host.profiles[name]["outbound"] for name in PROFILES]


def logs(host: FakeHost) -> list[tuple[t.Any, ...]]:
    return [tuple(host.profiles[name][key] for key in ("log_allowed", "log_path", "log_size")) for name in PROFILES]


def memory(host: FakeHost) -> t.Any:
    return json.loads(host.memory) if host.memory else None


def operations(host: FakeHost) -> list[str]:
    return [operation["kind"] for operation in host.calls[-1].get("operations", [])]


def test_keep_writes_and_remembers_nothing() -> None:
    host = FakeHost()
    run(options(WEB), host)
    assert (inbound(host), outbound(host), host.memory, operations(host)) == (["block"] * 3, ["allow"] * 3, None, ["add"])


def test_a_default_that_is_right_already_is_not_ours() -> None:
    host = FakeHost()
    run(options(WEB, default_inbound="block"), host)
    assert (host.memory, operations(host)) == (None, ["add"])
    run({"state": "absent"}, host)
    assert inbound(host) == ["block"] * 3


def test_what_was_set_is_remembered_first_and_put_back_last() -> None:
    host = FakeHost()
    result = run(options(WEB, default_outbound="block"), host)
    assert result["structure"] == [f"default outbound of {name}" for name in PROFILES]
    assert operations(host) == ["memory", "add", "default_action", "default_action", "default_action"]
    assert outbound(host) == ["block"] * 3
    assert memory(host) == {"out": {name: {"before": "allow", "set": "block"} for name in PROFILES}}
    assert not run(options(WEB, default_outbound="block"), host)["changed"]
    result = run(options(WEB), host)
    assert operations(host) == ["default_action", "default_action", "default_action", "memory"]
    assert (outbound(host), host.memory, result["changed"]) == (["allow"] * 3, None, True)
    assert not run(options(WEB), host)["changed"]


def test_absent_puts_back() -> None:
    host = FakeHost()
    for name in ("private", "public"):
        host.profiles[name]["inbound"] = "allow"
    run(options(WEB, default_inbound="block"), host)
    assert inbound(host) == ["block"] * 3
    assert memory(host) == {"in": {name: {"before": "allow", "set": "block"} for name in ("private", "public")}}
    run({"state": "absent"}, host)
    assert (inbound(host), host.memory, host.rules) == (["block", "allow", "allow"], None, [])
    assert not run({"state": "absent"}, host)["changed"]


def test_what_somebody_else_has_set_since_stays() -> None:
    host = FakeHost()
    run(options(WEB, default_outbound="block"), host)
    host.profiles["public"]["outbound"] = "allow"
    host.profiles["private"]["outbound"] = "allow"
    run(options(WEB, default_outbound="block"), host)
    host.profiles["public"]["outbound"] = "allow"
    run({"state": "absent"}, host)
    assert (outbound(host), host.memory) == (["allow"] * 3, None)
    host = FakeHost()
    for name in PROFILES:
        host.profiles[name]["inbound"] = "allow"
    run(options(WEB, default_inbound="block"), host)
    run(options(WEB, default_inbound="allow"), host)
    assert (inbound(host), host.memory) == (["allow"] * 3, None), "set back by ourselves: there is nothing left to put back"


def test_what_does_not_stay_set_is_told() -> None:
    host = FakeHost()
    run(options(WEB, default_outbound="block"), host)
    host.profiles["public"]["outbound"] = "allow"
    assert run(options(WEB, default_outbound="block"), host)["warnings"] == [
        "profile public: default outbound was set to block by an earlier run and is allow: group policy or somebody else sets it, too"
    ]


def test_a_change_of_mind_keeps_what_was_first() -> None:
    host = FakeHost()
    host.profiles["public"]["inbound"] = "allow"
    run(options(WEB, default_inbound="block"), host)
    run(options(WEB, default_inbound="allow"), host)
    assert memory(host) == {"in": {name: {"before": "block", "set": "allow"} for name in ("domain", "private")}}
    run(options(WEB), host)
    assert (inbound(host), host.memory) == (["block", "block", "allow"], None)


def test_audit_logs_what_passes_and_leaves_default_actions() -> None:
    host = FakeHost()
    host.profiles["public"].update(log_allowed=True, log_size=32000)
    result = run(options(WEB, mode="audit", default_inbound="block", default_outbound="block"), host)
    assert result["structure"] == ["logging of domain", "logging of private"]
    assert (inbound(host), outbound(host)) == (["block"] * 3, ["allow"] * 3)
    assert logs(host) == [LOUD, LOUD, (True, PROFILE["log_path"], 32000)]
    assert result["diff"]["after"].splitlines()[0] == (
        f"profile domain: inbound block, outbound allow, allowed connections logged to {PROFILE['log_path']}, 16384 KB"
    )
    assert not run(options(WEB, mode="audit"), host)["changed"]
    run(options(WEB), host)
    assert (logs(host), host.memory) == ([QUIET, QUIET, (True, PROFILE["log_path"], 32000)], None)


def test_audit_after_enforcement_keeps_the_default_action_and_the_memory_of_it() -> None:
    host = FakeHost()
    run(options(WEB, default_outbound="block"), host)
    run(options(WEB, default_outbound="block", mode="audit"), host)
    assert outbound(host) == ["block"] * 3 and set(memory(host)) == {"out", "logging"}
    run({"state": "absent"}, host)
    assert (outbound(host), logs(host), host.memory) == (["allow"] * 3, [QUIET] * 3, None)


def test_logging_that_somebody_changed_since_stays() -> None:
    host = FakeHost()
    run(options(WEB, mode="audit"), host)
    host.profiles["domain"]["log_size"] = 20000
    run({"state": "absent"}, host)
    assert (logs(host), host.memory) == ([(True, PROFILE["log_path"], 20000), QUIET, QUIET], None)


def test_logging_that_group_policy_gives_is_left_alone() -> None:
    host = FakeHost()
    host.profiles["domain"]["log_policy"] = True
    result = run(options(WEB, mode="audit"), host)
    assert result["structure"] == ["logging of private", "logging of public"]
    assert result["warnings"] == ["profile domain: group policy says that allowed connections are not logged; audit shows nothing there"]
    for name in PROFILES:
        host.profiles[name]["log_policy"] = True
    run({"state": "absent"}, host)
    assert (host.memory, logs(host)) == (None, [QUIET, LOUD, LOUD])


def test_a_log_without_a_path_gets_the_usual_one() -> None:
    host = FakeHost()
    host.profiles["public"]["log_path"] = ""
    run(options(WEB, mode="audit"), host)
    assert logs(host)[2] == (True, "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log", 16384)


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"in": 7}', '{"in": {"domain": {"before": "allow"}}}', '{"in": {"domain": 7}}'])
def test_a_memory_that_cannot_be_read_is_dropped_with_a_warning(text: str) -> None:
    host = FakeHost()
    host.memory = text
    result = run(options(WEB), host)
    assert result["warnings"] == ["what an earlier run noted about default actions on this host cannot be read; nothing is put back"]
    assert host.memory is None and operations(host) == ["add", "memory"]
    host.memory = text
    assert run(options(WEB), host)["structure"] == ["memory"]
    host.memory = text
    run(options(WEB, default_outbound="block"), host)
    assert set(memory(host)) == {"out"}


STEPS = st.lists(
    st.one_of(
        st.builds(
            lambda default_in, default_out, mode: options(WEB, default_inbound=default_in, default_outbound=default_out, mode=mode),
            st.sampled_from(["keep", "block", "allow"]),
            st.sampled_from(["keep", "block", "allow"]),
            st.sampled_from(["enforce", "enforce", "audit"]),
        ),
        st.just({"state": "absent"}),
    ),
    max_size=6,
)


@given(
    STEPS,
    st.fixed_dictionaries({name: st.tuples(st.sampled_from(["block", "allow"]), st.sampled_from(["block", "allow"]), st.booleans()) for name in PROFILES}),
)
def test_whatever_was_done_absent_leaves_everything_as_it_was(steps: list[Plain], start: dict[str, tuple[str, str, bool]]) -> None:
    host = FakeHost()
    for name, (coming, going, logged) in start.items():
        host.profiles[name].update(inbound=coming, outbound=going, log_allowed=logged)
    before = json.dumps(host.profiles)
    for step in steps:
        run(step, host)
        assert run(step, host)["changed"] is False
        if step.get("mode") == "enforce":
            for found, wanted in ((inbound(host), step["default_inbound"]), (outbound(host), step["default_outbound"])):
                assert wanted == "keep" or found == [wanted] * 3
    run({"state": "absent"}, host)
    assert (json.dumps(host.profiles), host.memory, host.rules) == (before, None, [])


def test_a_change_in_between_is_refused_by_the_host() -> None:
    host = FakeHost()
    run(options(WEB), host)
    host.meanwhile = lambda found: found.rules.clear()
    with pytest.raises(HostFailed, match=r"^the firewall changed in between: .*; nothing was changed$"):
        run(options(rule("other")), host)
