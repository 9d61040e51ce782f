# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the validator says of broken catalogs, in full; and that the published schema refuses the same ones."""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import jsonschema
import pytest
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.delta_format import json_schema
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import BUNDLED, bundled_catalogs, load_catalog
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.validate import validate
from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load
from ansible_collections.portcullis.msports.tests.unit.plugins.plugin_utils._catalog.samples import DELETE, acme, changed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[5] / "tests" / "tools"))

from schema import text_of  # noqa: E402

PORT = 'expected a port or a range as a quoted text, such as "443" or "49152-65535"'
ROLE = "expected a role as <product>.<role>, or one of internet, any_host"
PRODUCT_KEYS = (
    "product, edition, title, documents, roles, services, settings, features, notes, lists, configurable, non_configurable, flows, supplements, errata, former"
)
EDITION = "expected a number as a quoted text, which orders among the releases of the product: like '1806', '3.1' or '2019-12'"
SCOPES = ("site", "parent", "site_or_parent", "parent_or_child", "top_site", "hierarchy", "any")
FLOW_KEYS = (
    "id, source, destination, initiator, starts, service, protocol, ports, source_ports, alternatives, setting, setting_of, via_proxy, delivery, reply, "
    "requirement, feature, feature_at, only_with, only_without, releases, scope, zone, notes, reference, erratum"
)


class Case(t.NamedTuple):
    changes: dict[str, t.Any]  # path: new value
    told: list[str]  # all messages, without the name of the file
    schema: bool = True  # whether the schema can refuse it


