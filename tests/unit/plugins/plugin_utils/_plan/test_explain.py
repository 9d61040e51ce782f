# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers to "why is this open" and "why is it not", on plans of small estates."""

from __future__ import annotations

import functools
import typing as t

import pytest

from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import explain_plan
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.explain import Explainer
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import flow, host, plan
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._plan import plans

Plain = dict[str, t.Any]
EITHER = "configmgr.management_point.site_server.smb.tcp"


@functools.lru_cache(maxsize=1)
def company() -> Plain:
    """Two sites, a note-5 management point, Exchange without POP3, a Data Box, clients as networks."""
    return plan(
        {
            "site01": host("configmgr.site_server", at="10.1.1.10", site="P01"),
            "mp01": host({"role": "configmgr.management_point", "settings": {"site_server_initiates": True}}, at="10.1.1.20", site="P01"),
            "mp02": host("configmgr.management_point", at="10.1.2.20", site="P02"),
            "site02": host("configmgr.site_server", at="10.1.2.10", site="P02"),
            "fsp02": host("configmgr.fallback_status_point", at="10.1.2.30", site="P02"),
            "dp01": host("configmgr.distribution_point", at="10.1.1.30", site="P01", features=["configmgr.pxe"]),
            "dp02": host("configmgr.distribution_point", at="10.1.2.40", site="P02"),
            "exca01": host("exchange.client_access", "exchange.mailbox", at="10.1.3.10", site={"exchange": "Paris"}),
            "dc01": host("windows_server.domain_controller", "windows_server.dns_server", at="10.1.4.10"),
            "box01": host("databox.device", at="10.1.5.10", managed=False),
            "lan01": host("databox.lan_client", at="10.1.5.20"),
            "plain01": host(at="10.1.6.1"),
        },
        networks={"configmgr.client": {"P01": ["10.20.0.0/16"], "P02": ["10.21.0.0/16"]}, "exchange.client": ["10.20.0.0/16"]},
        excluded_flows=[{"flow": "configmgr.client.management_point.http.tcp", "because": "HTTPS only"}],
    )


def asked(source: str, destination: str, protocol: str = "tcp", port: t.Optional[int] = None) -> Plain:
    return explain_plan(company(), source, destination, protocol, port)


def test_why_it_is_open() -> None:
    answer = asked("site02", "mp02", "tcp", 445)
    assert (answer["question"], answer["allowed"], answer["why_not"]) == ("site02 -> mp02 tcp/445", True, [])
    (inbound,) = answer["destination_rules"]
    assert (inbound["host"], inbound["rule"], inbound["peers"]) == ("mp02", "in tcp/445 from configmgr.site_server@P02", ["site02"])
    assert {"kind": "flow", "name": EITHER, "text": "ports-configmgr-2018-09#BKMK_PortsMP-Site row 3"} in inbound["because"]
    (outbound,) = answer["source_rules"]
    assert (outbound["host"], outbound["rule"]) == ("site02", "out tcp/445 to configmgr.management_point@P02")


def test_any_protocol_answers_for_every_port() -> None:
    assert asked("exca01", "dc01", "udp", 4444)["destination_rules"][0]["rule"] == "in any from exchange.client_access"


