# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules in firewalld: what they become, what a second run does, what drifted and is repaired, what is removed."""

from __future__ import annotations

import json
import pathlib
import runpy
import types
import typing as t

import pytest
from firewalld_host import NOTE

conftest = types.SimpleNamespace(**runpy.run_path(str(pathlib.Path(__file__).with_name("conftest.py"))))
pytestmark = pytest.mark.container

Rule = t.Callable[..., t.Dict[str, t.Any]]
MANY = [f"10.{i}.0.0/24" for i in range(0, 20, 2)] + ["fd00::/8"]


def _all(rule: Rule) -> list[dict[str, t.Any]]:
    return [
        rule("web", local_ports=["443", "8000-8100"]),
        rule("mail  <&> x", local_ports=["25"], remote_addresses=["@many"]),
        rule("stop", action="block", remote_addresses=["10.66.0.1-10.66.0.6"]),
        rule("tftp", protocol="udp", local_ports=["69"], helper="tftp", remote_addresses=["10.0.0.0/8"]),
        rule("names", direction="out", protocol="udp", remote_ports=["53"], remote_addresses=["10.0.0.1", "fd00::1"]),
        rule("ping", protocol="icmp_echo", remote_addresses=["10.0.0.0/8", "fd00::/8"]),
        rule("all", protocol="any", remote_addresses=["10.9.0.0/16"], local_addresses=["10.8.0.1"]),
        rule("dhcp", protocol="udp", remote_ports=["4011"], remote_addresses=["@many"], direction="out", local_addresses=["10.8.0.1"]),
    ]


@pytest.mark.every_release
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"default_inbound": "reject", "default_outbound": "block"},
        {"default_inbound": "block", "firewalld_precedence": "override"},
        {"default_inbound": "block", "firewalld_precedence": "yield", "default_outbound": "allow"},
        {"default_inbound": "allow", "mode": "audit"},
        {"default_inbound": "block", "default_outbound": "block", "mode": "audit", "audit_log": True, "owner": "a_long_owner_of_24_chars"},
    ],
    ids=lambda options: "-".join(f"{value}" for value in options.values()) or "default",
)
def test_check_predicts_a_second_run_changes_nothing_and_absent_leaves_no_trace(apply: t.Any, rule: Rule, options: dict[str, str]) -> None:
    before = apply.state()
    done = apply.thrice(*_all(rule), address_sets={"many": MANY}, **options)
    assert done["changed"]
    assert done["effective"]["in_force"], done
    written = 7 if options.get("mode") == "audit" and not options.get("audit_log") else 8  # a block that only an audit's log would know
    assert len(done["added"]) == written
    assert done["reloads"] == 1
    assert "mail  <&> x" in apply.info(options.get("owner", "msports"))["names"]
    gone = apply(state="absent", **{key: options[key] for key in options if key == "owner"})
    assert gone["changed"]
    assert len(gone["removed"]) == written
    assert apply.state() == before
    assert not apply(state="absent", **{key: options[key] for key in options if key == "owner"})["changed"]


@pytest.mark.every_release
def test_the_kernel_holds_what_the_rules_say(apply: t.Any, rule: Rule) -> None:
    apply(*_all(rule), address_sets={"many": MANY}, default_inbound="block", default_outbound="block")
    allowed = apply.sh("nft list chain inet firewalld filter_IN_policy_msports-in-allow_allow")
    for line in (
        "tcp dport 443 accept",
        "tcp dport 8000-8100 accept",
        'udp dport 69 ct helper set "helper-tftp-udp"',
        "ip saddr 10.0.0.0/8 udp dport 69 accept",
        "ip saddr 10.0.0.0/8 icmp type echo-request accept",
        "ip6 saddr fd00::/8 icmpv6 type echo-request accept",
        "ip daddr 10.8.0.1 ip saddr 10.9.0.0/16 accept",
        "ip6 saddr fd00::/8 tcp dport 25 accept",
    ):
        assert line in allowed
    assert "ip saddr 10.66.0.2/31 meta l4proto tcp drop" in apply.sh("nft list chain inet firewalld filter_IN_policy_msports-in-block_deny")
    rest = apply.sh("nft list chain inet firewalld filter_IN_policy_msports-in-rest")
    assert rest.strip().splitlines()[-3].strip() == "drop"
    # Behind the zone's own rules, before its target. firewalld 2.3 has zones and policies in one chain, by priority.
    chain = apply.sh("nft list chain inet firewalld filter_INPUT_POLICIES", check=False)
    if "jump filter_IN_public" in chain:
        assert chain.index("jump filter_IN_public") < chain.index("jump filter_IN_policy_msports-in-rest") < chain.rindex("reject with")
    else:
        zone = apply.sh("nft list chain inet firewalld filter_IN_public")
        assert zone.index("filter_IN_public_allow") < zone.index("filter_INPUT_POLICIES_post") < zone.index("reject with")
        assert "jump filter_IN_policy_msports-in-rest" in apply.sh("nft list chain inet firewalld filter_INPUT_POLICIES_post")


