# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: allowed_by
short_description: Whether a plan lets a connection through
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Judges by the planned rules of both managed ends, never by the defaults of a system. An end without a ruleset admits everything,
    but one of the two must have one. Traffic inside a managed host needs no rule.
positional: _input, plan
options:
  _input:
    description:
      - Source, destination and destination port. Ends are inventory hosts, with or without roles, addresses, or one network, all of which
        has to be let through.
      - An address of a host is a question about that host; one that several hosts share, about each of them.
      - The port is V(tcp/445), V(udp/53) or V(icmp_echo).
    type: list
    elements: str
    required: true
  plan:
    description: A plan, or the path of a plan directory.
    type: raw
    required: true
seealso:
  - plugin: portcullis.msports.explain
    plugin_type: filter
"""

EXAMPLES = r"""
- name: The management point reaches its site server over SMB, and nobody from outside does
  ansible.builtin.debug:
    msg:
      - "{{ ('mp01', 'site01', 'tcp/445') is portcullis.msports.allowed_by(hostvars | portcullis.msports.plan) }}"
      - "{{ ('44.0.0.9', 'site01', 'tcp/445') is portcullis.msports.allowed_by(hostvars | portcullis.msports.plan) }}"
  # => [true, false]
"""

RETURN = r"""
_value:
  description: Whether it is let through.
  type: bool
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils import _question
from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.allowed import allowed_set
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today


def allowed_by(question, plan):
    with ansible_errors(AnsibleFilterError):
        plain = to_plain(question)
        if not isinstance(plain, list) or len(plain) != 3:
            raise AnsibleFilterError(f"allowed_by: {plain!r}: expected (source, destination, port), such as ('mp01', 'site01', 'tcp/445')")
        source, destination, port = plain
        return allowed_set(plan_as_of_today(to_plain(plan))).allows(source, destination, *_question.parse(port))


class TestModule:
    def tests(self):
        return {"allowed_by": called(AnsibleFilterError, allowed_by, "is")}