@pytest.mark.parametrize(
    ("question", "why"),
    [
        # nobody knows
        (("plain01", "10.1.6.2", "tcp", 445), "neither plain01 nor 10.1.6.2 is managed by this plan, so it says nothing about them"),
        (("plain01", "site01", "tcp", 445), "plain01 holds no product role and is in no declared network"),
        (
            ("plain01", "site01", "tcp", 445),
            "no documented flow joins an end without roles with configmgr.site_server, windows_server.domain_member over tcp/445",
        ),
        # no such flow
        (
            ("10.20.0.5", "site01", "tcp", 1),
            "no documented flow joins configmgr.client, exchange.client with configmgr.site_server, windows_server.domain_member over tcp/1",
        ),
        (
            ("10.20.0.5", "dp01", "icmp_echo", None),
            "no documented flow joins configmgr.client, exchange.client with configmgr.distribution_point, windows_server.domain_member over icmp_echo",
        ),
        (("10.21.0.5", "fsp02", "tcp", 443), "documented between them: tcp/80"),
        (("dc01", "exca01", "sctp", None), None),
        (("fsp02", "10.21.0.5", "tcp", 80), "documented the other way round only: configmgr.client.fallback_status_point.http.tcp"),
        # switched off
        (
            ("10.20.0.5", "mp01", "tcp", 80),
            "configmgr.client.management_point.http.tcp (ports-configmgr-2018-09#BKMK_PortsClient-MP row 2): "
            "msports_excluded_flows configmgr.client.management_point.http.tcp: HTTPS only",
        ),
        (
            ("10.20.0.5", "exca01", "tcp", 995),
            "exchange.client.client_access.pop3s.tcp (ports-exchange-2016-12#clients-and-services row 4): "
            "feature exchange.pop3 is off at every exchange.client_access",
        ),
        # off here, on elsewhere
        (
            ("10.21.0.5", "dp02", "udp", 69),
            "configmgr.client.distribution_point.tftp.udp (ports-configmgr-2018-09#BKMK_PortsClient-DP3 row 2): feature configmgr.pxe is off at dp02",
        ),
        # a supplement
        (
            ("mp01", "dc01", "tcp", 9389),
            "windows_server.domain_member.domain_controller.adws.tcp (kb-832017#supplement): "
            "is a supplement; msports_supplements names neither it nor its group adws",
        ),
        # who starts
        (
            ("mp01", "site01", "tcp", 445),
            f"{EITHER} (ports-configmgr-2018-09#BKMK_PortsMP-Site row 3): configmgr.management_point starts it "
            "unless setting configmgr.site_server_initiates is true",
        ),
        (
            ("box01", "lan01", "tcp", 443),
            "databox.lan_client.device.https.tcp (ports-databox-2019-12#port-table row 8): databox.device starts it only with feature databox.device_initiates",
        ),
        # another site
        (
            ("site02", "mp01", "tcp", 445),
            f"{EITHER} (ports-configmgr-2018-09#BKMK_PortsMP-Site row 3): its rules here are for other peers or other ports: "
            "mp01: in tcp/445 from configmgr.site_server@P01 (site01); site02: out tcp/445 to configmgr.management_point@P02 (mp02)",
        ),
        (("site01", "fsp02", "tcp", 80), None),
        (
            ("site01", "site02", "tcp", 445),
            "configmgr.site_server.site_server.smb.tcp (ports-configmgr-2018-09#BKMK_PortsSite-Site row 1): "
            "its scope is parent_or_child, which does not join configmgr.site_server in P01 with configmgr.site_server in P02",
        ),
    ],
)
def test_why_it_is_not(question: tuple[t.Any, ...], why: t.Optional[str]) -> None:
    answer = asked(*question)
    assert not answer["allowed"] or why is None
    assert why is None or why in answer["why_not"]
    assert answer["why_not"] or answer["allowed"]


def test_an_end_that_is_open_in_one_direction_says_what_the_other_lacks() -> None:
    """The way back of a flow from source to destination."""
    assert asked("dp01", "10.20.0.5", "tcp", 443)["why_not"][-1].startswith("documented the other way round only: ")


def test_a_flow_without_a_value_for_its_port_refers_to_the_notes() -> None:
    found = plan(
        {"edge01": host("exchange.edge_transport", at="172.16.0.10", features=["exchange.sender_reputation_proxy"])},
    )
    answer = explain_plan(found, "edge01", "44.0.0.9", "tcp", 4444)
    assert [line for line in answer["why_not"] if "sender_reputation" in line] == [
        "exchange.edge_transport.internet.sender_reputation.tcp (ports-exchange-2016-12#mail-flow-with-edge row 7): "
        "makes no rule at these hosts; see the notes of the plan"
    ]


def test_dynamic_rpc_is_matched_by_its_numbers() -> None:
    assert "configmgr.site_server.distribution_point.rpc_dynamic.tcp" in " ".join(asked("site02", "dp01", "tcp", 50000)["why_not"])


def test_an_end_that_never_starts() -> None:
    """And one that may start a flow that someone else keeps from being open: nothing is said of who starts it."""
    hosts = {
        "desk": plans.host(plans.rule("out", "tcp", "till", ["1000"]), at=["10.0.0.1"], roles={"shop.desk": []}),
        "till": plans.host(plans.rule("in", "tcp", "desk", ["1000"]), at=["10.0.0.2"], roles={"shop.till": []}),
    }
    sets = {"till": ["10.0.0.2"], "desk": ["10.0.0.1"]}
    for starts, why in (
        ({"source": "always", "destination": "never"}, "shop.till never starts it"),
        (None, "makes no rule at these hosts; see the notes of the plan"),
    ):
        wanted = flow("shop.desk", "shop.till", initiator="either", starts=starts)
        made = plans.plan(hosts, sets)
        for host_ in made["hosts"].values():
            for rule in host_["rules"]:
                rule["because"] = [{"kind": "flow", "name": wanted.id, "text": ""}]
        answer = Explainer(made, [wanted]).explain("till", "desk", "tcp", 1000)
        assert answer["why_not"] == [f"{wanted.id} (page#table row 1): {why}"]


