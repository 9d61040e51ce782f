# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: matrix
short_description: The matrix of flows, for the firewalls between subnets
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Turns a plan into rows of source, destination, protocol and ports, with the documented flows behind each.
  - A row joins all destinations that the same sources reach over the same ports.
positional: _input, form
options:
  _input:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
  form:
    description: V(list) gives rows as mappings; V(csv), V(md) (a Markdown table) and V(mermaid) (a diagram) give text.
    type: str
    choices: [list, csv, md, mermaid]
    default: list
seealso:
  - plugin: portcullis.msports.plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Hand the matrix to the network team
  ansible.builtin.copy:
    content: "{{ hostvars | portcullis.msports.plan | portcullis.msports.matrix('csv') }}"
    dest: "{{ (lookup('ansible.builtin.env', 'TMPDIR') | default('/tmp', true)) ~ '/flows.csv' }}"
    mode: "0644"
  delegate_to: localhost
  run_once: true

- name: Who reaches the SQL Server service
  ansible.builtin.debug:
    msg: "{{ hostvars | portcullis.msports.plan | portcullis.msports.matrix | selectattr('ports', 'eq', ['1433'])
             | map(attribute='destination') | flatten | unique | sort }}"
  # => [sql00, sql01]
"""

RETURN = r"""
_value:
  description: The matrix in the form that was asked for. Rows have C(source), C(source_addresses), C(destination),
    C(destination_addresses), C(protocol), C(ports) and C(because), all lists.
  type: raw
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._matrix import matrix as core
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today


def matrix(plan, form="list"):
    with ansible_errors(AnsibleFilterError):
        found = plan_as_of_today(to_plain(plan))
        try:
            return core.render(found, to_plain(form))
        except ValueError as error:
            raise AnsibleFilterError(f"matrix: {error}") from None


class FilterModule:
    def filters(self):
        return {"matrix": called(AnsibleFilterError, matrix)}