DRIFTS = [
    ("firewall-cmd --policy msports-in-allow --remove-rich-rule 'rule port port=443 protocol=tcp accept'", "not in the daemon"),
    ("firewall-cmd --permanent --policy msports-in-allow --remove-rich-rule 'rule port port=443 protocol=tcp accept'", "not saved"),
    ("nft flush chain inet firewalld filter_IN_policy_msports-in-allow_allow", "not in the kernel"),
    ("nft flush chain inet firewalld filter_INPUT_POLICIES_pre || nft flush chain inet firewalld filter_INPUT_POLICIES", "no packet reaches"),
    ("nft flush chain inet firewalld filter_IN_policy_msports-in-allow", "does not hold what firewalld has put there"),
    ("nft insert rule inet firewalld filter_IN_policy_msports-in-allow_allow tcp dport 23 accept", "one more rule"),
    ("nft flush ruleset", "no packet reaches"),
    ("nft add element inet firewalld msports-many-1137b1-4 '{ 10.200.0.0/24 }'", "holds other addresses"),
    ("firewall-cmd --ipset msports-many-1137b1-4 --remove-entry 10.2.0.0/24", "in the daemon: ipset"),
    ("firewall-cmd --policy msports-in-allow --add-rich-rule 'rule port port=23 protocol=tcp accept'", 'port="23"'),
    ("firewall-cmd --permanent --policy msports-in-allow --add-rich-rule 'rule port port=23 protocol=tcp accept'", 'port="23"'),
    ("firewall-cmd --permanent --policy msports-in-allow --add-service ssh", "service name"),
    ("firewall-cmd --policy msports-in-allow --add-service ssh", "unknown: services"),
    ("firewall-cmd --permanent --policy msports-in-allow --set-priority 7", "priority 7"),
    ("firewall-cmd --permanent --policy msports-in-rest --set-target ACCEPT && firewall-cmd --reload", "target ACCEPT"),
    ("firewall-cmd --permanent --policy msports-in-allow --set-description x", "port="),
    ("rm /etc/firewalld/policies/msports-in-allow.xml", "not saved"),
    ("rm /etc/firewalld/policies/msports-in-allow.xml && firewall-cmd --reload", None),
    ("echo broken > /etc/firewalld/policies/msports-in-allow.xml", "not saved"),
    ("rm /etc/firewalld/ipsets/msports-many-1137b1-4.xml", "saved: no ipset"),
]


@pytest.fixture(scope="module")
def applied(container: t.Any) -> t.Iterator[tuple[t.Any, dict[str, t.Any]]]:
    """Rules in force, for deeds that are each repaired before the next."""
    backend = conftest.Firewalld(container)
    backend.clean()
    backend.disown()
    options = {"rules": _all(conftest.rule), "address_sets": {"many": MANY}, "default_inbound": "block"}
    done = backend.jobs({"options": options})[0]
    backend.sh(NOTE)
    yield backend, {"options": options, "after": done["diff"]["after"], "state": backend.state()}


@pytest.mark.parametrize(("deed", "seen"), DRIFTS)
def test_drift_is_seen_named_and_repaired(applied: t.Any, deed: str, seen: str | None) -> None:
    backend, wanted = applied
    backend.sh(deed)
    done = backend.thrice(*wanted["options"]["rules"], **{key: value for key, value in wanted["options"].items() if key != "rules"})
    assert done["changed"]
    assert done["effective"]["in_force"], done
    assert done["diff"]["after"] == wanted["after"]
    if seen:
        assert seen in done["diff"]["before"], done["diff"]["before"]
    assert done["structure"] or done["changed_rules"] or done["added"]
    backend.sh("rm -f /etc/firewalld/policies/*.old /etc/firewalld/ipsets/*.old")
    now = backend.state()
    assert now["files"] == wanted["state"]["files"]
    assert _rules(now["kernel"]) == _rules(wanted["state"]["kernel"])


def _rules(listing: str) -> list[str]:
    """The lines without the order of rules in one chain, which single changes do not keep and which has no meaning there."""
    return sorted(listing.splitlines())


