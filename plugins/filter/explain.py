# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: explain
short_description: Why a connection is open in a plan, or why it is not
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - When it is open, names the rules at both ends, the peers, and for each reason the flow with document, section and row.
  - When it is not, says what is in the way, such as that no such flow is documented, a feature is off, or the flow was switched off.
positional: _input, source, destination, port
options:
  _input:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
  source:
    description: Who opens the connection, as an inventory host, an address or a network. An address of a host is a question about that host.
    type: str
    required: true
  destination:
    description: Who is reached, as an inventory host, an address or a network. One of the two may be a network.
    type: str
    required: true
  port:
    description: The destination port, as V(tcp/445), V(udp/53) or V(icmp_echo).
    type: str
    required: true
  catalog_paths:
    description: Folders with catalogs of your own that the plan was made with, as in the variable C(msports_catalog_paths).
    type: list
    elements: str
seealso:
  - plugin: portcullis.msports.allowed_by
    plugin_type: test
"""

EXAMPLES = r"""
- name: Why is this open
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.explain('mp01', 'site01', 'tcp/445')).destination_rules }}"
  # =>
  #   - host: site01
  #     rule: in tcp/445 from configmgr.management_point@P01
  #     peers: [mp01]
  #     because:
  #       - kind: flow
  #         name: configmgr.management_point.site_server.smb.tcp
  #         text: "ports-configmgr-2018-09#BKMK_PortsMP-Site row 3"

- name: Why is that not
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.explain('outsider', 'exca01', 'tcp/110')).why_not }}"
  # =>
  #   - no documented flow joins internet with configmgr.client, exchange.client_access, windows_server.domain_member over tcp/110
  #   - "documented between them: tcp/25"
"""

RETURN = r"""
_value:
  description: The answer.
  type: dict
  contains:
    allowed:
      description: Whether the planned rules of both managed ends let it through, all of it.
      type: bool
    extent:
      description: How much of it is let through, V(all), V(some) or V(none) of the hosts and addresses that are asked about.
      type: str
    question:
      description: What was asked.
      type: str
    destination_rules:
      description: Rules at the destination that admit it, each with C(host), C(rule), C(peers) and C(because).
      type: list
      elements: dict
    source_rules:
      description: Rules at the source that let it out.
      type: list
      elements: dict
    why_not:
      description: Sentences that say what is in the way, among them which end admits it when one does. Empty when it is allowed.
      type: list
      elements: str
    remarks:
      description: Sentences that help to understand the answer, such as that both ends are one host, or that a catalog is another
        than the plan's.
      type: list
      elements: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils import _question
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import explain_plan
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today


def explain(plan, source, destination, port, catalog_paths=None):
    with ansible_errors(AnsibleFilterError):
        protocol, number = _question.parse(to_plain(port))
        return explain_plan(plan_as_of_today(to_plain(plan)), to_plain(source), to_plain(destination), protocol, number, listed(catalog_paths))


class FilterModule:
    def filters(self):
        return {"explain": called(AnsibleFilterError, explain)}
