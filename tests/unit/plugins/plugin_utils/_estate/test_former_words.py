# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory outlives an upgrade: words that the chosen edition no longer has are notes, which say since when."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import InventoryError
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.read import read_estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs, Former
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._estate.samples import catalogs, inventory
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.estates import host, plan

FORMER = {
    "roles": {
        "configmgr.application_catalog": Former("configmgr", "1910"),
        "configmgr.microsoft_intune": Former("configmgr", "1909"),
        "exchange.hub_transport": Former("exchange", "2013", "exchange.mailbox"),
    },
    "settings": {"configmgr.catalog_http": Former("configmgr", "1910"), "configmgr.http": Former("configmgr", "1802", "configmgr.client_https")},
    "features": {"configmgr.catalog": Former("configmgr", "1910")},
    "flows": {"configmgr.client.application_catalog.http.tcp": Former("configmgr", "1910")},
    "supplements": {"ldaps": Former("configmgr", "2509", "ldaps"), "reports": Former("configmgr", "2207")},
}
SP = {"msports_addresses": ["10.0.0.1"], "groups": ["configmgr_site_server"]}


def newer(**changes: t.Any) -> Catalogs:
    return dataclasses.replace(catalogs(), former=FORMER, **changes)


def read(hosts: dict[str, t.Any], groups: t.Sequence[str] = ()) -> Estate:
    return read_estate(inventory(hosts, groups), newer())


def notes(**variables: t.Any) -> list[str]:
    return list(read({"s": {**SP, **variables}}).notes)


