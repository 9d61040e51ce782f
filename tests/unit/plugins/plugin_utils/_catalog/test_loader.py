# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding, reading and joining catalogs."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import loader
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import CatalogError
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Reference, Setting
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._catalog.samples import ACME, DELETE, WINDOWS_SERVER, acme, changed, write


def told(*args: t.Any, **kwargs: t.Any) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        loader.load_catalogs(*args, **kwargs)
    return str(caught.value).splitlines()


def test_names_and_defaults_are_filled_in(tmp_path: pathlib.Path) -> None:
    catalog = loader.load_catalog(write(tmp_path, {"acme/1.yml": ACME}) + "/acme/1.yml")
    assert (catalog.product, catalog.edition, sorted(catalog.roles)) == ("acme", "1", ["acme.agent", "acme.cloud", "acme.server"])
    assert catalog.roles["acme.server"].implies == ("windows_server.domain_member",)
    assert catalog.settings["acme.https"] == Setting("acme.https", "HTTPS port", "port", 443, ("acme.server",), "note 1")
    assert catalog.settings["acme.window"].default == ("5000-5010", "5020")
    assert list(catalog.features) == ["acme.extra"]
    https, ping, rpc, peer, custom, ldap = catalog.flows
    assert (https.setting, https.ports, https.alternatives, https.notes, https.scope) == ("acme.https", ("443",), ("8443",), (1,), "hierarchy")
    assert https.reference == Reference("guide", "agents", 1)
    assert (ping.ports, ping.initiator, ping.requirement, ping.scope, ping.starts) == ((), "source", "required", "site", None)
    assert (rpc.feature, rpc.feature_at, rpc.ports) == ("acme.extra", "source", ("rpc_dynamic",))
    assert peer.starts == {"source": {"feature": "acme.extra"}, "destination": {"unless": "acme.strict"}}
    assert peer.reference == Reference("other", "servers", 1)
    assert (custom.setting, custom.ports, custom.reference.row) == ("acme.custom", (), None)
    assert ldap.erratum == {"documented": {"protocol": "udp"}, "why": "A slip", "evidence": "The next page"}
    assert [(flow.id, flow.supplement, flow.group) for flow in catalog.supplements] == [("acme.server.internet.https.tcp", True, "cloud")]


def test_start_that_is_not_given_is_always(tmp_path: pathlib.Path) -> None:
    plain = changed(acme(), "flows[3].starts.source", DELETE)
    catalog = loader.load_catalog(write(tmp_path, {"acme.yml": plain}) + "/acme.yml")
    assert catalog.flows[3].starts == {"source": "always", "destination": {"unless": "acme.strict"}}


def test_unchanged_file_is_read_once(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, {"acme/1.yml": ACME}) + "/acme/1.yml"
    first = loader.load_catalog(path)
    assert loader.load_catalog(path) is first
    write(tmp_path, {"acme/1.yml": ACME.replace("title: Agent", "title: Agents")})
    os.utime(path, ns=(1, 1))
    again = loader.load_catalog(path)
    assert again.roles["acme.agent"].title == "Agents"
    assert again.digest != first.digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1", "line 2: is not valid YAML: did not find expected ',' or ']'"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a': stands in this mapping twice"),
        ("a: {b: 1, c: 2, b: 3}\n", "line 1: 'b': stands in this mapping twice"),
        ("- 1\n", "[1]: expected a mapping with the keys product, "),
        ("", "None: expected a mapping with the keys product, "),
        ("a: !unsafe x\n", "line 1: is not valid YAML: could not determine a constructor for the tag '!unsafe'"),
    ],
)
def test_what_is_no_catalog(tmp_path: pathlib.Path, text: str, expected: str) -> None:
    path = write(tmp_path, {"x.yml": text}) + "/x.yml"
    with pytest.raises(CatalogError) as caught:
        loader.load_catalog(path)
    assert any(line.startswith(f"{path}: {expected}") for line in str(caught.value).splitlines()), str(caught.value)


