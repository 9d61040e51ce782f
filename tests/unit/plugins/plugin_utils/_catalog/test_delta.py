# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Editions that are written against a base."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
import yaml
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import loader
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta_format import json_schema
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalog, Former, Reference
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._catalog.samples import ACME, changed, write

jsonschema = pytest.importorskip("jsonschema")
HEAD = {"product": "acme", "edition": "2", "base": "1"}
PING = "acme.agent.server.ping.icmp_echo"
HTTPS = "acme.agent.server.https.tcp"
LDAP = "acme.server.domain_controller.ldap.tcp"
CLOUD = "acme.server.internet.https.tcp"
PAGE = {"page": {"title": "The newer page", "url": "https://acme.example/2"}}


def edition(folder: pathlib.Path, **delta: t.Any) -> Catalog:
    """Return the second edition of the sample, written against the first."""
    return loader.load_catalogs(paths=[write(folder, {"acme/1.yml": ACME, "acme/2.yml": {**HEAD, **delta}})]).products["acme"]


def told(folder: pathlib.Path, **delta: t.Any) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        edition(folder, **delta)
    return [line.removeprefix(f"{folder}/acme/2.yml: ") for line in str(caught.value).splitlines()]


def test_a_delta_that_says_nothing_is_its_base_of_another_edition(tmp_path: pathlib.Path) -> None:
    newer = edition(tmp_path)
    base = loader.load_catalog(f"{tmp_path}/acme/1.yml")
    assert (newer.edition, newer.former) == ("2", {})
    assert {flow.edition for flow in newer.flows} == {"2"}
    assert [{**flow.as_dict(), "edition": "1"} for flow in newer.flows] == [flow.as_dict() for flow in base.flows]
    assert {**newer.plain, "edition": "1"} == base.plain
    assert list(newer.plain) == list(base.plain)


def test_everything_a_delta_can_say(tmp_path: pathlib.Path) -> None:
    newer = edition(
        tmp_path,
        title="Acme, second edition",
        documents=PAGE,
        roles={"cloud": None, "relay": {"title": "Relay", "kind": "host"}},
        services={"relay": {"title": "Relay"}},
        settings={"https": {"title": "HTTPS port", "type": "port", "default": 8443, "roles": ["server"], "why": "note 1"}},
        lists={"outside": None},
        configurable=[],
        remove={"sections": ["outside"], "flows": [PING]},
        documented={"cloud": {"section": "agents", "rows": [2]}},
        sections={"servers": "hosts"},
        rows={"hosts": {2: 3}},
        change={LDAP: {"erratum": None, "only_without": None}, HTTPS: {"ports": ["8443"], "alternatives": None}, CLOUD: {"ports": ["8443"]}},
        add=[
            {
                "id": "acme.agent.relay.relay.tcp",
                "source": "acme.agent",
                "destination": "acme.relay",
                "service": "relay",
                "protocol": "tcp",
                "ports": ["7000"],
                "reference": {"section": "relays", "row": 1},
            }
        ],
        errata={"E1": None, "E2": None},
    )
    assert newer.title == "Acme, second edition"
    assert [flow.id for flow in newer.flows] == [
        HTTPS,
        CLOUD,
        "acme.server.agent.rpc_dynamic.tcp",
        "acme.server.server.peer.udp",
        LDAP,
        "acme.agent.relay.relay.tcp",
    ]
    flows = {flow.id: flow for flow in newer.flows}
    assert (flows[HTTPS].ports, flows[HTTPS].alternatives) == (("8443",), ())
    assert flows[HTTPS].reference == Reference("page", "agents", 1)  # the newer page is the first document now
    assert flows["acme.server.server.peer.udp"].reference == Reference("other", "hosts", 1)
    assert (flows[LDAP].reference, flows[LDAP].erratum, flows[LDAP].only_without) == (Reference("page", "hosts", 3), None, ())
    assert (flows[CLOUD].reference, flows[CLOUD].group, newer.supplements) == (Reference("page", "agents", 2), None, ())
    assert [erratum["id"] for erratum in newer.plain["errata"]] == ["E3"]
    assert (sorted(newer.roles), newer.plain["configurable"], newer.plain["lists"]) == (["acme.agent", "acme.relay", "acme.server"], [], {})
    assert newer.former == {
        "roles": {"acme.cloud": Former("acme", "2")},
        "flows": {PING: Former("acme", "2"), "acme.server.cloud.custom.tcp": Former("acme", "2")},
        "supplements": {CLOUD: Former("acme", "2", CLOUD), "cloud": Former("acme", "2", "cloud")},
    }


