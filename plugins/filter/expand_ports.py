# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: expand_ports
short_description: Every single port of ports and ranges
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Turns ports and ranges of ports into single port numbers, ascending, without repetition.
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
  - plugin: portcullis.msports.merge_ports
    plugin_type: filter
"""

EXAMPLES = r"""
- name: A range and a port
  ansible.builtin.debug:
    msg: "{{ ['8530-8531', 443] | portcullis.msports.expand_ports }}"
  # => [443, 8530, 8531]

- name: One range
  ansible.builtin.debug:
    msg: "{{ '137-139' | portcullis.msports.expand_ports }}"
  # => [137, 138, 139]
"""

RETURN = r"""
_value:
  description: Port numbers.
  type: list
  elements: int
  sample: [443, 8530, 8531]
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import query
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import expand


def expand_ports(ports, dynamic_ports=query.DYNAMIC_PORTS):
    with ansible_errors(AnsibleFilterError):
        return expand(query.merged(listed(ports), "expand_ports", to_plain(dynamic_ports)))


class FilterModule:
    def filters(self):
        return {"expand_ports": called(AnsibleFilterError, expand_ports)}
