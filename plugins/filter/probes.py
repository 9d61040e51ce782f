# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: probes
short_description: Connections to try after a plan was applied
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - For each rule over TCP, chooses a managed host that it admits and one that no rule admits to that port, and some ports that nobody has.
  - Hosts that reject what they do not admit are left out, because a refusal says nothing there. So is what is not over TCP, because silence says nothing.
positional: _input, most
options:
  _input:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
  most:
    description: How many connections to one host are tried at most.
    type: int
    default: 20
  systems:
    description: From hosts of which systems connections are tried.
    type: list
    elements: str
    default: [linux, windows]
"""

EXAMPLES = r"""
- name: From where would the database be tried
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.probes).by_source.mp01 | selectattr('port', 'eq', 1433) }}"
  # => [{address: 10.1.1.11, port: 1433}]
"""

RETURN = r"""
_value:
  description: The connections.
  type: dict
  contains:
    by_source:
      description: Host to what it has to try, each with C(address) and C(port).
      type: dict
    count:
      description: How many there are.
      type: int
    left_out:
      description: How many were left out, because there would be too many to one host.
      type: int
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import probes_of_plan
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today


def probes(plan, most=20, systems=("linux", "windows")):
    with ansible_errors(AnsibleFilterError):
        return probes_of_plan(plan_as_of_today(to_plain(plan)), to_plain(most), listed(list(systems)))


class FilterModule:
    def filters(self):
        return {"probes": called(AnsibleFilterError, probes)}
