# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: host_pattern
short_description: A host pattern of which every part matches somebody
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Gives each pattern back as it is, for C(hosts) of a play.
  - A part of it or of C(--limit) that no host or group has is refused, with the nearest name. Ansible only warns, and goes on with fewer hosts.
  - A pattern that leaves no host is refused, too.
options:
  _terms:
    description: Host patterns, as C(hosts) of a play takes them.
    type: list
    elements: raw
    required: true
  name:
    description: What the user gave the pattern as, for the message.
    type: str
    default: pattern
  instead:
    description: The variable to choose hosts by where a C(--limit) without localhost would leave out the work of a playbook; such a limit is refused.
    type: str
    default: ""
  partial_inventory:
    description: Whether the inventory is known to be a part of the whole one, like that of a slice. Nothing is refused then.
    type: bool
    default: false
"""

EXAMPLES = r"""
# In a play:
#   hosts: "{{ lookup('portcullis.msports.host_pattern', apply_hosts | default('all'), name='apply_hosts') }}"
- name: Patterns that have hosts come back as they are, others are refused
  ansible.builtin.debug:
    msg: "{{ lookup('portcullis.msports.host_pattern', apply_hosts | default('all'), name='apply_hosts') }}"
  # => all
"""

RETURN = r"""
_raw:
  description: The patterns.
  type: list
  elements: raw
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, lookup_options, refuse_unmatched


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            options = lookup_options(self, variables, kwargs)
            if options["partial_inventory"]:
                return terms
            refuse_unmatched("--limit", variables.get("ansible_limit"), variables, self._loader, options["instead"])
            for pattern in terms:
                refuse_unmatched(options["name"], pattern, variables, self._loader)
        return terms
