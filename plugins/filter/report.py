# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: report
short_description: A plan as a report that people open
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Says what a plan opens and why, as one page without network and needed scripts, or in a form for reviews and programs.
  - Has a summary (what would be cut, what is open though not planned, hosts that lag behind, orphans, exceptions that end), the roles, the matrix
    with addresses, the reasons of every rule, findings, claims and notes.
positional: _input, form
options:
  _input:
    description: A plan, or the path of a plan directory. Only a directory says which hosts lag behind.
    type: raw
    required: true
  form:
    description: V(html) is one page, V(md) Markdown, V(json) the data that all forms are made of, V(junit) a test suite for continuous integration.
    type: str
    choices: [html, md, json, junit]
    default: html
  observations:
    description: Observations, as P(portcullis.msports.findings#filter) takes them. Unset, those beside the plan directory, if there are any.
    type: raw
  catalog_paths:
    description: Folders with your own catalogs, as in C(msports_catalog_paths).
    type: list
    elements: path
seealso:
  - plugin: portcullis.msports.matrix
    plugin_type: filter
  - plugin: portcullis.msports.findings
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the page
  ansible.builtin.copy:
    content: "{{ hostvars | portcullis.msports.plan | portcullis.msports.report }}"
    dest: "{{ (lookup('ansible.builtin.env', 'TMPDIR') | default('/tmp', true)) ~ '/firewalls.html' }}"
    mode: "0644"
  delegate_to: localhost
  run_once: true

- name: How many hosts have rules
  ansible.builtin.debug:
    msg: "{{ (hostvars | portcullis.msports.plan | portcullis.msports.report('json') | from_json).summary | selectattr('name', 'eq', 'hosts')
             | map(attribute='count') }}"
  # => [21]
"""

RETURN = r"""
_value:
  description: The report.
  type: str
"""

import os

from ansible.errors import AnsibleFilterError

from ansible_collections.portcullis.msports.plugins.plugin_utils._ansible import ansible_errors, listed, to_plain
from ansible_collections.portcullis.msports.plugins.plugin_utils._calls import called
from ansible_collections.portcullis.msports.plugins.plugin_utils._compile import report_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.store import folder_of, observations_from
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.applied import lagging_of
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.ended import plan_as_of_today, today
from ansible_collections.portcullis.msports.plugins.plugin_utils._report import forms


def report(plan, form="html", observations=None, catalog_paths=None):
    with ansible_errors(AnsibleFilterError):
        given, seen = to_plain(plan), to_plain(observations)
        found = plan_as_of_today(given)
        if seen is None and isinstance(given, str) and os.path.isdir(folder_of(given)):
            seen = given
        observed = None if seen is None else observations_from(seen, today())
        content = report_of(found, observed, lagging_of(given) if isinstance(given, str) else None, listed(catalog_paths))
        try:
            return forms.render(content, to_plain(form))
        except ValueError as error:
            raise AnsibleFilterError(f"report: {error}") from None


class FilterModule:
    def filters(self):
        return {"report": called(AnsibleFilterError, report)}
