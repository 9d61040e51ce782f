#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_ruleset
short_description: Reconcile the whole owned ruleset of a Linux host by whichever firewall manager is active there
version_added: 0.1.0
description:
  - Does what M(portcullis.msports.nftables_ruleset), M(portcullis.msports.firewalld_ruleset) or M(portcullis.msports.ufw_ruleset) does, in one call. Which of
    them is decided on the host, without starting a process - firewalld when it runs, ufw when it is there and enabled, else nftables.
  - Two active managers are refused, since each would undo what the other does. To go on with both, name O(backend) and set O(allow_other_manager=true).
  - A firewalld that is stopped is not chosen. Where it is enabled, and so comes back at the next boot, a warning says so. To write rules for its next start,
    name O(backend).
  - When rules of this owner are left in a backend that is not used any more, a warning says so.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - those of the backend that is used
extends_documentation_fragment:
  - portcullis.msports.linux_ruleset
options:
  backend:
    description:
      - The backend. V(auto) takes that of the manager which is active on the host.
    type: str
    choices: [auto, nftables, firewalld, ufw]
    default: auto
  default_inbound:
    description:
      - What happens to inbound packets that no rule admits. Without it the backend's own default counts - V(block) with nftables, where nothing else would
        stop them, and V(keep) with firewalld and ufw, which stop them already.
  default_outbound:
    description:
      - What happens to outbound packets that no rule admits.
  place:
    description:
      - Where the rules and the default stand towards the zones of firewalld, see M(portcullis.msports.firewalld_ruleset).
      - Of no effect where the host has another manager. A warning says so where the value is not V(around), because rules of others still count there.
    type: str
    choices: [around, before, after]
    default: around
  owner:
    description:
      - Mark of ownership, in the names or comments of everything that is ours.
  allow_other_manager:
    description:
      - Apply the rules although another manager of firewall rules is active besides the one that is used.
  mode:
    description:
      - V(audit) logs what would be stopped, as far as the backend can, and stops nothing more than before.
  state:
    description:
      - V(absent) removes the rules of this owner. With O(backend=auto) from every backend that holds any, whichever manager is active by now.
        Files that a removed firewalld or ufw has left are cleaned, too.
  persist:
    description:
      - Whether the rules are there after a reboot. firewalld and ufw refuse V(false), because they load what their files say.
seealso:
  - module: portcullis.msports.nftables_ruleset
  - module: portcullis.msports.firewalld_ruleset
  - module: portcullis.msports.ufw_ruleset
"""

EXAMPLES = r"""
- name: Admit HTTPS from two networks and management by SSH, by whatever manages the firewall of the host
  portcullis.msports.linux_ruleset:
    rules:
      - name: in tcp/443 from clients
        direction: in
        protocol: tcp
        local_ports: ["443"]
        remote_addresses: ["@clients"]
      - name: in tcp/22 from management
        direction: in
        protocol: tcp
        local_ports: ["22"]
        remote_addresses: ["10.9.0.0/24"]
    address_sets:
      clients: ["10.20.0.0/16", "10.21.0.0/16"]
    management:
      addresses: ["10.9.0.0/24"]
      ports: ["22"]
  register: firewall

- name: Say which manager it was, and why
  ansible.builtin.debug:
    msg: "{{ firewall.backend }}: {{ firewall.backend_reason }}"
"""

RETURN = r"""
backend:
  description: The backend that was used. With O(state=absent) all that were asked.
  returned: success
  type: str
  sample: firewalld
backend_reason:
  description: Why it was this one.
  returned: success
  type: str
  sample: firewalld is running
added:
  description: Names of rules that were not there. Other values are those of the backend's own module.
  returned: success
  type: list
  elements: str
effective:
  description: Whether the rules are in force and exact, as the backend's own module tells it.
  returned: success
  type: dict
problems:
  description: The single reasons of a refusal.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.reconcile import failures, run
from ansible_collections.portcullis.msports.plugins.module_utils._module import options, reconcile


def main():
    module = AnsibleModule(
        argument_spec=options(
            backend={"type": "str", "choices": ["auto", "nftables", "firewalld", "ufw"], "default": "auto"},
            place={"type": "str", "choices": ["around", "before", "after"], "default": "around"},
        ),
        supports_check_mode=True,
    )
    reconcile(module, run, failures)


if __name__ == "__main__":
    main()
