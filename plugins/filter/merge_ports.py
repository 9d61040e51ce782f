# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: merge_ports
short_description: The fewest ports and ranges that cover the same ports
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Sorts ports and ranges of ports, joins what overlaps or touches, and drops what is there twice.
positional: _input
options:
  _input:
    description:
      - Ports and ranges, as numbers or texts; or just one of them.
      - V(rpc_dynamic), as flows have it, stands for O(dynamic_ports).
    type: list
    elements: raw
    required: true
  dynamic_ports:
    description: The ports that V(rpc_dynamic) stands for.
    type: str
    default: 49152-65535
seealso:
  - plugin: portcullis.msports.expand_ports
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Numbers and texts in any order
  ansible.builtin.debug:
    msg: "{{ [445, '80', '81-90', 443, 444] | portcullis.msports.merge_ports }}"
  # => ["80-90", "443-445"]

- name: All ports of some flows
  ansible.builtin.debug:
    msg: "{{ query('portcullis.msports.flows', role='exchange.client_access', source='exchange.client', protocol='tcp')
             | map(attribute='ports') | flatten | portcullis.msports.merge_ports }}"
  # => ["80", "110", "143", "443", "587", "993", "995"]
"""

RETURN = r"""
_value:
  description: Ports and ranges as texts, ascending, none of which touches another.
  type: list
  elements: str
  sample: ["80", "443-445"]
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import query
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import texts


def merge_ports(ports, dynamic_ports=query.DYNAMIC_PORTS):
    with ansible_errors(AnsibleFilterError):
        return texts(query.merged(listed(ports), "merge_ports", to_plain(dynamic_ports)))


class FilterModule:
    def filters(self):
        return {"merge_ports": called(AnsibleFilterError, merge_ports)}
