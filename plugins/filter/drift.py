# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: drift
short_description: What the check of a host says of drift
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Says in words how the rules of a host differ from the plan, and which foreign rules stand against it.
  - Rules that come with Windows or an app are no drift. Every Windows host has some that admit more than a plan. They are told apart, in C(shipped).
positional: _input, accepted
options:
  _input:
    description: The result of M(portcullis.msports.apply) in check mode.
    type: dict
    required: true
  accepted:
    description:
      - Foreign rules that are meant to be there. On Windows the group or the name of a rule, elsewhere the words in which it is told. Patterns are taken.
    type: list
    elements: str
    default: []
  ignore_foreign:
    description: Look at our own rules only.
    type: bool
    default: false
  strict:
    description: Let rules that come with Windows or an app count as drift, too, unless they are accepted.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A rule is missing, and a foreign one admits more
  ansible.builtin.debug:
    msg: "{{ checked | portcullis.msports.drift(['Remote *']) }}"
  vars:
    checked:
      changed: true
      added: [in tcp/443 from configmgr.client]
      effective:
        reasons_beyond_foreign_allows: []
        foreign_allows:
          - {group: Remote Desktop, direction: in, rules: 3, profiles: [domain], examples: [Remote Desktop - Shadow], admits: [tcp/3389], baseline: true}
          - {group: Backup, direction: in, rules: 1, profiles: [domain], examples: [Agent], admits: [tcp/10000], baseline: false}
  # => {"accepted": ["Remote Desktop: 3 inbound, tcp/3389"],
  #     "differs": ["missing: in tcp/443 from configmgr.client", "foreign: Backup: 1 inbound, tcp/10000"], "shipped": []}
"""

RETURN = r"""
_value:
  description: What differs, in words.
  type: dict
  contains:
    differs:
      description: Rules of ours that are missing, extra or changed, and foreign rules that admit more than the plan or cut what it allows.
      type: list
      elements: str
    accepted:
      description: Foreign rules that are accepted.
      type: list
      elements: str
    shipped:
      description: Groups of rules that come with Windows or an app, and admit more than the plan.
      type: list
      elements: str
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called, mapping
from ansible_collections.portcullis.msports.plugins.plugin_utils._drift import drift as drift_of


def drift(result, accepted=(), ignore_foreign=False, strict=False):
    with ansible_errors(AnsibleFilterError):
        checked = mapping(to_plain(result), "drift", "the result of portcullis.msports.apply in check mode")
        return drift_of(checked, list(map(str, listed(accepted))), bool(ignore_foreign), bool(strict))


class FilterModule:
    def filters(self):
        return {"drift": called(AnsibleFilterError, drift)}
