# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups over catalogs under ansible-playbook: rendered (tagged, lazy) values, variables of the inventory, own catalogs, errors as people see them."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from playbook_runs import TEMPLATES, Place

ROOT = pathlib.Path(__file__).resolve().parents[3]

ACME = """
product: acme
edition: "1"
documents: {guide: {title: Guide, url: "https://acme.example/guide"}}
roles: {server: {title: Server, kind: host, implies: [windows_server.domain_member]}, agent: {title: Agent, kind: population}}
services: {https: {title: HTTPS}}
settings: {https: {title: HTTPS port, type: port, default: 4443, why: the guide}}
flows:
  - {id: acme.agent.server.https.tcp, source: acme.agent, destination: acme.server, service: https, protocol: tcp, ports: ["4443"], setting: https,
     reference: {section: agents, row: 1}}
"""

VARIABLES = {
    "wanted": {"product": "configmgr", "role": "{{ wanted.product }}.{{ part }}", "ports": ["{{ base + 123 }}", "1433"], "port": "{{ base + 123 }}"},
    "part": "management_point",
    "base": 10000,
    "expression": "[?protocol=='{{ protocol }}'].service",
    "protocol": "tcp",
    "names": ["{{ 'htt' ~ 'ps' }}", "ssh"],
    "specs": ["{{ 440 + 3 }}", "{{ '444-' ~ 445 }}"],
}

# name: (expression, what it gives)
RENDERED: dict[str, tuple[str, t.Any]] = {
    "terms and selectors": (
        "query('portcullis.msports.flows', wanted.product, destination=wanted.role, port=wanted.ports, source='configmgr.client') | map(attribute='id')",
        ["configmgr.client.management_point.client_notification.tcp"],
    ),
    "one port": ("query('portcullis.msports.flows', destination=wanted.role, port=wanted.port, query='[].ports[]')", ["10123"]),
    "jmespath": (
        "query('portcullis.msports.flows', wanted.product, source='configmgr.client', destination=wanted.role, query=expression) | sort",
        ["client_notification", "http", "https"],
    ),
    "list as one term": ("query('portcullis.msports.port_of', names)", [443, 22]),
    "lazy list through a filter": ("specs | portcullis.msports.merge_ports", ["443-445"]),
    "lazy mapping item through a filter": ("wanted.ports | portcullis.msports.expand_ports", [1433, 10123]),
    "rendered text in a test": ("wanted.role is portcullis.msports.product_role", True),
    "rendered port in a test": ("wanted.port is portcullis.msports.port_spec", True),
    "releases as an option": ("query('portcullis.msports.catalog', 'exchange', releases={'exchange': edition}, query='[].edition')", ["2013"]),
    "own catalog by variable": ("query('portcullis.msports.flows', 'acme', query='[].[id, reference.document]')", [["acme.agent.server.https.tcp", "guide"]]),
    "own role by variable": ("query('portcullis.msports.roles', 'acme', query='[].id')", ["acme.agent", "acme.server"]),
    "own port by option": ("lookup('portcullis.msports.port_of', 'acme.https', catalog_paths=[folder ~ '/one'])", 4443),
    "own role in a test": ("'acme.server' is portcullis.msports.product_role(catalog_paths=[folder ~ '/one'])", True),
    "no paths at all": ("query('portcullis.msports.roles', catalog_paths=[], query='[?product==`acme`]')", []),
    "answer of a lookup into another": (
        "query('portcullis.msports.flows', flow=query('portcullis.msports.flows', 'acme') | map(attribute='id'), query='length(@)')",
        [1],
    ),
    "two editions of one product": ("lookup('portcullis.msports.catalog', 'acme', edition='2').edition", "2"),
}

