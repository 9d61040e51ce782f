# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: plan_diff
short_description: What differs between two plans
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Names, for each host, the rules that were added, removed and changed, and the address sets whose content differs.
  - Says what else changed for a host, such as whether it is managed, its defaults and from where it is managed.
positional: _input, after
options:
  _input:
    description: The plan before, or the path of its directory.
    type: raw
    required: true
  after:
    description: The plan after, or the path of its directory.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: An inventory differs from itself in nothing
  ansible.builtin.debug:
    msg: "{{ hostvars | portcullis.msports.plan | portcullis.msports.plan_diff(hostvars | portcullis.msports.plan) }}"
  run_once: true
  # => {"changed": false, "hosts": {}, "sets": {}}
"""

RETURN = r"""
_value:
  description: The difference.
  type: dict
  contains:
    changed:
      description: Whether any host's ruleset differs.
      type: bool
    hosts:
      description: For each host that differs, the names of the rules that were C(added), C(removed) and C(changed), and C(options)
        with C(before) and C(after) of what else decides on a host.
      type: dict
    sets:
      description: For each address set that differs, the addresses that were C(added) and C(removed).
      type: dict
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan import difference
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.read import plan_from


def plan_diff(before, after):
    with ansible_errors(AnsibleFilterError):
        return difference.plan_diff(plan_from(to_plain(before)), plan_from(to_plain(after)))


class FilterModule:
    def filters(self):
        return {"plan_diff": called(AnsibleFilterError, plan_diff)}
