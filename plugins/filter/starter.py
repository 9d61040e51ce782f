# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: starter
short_description: A commented inventory to start from
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Gives the text of an inventory for some products, with every role as a group, what has to be said first, and comments that say the rest.
  - Addresses in it are those that are reserved for documentation.
positional: _input
options:
  _input:
    description: Products that have a catalog.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: The groups of Exchange
  ansible.builtin.debug:
    msg: "{{ ['exchange'] | portcullis.msports.starter | regex_findall('exchange_[a-z_]+(?=: {hosts)') }}"
  # => [exchange_mailbox, exchange_edge_transport, exchange_lync_server]
"""

RETURN = r"""
_value:
  description: The text, YAML.
  type: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog import starter as core


def starter(products):
    with ansible_errors(AnsibleFilterError):
        return core.starter(list(map(str, listed(products))))


class FilterModule:
    def filters(self):
        return {"starter": called(AnsibleFilterError, starter)}