def test_what_the_delta_says_of_a_former_word_counts(tmp_path: pathlib.Path) -> None:
    newer = edition(
        tmp_path,
        roles={"cloud": None, "service": {"title": "Service", "kind": "external"}},
        lists={"outside": None},
        remove={"sections": ["outside"]},
        change={LDAP: {"only_without": None}},
        former={"roles": {"cloud": {"since": "1.8", "now": "service"}}, "features": {"fax": {"since": "1.5"}}},
    )
    assert newer.former["roles"] == {"acme.cloud": Former("acme", "1.8", "acme.service")}
    assert newer.former["features"] == {"acme.fax": Former("acme", "1.5")}


def test_roles_of_other_products_have_the_name_of_the_chosen_edition(tmp_path: pathlib.Path) -> None:
    other = {
        "product": "shop",
        "edition": "1",
        "documents": PAGE,
        "services": {"x": {"title": "x"}},
        "roles": {"till": {"title": "Till", "kind": "host", "implies": ["acme.server"]}},
        "flows": [
            {
                "id": "shop.till.server.x.tcp",
                "source": "shop.till",
                "destination": "acme.server",
                "service": "x",
                "protocol": "tcp",
                "ports": ["1"],
                "only_with": ["acme.server"],
                "reference": {"section": "s"},
            }
        ],
    }
    host = {
        "product": "acme",
        "edition": "3",
        "documents": PAGE,
        "services": {},
        "flows": [],
        "roles": {"host": {"title": "Host", "kind": "host"}},
        "former": {"roles": {"server": {"since": "3", "now": "host"}}},
    }
    catalogs = loader.load_catalogs(paths=[write(tmp_path, {"acme/1.yml": ACME, "acme/3.yml": host, "shop/1.yml": other})])
    (flow,) = catalogs.products["shop"].flows
    assert (flow.id, flow.destination, flow.only_with) == ("shop.till.server.x.tcp", "acme.host", ("acme.host",))
    assert catalogs.roles["shop.till"].implies == ("acme.host",)
    assert loader.load_catalogs({"acme": "1"}, [str(tmp_path)]).products["shop"].flows[0].destination == "acme.server"


