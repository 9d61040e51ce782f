# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: catalog
short_description: What the documentation of a product says, as a whole
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Returns the content of catalog files, with roles, services, settings, features, notes, flows, supplements and errata, as they are written there.
  - For flows with all defaults filled in, use P(portcullis.msports.flows#lookup).
options:
  _terms:
    description: Products, such as V(configmgr). None means all products.
    type: list
    elements: str
  edition:
    description: Exactly this edition of the product, when there is just one in the terms.
    type: str
extends_documentation_fragment:
  - portcullis.msports.catalogs
  - portcullis.msports.catalogs.query
seealso:
  - plugin: portcullis.msports.flows
    plugin_type: lookup
  - plugin: portcullis.msports.roles
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Which editions are there
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.catalog', query='[].[product, edition]') }}"
  # => [[configmgr, "1806"], [databox, "2019-12"], [exchange, "2013"], [windows_server, "2023-12"]]

- name: The port that site systems use to notify clients, and why it can be changed
  ansible.builtin.debug:
    msg: "{{ (query('portcullis.msports.catalog', 'configmgr', edition='1806') | first).settings.client_notification.default }}"
  # => 10123
"""

RETURN = r"""
_raw:
  description:
    - One mapping for each product, with the keys of the catalog format. Numbers of notes are texts.
    - C(docs/catalog-format.md) of the collection has the meaning of each key.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, flat, lookup_options
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import answers


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            return answers.catalog(flat(terms), lookup_options(self, variables, kwargs))
