# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nftables, firewalld and ufw cannot say is refused on the controller, for the same reasons as on the host."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.portcullis.msports.plugins.filter.render import render as render_filter
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import render as firewalld
from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables import render as nftables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import render as ufw
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw import settings as ufw_settings
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import UnsupportedRuleError
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan.plans import Plain, host, plan, rule

LINUX = ("nftables", "firewalld", "ufw")
SETS = {
    "one": ["10.0.0.1"],
    "six": ["fd00::1"],
    "both": ["10.0.0.0/24", "10.0.1.0-10.0.1.9", "fd00::/64"],
    "any": ["any"],
    "nobody": [],
    "many": [f"10.{i // 8192}.{i // 32 % 256}.{i % 32 * 8}" for i in range(ufw.LIMIT + 1)],
}
FINE = rule("in", "tcp", "one", ["443"])


def tftp(direction: str, port: str = "69", **fields: t.Any) -> Plain:
    return rule(direction, fields.pop("protocol", "udp"), "one", [port], helper="tftp", **fields)


# backends -> name of the case: rules, what the host declares, index of the rule, reason with what to do instead
CASES: dict[str, tuple[t.Sequence[str], list[Plain], dict[str, str], str, str]] = {
    "helper over TCP": (LINUX, [FINE, tftp("in", protocol="tcp")], {}, "rules[1] 'in tcp/69 from one'", "needs protocol udp, not tcp; leave the helper out"),
    "helper of a block": (LINUX, [tftp("in", action="block")], {}, "rules[0] 'in udp/69 from one'", "takes no helper; leave the helper out"),
    "no family in common": (
        LINUX,
        [rule("in", "tcp", "one", ["1"], local="six"), FINE],
        {},
        "rules[0] 'in tcp/1 from one'",
        "no family in common, so nothing can match it; name addresses of one family at both ends",
    ),
    "helper on another port": (
        ("firewalld",),
        [FINE, FINE | {"name": "x"}, tftp("in", "70")],
        {},
        "rules[2] 'in udp/70 from one'",
        "attaches the helper tftp to udp/69 alone, not to 70; name that port, or",
    ),
    "helper on any port": (
        ("firewalld",),
        [rule("out", "udp", "one", helper="netbios-ns")],
        {},
        "rules[0] 'out udp to one'",
        "netbios-ns to udp/137 alone, not to any port; name that port, or",
    ),
    "port 0": (("ufw",), [rule("in", "tcp", "one", ["0-9"], remote_ports=["0"])], {}, "rules[0] 'in tcp/0-9 from one'", "remote_ports: ufw knows the ports 1"),
    "ping blocked": (("ufw",), [rule("in", "icmp_echo", "one", action="block")], {}, "rules[0] 'in icmp_echo from one'", "edit the line with echo-request"),
    "TFTP server, strict": (
        ("ufw",),
        [tftp("in")],
        {"default_outbound": "block"},
        "rules[0] 'in udp/69 from one'",
        "its default for outbound is DROP: let outbound pass",
    ),
    "TFTP client, blocked": (
        ("ufw",),
        [tftp("out")],
        {"default_inbound": "reject"},
        "rules[0] 'out udp/69 to one'",
        "its default for inbound is REJECT: let inbound pass, or allow the answers",
    ),
    "too many addresses": (
        ("ufw",),
        [FINE, rule("in", "tcp", "many", ["1"])],
        {},
        "rules",
        "10002 rules of ufw for IPv4, and 10000 are the most: ufw has no sets, so each address takes a rule for every 15 ports; name networks in "
        "rules[1] 'in tcp/1 from many' (10001), rules[0] 'in tcp/443 from one' (1)",
    ),
}


@pytest.mark.parametrize(("case", "backend"), [(name, backend) for name, case in CASES.items() for backend in LINUX if backend in case[0]])
def test_the_filter_refuses_and_names_rule_reason_and_remedy(case: str, backend: str) -> None:
    _backends, rules, declared, place, reason = CASES[case]
    with pytest.raises(AnsibleFilterError) as refused:
        render_filter(plan({"till": host(*rules, **declared)}, SETS), "till", backend)
    assert f"{place}: " in str(refused.value)
    assert reason in str(refused.value)


@pytest.mark.parametrize(("case", "backend"), [(name, backend) for name, case in CASES.items() for backend in (*LINUX, "linux") if backend not in case[0]])
def test_what_another_backend_cannot_say_is_not_refused(case: str, backend: str) -> None:
    """With ``linux`` the host chooses, and refuses; the controller does not know yet."""
    _backends, rules, declared, _place, _reason = CASES[case]
    found = render(plan({"till": host(*rules, **declared)}, SETS), "till", backend)
    assert len(found["rules"]) == len(rules)