def test_which_end_admits_is_told_when_one_does() -> None:
    rules = (plans.rule("out", "tcp", "till", ["1"]), plans.rule("out", "tcp", "till6", ["3"]))
    hosts = {
        "desk": plans.host(*rules, at=["10.0.0.1", "fd00::1"]),
        "strict": plans.host(at=["10.0.0.3"], default_outbound="block"),
        "till": plans.host(plans.rule("in", "tcp", "any", ["2"]), plans.rule("in", "tcp", "desk4", ["3"]), at=["10.0.0.2", "fd00::2"]),
    }
    made = plans.plan(hosts, {"till": ["10.0.0.2", "fd00::2"], "till6": ["fd00::2"], "any": ["any"], "desk4": ["10.0.0.1"]})
    told = {
        ("desk", 1): "desk lets it out (out tcp/1 to till), but till has no rule that admits it",
        ("desk", 2): "till admits it (in tcp/2 from any), but desk has no rule that lets it out; "
        "that stops it only under msports_default_outbound: block, which desk does not have",
        ("strict", 2): "till admits it (in tcp/2 from any), but strict has no rule that lets it out; its msports_default_outbound: block stops it",
        ("desk", 3): "till admits it (in tcp/3 from desk4) and desk lets it out (out tcp/3 to till6), but not over the same address family",
    }
    for (source, port), sentence in told.items():
        answer = Explainer(made, []).explain(source, "till", "tcp", port)
        assert (answer["allowed"], answer["why_not"][0]) == (False, sentence)


def test_a_host_and_itself() -> None:
    for other in ("mp02", "10.1.2.20"):
        answer = asked("mp02", other, "tcp", 7)
        assert answer["allowed"] and not answer["why_not"]
        assert answer["remarks"][-1] == f"mp02 and {other} are one host: traffic inside a host needs no rule"
    assert asked("site02", "mp02", "tcp", 445)["remarks"] == []
    assert asked("plain01", "plain01", "tcp", 7)["why_not"] == ["neither plain01 nor plain01 is managed by this plan, so it says nothing about them"]


def test_an_address_of_a_host_is_a_question_about_that_host() -> None:
    answer = asked("site02", "10.1.2.20", "tcp", 445)
    assert answer["allowed"] and answer["extent"] == "all"
    assert [item["host"] for item in answer["destination_rules"]] == ["mp02"]
    assert answer["remarks"] == ["10.1.2.20 is of mp02: the question is about this host"]
    assert asked("10.1.2.20", "site02", "tcp", 9)["why_not"] == asked("mp02", "site02", "tcp", 9)["why_not"]


def test_a_network_is_all_some_or_none() -> None:
    made = plan(
        {
            "site01": host("configmgr.site_server", at="10.1.1.10"),
            "mp01": host("configmgr.management_point", at="10.1.1.20", default_outbound="block"),
        },
        networks={"configmgr.client": ["10.20.0.0/16"]},
        infrastructure={"dns": ["10.0.0.53"], "ntp": ["10.0.0.53"]},
    )
    inside = explain_plan(made, "10.20.1.0/24", "mp01", "tcp", 443)
    assert (inside["allowed"], inside["extent"], inside["why_not"]) == (True, "all", [])
    assert {item["host"] for item in inside["destination_rules"]} == {"mp01"}
    wider = explain_plan(made, "10.20.0.0/15", "mp01", "tcp", 443)
    assert (wider["allowed"], wider["extent"]) == (False, "some")
    assert wider["why_not"][0] == "mp01 admits it (in tcp/443 from configmgr.client) from a part of 10.20.0.0/15 only"
    servers = explain_plan(made, "10.1.1.0/24", "site01", "tcp", 445)
    assert servers["extent"] == "some"  # mp01 may, nobody else there
    assert servers["remarks"] == ["10.1.1.0/24 is of mp01, site01: the question is about each of these hosts"]
    assert explain_plan(made, "10.9.9.0/24", "site01", "tcp", 445)["extent"] == "none"


def test_a_flow_without_a_rule_has_the_port_that_its_setting_gives_the_host() -> None:
    """A database replica on a port of its own: no rule joins the two servers, and the reason names the flow all the same."""
    made = plan(
        {
            "site01": host("configmgr.site_server", at="10.1.1.20"),
            "sql01": host("configmgr.sql_server", at="10.1.1.21"),
            "replica01": host("configmgr.sql_server", at="10.1.1.24", settings={"configmgr.sql": 1533}),
        }
    )
    answer = explain_plan(made, "sql01", "replica01", "tcp", 1533)
    assert not answer["allowed"]
    assert any(line.startswith("configmgr.sql_server.sql_server.sql.tcp (") and "parent_or_child" in line for line in answer["why_not"]), answer["why_not"]
    assert any(line.startswith("configmgr.sql_server.sql_server.sql.tcp (") for line in explain_plan(made, "replica01", "sql01", "tcp", 1433)["why_not"])