def test_merged_keys_may_be_overridden(tmp_path: pathlib.Path) -> None:
    text = ACME.replace("  server: {title: Server,", "  server: &server {title: Server,")
    text = text.replace("  agent: {title: Agent, kind", "  agent: {<<: *server, title: Agent, kind")
    catalog = loader.load_catalog(write(tmp_path, {"x.yml": text}) + "/x.yml")
    assert (catalog.roles["acme.agent"].title, catalog.roles["acme.agent"].essential) == ("Agent", True)


def test_missing_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CatalogError) as caught:
        loader.load_catalog(str(tmp_path / "none.yml"))
    assert str(caught.value) == f"{tmp_path}/none.yml: cannot be read: No such file or directory"


def test_bundled_catalogs_join() -> None:
    catalogs = loader.load_catalogs()
    assert sorted(catalogs.products) == ["configmgr", "data_box", "data_box_gateway", "databox", "exchange", "windows_server"]
    assert {"internet", "any_host", "configmgr.site_server", "windows_server.domain_controller"} <= set(catalogs.roles)
    ids = [flow.id for flow in (*catalogs.flows, *catalogs.supplements)]
    assert len(ids) == len(set(ids))
    assert loader.load_catalogs() is catalogs


def test_user_catalogs_come_first(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"acme/1.yml": ACME, "acme/2.yml": changed(acme(), "edition", "2"), "exchange/2013.yml": EXCHANGE})
    catalogs = loader.load_catalogs(paths=[folder])
    assert catalogs.products["acme"].edition == "2"
    assert catalogs.products["exchange"].path == f"{folder}/exchange/2013.yml"
    assert catalogs.products["windows_server"].path == str(loader.BUNDLED / "windows_server" / "2023-12.yml")
    assert loader.load_catalogs(paths=[folder], editions={"acme": "1"}).products["acme"].edition == "1"
    assert "acme" in loader.products([folder])
    assert loader.catalog_path("acme", "1", [folder]) == f"{folder}/acme/1.yml"
    assert loader.catalog_path("acme", paths=[folder]) == f"{folder}/acme/2.yml"


EXCHANGE = """
product: exchange
edition: "2013"
documents: {guide: {title: Guide, url: "https://acme.example/exchange"}}
roles: {client_access: {title: x, kind: host}, mailbox: {title: x, kind: host}, edge_transport: {title: x, kind: host}}
services: {}
flows: []
"""


def test_first_folder_that_has_a_product_decides_its_edition(tmp_path: pathlib.Path) -> None:
    old = write(tmp_path / "old", {"acme/9.yml": changed(acme(), "edition", "9")})
    new = write(tmp_path / "new", {"acme/10.yml": changed(acme(), "edition", "10"), "acme/9.yml": changed(acme(), "edition", "9")})
    assert loader.load_catalogs(paths=[old, new]).products["acme"].path == f"{old}/acme/9.yml"
    assert loader.load_catalogs(paths=[new, old]).products["acme"].edition == "10"
    assert loader.load_catalogs(paths=[old, new], editions={"acme": "10"}).products["acme"].path == f"{new}/acme/10.yml"


def test_catalogs_side_by_side_in_a_folder(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"our-agents.yml": ACME})
    assert loader.load_catalogs(paths=[folder]).products["acme"].path == f"{folder}/our-agents.yml"


def test_broken_catalogs_side_by_side(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"a.yml": changed(acme(), "edition", 1), "b.yml": changed(acme(), "roles.agent.kind", "x"), "acme/1.yml": ACME})
    assert told(paths=[folder]) == [
        f"{folder}/a.yml: edition: 1: expected a number as a quoted text, which orders among the releases of the product: like '1806', '3.1' or '2019-12'",
        f"{folder}/b.yml: roles.agent.kind: 'x': expected one of host, population, external",
    ]


def test_same_catalog_twice_in_a_folder(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"our-agents.yml": ACME, "acme/1.yml": ACME})
    assert told(paths=[folder]) == [
        f"{folder}/our-agents.yml: 'acme 1': expected one catalog of this product and edition in a folder, it is in {folder}/acme/1.yml, too"
    ]