def test_all_rules_are_named_at_once() -> None:
    bad = [rule("in", "tcp", "one", ["0"], local="six"), FINE, rule("in", "icmp_echo", "one", action="block"), tftp("in", action="block")]
    with pytest.raises(UnsupportedRuleError) as refused:
        render(plan({"till": host(*bad, default_outbound="block")}, SETS), "till", "ufw")
    found = [(problem.path.split(" ")[0], problem.value) for problem in refused.value.problems]
    assert found == [("rules[0]", None)] * 2 + [("rules[2]", None)] + [("rules[3]", None)] * 2


@pytest.mark.parametrize(("mode", "refused"), [("enforce", True), ("audit", False)])
def test_in_audit_mode_no_default_stops_an_answer(mode: str, refused: bool) -> None:
    made = plan({"till": host(tftp("in"), default_outbound="block")}, SETS)
    if refused:
        with pytest.raises(UnsupportedRuleError):
            render(made, "till", "ufw", mode)
    else:
        assert render(made, "till", "ufw", mode)["rules"]


def _rules() -> st.SearchStrategy[list[Plain]]:
    ports = st.lists(st.sampled_from(["0", "1", "69", "137", "0-9", "1000-1999", "0-65535"]), max_size=2, unique=True)

    def made(direction: str, protocol: str, remote: str, near: list[str], far: list[str], **fields: t.Any) -> Plain:
        ends = {"local_ports": near, "remote_ports": far} if protocol in ("tcp", "udp") else {}
        return rule(direction, protocol, remote, **ends, **fields)

    one = st.builds(
        made,
        st.sampled_from(["in", "out"]),
        st.sampled_from(["tcp", "udp", "udp", "icmp_echo", "any"]),
        st.sampled_from(["one", "six", "both", "any", "nobody"]),
        ports,
        ports,
        local=st.sampled_from([None, None, "one", "six", "both", "any", "nobody"]),
        action=st.sampled_from(["allow", "allow", "block"]),
        helper=st.sampled_from(["", "", "tftp", "netbios-ns"]),
    )
    return st.lists(one, max_size=6).map(lambda rules: _numbered(*rules))


def _numbered(*rules: Plain) -> list[Plain]:
    return [{**item, "name": f"{index} {item['name']}"} for index, item in enumerate(rules)]


# Rules that ufw can say, most of them on every host.
SAYABLE = _numbered(
    rule("in", "tcp", "both", ["1-9", "443"]),
    rule("in", "udp", "any", [str(port) for port in range(1000, 1040, 2)], local="one"),
    rule("out", "tcp", "both", ["1", "3-9"], local="both", local_ports=["7"]),
    rule("out", "udp", "one", ["137"], helper="netbios-ns"),
    rule("out", "udp", "both", ["137"], helper="netbios-ns", local="any"),
    rule("in", "udp", "both", ["137"], helper="netbios-ns"),
    rule("in", "any", "one", action="block"),
    rule("in", "tcp", "six", ["1"], action="block"),
    rule("out", "any", "both", action="block"),
    rule("in", "icmp_echo", "both"),
    rule("in", "tcp", "any", ["22"]),
    rule("in", "tcp", "six", ["22"]),
)
COUNTED = st.lists(st.sampled_from(SAYABLE), unique_by=lambda item: item["name"], max_size=8)
HOSTS = st.fixed_dictionaries(
    {"default_inbound": st.sampled_from([None, "block", "reject", "allow", "keep"]), "default_outbound": st.sampled_from(["keep", "allow", "block", "block"])}
)
MODES = st.sampled_from(["enforce", "audit"])


def on_the_controller(made: Plain, backend: str, mode: str) -> list[str]:
    try:
        render(made, "till", backend, mode)
    except UnsupportedRuleError as refused:
        return sorted(map(str, refused.problems))
    return []


def sent(made: Plain, inbound: str, mode: str) -> Plain:
    """What the module gets when the host chooses, with the backend's own default filled in."""
    found = render(made, "till", "linux")
    return {"default_inbound": inbound, **found, "owner": "msports", "mode": mode, "firewalld_precedence": "merge"}


@given(_rules(), HOSTS, MODES)
def test_firewalld_refuses_on_the_controller_what_its_module_refuses(rules: list[Plain], declared: dict[str, t.Any], mode: str) -> None:
    made = plan({"till": host(*rules, **declared)}, SETS)
    options = sent(made, "keep", mode)
    there = firewalld.render(options["rules"], options["address_sets"], options)
    assert sorted(there.problems) == on_the_controller(made, "firewalld", mode)
    # What is not refused says something: nothing is dropped without a word.
    loaded = {name for policy in there.objects.policies.values() for name in policy.record}
    warned = {item["name"] for item in options["rules"] if item["action"] == "block" and any(item["name"] in text for text in there.warnings)}
    assert there.problems or loaded | (warned if mode == "audit" else set()) == {item["name"] for item in options["rules"]}


