# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: product_role
short_description: Whether a name is a product role that a host or network can have
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Tells whether a name is a role of a catalog, as C(<product>.<role>), or C(internet).
options:
  _input:
    description: The name.
    type: raw
    required: true
  releases:
    description: The release of each product that runs, as a mapping of products to releases. The newest edition is the default.
    type: dict
  catalog_paths:
    description: Folders with catalogs of your own.
    type: list
    elements: str
seealso:
  - plugin: portcullis.msports.roles
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Names of roles carry their product
  ansible.builtin.debug:
    msg:
      - "{{ 'configmgr.management_point' is portcullis.msports.product_role }}"
      - "{{ 'management_point' is portcullis.msports.product_role }}"
      - "{{ 'internet' is portcullis.msports.product_role }}"
  # => [true, false, true]

- name: Refuse what is no role
  ansible.builtin.assert:
    that: item is portcullis.msports.product_role
  loop: [exchange.mailbox, windows_server.domain_controller]
"""

RETURN = r"""
_value:
  description: Whether it is one.
  type: bool
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called, mapping
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.answers import is_role


def product_role(value, releases=None, catalog_paths=None):
    with ansible_errors(AnsibleFilterError):
        chosen = mapping(to_plain(releases) or {}, "releases", "products with their releases, like {exchange: 2019}")
        return is_role(to_plain(value), chosen, listed(catalog_paths))


class TestModule:
    def tests(self):
        return {"product_role": called(AnsibleFilterError, product_role, "is")}