CASES = {
    # --- the file
    "unknown top key": Case({"flwos": []}, [f"flwos: 'flwos': unknown key, expected one of {PRODUCT_KEYS}; did you mean 'flows'?"]),
    "required top key": Case({"services": DELETE, "flows": [], "supplements": [], "errata": []}, ["services: this key is required"]),
    "edition as a number": Case({"edition": 1806}, [f"edition: 1806: {EDITION}"]),
    "product with a capital": Case({"product": "Acme"}, ["product: 'Acme': expected small letters, digits and underscores"]),
    "section of wrong type": Case({"lists": []}, ["lists: []: expected a mapping of names"]),
    "flows as a mapping": Case({"flows": {}, "errata": []}, ["flows: {}: expected a list"]),
    "no documents": Case(
        {"documents": {}},
        [
            "documents: {}: expected at least 1 entry",
            "flows[3].reference.document: 'other': expected a document of this file",
            "supplements[0].reference.document: 'other': expected a document of this file",
        ],
    ),
    # --- documents, roles, services, features, notes
    "document without url": Case({"documents.guide.url": DELETE}, ["documents.guide.url: this key is required"]),
    "document with a bare date": Case(
        {"documents.guide.dated": safe_load("2020-01-31")},
        ['documents.guide.dated: datetime.date(2020, 1, 31): expected a quoted date, such as "2018-09-10" or "2018-09"'],
    ),
    "document with a file url": Case({"documents.guide.url": "file:///x"}, ["documents.guide.url: 'file:///x': expected an http or https address"]),
    "document with a language by name": Case(
        {"documents.guide.language": "English"}, ["documents.guide.language: 'English': expected a language such as en or fr"]
    ),
    "implied roles empty by mistake": Case(
        {"roles.server.implies": "windows_server.domain_member"}, ["roles.server.implies: 'windows_server.domain_member': expected a list"]
    ),
    "ports of a setting empty": Case({"settings.window.default": []}, ["settings.window.default: []: expected at least 1 item"]),
    "kind of a role": Case(
        {"roles.agent.kind": "populaton"}, ["roles.agent.kind: 'populaton': expected one of host, population, external; did you mean 'population'?"]
    ),
    "role without kind": Case({"roles.agent.kind": DELETE}, ["roles.agent.kind: this key is required"]),
    "name of a role": Case(
        {"roles.Web-Server": {"title": "x", "kind": "host"}}, ["roles.Web-Server: 'Web-Server': expected small letters, digits and underscores as a name"]
    ),
    "essential as a word": Case({"roles.server.essential": "yes"}, ["roles.server.essential: 'yes': expected true or false"]),
    "title empty": Case({"roles.server.title": " "}, ["roles.server.title: ' ': expected a text"]),
    "role as a text": Case(
        {"roles.cloud": "Cloud"}, ["roles.cloud: 'Cloud': expected a mapping with the keys title, title_fr, kind, essential, appliance, implies, text"]
    ),
    "implied bare": Case({"roles.server.implies": ["agent"]}, [f"roles.server.implies[0]: 'agent': {ROLE}"]),
    "implied unknown": Case(
        {"roles.server.implies": ["acme.agnt"]},
        ["roles.server.implies[0]: 'acme.agnt': expected a role of this file; did you mean 'acme.agent'?"],
        schema=False,
    ),
    "unknown key of a service": Case({"services.https.port": 443}, ["services.https.port: 'port': unknown key, expected one of title, title_fr, text"]),
    "note named by a word": Case(
        {"notes": {"one": {"title": "x", "text": "y"}, 1: {"title": "x", "text": "y"}}}, ["notes.one: 'one': expected a whole number from 1 as a name"]
    ),
    "note without text": Case({"notes[1].text": DELETE}, ["notes.1.text: this key is required"]),
    # --- settings
    "type of a setting": Case(
        {"settings.strict.type": "boolean"}, ["settings.strict.type: 'boolean': expected one of port, ports, bool, addresses; did you mean 'bool'?"]
    ),
    "setting without why": Case({"settings.https.why": DELETE}, ["settings.https.why: this key is required"]),
    "default of another type": Case({"settings.strict.default": 1}, ["settings.strict.default: 1: expected true or false"]),
    "default port too big": Case({"settings.https.default": 65536}, ["settings.https.default: 65536: expected a port number, 0-65535"]),
    "default ports as one": Case({"settings.window.default": 5000}, ["settings.window.default: 5000: expected a list"]),
    "default addresses": Case(
        {"settings.groups.default": ["239.1.0.1/16"]},
        ["settings.groups.default: ['239.1.0.1/16']: '239.1.0.1/16' is not an IP address, a network in CIDR form without host bits, or a first-last range"],
        schema=False,
    ),
    "role of a setting": Case(
        {"settings.https.roles": ["servr"]}, ["settings.https.roles[0]: 'acme.servr': expected a role of this file; did you mean 'acme.server'?"], schema=False
    ),
    # --- names in flows
    "unknown source": Case(
        {"flows[1].source": "acme.agnet"}, ["flows[1].source: 'acme.agnet': expected a role of this file; did you mean 'acme.agent'?"], schema=False
    ),
    "bare source": Case({"flows[1].source": "agent"}, [f"flows[1].source: 'agent': {ROLE}"]),
    "unknown service": Case({"flows[1].service": "pong"}, ["flows[1].service: 'pong': expected a service of this file; did you mean 'ping'?"], schema=False),
    "unknown setting": Case(
        {"flows[0].setting": "htps"}, ["flows[0].setting: 'acme.htps': expected a setting of this file; did you mean 'acme.https'?"], schema=False
    ),
    "unknown feature": Case(
        {"flows[2].feature": "extras"}, ["flows[2].feature: 'acme.extras': expected a feature of this file; did you mean 'acme.extra'?"], schema=False
    ),
    "unknown note": Case({"flows[0].notes": [1, 2]}, ["flows[0].notes[1]: 2: expected a note of this file, one of 1"], schema=False),
    "unknown document": Case(
        {"flows[3].reference.document": "othr"}, ["flows[3].reference.document: 'othr': expected a document of this file; did you mean 'other'?"], schema=False
    ),
    "unknown role in only_with": Case(
        {"flows[5].only_with": ["acme.edge"]}, ["flows[5].only_with[0]: 'acme.edge': expected a role of this file"], schema=False
    ),
    "unknown setting in starts": Case(
        {"flows[3].starts.destination": {"unless": "stict"}},
        ["flows[3].starts.destination.unless: 'acme.stict': expected a setting of this file; did you mean 'acme.strict'?"],
        schema=False,
    ),
    # --- one field of a flow
    "port by name": Case({"flows[0].ports": ["https"]}, [f"flows[0].ports[0]: 'https': {PORT}, or rpc_dynamic"]),
    "port as a number": Case({"flows[0].ports": [443]}, [f"flows[0].ports[0]: 443: {PORT}, or rpc_dynamic"]),
    "port too big": Case({"flows[3].ports": ["65536"]}, [f"flows[3].ports[0]: '65536': {PORT}, or rpc_dynamic"]),
    "range backwards": Case({"flows[3].ports": ["68-67"]}, [f"flows[3].ports[0]: '68-67': {PORT}, or rpc_dynamic"], schema=False),
    "port with a zero in front": Case({"flows[3].ports": ["067"]}, [f"flows[3].ports[0]: '067': {PORT}, or rpc_dynamic"]),
    "port twice": Case({"flows[3].ports": ["67", "67"]}, ["flows[3].ports[1]: '67': stands here twice"]),
    "ports as a text": Case({"flows[3].ports": "67"}, ["flows[3].ports: '67': expected a list"]),
    "rpc as source port": Case({"flows[3].source_ports": ["rpc_dynamic"]}, [f"flows[3].source_ports[0]: 'rpc_dynamic': {PORT}"]),
    "alternative": Case({"flows[0].alternatives": ["any"]}, [f"flows[0].alternatives[0]: 'any': {PORT}"]),
    "protocol": Case({"flows[1].protocol": "icmp"}, ["flows[1].protocol: 'icmp': expected one of tcp, udp, icmp_echo, any; did you mean 'icmp_echo'?"]),
    "scope": Case({"flows[0].scope": "sites"}, [f"flows[0].scope: 'sites': expected one of {', '.join(SCOPES)}; did you mean 'site'?"]),
    "initiator": Case({"flows[1].initiator": "destination"}, ["flows[1].initiator: 'destination': expected one of source, either"]),
    "delivery": Case(
        {"flows[1].delivery": "multcast"},
        ["flows[1].delivery: 'multcast': expected one of unicast, broadcast, unaddressed, multicast; did you mean 'multicast'?"],
    ),
    "reply": Case({"flows[1].reply": "any"}, ["flows[1].reply: 'any': expected one of stateful, new_port"]),
    "zone": Case({"flows[4].zone": "dmz"}, ["flows[4].zone: 'dmz': expected one of lan, wan"]),
    "setting_of": Case({"flows[0].setting_of": "server"}, ["flows[0].setting_of: 'server': expected one of source, destination, site, estate"]),
    "via_proxy": Case({"flows[4].via_proxy": "true"}, ["flows[4].via_proxy: 'true': expected true or false"]),
    "releases": Case({"flows[3].releases": "before 1802"}, ["flows[3].releases: 'before 1802': expected comparisons such as <1802 or >=1706,<1802"]),
    "edition that is no number": Case({"edition": "SE"}, [f"edition: 'SE': {EDITION}"]),
    "releases beside an edition that is a date": Case(
        {"edition": "2019-12"},
        [
            "flows[3].releases: '>=1.5,<2': compares with the edition where no release is declared, and '2019-12' is a date: "
            "expected an edition that is a release, such as 1806, or no releases"
        ],
        schema=False,
    ),
    "former role that is still there": Case(
        {"former": {"roles": {"agent": {"since": "1"}}}}, ["former.roles.agent: 'agent': this edition still has it among its roles"], schema=False
    ),
    "former role that nobody is now": Case(
        {"former": {"roles": {"agents": {"since": "1", "now": "agnt"}}}},
        ["former.roles.agents.now: 'agnt': expected one of the roles of this file; did you mean 'agent'?"],
        schema=False,
    ),
    "former flow by another name": Case(
        {"former": {"flows": {"agent": {"since": "1"}}}},
        ["former.flows.agent: 'agent': expected <product>.<source>.<destination>.<service>.<protocol>[.<variant>] as a name"],
    ),
    "former word without since": Case({"former": {"features": {"more": {}}}}, ["former.features.more.since: this key is required"]),
    "note as a text": Case({"flows[0].notes": ["note 1"]}, ["flows[0].notes[0]: 'note 1': expected a whole number from 1"]),
    "unknown key of a flow": Case({"flows[1].port": "1"}, [f"flows[1].port: 'port': unknown key, expected one of {FLOW_KEYS}; did you mean 'ports'?"]),
    "flow without reference": Case({"flows[1].reference": DELETE}, ["flows[1].reference: this key is required"]),
    "reference without section": Case({"flows[1].reference.section": DELETE}, ["flows[1].reference.section: this key is required"]),
    "row zero": Case({"flows[1].reference.row": 0}, ["flows[1].reference.row: 0: expected a row, counted from 1, or null"]),
    "supplement among flows": Case(
        {"flows[1].reference.section": "supplement"},
        ["flows[1].reference.section: 'supplement': expected an anchor or a slug: letters, digits, dots, dashes, underscores (but not the word supplement)"],
    ),
    "group of a flow": Case({"flows[1].group": "cloud"}, [f"flows[1].group: 'group': unknown key, expected one of {FLOW_KEYS}"]),
    "flow as a text": Case({"flows[1]": "x"}, [f"flows[1]: 'x': expected a mapping with the keys {FLOW_KEYS}"]),
    # --- between fields of a flow
    "icmp with ports": Case({"flows[1].ports": ["7"]}, ["flows[1].ports: ['7']: icmp_echo has no ports, leave this out"]),
    "any with a setting": Case(
        {
            "flows[0].protocol": "any",
            "flows[0].id": "acme.agent.server.https.any",
            "flows[0].ports": DELETE,
            "flows[0].alternatives": DELETE,
            "flows[0].setting_of": DELETE,
        },
        ["flows[0].setting: 'https': any has no ports that a setting could change, leave this out"],
    ),
    "tcp without ports": Case(
        {"flows[5].ports": DELETE}, ["flows[5].ports: tcp needs ports, or a setting without default where the document says user defined"]
    ),
    "setting with default, no ports": Case(
        {"flows[0].ports": []}, ["flows[0].ports: expected the ports, since setting https has the default 443"], schema=False
    ),
    "ports that are not the default": Case(
        {"flows[0].ports": ["8443"]}, ["flows[0].ports: ['8443']: expected the default of setting https, which is 443"], schema=False
    ),
    "ports of a setting of type bool": Case(
        {"flows[5].setting": "strict"},
        [
            "flows[5].setting: 'strict': expected a setting of type port or ports, this one is bool",
        ],
        schema=False,
    ),
    "setting_of without setting": Case({"flows[5].setting_of": "site"}, ["flows[5].setting: setting_of says whose setting counts, so name the setting"]),
    "conditional without feature": Case({"flows[2].feature": DELETE}, ["flows[2].feature: a conditional flow names the feature that switches it on"]),
    "feature of a required flow": Case({"flows[5].feature": "extra"}, ["flows[5].feature: 'extra': only a flow with requirement: conditional has a feature"]),
    "feature_at of a required flow": Case(
        {"flows[5].feature_at": "site"}, ["flows[5].feature_at: 'site': only a flow with requirement: conditional has a feature"]
    ),
    "starts without either": Case(
        {"flows[5].starts": {"source": "always"}}, ["flows[5].starts: {'source': 'always'}: only a flow with initiator: either says who starts"]
    ),
    "start of another form": Case(
        {"flows[3].starts.source": "sometimes"}, ["flows[3].starts.source: 'sometimes': expected always, {feature: <name>} or {unless: <setting>}"]
    ),
    "start unless a port": Case(
        {"flows[3].starts.destination": {"unless": "https"}},
        ["flows[3].starts.destination.unless: 'https': expected a setting of type bool, this one is port"],
        schema=False,
    ),
    "with and without": Case(
        {"flows[5].only_without": ["acme.agent"]}, ["flows[5].only_without: 'acme.agent': stands in only_with, too, so the flow could never hold"], schema=False
    ),
    # --- ids
    "id of another form": Case({"flows[1].id": "ping"}, ["flows[1].id: 'ping': expected <product>.<source>.<destination>.<service>.<protocol>[.<variant>]"]),
    "id with ends swapped": Case(
        {"flows[1].id": "acme.server.agent.ping.icmp_echo"},
        ["flows[1].id: 'acme.server.agent.ping.icmp_echo': expected acme.agent.server.ping.icmp_echo, or acme.agent.server.ping.icmp_echo.<variant>"],
        schema=False,
    ),
    "id of another product": Case(
        {"flows[1].id": "acmee.agent.server.ping.icmp_echo"},
        ["flows[1].id: 'acmee.agent.server.ping.icmp_echo': expected acme.agent.server.ping.icmp_echo, or acme.agent.server.ping.icmp_echo.<variant>"],
        schema=False,
    ),
    "id twice": Case(
        {
            "supplements[0].id": "acme.agent.server.https.tcp",
            "supplements[0].source": "acme.agent",
            "supplements[0].destination": "acme.server",
            "errata[1].flows": ["acme.agent.server.https.tcp"],
        },
        ["supplements[0].id: 'acme.agent.server.https.tcp': is the id of flows[0], too; add a variant to one of them"],
        schema=False,
    ),
    # --- supplements and errata
    "supplement without group": Case({"supplements[0].group": DELETE}, ["supplements[0].group: this key is required"]),
    "supplement of a section": Case({"supplements[0].reference.section": "x"}, ["supplements[0].reference.section: 'x': expected one of supplement"]),
    "erratum of a field that is none": Case(
        {"flows[5].erratum.documented": {"protocl": "udp"}},
        [
            f"flows[5].erratum.documented.protocl: 'protocl': unknown key, expected one of {FLOW_KEYS.removesuffix(', reference, erratum')}; "
            "did you mean 'protocol'?"
        ],
    ),
    "erratum not listed": Case(
        {"errata": []},
        ["flows[5].erratum: 'acme.server.domain_controller.ldap.tcp': expected an entry of errata that names this flow"],
        schema=False,
    ),
    "errata of an unknown flow": Case(
        {"errata[0].flows": ["acme.server.domain_controller.ldap.tcp", "acme.agent.server.ldap.tcp"]},
        ["errata[0].flows[1]: 'acme.agent.server.ldap.tcp': expected a flow or a supplement of this file; did you mean 'acme.agent.server.https.tcp'?"],
        schema=False,
    ),
    "erratum without flows": Case(
        {"errata[0].flows": DELETE},
        [
            "errata[0].flows: expected the flows that differ from the document",
            "flows[5].erratum: 'acme.server.domain_controller.ldap.tcp': expected an entry of errata that names this flow",
        ],
    ),
    "supplement that made none": Case(
        {"errata[1].flows": ["acme.agent.server.https.tcp"]},
        ["errata[1].flows: ['acme.agent.server.https.tcp']: expected the supplements that were made of it"],
        schema=False,
    ),
    "nothing done, and no why": Case({"errata[2].why": DELETE}, ["errata[2].why: treatment none says why nothing was done"]),
    "errata id twice": Case({"errata[1].id": "E1"}, ["errata[1].id: 'E1': is the id of another erratum, too"], schema=False),
    "treatment": Case({"errata[2].treatment": "ignored"}, ["errata[2].treatment: 'ignored': expected one of erratum, supplement, none"]),
    # --- lists
    "row of a list": Case({"lists.outside.rows[0].row": "1"}, ["lists.outside.rows[0].row: '1': expected a whole number from 1"]),
    "end of a list": Case(
        {"lists.outside.rows[0].source": "acme.serve"},
        ["lists.outside.rows[0].source: 'acme.serve': expected a role of this file; did you mean 'acme.server'?"],
        schema=False,
    ),
    "end of a configurable pair": Case(
        {"configurable[0].destination": ["acme.servers"]},
        ["configurable[0].destination[0]: 'acme.servers': expected a role of this file; did you mean 'acme.server'?"],
        schema=False,
    ),
    "setting of a configurable pair": Case(
        {"configurable[0].settings": ["http"]},
        ["configurable[0].settings[0]: 'acme.http': expected a setting of this file; did you mean 'acme.https'?"],
        schema=False,
    ),
    # --- several at once
    "three in one flow": Case(
        {"flows[0].ports": ["70000"], "flows[0].scope": "world", "flows[0].source": "acme.agents"},
        [
            f"flows[0].ports[0]: '70000': {PORT}, or rpc_dynamic",
            f"flows[0].scope: 'world': expected one of {', '.join(SCOPES)}",
            "flows[0].source: 'acme.agents': expected a role of this file; did you mean 'acme.agent'?",
        ],
    ),
    "all over the file": Case(
        {"edition": 1, "roles.cloud.kind": "cloud", "settings.https.default": "443", "flows[1].ports": ["7"], "flows[2].feature": "none", "errata[2].id": "3"},
        [
            f"edition: 1: {EDITION}",
            "errata[2].id: '3': expected a mark such as E1",
            "flows[1].ports: ['7']: icmp_echo has no ports, leave this out",
            "flows[2].feature: 'acme.none': expected a feature of this file",
            "roles.cloud.kind: 'cloud': expected one of host, population, external",
            "settings.https.default: '443': expected a port number, 0-65535",
        ],
    ),
}


