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
  show:
    description:
      - V(content) is what a catalog says. V(editions) is one entry for each edition that there is, oldest first, whatever runs.
    type: str
    choices: [content, editions]
    default: content
  from:
    description: Compare this edition of the one product in the terms with the edition O(to), instead of showing one.
    type: str
  to:
    description: The other edition to compare.
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
- name: Which editions of Exchange are there
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.catalog', 'exchange', show='editions', query='[].[edition, title, dated]') }}"
  # => [["2013", null, "2016-12-09"], ["2016", null, "2022-03-23"], ["2019", null, "2022-03-23"], ["2025", "Subscription Edition", "2022-03-23"]]

- name: What Configuration Manager 2509 does no longer need
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.catalog', 'configmgr', from='1806', to='2509', query='[].roles.removed[]') }}"
  # => [configmgr.application_catalog_web_service_point, configmgr.application_catalog_website_point, configmgr.microsoft_intune]

- name: The port that site systems use to notify clients, and why it can be changed
  ansible.builtin.debug:
    msg: "{{ (query('portcullis.msports.catalog', 'configmgr', edition='1806') | first).settings.client_notification.default }}"
  # => 10123
"""

RETURN = r"""
_raw:
  description:
    - One mapping for each product, with the keys of the catalog format. Numbers of notes are texts. A newer edition is shown whole.
    - With O(show=editions), C(product), C(edition), C(title), C(base), C(document), C(dated), C(url), C(flows) and C(supplements), the last two as counts.
    - With O(from) and O(to), one mapping with C(added), C(removed), C(documented) and C(changed) flows, C(supplements) and C(roles).
      A flow has its C(id), ends, C(protocol), C(ports), C(section) and C(row); a changed one C(changes), by field C(from) and C(to).
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