@pytest.mark.parametrize(
    ("variables", "note"),
    [
        (
            {"msports_roles": ["configmgr.application_catalog"]},
            "s: msports_roles[0]: configmgr.application_catalog is gone since configmgr 1910, so it counts for nothing here",
        ),
        (
            {"msports_roles": [{"role": "configmgr.application_catalog", "settings": {"catalog_http": 81}}]},
            "s: msports_roles[0].role: configmgr.application_catalog is gone since configmgr 1910, so it counts for nothing here",
        ),
        (
            {"msports_networks": {"configmgr.microsoft_intune": ["203.0.113.0/24"]}},
            "estate: msports_networks.configmgr.microsoft_intune: configmgr.microsoft_intune is gone since configmgr 1909, so it counts for nothing here",
        ),
        (
            {"msports_not_deployed": ["configmgr.application_catalog"]},
            "estate: msports_not_deployed[0]: configmgr.application_catalog is gone since configmgr 1910, so it counts for nothing here",
        ),
        (
            {"msports_settings": {"configmgr.catalog_http": 81}},
            "s: msports_settings.configmgr.catalog_http: configmgr.catalog_http is gone since configmgr 1910, so it counts for nothing here",
        ),
        ({"msports_features": ["configmgr.catalog"]}, "s: msports_features[0]: configmgr.catalog is gone since configmgr 1910, so it counts for nothing here"),
        ({"msports_supplements": ["reports"]}, "estate: msports_supplements[0]: reports is gone since configmgr 2207, so it counts for nothing here"),
        ({"msports_supplements": ["ldaps"]}, "estate: msports_supplements[0]: ldaps is no supplement since configmgr 2509: the documents have it"),
        (
            {"msports_excluded_flows": [{"flow": "configmgr.client.application_catalog.*", "because": "x"}]},
            "estate: msports_excluded_flows[0].flow: configmgr.client.application_catalog.* is about flows that are gone since configmgr 1910",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_gone_is_a_note(variables: dict[str, t.Any], note: str) -> None:
    assert notes(**variables) == [note]


def test_a_group_named_after_a_role_that_is_gone() -> None:
    estate = read({"s": SP, "old": {"groups": ["configmgr_application_catalog"]}})
    assert estate.hosts["old"].holdings == ()
    (note,) = estate.notes
    assert note == "old: groups: configmgr_application_catalog: configmgr.application_catalog is gone since configmgr 1910, so it counts for nothing here"


def test_what_has_another_name_counts_under_it() -> None:
    estate = read(
        {
            "s": {**SP, "msports_settings": {"configmgr.http": 8080}},
            "m": {"msports_addresses": ["10.0.0.2"], "groups": ["exchange_hub_transport"]},
            "n": {"msports_addresses": ["10.0.0.3"], "msports_roles": ["exchange.hub_transport"], "msports_ping": ["exchange.hub_transport"]},
        }
    )
    assert estate.hosts["s"].settings == {"configmgr.client_https": 8080}
    assert [item.role for name in "mn" for item in estate.hosts[name].holdings if item.role.startswith("exchange.")] == ["exchange.mailbox"] * 2
    assert estate.hosts["n"].ping[0].hosts == ("m", "n")
    assert [note.partition(": ")[2] for note in estate.notes] == [
        "groups: exchange_hub_transport: exchange.hub_transport is called exchange.mailbox since exchange 2013",
        "msports_ping[0]: exchange.hub_transport is called exchange.mailbox since exchange 2013",
        "msports_roles[0]: exchange.hub_transport is called exchange.mailbox since exchange 2013",
        "msports_settings.configmgr.http: configmgr.http is called configmgr.client_https since configmgr 1802",
    ]


def test_a_rule_of_the_users_for_a_role_that_is_gone_would_be_for_nobody() -> None:
    allow = {"name": "x", "in": "tcp/1", "from": ["configmgr.application_catalog"], "because": "x"}
    with pytest.raises(InventoryError) as error:
        read({"s": {**SP, "msports_allow": [allow]}})
    assert "msports_allow[0].from[0]: 'configmgr.application_catalog': expected a role of the chosen edition" in str(error.value)


@pytest.mark.parametrize(
    ("releases", "note"),
    [
        (
            {},
            'no release of configmgr is declared, so its newest edition counts, 1806 (Current branch); msports_releases: {configmgr: "1806"} says '
            "the same without this note",
        ),
        ({"configmgr": "1806"}, None),
        ({"configmgr": "2403"}, None),
        ({"configmgr": "1702"}, "configmgr 1702 is older than all its editions, so the oldest counts, 1806 (Current branch)"),
    ],
)
def test_a_choice_that_nobody_made_is_a_note(releases: dict[str, str], note: t.Optional[str]) -> None:
    plain = catalogs()
    products = {**plain.products, "configmgr": dataclasses.replace(plain.products["configmgr"], title="Current branch")}
    given = dataclasses.replace(plain, products=products, editions={"configmgr": ("1706", "1806"), "exchange": ("2013", "2016")})
    estate = read_estate(inventory({"s": {**SP, **({"msports_releases": releases} if releases else {})}}), given)
    assert estate.notes == ((note,) if note else ())


@pytest.mark.parametrize(
    ("running", "note"),
    [
        ("1806", None),
        ("2403", "configmgr 2403 lies between two editions, 1806 and 2509, so the older one counts"),
        ("2603", "configmgr 2603 lies between two editions, 1806 and 2609, so the older one counts"),
        ("2611", None),
    ],
)
def test_a_release_between_two_editions_is_a_note(running: str, note: t.Optional[str]) -> None:
    given = dataclasses.replace(catalogs(), editions={"configmgr": ("1706", "2609", "1806", "2509")})
    estate = read_estate(inventory({"s": {**SP, "msports_releases": {"configmgr": running}}}), given)
    assert estate.notes == ((note,) if note else ())


def test_a_release_with_a_digit_too_many_is_no_newer_release() -> None:
    """A newer one than all editions is the ordinary case; one of another form is a slip, after which the newest edition would count silently."""
    hosts = {"mp01": host("configmgr.management_point", at="10.0.0.1"), "mb01": host("exchange.mailbox", at="10.0.0.2")}
    with pytest.raises(InventoryError) as error:
        plan(hosts, releases={"configmgr": "18066", "exchange": "15.2"})
    assert str(error.value).splitlines() == [
        "estate: msports_releases.configmgr: '18066': configmgr has no release of such a number: expected one like '2509'",
        "estate: msports_releases.exchange: '15.2': exchange has no release of such a number: expected one like '2013'",
    ]
    assert plan(hosts, releases={"configmgr": "2709", "exchange": "2019"})