def broken(case: Case) -> dict[str, t.Any]:
    plain = acme()
    for path, value in case.changes.items():
        plain = changed(plain, path, value)
    return plain


def as_json(value: t.Any) -> t.Any:
    """Turn YAML's numbers as keys into text, as editors do before they look at the schema."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list) else value


PUBLISHED = (BUNDLED / "schema.json").read_text(encoding="utf-8")
SCHEMA = jsonschema.Draft202012Validator(json.loads(PUBLISHED))


def test_sample_is_valid() -> None:
    assert validate(acme(), "acme.yml") == []
    assert list(SCHEMA.iter_errors(as_json(acme()))) == []


@pytest.mark.parametrize("name", CASES)
def test_broken_catalog(name: str) -> None:
    case = CASES[name]
    assert sorted(str(problem) for problem in validate(broken(case), "acme.yml")) == sorted(f"acme.yml: {line}" for line in case.told)


@pytest.mark.parametrize("name", CASES)
def test_schema_refuses_the_same(name: str) -> None:
    case = CASES[name]
    refused = not SCHEMA.is_valid(as_json(broken(case)))
    assert refused is case.schema, "the schema can tell this, so say so in the table" if refused else "the schema should refuse this"


def test_not_a_mapping() -> None:
    told = [str(problem) for problem in validate(["flows"], "acme.yml")]
    assert told == [f"acme.yml: ['flows']: expected a mapping with the keys {PRODUCT_KEYS}"]


def test_published_schema_is_the_one_of_the_tables() -> None:
    assert text_of(json_schema()) == PUBLISHED, "rewrite it: see docs/catalog-format.md, section on the schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)


@pytest.mark.parametrize("path", bundled_catalogs().values(), ids=lambda path: "/".join(pathlib.Path(path).parts[-2:]))
def test_bundled_catalogs_satisfy_schema_and_validator(path: str) -> None:
    plain = safe_load(pathlib.Path(path).read_text(encoding="utf-8"))
    assert [error.message for error in SCHEMA.iter_errors(as_json(plain))] == []
    assert validate(load_catalog(path).plain, path) == []
