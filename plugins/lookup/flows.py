# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: flows
short_description: Documented communications between product roles
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Returns flows of catalogs, in the order of the documents. A flow is one documented communication from one product role to another over one service.
  - Conditional flows are returned as well as required ones; the field RV(_raw[].requirement) tells them apart.
  - The selectors combine. A flow must satisfy each one that is given, and satisfies a list by any of its items.
  - Use C(query()) rather than C(lookup()), which hands out the only element of a list without the list.
options:
  _terms:
    description: Products, such as V(configmgr). None means all products.
    type: list
    elements: str
extends_documentation_fragment:
  - portcullis.msports.selectors
  - portcullis.msports.catalogs
  - portcullis.msports.catalogs.query
seealso:
  - plugin: portcullis.msports.ports
    plugin_type: lookup
  - plugin: portcullis.msports.merge_ports
    plugin_type: filter
"""

EXAMPLES = r"""
- name: How clients talk to a management point
  ansible.builtin.debug:
    msg: "{{ flows | map(attribute='service') | zip(flows | map(attribute='ports')) }}"
  vars:
    flows: "{{ query('portcullis.msports.flows', 'configmgr', source='configmgr.client', destination='configmgr.management_point') }}"
  # => [[client_notification, ["10123"]], [http, ["80"]], [https, ["443"]]]

- name: The whole of one flow
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.flows', flow='configmgr.client.management_point.client_notification.tcp') | first }}"
  # =>
  #   id: configmgr.client.management_point.client_notification.tcp
  #   source: configmgr.client
  #   destination: configmgr.management_point
  #   protocol: tcp
  #   ports: ["10123"]
  #   setting: configmgr.client_notification
  #   reference: {document: ports-configmgr-2018-09, section: BKMK_PortsClient-MP, row: 1}
  #   ...: ...

- name: Why is tcp/1433 open at a site database server
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.flows', role='configmgr.sql_server', direction='in', protocol='tcp', port=1433)
             | map(attribute='source') | unique | sort }}"
  # => [configmgr.application_catalog_web_service_point, ...]

- name: What a distribution point needs for PXE besides
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.flows', feature='configmgr.pxe', query='[].[protocol, ports[]]') }}"
  # => [[udp, ["67", "68"]], [udp, ["69"]], [udp, ["4011"]]]
"""

RETURN = r"""
_raw:
  description: One mapping for each flow, all fields present.
  type: list
  elements: dict
  contains:
    id:
      description: The name of the flow, C(<product>.<source>.<destination>.<service>.<protocol>[.<variant>]).
      type: str
      sample: configmgr.client.management_point.client_notification.tcp
    product:
      description: The product whose catalog has the flow.
      type: str
    edition:
      description: The edition of that catalog.
      type: str
    source:
      description: The product role at one end.
      type: str
      sample: configmgr.client
    destination:
      description: The product role at the other end, which has the ports.
      type: str
      sample: configmgr.management_point
    initiator:
      description: Who opens connections, C(source), or C(either) of both on the same ports.
      type: str
    starts:
      description: With C(either), a condition for the connections that each end opens, or null.
      type: dict
    service:
      description: The name of the service.
      type: str
      sample: client_notification
    protocol:
      description: C(tcp), C(udp), C(icmp_echo) or C(any).
      type: str
    ports:
      description: Destination ports as texts, such as C(443), C(49152-65535) or C(rpc_dynamic).
      type: list
      elements: str
      sample: ["10123"]
    source_ports:
      description: Source ports. Empty means any.
      type: list
      elements: str
    alternatives:
      description: Other documented ports of the same choice.
      type: list
      elements: str
    setting:
      description: The setting that changes the ports, or null.
      type: str
      sample: configmgr.client_notification
    setting_of:
      description: Whose setting counts, C(source), C(destination), C(site) or C(estate).
      type: str
    via_proxy:
      description: Whether the flow goes to the proxy, where there is one.
      type: bool
    delivery:
      description: C(unicast), C(broadcast), C(unaddressed) (DHCP) or C(multicast).
      type: str
    reply:
      description: C(stateful), or C(new_port) where the answer comes from another port (TFTP).
      type: str
    requirement:
      description: C(required) or C(conditional).
      type: str
    feature:
      description: The feature that switches a conditional flow on, or null.
      type: str
    feature_at:
      description: Where the feature is switched on, C(source), C(destination), C(site) or C(estate).
      type: str
    only_with:
      description: Roles that somebody must hold for the flow to be.
      type: list
      elements: str
    only_without:
      description: Roles that nobody may hold for the flow to be.
      type: list
      elements: str
    releases:
      description: Releases of the product that have the flow, such as C(<1802), or null for all.
      type: str
    scope:
      description: Which holders are peers, C(site), C(parent), C(parent_or_child), C(top_site), C(hierarchy) or C(any).
      type: str
    zone:
      description: C(lan) or C(wan), where the document says so, or null.
      type: str
    notes:
      description: Numbers of the notes in the document that apply.
      type: list
      elements: int
    reference:
      description: Where it is written, with C(document), C(section) and C(row).
      type: dict
      sample: {document: ports-configmgr-2018-09, section: BKMK_PortsClient-MP, row: 3}
    erratum:
      description: What the document says, where the flow deliberately differs, with why and evidence; or null.
      type: dict
    group:
      description: The group of a supplement, or null.
      type: str
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, flat, lookup_options
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import answers


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            return answers.flows(flat(terms), lookup_options(self, variables, kwargs))
