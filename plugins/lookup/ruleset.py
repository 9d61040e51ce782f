# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: ruleset
short_description: The rules of one host, from a saved plan or from the inventory
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Gives one element for each host that is named, so C(lookup()) gives the host's entry itself.
options:
  _terms:
    description: Inventory hosts. The current host is the default.
    type: list
    elements: str
  directory:
    description: A plan directory. Without it the inventory is compiled, all hosts at once, for each call; save a plan when there are many.
    type: str
  backend:
    description:
      - Render for this backend, and give the options of its module. Any host can be rendered for any backend.
      - Rules that the backend cannot say are refused, as by the filter P(portcullis.msports.render#filter).
    type: str
    choices: [nftables, firewalld, ufw, windows]
seealso:
  - plugin: portcullis.msports.render
    plugin_type: filter
"""

EXAMPLES = r"""
- name: From where the fallback status point admits clients
  ansible.builtin.debug:
    msg: "{{ lookup('portcullis.msports.ruleset', 'fsp01').rules | selectattr('local_ports', 'eq', ['80']) | map(attribute='remote') }}"
  # => [configmgr.client@CAS.tree]

- name: What opens dynamic RPC at a domain controller, as the Windows firewall says it
  ansible.builtin.debug:
    msg: "{{ lookup('portcullis.msports.ruleset', 'dc02', backend='windows').rules | selectattr('local_ports', 'contains', 'RPC') | map(attribute='name') }}"
  # =>
  #   - in tcp/rpc from configmgr.management_point
  #   - in tcp/rpc from configmgr.site_server
  #   - in tcp/rpc from windows_server.domain_controller
  #   - in tcp/rpc from windows_server.domain_member
"""

RETURN = r"""
_raw:
  description: The host's entry of the plan (C(docs/plan.md)), or the options of the backend's module.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, flat, lookup_options
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import compile_plan
from ansible_collections.portcullis.msports.plugins.plugin_utils._inventory import inventory_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import load
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import host_of, render


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            options = lookup_options(self, variables, kwargs)
            names = flat(terms) or [str(variables["inventory_hostname"])]
            directory = options["directory"]
            plan = load(directory, only=names) if directory else compile_plan(inventory_of(variables["hostvars"]))
            backend = options["backend"]
            return [render(plan, name, backend) if backend else host_of(plan, name) for name in names]
