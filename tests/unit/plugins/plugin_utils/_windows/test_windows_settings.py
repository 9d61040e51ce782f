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

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import HostFailed, Refused, inspect, run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import PROFILE, FakeHost, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import Plain, options, rule

WEB = rule("web", ["443"])
PROFILES = ("domain", "private", "public")
QUIET = (False, False, PROFILE["log_path"], 4096)
LOUD = (True, True, PROFILE["log_path"], 16384)


def inbound(host: FakeHost) -> list[str]:
    return [host.profiles[name]["inbound"] for name in PROFILES]


def outbound(host: FakeHost) -> list[str]:
    return [host.profiles[name]["outbound"] for name in PROFILES]


def logs(host: FakeHost) -> list[tuple[t.Any, ...]]:
    return [tuple(host.profiles[name][key] for key in ("log_allowed", "log_dropped", "log_path", "log_size")) for name in PROFILES]


def memory(host: FakeHost) -> t.Any:
    return json.loads(host.memory) if host.memory else None


def operations(host: FakeHost) -> list[str]:
    return [operation["kind"] for operation in host.calls[-1].get("operations", [])]


def test_keep_writes_and_remembers_nothing() -> None:
    host = FakeHost()
    run(options(WEB), host)
    assert (inbound(host), outbound(host), host.memory, operations(host)) == (["block"] * 3, ["allow"] * 3, None, ["add"])


def wish(before: t.Any, **owners: t.Any) -> Plain:
    return {"before": before, "owners": owners}


def test_a_default_that_is_right_already_is_noted_and_stays() -> None:
    host = FakeHost()
    run(options(WEB, default_inbound="block"), host)
    assert (memory(host), operations(host)) == ({"in": {name: wish("block", msports="block") for name in PROFILES}}, ["memory", "add"])
    assert not run(options(WEB, default_inbound="block"), host)["changed"]
    run({"state": "absent"}, host)
    assert (inbound(host), host.memory) == (["block"] * 3, None)


def test_what_was_set_is_remembered_first_and_put_back_last() -> None:
    host = FakeHost()
    result = run(options(WEB, default_outbound="block"), host)
    assert result["structure"] == [f"default outbound of {name}" for name in PROFILES]
    assert operations(host) == ["memory", "add", "default_action", "default_action", "default_action"]
    assert outbound(host) == ["block"] * 3
    assert memory(host) == {"out": {name: wish("allow", msports="block") for name in PROFILES}}
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
    assert memory(host) == {"in": {"domain": wish("block", msports="block"), **{name: wish("allow", msports="block") for name in ("private", "public")}}}
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
    run({"state": "absent"}, host)
    assert (inbound(host), host.memory) == (["allow"] * 3, None), "set back by ourselves: there is nothing left to put back"


WHO = "group policy or somebody else sets it, too; change it there, or do not ask for it here"
UNHELD = f"default outbound was set to block by an earlier run and is allow: {WHO}"


def test_what_does_not_stay_set_is_told() -> None:
    host = FakeHost()
    run(options(WEB, default_outbound="block"), host)
    host.profiles["public"]["outbound"] = "allow"
    assert run(options(WEB, default_outbound="block"), host)["warnings"] == [f"profile public: {UNHELD}"]
    host.profiles["public"]["outbound"] = "allow"
    assert run(options(WEB), host)["warnings"] == [], "not wanted any more"


def test_a_change_of_mind_keeps_what_was_first() -> None:
    host = FakeHost()
    host.profiles["public"]["inbound"] = "allow"
    run(options(WEB, default_inbound="block"), host)
    run(options(WEB, default_inbound="allow"), host)
    assert memory(host) == {"in": {**{name: wish("block", msports="allow") for name in ("domain", "private")}, "public": wish("allow", msports="allow")}}
    run(options(WEB), host)
    assert (inbound(host), host.memory) == (["block", "block", "allow"], None)


def test_audit_logs_what_passes_and_leaves_default_actions() -> None:
    host = FakeHost()
    host.profiles["public"].update(log_allowed=True, log_dropped=True, log_size=32000)
    result = run(options(WEB, mode="audit", default_inbound="block", default_outbound="block"), host)
    assert result["structure"] == ["logging of domain", "logging of private"]
    assert (inbound(host), outbound(host)) == (["block"] * 3, ["allow"] * 3)
    assert logs(host) == [LOUD, LOUD, (True, True, PROFILE["log_path"], 32000)]
    assert result["diff"]["after"].splitlines()[0] == (
        f"profile domain: inbound block, outbound allow, allowed connections and dropped packets logged to {PROFILE['log_path']}, 16384 KB"
    )
    assert not run(options(WEB, mode="audit"), host)["changed"]
    run(options(WEB), host)
    assert (logs(host), host.memory) == ([QUIET, QUIET, (True, True, PROFILE["log_path"], 32000)], None)


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
    assert (logs(host), host.memory) == ([(True, True, PROFILE["log_path"], 20000), QUIET, QUIET], None)


