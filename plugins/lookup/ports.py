# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: ports
short_description: Ports that the holder of a product role needs
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Adds up the documented flows of product roles to ports, by direction, protocol and the feature that switches them on.
  - These are the documented ports. What a certain host of yours needs follows from all of the inventory; that is what a plan says.
options:
  _terms:
    description: Products whose flows are added up, such as V(configmgr). None means all products.
    type: list
    elements: str
  role:
    required: true
extends_documentation_fragment:
  - portcullis.msports.selectors
  - portcullis.msports.catalogs
  - portcullis.msports.catalogs.query
seealso:
  - plugin: portcullis.msports.flows
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: What a fallback status point must admit from clients
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.ports', 'configmgr', role='configmgr.fallback_status_point', direction='in', source='configmgr.client') }}"
  # =>
  #   - role: configmgr.fallback_status_point
  #     direction: in
  #     protocol: tcp
  #     feature: null
  #     ports: ["80"]
  #     peers: [configmgr.client]
  #     flows: [configmgr.client.fallback_status_point.http.tcp]

- name: The same for all peers, as short texts
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.ports', 'configmgr', role='configmgr.fallback_status_point', direction='in',
             query='[].{feature: feature, protocol: protocol, ports: ports}') }}"
  # =>
  #   - {feature: null, protocol: tcp, ports: ["80", "135", "445", "49152-65535"]}
  #   - {feature: configmgr.internet_based_clients, protocol: tcp, ports: ["135", "445", "49152-65535"]}
  #   - {feature: null, protocol: udp, ports: ["135"]}
  #   - {feature: configmgr.internet_based_clients, protocol: udp, ports: ["135"]}

- name: What PXE adds at a distribution point
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.ports', role='configmgr.distribution_point', direction='in', feature='configmgr.pxe', query='[].ports') }}"
  # => [["67-69", "4011"]]

- name: Every port that a management point reaches out to as a member of its domain
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.ports', 'windows_server', role='configmgr.management_point', implied=true, direction='out', protocol='tcp',
             requirement='required', query='[].ports[]') }}"
  # => ["53", "88", "135", "389", "445", "464", "636", "3268-3269", "49152-65535"]
"""

RETURN = r"""
_raw:
  description: One mapping for each role, direction, protocol and feature.
  type: list
  elements: dict
  contains:
    role:
      description: The product role.
      type: str
      sample: configmgr.distribution_point
    direction:
      description: C(in) or C(out), as a holder of the role sees it.
      type: str
    protocol:
      description: C(tcp), C(udp), C(icmp_echo) or C(any).
      type: str
    feature:
      description: The feature that must be on for these ports to be needed, or null.
      type: str
      sample: configmgr.pxe
    ports:
      description: Ports and ranges of the destination, merged. Empty for protocols without ports and where the document says user defined.
      type: list
      elements: str
      sample: ["80", "443", "49152-65535"]
    peers:
      description: The product roles at the other end.
      type: list
      elements: str
    flows:
      description: Ids of the flows that were added up.
      type: list
      elements: str
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, flat, lookup_options
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import answers


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            return answers.ports(flat(terms), lookup_options(self, variables, kwargs))