# name: (expression, lines that the message has, in this order)
ERRORS: dict[str, tuple[str, list[str]]] = {
    "several problems": (
        "query('portcullis.msports.flows', role='configmgr.managment_point', port=[70000], protocol='tpc')",
        [
            "port[0]: 70000: expected a port, 0-65535, or a range of ports such as 49152-65535",
            "protocol: 'tpc': expected one of tcp, udp, icmp_echo, any; did you mean 'tcp'?",
            "role: 'configmgr.managment_point': expected a role that a catalog has; did you mean 'configmgr.management_point'?",
        ],
    ),
    "option that is none": (
        "query('portcullis.msports.flows', 'acme', rol='x')",
        ["option: 'rol': expected an option of this lookup: ", "did you mean 'role'?"],
    ),
    "jmespath": ("query('portcullis.msports.flows', 'acme', query='[?')", ["query: '[?': expected a JMESPath expression: "]),
    "broken catalog of one's own": (
        "query('portcullis.msports.flows', 'acme', catalog_paths=[folder ~ '/broken'])",
        [
            "/broken/acme/1.yml: flows[0].ports[0]: '44430000': expected a port or a range as a quoted text",
            "/broken/acme/1.yml: roles.agent.kind: 'populaton': expected one of host, population, external; did you mean 'population'?",
        ],
    ),
    "folder that is not there": ("'x' is portcullis.msports.product_role(catalog_paths=[folder ~ '/none'])", ["/none': expected a folder with catalogs"]),
    "filter": ("['https'] | portcullis.msports.merge_ports", ["merge_ports[0]: 'https': expected a port, 0-65535"]),
    "undefined inside": ("[443, nothing_of_the_kind] | portcullis.msports.merge_ports", ["'nothing_of_the_kind' is undefined"]),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, t.Any]]:
    """Evaluate everything in one ansible-playbook; return the result of each task by its name."""
    folder = tmp_path_factory.mktemp("lookups")
    place = Place(folder)
    broken = ACME.replace('"4443"', '"44430000"').replace("kind: population", "kind: populaton")
    files = {
        "one/acme/1.yml": ACME,
        "two/acme-2.yml": ACME.replace('edition: "1"', 'edition: "2"'),
        "broken/acme/1.yml": broken,
        "play.yml": yaml.safe_dump(
            [
                {
                    "hosts": "localhost",
                    "gather_facts": False,
                    "vars": {
                        **VARIABLES,
                        "folder": str(folder),
                        "edition": "2013",
                        "msports_catalog_paths": ["{{ folder }}/one"],
                        "msports_catalog_paths__second": ["{{ folder }}/two"],
                        "msports_releases": {"exchange": "{{ edition }}"},
                        "msports_releases__second": {"exchange": "2013"},
                    },
                    "tasks": [
                        {"name": name, "ansible.builtin.debug": {"msg": f"{{{{ {expression} }}}}"}, "ignore_errors": True}
                        for name, (expression, _expected) in (*RENDERED.items(), *((f"error {key}", item) for key, item in ERRORS.items()))
                    ],
                }
            ]
        ),
    }
    for name, content in files.items():
        place.write(name, content)
    run = place.play("-i", "localhost,", "-c", "local", "play.yml", **TEMPLATES)
    assert run.results, run.output
    assert "[DEPRECATION WARNING]" not in run.output, run.output
    return run.by_task()


@pytest.mark.every_core
@pytest.mark.parametrize("name", RENDERED)
def test_rendered_values(name: str, results: dict[str, dict[str, t.Any]]) -> None:
    result = results[name]
    assert not result.get("failed"), result["msg"]
    assert result["msg"] == RENDERED[name][1]


@pytest.mark.every_core
@pytest.mark.parametrize("name", ERRORS)
def test_errors_as_people_see_them(name: str, results: dict[str, dict[str, t.Any]]) -> None:
    result = results[f"error {name}"]
    assert result.get("failed"), result["msg"]
    place = 0
    for line in ERRORS[name][1]:
        found = result["msg"].find(line, place)
        assert found >= 0, f"{line!r} is not in, or not behind the lines before it:\n{result['msg']}"
        place = found + len(line)