def test_logging_that_group_policy_gives_is_left_alone() -> None:
    host = FakeHost()
    host.profiles["domain"]["log_policy"] = True
    result = run(options(WEB, mode="audit"), host)
    assert result["structure"] == ["logging of private", "logging of public"]
    (warning,) = result["warnings"]
    assert warning.startswith("profile domain: group policy gives the logging, or a part of it, and allowed connections and dropped packets are not logged;")
    for name in PROFILES:
        host.profiles[name]["log_policy"] = True
    run({"state": "absent"}, host)
    assert (host.memory, logs(host)) == (None, [QUIET, LOUD, LOUD])


def test_a_log_without_a_path_gets_the_usual_one() -> None:
    host = FakeHost()
    host.profiles["public"]["log_path"] = ""
    run(options(WEB, mode="audit"), host)
    assert logs(host)[2] == (True, True, "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log", 16384)


LOG = {"allowed": False, "dropped": False, "path": "x", "size": 1}
LOST = "; it is dropped, and nothing of it is put back: look at the default actions and the logging of the profiles, and set what is not as it should be"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("nonsense", ""),
        ("[]", ""),
        ('{"in": 7}', " (in)"),
        ('{"in": {"domain": {"before": "allow"}}}', " (in.domain)"),
        ('{"in": {"domain": {"before": "allow", "owners": {}}}}', " (in.domain)"),
        ('{"in": {"domain": {"before": "allow", "owners": {"msports": "reject"}}}}', " (in.domain)"),
        ('{"in": {"home": {"before": "allow", "owners": {"msports": "block"}}}}', " (in.home)"),
        ('{"in": {"domain": 7}, "more": {}}', " (in.domain, more)"),
        ('{"logging": {"public": {"before": {"allowed": false}, "owners": {"msports": {"allowed": true}}}}}', " (logging.public)"),
        (json.dumps({"logging": {"public": wish(LOG, msports={**LOG, "size": "1"})}}), " (logging.public)"),
    ],
)
@pytest.mark.parametrize("given_options", [options(WEB), {"state": "absent"}])
def test_a_memory_that_cannot_be_read_is_dropped_with_a_warning(text: str, where: str, given_options: Plain) -> None:
    host = FakeHost()
    host.memory = text
    result = run(given_options, host)
    assert result["warnings"] == [f"what earlier runs noted on this host about default actions and logging cannot be read{where}{LOST}"]
    assert host.memory is None and operations(host)[-1] == "memory"
    host.memory = text
    assert run(given_options, host)["structure"] == ["memory"]
    host.memory = text
    run(options(WEB, default_outbound="block"), host)
    assert set(memory(host)) == {"out"}


def test_what_can_be_read_of_a_memory_counts() -> None:
    host = FakeHost()
    for name in PROFILES:
        host.profiles[name]["inbound"] = "allow"
    run(options(WEB, default_inbound="block"), host)
    kept = memory(host)
    del kept["in"]["public"]["owners"]
    host.memory = json.dumps(kept)
    run({"state": "absent"}, host)
    assert (inbound(host), host.memory) == (["allow", "allow", "block"], None)


# --- several owners --------------------------------------------------------------------------------------------------


def one(**more: t.Any) -> Plain:
    return {"owner": "one", **more}


def two(**more: t.Any) -> Plain:
    return {"owner": "two", **more}


def opened() -> FakeHost:
    host = FakeHost()
    for name in PROFILES:
        host.profiles[name]["inbound"] = "allow"
    return host


@pytest.mark.parametrize("asked", [{"default_inbound": "block"}, {"default_outbound": "allow"}, {"default_inbound": "block", "mode": "audit"}])
@pytest.mark.parametrize("leaves", [{"state": "absent"}, {"default_inbound": "keep"}])
def test_default_actions_have_one_owner(asked: Plain, leaves: Plain) -> None:
    """A second one is refused in words, the first one is not disturbed, and it gives them up as it took them."""
    host = opened()
    run(options(WEB, **one(default_inbound="block")), host)
    before = (inbound(host), outbound(host), host.memory, len(host.rules))
    with pytest.raises(Refused, match="belong to the owner one, and a host has one set of them; nothing was changed. Leave .* of two at keep, or let one"):
        run(options(WEB, **two(**asked)), host)
    assert before == (inbound(host), outbound(host), host.memory, len(host.rules))
    run(options(WEB, **one(**leaves)), host)
    assert (inbound(host), host.memory) == (["allow"] * 3, None)
    run(options(WEB, **two(**asked)), host)