@pytest.mark.parametrize(
    ("delta", "lines"),
    [
        # what the base does not have, under the delta's own keys
        (
            {"remove": {"flows": ["acme.agent.server.pong.icmp_echo"]}},
            [f"remove.flows[0]: 'acme.agent.server.pong.icmp_echo': expected a flow or a supplement of the base; did you mean '{PING}'?"],
        ),
        ({"remove": {"sections": ["agent"]}}, ["remove.sections[0]: 'agent': expected a section of the base that has flows; did you mean 'agents'?"]),
        ({"roles": {"robot": None}}, ["roles.robot: None: removes what the base does not have: expected one of its roles"]),
        ({"errata": {"E9": None}}, ["errata.E9: None: removes what the base does not have: expected one of its errata"]),
        ({"sections": {"agnts": "x"}}, ["sections.agnts: 'agnts': expected a section of the base that has flows; did you mean 'agents'?"]),
        ({"rows": {"agents": {9: 10}}}, ["rows.agents.9: 9: expected the section as it is called now, and a row that a flow of the base has there"]),
        (
            {"change": {"acme.agent.server.http.tcp": {"scope": "any"}}},
            [
                f"change.acme.agent.server.http.tcp: 'acme.agent.server.http.tcp': expected a flow or a supplement that is left of the base; "
                f"did you mean '{HTTPS}'?"
            ],
        ),
        (
            {"documented": {"clouds": {"section": "x", "rows": [1]}}},
            ["documented.clouds: 'clouds': expected a supplement of the base, or a group of them; did you mean 'cloud'?"],
        ),
        (
            {"documented": {"cloud": {"section": "x", "rows": [1, 2]}}, "errata": {"E2": None}},
            [f"documented.cloud.rows: [1, 2]: expected 1 rows, one for each of {CLOUD}"],
        ),
        ({"remove": {"flows": [LDAP]}}, ["errata.E1: 'E1': none of its flows is left: expected null for it here, or what it says now"]),
        # its own tables
        (
            {"chnage": {}},
            [
                "chnage: 'chnage': unknown key, expected one of product, edition, base, title, documents, roles, services, settings, features, "
                "notes, lists, configurable, non_configurable, remove, documented, sections, rows, change, add, supplements, errata, former; "
                "did you mean 'change'?"
            ],
        ),
        # what is wrong with the whole, where it was written
        ({"change": {HTTPS: {"ports": ["444"]}}}, [f"change.{HTTPS}.ports: ['444']: expected the default of setting https, which is 443"]),
        ({"change": {PING: {"notes": [7]}}}, [f"change.{PING}.notes[0]: 7: expected a note of this file, one of 1"]),
        (
            {
                "add": [
                    {
                        "id": "acme.agent.server.rpc.tcp",
                        "source": "acme.agent",
                        "destination": "acme.servr",
                        "service": "rpc",
                        "protocol": "tcp",
                        "ports": ["1"],
                        "reference": {"section": "agents", "row": 9},
                    }
                ]
            },
            [
                "add[0].destination: 'acme.servr': expected a role of this file; did you mean 'acme.server'?",
                "add[0].service: 'rpc': expected a service of this file",
            ],
        ),
        ({"notes": {1: None}}, ["base: flows[0].notes[0]: 1: expected a note of this file, one of (none)"]),
        (
            {"features": {"extra": None}},
            [
                "base: flows[2].feature: 'acme.extra': expected a feature of this file",
                "base: flows[3].starts.source.feature: 'acme.extra': expected a feature of this file",
            ],
        ),
        # what only shows beside other catalogs
        (
            {"roles": {"relay": {"title": "Relay", "kind": "host", "implies": ["exchange.mailbx"]}}},
            ["roles.relay.implies[0]: 'exchange.mailbx': expected a role of this or another catalog; did you mean 'exchange.mailbox'?"],
        ),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_problems_name_the_place_in_the_delta(tmp_path: pathlib.Path, delta: dict[str, t.Any], lines: list[str]) -> None:
    assert told(tmp_path, **delta) == lines


def test_a_base_is_whole_and_near(tmp_path: pathlib.Path) -> None:
    bases = {"2": "1", "3": "2", "4": "9"}
    folder = write(tmp_path, {"acme/1.yml": ACME, **{f"acme/{name}.yml": {**HEAD, "edition": name, "base": base} for name, base in bases.items()}})
    with pytest.raises(CatalogError) as caught:
        loader.load_catalog(f"{folder}/acme/3.yml")
    assert str(caught.value) == f"{folder}/acme/3.yml: base: '2': expected an edition that is whole; {folder}/acme/2.yml has a base itself"
    with pytest.raises(CatalogError) as caught:
        loader.load_catalog(f"{folder}/acme/4.yml")
    assert str(caught.value) == f"{folder}/acme/4.yml: base: '9': expected an edition of acme in the same folder, or one of the collection's: 1, 2, 3"


def test_a_catalog_of_the_users_may_build_on_one_of_the_collection(tmp_path: pathlib.Path) -> None:
    delta = {"product": "exchange", "edition": "2013.23", "base": "2013", "change": {"exchange.client.client_access.http.tcp": {"scope": "any"}}}
    side_by_side = write(tmp_path / "a", {"our-exchange.yml": delta})
    nested = write(tmp_path / "b", {"exchange/2013.23.yml": delta})
    for folder in (side_by_side, nested):
        exchange = loader.load_catalogs({"exchange": "2013.23"}, [folder]).products["exchange"]
        assert next(flow.scope for flow in exchange.flows if flow.id == "exchange.client.client_access.http.tcp") == "any"
    assert loader.load_catalogs({"exchange": "2013"}, [nested]).products["exchange"].edition == "2013"


def test_deltas_side_by_side_find_their_base_there(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"newer.yml": HEAD, "older.yml": ACME})
    assert loader.load_catalogs(paths=[folder]).products["acme"].edition == "2"


def test_the_digest_covers_both_files(tmp_path: pathlib.Path) -> None:
    first = edition(tmp_path)
    assert loader.load_catalog(f"{tmp_path}/acme/2.yml") is first
    write(tmp_path, {"acme/1.yml": ACME.replace("title: Agent", "title: Agents")})
    os.utime(tmp_path / "acme" / "1.yml", ns=(1, 1))
    second = loader.load_catalog(f"{tmp_path}/acme/2.yml")
    assert (second.roles["acme.agent"].title, second.digest != first.digest) == ("Agents", True)
    write(tmp_path, {"acme/2.yml": {**HEAD, "title": "Second"}})
    os.utime(tmp_path / "acme" / "2.yml", ns=(2, 2))
    assert len({first.digest, second.digest, loader.load_catalog(f"{tmp_path}/acme/2.yml").digest}) == 3


# ---- three traps: names that do not order, dates that are no releases, and a newer edition that changes estates which did not choose


def test_an_edition_that_is_no_number_is_refused_before_it_ranks_anywhere(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"acme/1.yml": ACME, "acme/SE.yml": changed(yaml.safe_load(ACME), "edition", "SE")})
    with pytest.raises(CatalogError) as caught:
        loader.load_catalogs(paths=[folder])
    assert str(caught.value) == f"{folder}/acme/SE.yml: 'SE': expected the edition as the name of the file, a number such as 1806, 3.1 or 2019-12"


