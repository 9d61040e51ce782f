# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small catalog that has everything, and ways to break it."""

from __future__ import annotations

import copy
import pathlib
import re
import typing as t

import yaml

from ansible_collections.portcullis.msports.tests.unit.fast_yaml import safe_load

ACME = """
product: acme
edition: "1"
documents:
  guide: {title: Guide, dated: "2020-01-31", language: en, url: "https://acme.example/guide"}
  other: {title: Other, url: "https://acme.example/other"}
roles:
  server: {title: Server, title_fr: [Serveur], kind: host, essential: true, implies: [windows_server.domain_member]}
  agent: {title: Agent, kind: population}
  cloud: {title: Cloud, kind: external}
services:
  https: {title: HTTPS}
  rpc_dynamic: {title: Dynamic RPC}
  ping: {title: Echo request}
  custom: {title: What the user defines}
  peer: {title: Between servers}
  ldap: {title: LDAP}
settings:
  https: {title: HTTPS port, type: port, default: 443, roles: [server], why: note 1}
  custom: {title: Own port, type: port, roles: [acme.server], why: note 1}
  window: {title: Ports of transfers, type: ports, default: ["5000-5010", "5020"], why: note 1}
  strict: {title: Server starts, type: bool, default: false, why: note 1}
  groups: {title: Groups, type: addresses, default: ["239.1.0.0/16"], why: note 1}
features:
  extra: {title: Something extra}
notes:
  1: {title: Other ports, text: They can be chosen.}
lists:
  outside: {section: outside, rows: [{row: 1, source: acme.server, destination: acme.cloud, see: agents}]}
configurable:
  - {row: 1, source: [acme.agent], destination: [acme.server], settings: [https]}
non_configurable:
  - {row: 1, source: [acme.server], destination: [acme.server]}
flows:
  - {id: acme.agent.server.https.tcp, source: acme.agent, destination: acme.server, service: https, protocol: tcp, ports: ["443"],
     alternatives: ["8443"], setting: https, setting_of: destination, notes: [1], scope: hierarchy, reference: {section: agents, row: 1}}
  - {id: acme.agent.server.ping.icmp_echo, source: acme.agent, destination: acme.server, service: ping, protocol: icmp_echo,
     reference: {section: agents, row: 2}}
  - {id: acme.server.agent.rpc_dynamic.tcp, source: acme.server, destination: acme.agent, service: rpc_dynamic, protocol: tcp, ports: [rpc_dynamic],
     requirement: conditional, feature: extra, feature_at: source, reference: {section: agents, row: 3}}
  - {id: acme.server.server.peer.udp, source: acme.server, destination: acme.server, service: peer, protocol: udp, ports: ["67", "68"], initiator: either,
     starts: {source: {feature: extra}, destination: {unless: strict}}, releases: ">=1.5,<2", reference: {section: servers, row: 1, document: other}}
  - {id: acme.server.cloud.custom.tcp, source: acme.server, destination: acme.cloud, service: custom, protocol: tcp, setting: custom,
     via_proxy: true, zone: wan, scope: any, reference: {section: outside, row: null}}
  - {id: acme.server.domain_controller.ldap.tcp, source: acme.server, destination: windows_server.domain_controller, service: ldap, protocol: tcp,
     ports: ["389"], only_with: [acme.agent], only_without: [acme.cloud], scope: any, reference: {section: servers, row: 2},
     erratum: {documented: {protocol: udp}, why: A slip, evidence: The next page}}
supplements:
  - {id: acme.server.internet.https.tcp, source: acme.server, destination: internet, service: https, protocol: tcp, ports: ["443"], setting: https,
     group: cloud, reference: {document: other, section: supplement}}
errata:
  - {id: E1, where: servers 2, documented: udp, holds: tcp, evidence: The next page, treatment: erratum, flows: [acme.server.domain_controller.ldap.tcp]}
  - {id: E2, where: outside, documented: nothing, holds: https, evidence: Packets, treatment: supplement, flows: [acme.server.internet.https.tcp]}
  - {id: E3, where: agents, documented: a typing error, holds: nothing, evidence: The table, treatment: none, why: No flow depends on it}
"""

WINDOWS_SERVER = """
product: windows_server
edition: "2023-12"
documents: {guide: {title: Guide, url: "https://acme.example/windows"}}
roles:
  domain_controller: {title: Domain controller, kind: host}
  domain_member: {title: Domain member, kind: host}
services: {}
flows: []
"""

DELETE = object()
_ACME = safe_load(ACME)  # once: hundreds of tests break a copy of it


def changed(plain: t.Any, path: str, value: t.Any) -> t.Any:
    """Return a copy of ``plain`` with the value at ``path`` (``flows[0].ports``) replaced, added or, with ``DELETE``, removed."""
    found = copy.deepcopy(plain)
    steps: list[t.Any] = [int(index) if index else key for key, index in re.findall(r"([A-Za-z0-9_-]+)|\[(\d+)\]", path)]
    steps = [int(step) if parent == "notes" and str(step).isdigit() else step for parent, step in zip(["", *steps], steps)]
    place = found
    for step in steps[:-1]:
        place = place[step]
    if value is DELETE:
        del place[steps[-1]]
    else:
        place[steps[-1]] = value
    return found


def acme() -> dict[str, t.Any]:
    """Return the content of a catalog without any problem."""
    return copy.deepcopy(_ACME)


def write(folder: pathlib.Path, files: dict[str, t.Any]) -> str:
    """Write catalogs below ``folder`` by file name, from text or plain data; return the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return str(folder)
