# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: port_of
short_description: The port number behind the name of a service
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Returns one port number for each name.
  - These are documented defaults, never what your inventory sets.
  - A name that stands for several ports, or for none, is an error.
options:
  _terms:
    description:
      - Names of well-known services, such as V(https).
      - Settings and services of a product, such as V(configmgr.client_notification). A setting comes before a service of the same name.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - portcullis.msports.catalogs
seealso:
  - plugin: portcullis.msports.flows
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: A well-known service
  ansible.builtin.debug:
    msg: "{{ lookup('portcullis.msports.port_of', 'https') }}"
  # => 443

- name: Several at once, well-known and of a product
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.port_of', 'ssh', 'configmgr.client_notification', 'configmgr.wsus_https') }}"
  # => [22, 10123, 8531]
"""

RETURN = r"""
_raw:
  description: The port numbers, in the order of the names.
  type: list
  elements: int
  sample: [443]
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, flat, lookup_options
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import answers


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            return answers.port_of(flat(terms), lookup_options(self, variables, kwargs))
