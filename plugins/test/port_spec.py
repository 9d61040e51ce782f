# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: port_spec
short_description: Whether a value is a port or a range of ports
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Tells whether a value is a port number from 0 to 65535, or a range of them that does not run backwards.
options:
  _input:
    description: The value, a number or a text.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Ports, ranges, and what is neither
  ansible.builtin.debug:
    msg: "{{ [443, '49152-65535', '90-80', 65536, 'https'] | select('portcullis.msports.port_spec') }}"
  # => [443, "49152-65535"]

- name: One value
  ansible.builtin.debug:
    msg: "{{ '8080' is portcullis.msports.port_spec }}"
  # => true
"""

RETURN = r"""
_value:
  description: Whether it is one.
  type: bool
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.ports import PortRange


def port_spec(value):
    try:
        PortRange.parse(to_plain(value))
    except ValueError:
        return False
    return True


class TestModule:
    def tests(self):
        return {"port_spec": called(AnsibleFilterError, port_spec, "is")}