def test_path_and_content_differ(tmp_path: pathlib.Path) -> None:
    folder = write(tmp_path, {"agents/1.yml": changed(acme(), "edition", "2")})
    assert told(paths=[folder]) == [
        f"{folder}/agents/1.yml: edition: '2': expected 1, as the path of the file says",
        f"{folder}/agents/1.yml: product: 'acme': expected agents, as the path of the file says",
    ]


def test_wrong_requests(tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty").mkdir()
    assert told(editions={"configmgr": "1602", "exchnge": "2013"}) == [
        "editions: 'exchnge': expected a product that has a catalog: configmgr, data_box, data_box_gateway, databox, exchange, windows_server; "
        "did you mean 'exchange'?",
        "editions.configmgr: '1602': expected an edition that has a catalog: 1806, 2509",
    ]
    assert told(paths=[f"{tmp_path}/none", f"{tmp_path}/empty"]) == [
        f"catalog_paths[0]: '{tmp_path}/none': expected a folder with catalogs",
        f"catalog_paths[1]: '{tmp_path}/empty': holds no catalog, neither <product>/<edition>.yml nor *.yml",
    ]
    with pytest.raises(CatalogError) as caught:
        loader.catalog_path("exchnge")
    assert "did you mean 'exchange'?" in str(caught.value)


def test_names_of_other_products(tmp_path: pathlib.Path) -> None:
    plain = changed(acme(), "roles.server.implies", ["windows_server.domain_membr"])
    plain = changed(plain, "flows[2].feature", "windows_server.netbois")
    plain = changed(plain, "flows[0].source", "exchange.clients")
    plain = changed(changed(plain, "flows[0].id", "acme.clients.server.https.tcp"), "configurable[0].settings", ["configmgr.sqll"])
    folder = write(tmp_path, {"acme/1.yml": plain})
    assert told(paths=[folder]) == [
        f"{folder}/acme/1.yml: configurable[0].settings[0]: 'configmgr.sqll': expected a setting of this or another catalog; did you mean 'configmgr.sql'?",
        f"{folder}/acme/1.yml: flows[0].source: 'exchange.clients': expected a role of this or another catalog; did you mean 'exchange.client'?",
        f"{folder}/acme/1.yml: flows[2].feature: 'windows_server.netbois': expected a feature of this or another catalog; "
        "did you mean 'windows_server.netbios'?",
        f"{folder}/acme/1.yml: roles.server.implies[0]: 'windows_server.domain_membr': expected a role of this or another catalog; "
        "did you mean 'windows_server.domain_member'?",
    ]


def test_problems_of_all_files_at_once(tmp_path: pathlib.Path) -> None:
    folder = write(
        tmp_path, {"acme/1.yml": changed(acme(), "roles.agent.kind", "x"), "windows_server/2023-12.yml": WINDOWS_SERVER.replace("flows: []", "flows: 1")}
    )
    assert told(paths=[folder]) == [
        f"{folder}/acme/1.yml: roles.agent.kind: 'x': expected one of host, population, external",
        f"{folder}/windows_server/2023-12.yml: flows: 1: expected a list",
    ]


def test_well_known_services() -> None:
    table = loader.well_known()
    assert {name: (table[name].protocol, table[name].port) for name in ("http", "https", "ftp", "ssh")} == {
        "http": ("tcp", 80),
        "https": ("tcp", 443),
        "ftp": ("tcp", 21),
        "ssh": ("tcp", 22),
    }


def test_broken_table_of_well_known_services(tmp_path: pathlib.Path) -> None:
    path = write(tmp_path, {"w.yml": "services: {http: {title: HTTP, protocol: tcp, port: 70000}, x: {title: X, protocol: icmp, port: 1}}"}) + "/w.yml"
    with pytest.raises(CatalogError) as caught:
        loader._well_known(path)
    assert str(caught.value).splitlines() == [
        f"{path}: services.http.port: 70000: expected a port number, 0-65535",
        f"{path}: services.x.protocol: 'icmp': expected one of tcp, udp",
    ]