def test_the_last_owner_of_an_audit_puts_the_logging_back() -> None:
    host = FakeHost()
    run(options(WEB, **one(mode="audit")), host)
    run(options(WEB, **two(mode="audit")), host)
    assert set(memory(host)["logging"]["domain"]["owners"]) == {"one", "two"}
    run(options(WEB, **one()), host)
    assert logs(host) == [LOUD] * 3
    assert not run(options(WEB, **two(mode="audit")), host)["changed"]
    run(two(state="absent"), host)
    assert (logs(host), host.memory) == ([QUIET] * 3, None)


def test_an_owner_that_wanted_nothing_leaves_the_others_alone() -> None:
    host = opened()
    run(options(WEB, **one(default_inbound="block")), host)
    run(options(WEB, **two()), host)
    run(two(state="absent"), host)
    assert inbound(host) == ["block"] * 3 and memory(host) == {"in": {name: wish("allow", one="block") for name in PROFILES}}


# --- read back after the write ---------------------------------------------------------------------------------------


def test_a_default_that_does_not_take_is_not_in_force_in_any_run() -> None:
    """Group policy keeps a profile open, whatever is written."""
    host = opened()
    host.stubborn = {"domain": {"inbound": "allow"}}
    wanted = options(WEB, default_inbound="block")
    taken = f"default inbound was set to block and is allow all the same: {WHO}"
    known = f"default inbound was set to block by an earlier run and is allow: {WHO}"
    for number in range(3):
        checked = run(wanted, host, check_mode=True)
        found = run(wanted, host)["effective"]
        assert not found["in_force"] and not found["exact"] and not found["profiles"]["domain"]["in_force"]
        assert f"domain: {taken}" in found["reasons"]
        assert found["profiles"]["private"] == {"in_force": True, "exact": True, "exact_beyond_baseline": True, "reasons": []}
        assert (known in checked["effective"]["profiles"]["domain"]["reasons"]) == (number > 0)
    found = inspect("msports", host)["effective"]
    assert f"domain: {known}" in found["reasons"] and not found["in_force"]
    assert inspect("other", host)["effective"]["reasons"] == ["domain: there are no rules of other"]
    host.stubborn = {"public": {"inbound": "block"}}
    gone = run({"state": "absent"}, host)
    assert gone["warnings"] == [f"profile public: default inbound was set to allow and is block all the same: {WHO}"]


def test_what_is_there_after_the_write_decides_what_else_is_told() -> None:
    """Outbound stays open, so nothing of others is too much there."""
    host = FakeHost([foreign("out", direction=2, protocol=6, remote_ports="80")])
    host.stubborn = {name: {"outbound": "allow"} for name in PROFILES}
    found = run(options(WEB, default_outbound="block"), host)["effective"]
    assert found["foreign_allows"] == [] and found["reasons"] == [
        f"domain: default outbound was set to block and is allow all the same: {WHO}",
    ]


def test_a_log_whose_path_reads_otherwise_is_the_same_log() -> None:
    host = FakeHost()
    run(options(WEB, mode="audit"), host)
    for name in PROFILES:
        host.profiles[name]["log_path"] = "C:\\WINDOWS\\system32\\LogFiles\\Firewall\\pfirewall.log"
    assert not run(options(WEB, mode="audit"), host)["changed"]
    run({"state": "absent"}, host)
    assert (logs(host), host.memory) == ([QUIET] * 3, None)


def test_logging_that_does_not_take_is_told() -> None:
    host = FakeHost()
    host.stubborn = {"domain": {"log_allowed": False, "log_size": 4096}}
    found = run(options(WEB, mode="audit"), host)["effective"]["profiles"]["domain"]
    wanted, there = (
        f"{what} logged to {PROFILE['log_path']}, {size} KB" for what, size in (("allowed connections and dropped packets", 16384), ("dropped packets", 4096))
    )
    assert f"logging was set ({wanted}) and is ({there}) all the same: {WHO}" in found["reasons"]
    assert not found["in_force"]


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


@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), STEPS.map(lambda steps: steps[:1])), max_size=8), st.sampled_from(["block", "allow"]))
def test_when_all_owners_have_left_everything_is_as_it_was(steps: list[tuple[str, list[Plain]]], start: str) -> None:
    host = FakeHost()
    for name in PROFILES:
        host.profiles[name]["inbound"] = start
    before = json.dumps(host.profiles)
    for owner, few in steps:
        for step in few:
            try:
                run({**step, "owner": owner}, host)
            except Refused as refusal:
                assert "belong to the owner" in str(refusal)
                continue
            assert run({**step, "owner": owner}, host)["changed"] is False
    for owner in ("two", "three", "one"):
        run({"state": "absent", "owner": owner}, host)
    assert (json.dumps(host.profiles), host.memory, host.rules) == (before, None, [])


def test_a_change_in_between_is_refused_by_the_host() -> None:
    host = FakeHost()
    run(options(WEB), host)
    host.meanwhile = lambda found: found.rules.clear()
    with pytest.raises(HostFailed, match=r"^the firewall changed in between: .*; nothing was changed$"):
        run(options(rule("other")), host)