@given(_rules(), HOSTS, MODES)
def test_nftables_refuses_on_the_controller_what_its_module_refuses(rules: list[Plain], declared: dict[str, t.Any], mode: str) -> None:
    made = plan({"till": host(*rules, **declared)}, SETS)
    options = sent(made, "block", mode)
    there = nftables.render(
        _ruleset.check(options["rules"], options["address_sets"])[0],
        options["address_sets"],
        options["default_inbound"],
        options["default_outbound"],
        "msports",
        mode,
    )
    assert sorted(there.problems) == on_the_controller(made, "nftables", mode)


def on_a_host(options: Plain, mode: str, policies: dict[str, str], ipv6: str = "", pings: bool = True) -> list[str]:
    """What ufw's module refuses where ``policies`` are the host's own."""
    defaults = {"in": options["default_inbound"], "out": options["default_outbound"]}
    wanted = ufw_settings.asked(defaults, mode == "audit")
    context = ufw.Context(
        ipv6,
        {direction: wanted[direction] or policies[direction] for direction in policies},
        {direction: default in ("block", "reject") for direction, default in defaults.items()},
        {direction: default == "keep" for direction, default in defaults.items()},
        mode == "audit",
        lambda *_arguments: pings,
        True,
    )
    return ufw.render(options["rules"], options["address_sets"], context).problems


OPEN = {"in": "ACCEPT", "out": "ACCEPT"}
POLICIES = st.sampled_from([{"in": first, "out": second} for first in ("ACCEPT", "DROP", "REJECT") for second in ("ACCEPT", "DROP")])


@given(_rules(), HOSTS, MODES, POLICIES, st.sampled_from(["", "it is off"]), st.booleans())
def test_ufw_refuses_on_the_controller_what_every_host_refuses(
    rules: list[Plain], declared: dict[str, t.Any], mode: str, policies: dict[str, str], ipv6: str, pings: bool
) -> None:
    made = plan({"till": host(*rules, **declared)}, SETS)
    options = sent(made, "keep", mode)
    early = on_the_controller(made, "ufw", mode)
    assert set(early) <= set(on_a_host(options, mode, policies, ipv6, pings)), "a host is never milder"
    assert early == sorted(on_a_host(options, mode, OPEN)), "where nothing of the host stands against a rule, nothing else is refused"


@settings(max_examples=200)
@given(COUNTED, HOSTS, MODES, POLICIES, st.sampled_from(["", "it is off"]), st.integers(0, 20))
@example([SAYABLE[7]], {"default_inbound": None, "default_outbound": "keep"}, "enforce", OPEN, "it is off", 0)  # a block that is not written there
def test_too_many_for_ufw_are_too_many_on_every_host(
    rules: list[Plain], declared: dict[str, t.Any], mode: str, policies: dict[str, str], ipv6: str, limit: int
) -> None:
    made = plan({"till": host(*rules, **declared)}, SETS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ufw, "LIMIT", limit)
        options = sent(made, "keep", mode)
        if on_the_controller(made, "ufw", mode):
            assert on_a_host(options, mode, policies, ipv6)


@settings(max_examples=200)
@given(COUNTED, HOSTS, MODES, POLICIES, st.sampled_from(["", "it is off"]))
def test_what_is_counted_is_what_is_written(rules: list[Plain], declared: dict[str, t.Any], mode: str, policies: dict[str, str], ipv6: str) -> None:
    made = plan({"till": host(*rules, **declared)}, SETS)
    options = sent(made, "keep", mode)
    defaults = {"in": options["default_inbound"], "out": options["default_outbound"]}
    wanted = ufw_settings.asked(defaults, mode == "audit")
    ours = {direction: wanted[direction] or policies[direction] for direction in policies}
    keeps = {direction: default == "keep" for direction, default in defaults.items()}
    nothing = {"in": False, "out": False}
    written = ufw.render(options["rules"], options["address_sets"], ufw.Context(ipv6, ours, nothing, keeps, mode == "audit", lambda *_: True, True))
    if written.problems:
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ufw, "LIMIT", -1)
        found = ufw.refusals(options["rules"], options["address_sets"], ufw.Known(ours, keeps, mode == "audit", not ipv6))
    counts = [int(refusal.reason.split(" ", 1)[0]) for refusal in found]
    assert counts == [len(written.rules[4]), len(written.rules[6])]