def test_an_edition_named_by_a_date_cannot_decide_what_a_release_has(tmp_path: pathlib.Path) -> None:
    write(tmp_path, {"acme/1.yml": ACME, "acme/2025-12.yml": {**HEAD, "edition": "2025-12"}})
    with pytest.raises(CatalogError) as caught:
        loader.load_catalog(f"{tmp_path}/acme/2025-12.yml")
    assert str(caught.value) == (
        f"{tmp_path}/acme/2025-12.yml: base: flows[3].releases: '>=1.5,<2': compares with the edition where no release is declared, and '2025-12' is a date: "
        "expected an edition that is a release, such as 1806, or no releases"
    )


@pytest.mark.parametrize(("release", "chosen"), [("1", "1"), ("1.9", "1"), ("9", "9"), ("9.5", "9"), ("10", "10"), ("11", "10"), (None, "10"), ("0.9", "1")])
def test_the_release_that_runs_chooses_the_newest_edition_that_is_not_newer(tmp_path: pathlib.Path, release: t.Optional[str], chosen: str) -> None:
    names = {"acme/1.yml": ACME, "acme/9.yml": {**HEAD, "edition": "9"}, "acme/10.yml": {**HEAD, "edition": "10"}}
    folder = write(tmp_path, names)
    releases = {"acme": release} if release else {}
    assert loader.load_catalogs(releases, [folder]).products["acme"].edition == chosen


def test_the_schema_knows_both_forms() -> None:
    schema = jsonschema.Draft202012Validator(json_schema())
    assert schema.is_valid(HEAD)
    assert schema.is_valid({**HEAD, "roles": {"cloud": None}, "change": {PING: {"notes": None}}, "rows": {"agents": {"1": 2}}})
    assert not schema.is_valid({**HEAD, "flows": []})
    assert not schema.is_valid({**HEAD, "change": {PING: {"id": "x"}}})
    assert not schema.is_valid({key: value for key, value in HEAD.items() if key != "base"})
