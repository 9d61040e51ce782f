# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invariants on plans of generated estates as a whole: their order, their names, a host more, saving and rendering."""

from __future__ import annotations

import copy
import json
import pathlib
import tempfile
import typing as t

from hypothesis import given, strategies as st

from ansible_collections.portcullis.msports.plugins.module_utils import _ruleset
from ansible_collections.portcullis.msports.plugins.plugin_utils import _compile
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import save
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.pieces import wire_name
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import render
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.drawn_estates import EDGE, Drawn, Estate, Plain
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._flow.generated_estates import ESTATES, HOSTS, SLOW


@SLOW
@given(ESTATES, st.randoms(use_true_random=False))
def test_the_order_of_the_inventory_does_not_matter(estate: Estate, chance: t.Any) -> None:
    plain = estate.plain()
    turned = copy.deepcopy(plain)
    names = list(turned["hosts"])
    chance.shuffle(names)
    turned["hosts"] = {name: turned["hosts"][name] for name in names}
    for host in turned["hosts"].values():
        chance.shuffle(host["vars"]["msports_roles"])
        chance.shuffle(host["vars"]["msports_features"])
        host["vars"] = dict(reversed(host["vars"].items()))
    first, second = _compile.compile_plan(plain), _compile.compile_plan(turned)
    del first["inputs"], second["inputs"]  # the lists of an inventory are inputs as they are written
    assert json.dumps(first) == json.dumps(second)


@SLOW
@given(ESTATES)
def test_a_plan_is_deterministic(estate: Estate) -> None:
    assert json.dumps(_compile.compile_plan(estate.plain())) == json.dumps(_compile.compile_plan(estate.plain()))


@SLOW
@given(ESTATES, HOSTS)
def test_a_host_more_adds_and_takes_nothing_from_others(estate: Estate, more: Drawn) -> None:
    """But for three cases that have tests of their own: the first site, the first Edge, a new parent.

    What a host says for the whole estate (settings on which it differs, that a feature is on) is no matter of its being there.
    """
    more.settings, more.features = {}, ()
    # the first site of a product, and a second site server that decides for a site, are left out by giving it the sites that are there
    more.configmgr, more.exchange = next((drawn.configmgr, drawn.exchange) for drawn in estate.hosts.values())
    if EDGE in more.roles and not any(EDGE in drawn.roles for drawn in estate.hosts.values()):
        more.roles = ()
    if estate.sites and not estate.declared("configmgr") | estate.declared("exchange"):
        estate.sites = False
    more.roles = tuple(role for role in more.roles if role.startswith("windows_server") or not estate.sites or estate.declared(role.partition(".")[0])) \
        if estate.sites else more.roles  # fmt: skip
    more.roles = tuple(role for role in more.roles if role != "configmgr.site_server")
    larger = copy.deepcopy(estate)
    larger.hosts["z"] = more
    if larger.parents() != estate.parents() or larger.networks_by_role() != estate.networks_by_role():
        return
    before, after = _compile.compile_plan(estate.plain()), _compile.compile_plan(larger.plain())
    for name, host in before["hosts"].items():
        now = after["hosts"][name]
        admitted: dict[t.Any, Addresses] = {}
        for rule in now["rules"]:
            key = wide_key(rule)
            admitted[key] = admitted.get(key, Addresses()) | Addresses.parse(after["sets"][rule["remote"]]["addresses"])
        for rule in host["rules"]:
            had = Addresses.parse(before["sets"][rule["remote"]]["addresses"])
            assert not had - admitted.get(wide_key(rule), Addresses()), f"{name}: {rule['name']}"


def wide_key(rule: Plain) -> t.Any:
    return (rule["direction"], rule["protocol"], tuple(rule["local_ports"]), tuple(rule["remote_ports"]), rule["local"])


@SLOW
@given(ESTATES)
def test_names_of_rules_are_unique_and_every_set_is_used(estate: Estate) -> None:
    found = _compile.compile_plan(estate.plain())
    used = set()
    for host in found["hosts"].values():
        names = [rule["name"] for rule in host["rules"]]
        assert len(names) == len(set(names))
        used |= {rule[key] for rule in host["rules"] for key in ("remote", "local") if rule[key]}
    assert used == set(found["sets"])
    assert all(item["addresses"] and item["members"] for item in found["sets"].values())


@SLOW
@given(ESTATES)
def test_saving_and_rendering_keep_the_set(estate: Estate) -> None:
    found = _compile.compile_plan(estate.plain())
    with tempfile.TemporaryDirectory() as folder:
        save(found, pathlib.Path(folder))
        assert {key: value for key, value in load(folder).items() if key not in ("digest", "generation")} == found  # what only a saved plan has
        assert save(found, folder).files == []
    for name, host in found["hosts"].items():
        options = render({**found, "hosts": {name: {**host, "default_outbound": "block"}}}, name, "nftables")
        assert _ruleset.check(options["rules"], options["address_sets"])[1] == []
        sent = {
            item["name"]: (item["direction"], item["protocol"], item["local_ports"], item["remote_ports"], resolved(item, options)) for item in options["rules"]
        }
        planned = {
            wire_name(rule["name"]): (
                rule["direction"],
                rule["protocol"],
                rule["local_ports"],
                rule["remote_ports"],
                found["sets"][rule["remote"]]["addresses"],
            )
            for rule in host["rules"]
        }
        assert sent == planned


def resolved(item: Plain, options: Plain) -> list[str]:
    (first, *_others) = item["remote_addresses"]
    return options["address_sets"][first[1:]] if first.startswith("@") else item["remote_addresses"]
