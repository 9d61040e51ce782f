#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_probe
short_description: Try connections over TCP from a Linux host
version_added: 0.1.0
description:
  - Opens a connection to each address and port, all at once, and closes it. Sends nothing over it and changes nothing.
  - The playbook C(portcullis.msports.verify) calls this module with what P(portcullis.msports.probes#filter) gives.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - Python 3.8 or later
options:
  probes:
    description:
      - What to try.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: An IP address.
        type: str
        required: true
      port:
        description: A port over TCP.
        type: int
        required: true
  timeout:
    description:
      - For how many seconds silence is waited for.
    type: float
    default: 2
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
  platform:
    support: full
    platforms: linux
    description: Systems that it runs on.
"""

EXAMPLES = r"""
- name: May this host reach the database
  portcullis.msports.linux_probe:
    probes: [{address: 10.1.1.11, port: 1433}]
"""

RETURN = r"""
answers:
  description:
    - For each probe C(address), C(port) and C(answer). V(open) and V(refused) say that it arrived, V(filtered) that nobody answered or that a firewall did.
    - V(failed) with C(why) says that it could not be tried.
  returned: success
  type: list
  elements: dict
  sample: [{address: 10.1.1.11, port: 1433, answer: open}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.probe import probe

PROBE = {"address": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}
SPEC = {"probes": {"type": "list", "elements": "dict", "required": True, "options": PROBE}, "timeout": {"type": "float", "default": 2}}


def main():
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    targets = [(item["address"], item["port"]) for item in module.params["probes"]]
    module.exit_json(changed=False, answers=probe(targets, module.params["timeout"]))


if __name__ == "__main__":
    main()