def test_purge_max_removals_and_two_owners(apply: t.Any, rule: Rule) -> None:
    first = [rule("a", local_ports=["1"], remote_addresses=["@many"]), rule("b", local_ports=["2"]), rule("c", local_ports=["3"], action="block")]
    apply(*first, address_sets={"many": MANY})
    other = apply.thrice(rule("a", local_ports=["9"]), owner="other")
    assert other["added"] == ["a"]
    refused = apply(rule("d", local_ports=["4"]), max_removals=2)
    assert "3 rules would be removed" in refused["refused"]
    kept = apply.thrice(rule("d", local_ports=["4"]), purge=False)
    assert (kept["added"], kept["removed"]) == (["d"], [])
    assert apply.info()["names"] == ["a", "b", "c", "d"]
    purged = apply.thrice(rule("d", local_ports=["4"]))
    assert purged["removed"] == ["a", "b", "c"]
    assert apply.info("other")["names"] == ["a"]
    apply.sh("firewall-cmd --policy msports-in-allow --add-rich-rule 'rule port port=23 protocol=tcp accept'")
    assert 'port="23"' in apply(rule("d", local_ports=["4"]), purge=False)["refused"]
    assert apply(state="absent")["changed"]
    assert apply.info("other")["effective"]["in_force"]


def test_only_the_content_of_a_set_changes(apply: t.Any, rule: Rule) -> None:
    users = [rule("a", local_ports=["1"], remote_addresses=["@many"]), rule("b", local_ports=["2"], remote_addresses=["@many"]), rule("c")]
    apply(*users, address_sets={"many": MANY})
    done = apply.thrice(*users, address_sets={"many": [*MANY, "10.99.0.0/24"]})
    assert (done["changed_rules"], done["kept"]) == (["a", "b"], 1)
    assert "10.99.0.0/24" in apply.sh("nft list set inet firewalld msports-many-1137b1-4")


CHOICE = """
import json
from ansible_collections.portcullis.msports.plugins.module_utils._linux.reconcile import run
done = run({options!r})
print(json.dumps([done["backend"], done["effective"]["in_force"], [text for text in done["warnings"] if "precedence" in text]]))
"""


def test_place_reaches_a_firewalld_that_the_host_chooses(apply: t.Any, rule: Rule) -> None:
    options = {"rules": [rule("ssh", local_ports=["22"])], "default_inbound": "block"}
    for precedence, priorities in (("override", ["-990", "-980"]), ("yield", ["20000", "30000"]), ("merge", ["-990", "30000"])):
        done = json.loads(apply.python(CHOICE.format(options={**options, "firewalld_precedence": precedence})))
        assert done == ["firewalld", True, []]
        assert [apply.sh(f"firewall-cmd --permanent --policy msports-in-{kind} --get-priority").strip() for kind in ("allow", "rest")] == priorities


def test_hostile_and_impossible_input_changes_nothing(apply: t.Any, rule: Rule) -> None:
    apply(rule("a", local_ports=["1"]))
    before = apply.state()
    bad = [
        rule("x", remote_addresses=["x.example.com"]),
        rule('"/><accept/>', local_ports=["1"]),
        rule("y", local_ports=["70000"]),
        rule("z", remote_addresses=['10.0.0.1"/><accept/>']),
    ]
    refused = apply(*bad)
    assert len(refused["problems"]) == 4
    helper = apply(rule("t", protocol="udp", local_ports=["70"], helper="tftp"))
    assert "udp/69 alone" in helper["problems"][0]
    apart = apply(rule("apart", remote_addresses=["10.0.0.1"], local_addresses=["fd00::1"]))
    assert "no family in common" in apart["refused"]
    assert "persist" in apply(persist=False)["refused"]
    assert "owner" in apply(owner="../x")["refused"]
    assert apply.state() == before
    named = rule("</description><rule><accept/></rule>$(reboot);&amp;", local_ports=["1"])
    assert apply.thrice(named)["added"] == [named["name"]]
    assert apply.info()["names"] == [named["name"]]


def test_edges_of_ports_and_addresses(apply: t.Any, rule: Rule) -> None:
    done = apply.thrice(
        rule("zero", local_ports=["0"]),
        rule("every", local_ports=["0-65535"]),
        rule("ends", remote_addresses=["0.0.0.0", "255.255.255.255"]),
        rule("four", remote_addresses=["0.0.0.0/0"]),
        rule("six", protocol="any", remote_addresses=["::/0"]),
        rule("halves", remote_addresses=["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]),
        rule("everything", protocol="any"),
        rule("nothing", protocol="any", action="block", direction="out", remote_addresses=["203.0.113.0-203.0.113.99"]),
        rule("v6", remote_addresses=["@v6"], direction="out", remote_ports=["1-9"]),
        rule("nobody", remote_addresses=["@nobody"]),
        rule("both ends", protocol="udp", direction="out", local_ports=["67", "4011-4012"], remote_ports=["68"]),
        rule("both ends in", local_ports=["7"], remote_ports=["1-9"], remote_addresses=["@v6"], local_addresses=["fd00::1"]),
        address_sets={"v6": [f"fd00:{i:x}::-fd00:{i:x}::7" for i in range(0, 20, 2)], "nobody": []},
    )
    assert len(done["added"]) == 11
    assert "nobody" in done["warnings"][0]