@functools.lru_cache(maxsize=1)
def moved() -> Plain:
    """Ports that settings moved, and a dynamic range of one's own."""
    return plan(
        {
            "site01": host("configmgr.site_server", at="10.1.1.10", site="P01"),
            "site02": host("configmgr.site_server", at="10.1.2.10", site="P02"),
            "mp01": host({"role": "configmgr.management_point", "settings": {"client_https": 8443}}, at="10.1.1.20", site="P01"),
            "dp02": host("configmgr.distribution_point", at="10.1.2.40", site="P02", dynamic_ports="5000-5999"),
        },
        networks={"configmgr.client": {"P01": ["10.20.0.0/16"], "P02": ["10.21.0.0/16"]}},
    )


@pytest.mark.parametrize(
    ("question", "flow_id", "named"),
    [
        (("10.21.0.5", "mp01", 8443), "configmgr.client.management_point.https.tcp", True),  # another tree: the port is known from the rules there
        (("10.20.0.5", "mp01", 443), "configmgr.client.management_point.https.tcp", True),  # documented, and moved
        (("10.20.0.5", "mp01", 9443), "configmgr.client.management_point.https.tcp", False),
        (("site01", "dp02", 5001), "configmgr.site_server.distribution_point.rpc_dynamic.tcp", True),
        (("site01", "dp02", 50000), "configmgr.site_server.distribution_point.rpc_dynamic.tcp", False),
    ],
)
def test_a_flow_has_the_ports_that_it_has_in_the_plan(question: tuple[str, str, int], flow_id: str, named: bool) -> None:
    source, destination, port = question
    answer = explain_plan(moved(), source, destination, "tcp", port)
    assert not answer["allowed"]
    assert any(line.startswith(f"{flow_id} (") for line in answer["why_not"]) is named, answer["why_not"]


def test_documented_between_two_ends_are_the_ports_of_their_rules() -> None:
    (line,) = [line for line in explain_plan(moved(), "10.20.0.5", "mp01", "tcp", 9443)["why_not"] if line.startswith("documented between them: ")]
    assert "tcp/8443" in line and "tcp/443" not in line


def test_a_port_that_the_user_defined_is_known() -> None:
    hosts = {
        "desk": plans.host(plans.rule("out", "tcp", "till", ["1000"]), at=["10.0.0.1"], roles={"shop.desk": []}),
        "till": plans.host(at=["10.0.0.2"], roles={"shop.till": []}),
    }
    made = plans.plan(hosts, {"till": ["10.0.0.9"]})
    wanted = flow("shop.desk", "shop.till", ports=[])
    hosts["desk"]["rules"][0]["because"] = [{"kind": "management", "name": "x", "text": ""}, {"kind": "flow", "name": wanted.id, "text": ""}]
    for port, named in ((1000, True), (1001, False)):
        assert any(line.startswith(wanted.id) for line in Explainer(made, [wanted]).explain("desk", "till", "tcp", port)["why_not"]) is named


def test_dhcp_rules_of_a_server_do_not_give_a_flow_the_port_of_its_answers() -> None:
    hosts = {
        "till": plans.host(plans.rule("out", "udp", "desk", ["68"], delivery="unaddressed"), at=["10.0.0.2"], roles={"shop.till": []}),
        "other": plans.host(at=["10.0.0.3"], roles={"shop.till": []}),
        "desk": plans.host(at=["10.0.0.1"], roles={"shop.desk": []}),
    }
    wanted = flow("shop.desk", "shop.till", protocol="udp", ports=["67"])
    hosts["till"]["rules"][0]["because"] = [{"kind": "flow", "name": wanted.id, "text": ""}]
    answer = Explainer(plans.plan(hosts, {"desk": ["10.0.0.1"]}), [wanted]).explain("desk", "other", "udp", 68)
    assert "documented between them: udp/67" in answer["why_not"]


def test_another_catalog_is_told() -> None:
    made = {**company(), "catalogs": {**company()["catalogs"], "exchange": {"edition": "2013", "digest": "0" * 64}}}
    closed, opened = (explain_plan(made, "site02", end, "tcp", 445) for end in ("mp01", "mp02"))
    assert closed["remarks"] == [
        "the plan was made with another catalog of exchange than the one that why_not was taken from; plan again, "
        "or give the folders of that time as catalog_paths"
    ]
    assert opened["remarks"] == []


@pytest.mark.parametrize(("product", "edition"), [("acme", "1"), ("exchange", "3000")])
def test_a_catalog_that_is_not_here_asks_for_its_folder(product: str, edition: str) -> None:
    made = {**company(), "catalogs": {**company()["catalogs"], product: {"edition": edition, "digest": "0" * 64}}}
    with pytest.raises(CatalogError) as error:
        explain_plan(made, "site02", "mp01", "tcp", 445)
    assert str(error.value) == (
        f"catalog_paths: the plan was made with a catalog of {product} in edition {edition}, which is not among those known here; "
        "expected the folder that holds it, as it was in msports_catalog_paths"
    )
