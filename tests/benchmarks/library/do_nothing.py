# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: do_nothing
short_description: Take rules and do nothing with them
description:
  - What one remote call costs Ansible, whatever the module does there.
options:
  rules:
    description: Rules that travel to the host and are not looked at.
    type: list
    elements: dict
    default: []
author: the portcullis.msports contributors (@portcullis)
"""

from ansible.module_utils.basic import AnsibleModule

if __name__ == "__main__":
    module = AnsibleModule(argument_spec={"rules": {"type": "list", "elements": "dict", "default": []}}, supports_check_mode=True)
    module.exit_json(changed=False)
