# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else a result tells of a host: rules that cannot be read, addresses that no interface has, no rules at all; and what inspecting it tells."""

from __future__ import annotations

from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reconcile import inspect, run
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.effect import WEB, effective
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.fake_host import FakeHost, foreign
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._windows.wanted import options


def test_rules_that_cannot_be_read_leave_nothing_exact() -> None:
    host = FakeHost()
    host.unreadable = [["broken", False, "0x80070002"], ["worse", False, "0x80070002"]]
    found = run(options(WEB), host)
    reason = "2 foreign rules could not be read (broken, worse) and are left as found: nobody knows what that admits or stops"
    assert (found["effective"]["in_force"], found["effective"]["exact"], found["effective"]["reasons"]) == (True, False, [f"domain: {reason}"])
    assert found["warnings"] == ["2 foreign rules could not be read (broken, worse) and are left as found: mend or remove what is broken there"]
    host.unreadable = [["mine", True, "0x80070002"]]
    found = run({"state": "absent"}, host)
    reason = "1 rule of this owner could not be read (mine) and is left as found: nobody knows what that admits or stops"
    assert found["effective"]["reasons"] == [f"domain: {reason}"] and not found["effective"]["in_force"]
    assert inspect("msports", host)["present"] is True


def test_planned_addresses_are_held_against_the_interfaces() -> None:
    host = FakeHost()
    (told,) = run(options(WEB, planned_addresses=["203.0.113.21"]), host)["warnings"]
    assert told.startswith("no interface has an address that the plan gives this host (203.0.113.21); there are 10.1.1.20, fd00::20.")
    assert run(options(WEB, planned_addresses=["203.0.113.21", "10.1.1.20"]), host)["warnings"] == []
    assert run({"state": "absent", "planned_addresses": ["203.0.113.21"]}, host)["warnings"] == []
    host.addresses = "they cannot be read"
    assert run(options(WEB, planned_addresses=["203.0.113.21"]), host)["warnings"] == [], "not known is no reason for a warning"


def test_absent() -> None:
    found = effective(foreign("open"), given={"state": "absent", "owner": "me"})
    assert (found["in_force"], found["exact"], found["reasons"], found["foreign_allows"]) == (False, False, ["domain: there are no rules of me"], [])


def test_inspect_tells_what_is_there() -> None:
    host = FakeHost([foreign("open", protocol=6, local_ports="80")], seed=5)
    assert inspect("msports", host)["present"] is False
    run(options(WEB), host)
    host.unreadable = [["broken", False, "0x80070002"], ["", True, "0x80070002"]]
    found = inspect("msports", host)
    assert (found["present"], found["names"], found["effective"]["in_force"]) == (True, ["web"], True)
    assert found["lines"] == [
        "profile domain: inbound block, outbound allow, nothing logged",
        "profile private: inbound block, outbound allow, nothing logged",
        "profile public: inbound block, outbound allow, nothing logged",
        "in 'web': allow tcp local_ports=443 remote_addresses=10.0.0.0/24",
    ]
    assert found["effective"]["reasons"] == [
        "domain: 1 inbound foreign rule admits more than these rules: the rule 'open'",
        "domain: 1 rule of this owner could not be read (without a name) and is left as found: nobody knows what that admits or stops",
        "domain: 1 foreign rule could not be read (broken) and is left as found: nobody knows what that admits or stops",
    ]
    assert found["warnings"] == [
        "1 rule of this owner could not be read (without a name) and is left as found: mend or remove what is broken there",
        "1 foreign rule could not be read (broken) and is left as found: mend or remove what is broken there",
    ]
    assert found["calls"] == {"remote_calls": 1, "enumerations": 1, "commits": 0}
