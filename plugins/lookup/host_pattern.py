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
  - A pattern that leaves no host is refused, too, also where only the limit does that.
  - With C(--syntax-check) nothing is refused, because nothing is done.
  - Names that ansible-pull puts into its limit for the host that it runs on need not all be in the inventory.
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

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import LIMIT_OPTION, ansible_errors, lookup_options, refuse_unmatched, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MsportsError, Problems


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        with ansible_errors(AnsibleLookupError):
            options = lookup_options(self, variables, kwargs)
            if options["partial_inventory"] or context.CLIARGS.get("syntax"):  # ansible-lint checks playbooks without an inventory
                return terms
            limit = variables.get("ansible_limit")
            limited = refuse_unmatched(LIMIT_OPTION, limit, variables, self._loader, options["instead"]) if limit else []
            problems = Problems()
            for pattern in terms:
                left = refuse_unmatched(options["name"], pattern, variables, self._loader)
                if limit and not set(left) & set(limited):
                    problems.add(
                        LIMIT_OPTION, to_plain(limit), f"leaves none of the hosts of {options['name']} ({to_plain(pattern)}), so nothing would be done"
                    )
            problems.raise_as(MsportsError)
        return terms
