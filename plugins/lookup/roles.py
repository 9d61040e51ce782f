# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: roles
short_description: Product roles that hosts and networks can have
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Returns the product roles of catalogs, sorted by id.
options:
  _terms:
    description: Products, such as V(exchange). None means all products, and the roles that no product owns.
    type: list
    elements: str
  kind:
    description:
      - Only roles of these kinds.
      - V(host) are servers, V(population) are clients (many of them, usually given as networks), V(external) are ends outside, such as cloud services.
    type: list
    elements: str
extends_documentation_fragment:
  - portcullis.msports.catalogs
  - portcullis.msports.catalogs.query
seealso:
  - plugin: portcullis.msports.product_role
    plugin_type: test
"""

EXAMPLES = r"""
- name: The roles of Exchange
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.roles', 'exchange', query='[].id') }}"
  # => [exchange.client, exchange.client_access, exchange.edge_transport, exchange.exchange_online, exchange.lync_server, exchange.mailbox, exchange.um_gateway]

- name: Roles that are clients
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.roles', kind='population') | map(attribute='id') }}"
  # => [configmgr.client, configmgr.console, configmgr.mac_computer, configmgr.mobile_device, data_box.lan_client, data_box_gateway.lan_client,
  #     databox.lan_client, exchange.client, exchange.um_gateway]
"""

RETURN = r"""
_raw:
  description: One mapping for each product role.
  type: list
  elements: dict
  contains:
    id:
      description: The role as C(<product>.<role>), or C(internet) or C(any_host).
      type: str
      sample: configmgr.management_point
    product:
      description: The product that owns the role, or null.
      type: str
      sample: configmgr
    title:
      description: Its official name.
      type: str
      sample: Management point
    title_fr:
      description: The names that the French documentation has for it.
      type: list
      elements: str
    kind:
      description: C(host), C(population) or C(external).
      type: str
      sample: host
    essential:
      description: Whether an estate that needs the role and has no holder of it is a problem.
      type: bool
    appliance:
      description: Whether a holder gets no rules unless C(msports_managed) says so.
      type: bool
    implies:
      description: Roles that each holder has, too.
      type: list
      elements: str
      sample: [windows_server.domain_member]
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, flat, lookup_options
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import answers


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            return answers.roles(flat(terms), lookup_options(self, variables, kwargs))
