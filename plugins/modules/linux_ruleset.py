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
    them is decided on the host, without starting a process - firewalld when it runs, ufw when it is enabled, else nftables.
  - Two active managers are refused, since each would undo what the other does.
  - When rules of this owner are left in a backend that is not used any more, a warning says so.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - those of the backend that is used
options:
  backend:
    description:
      - The backend. V(auto) takes that of the manager which is active on the host.
    type: str
    choices: [auto, nftables, firewalld, ufw]
    default: auto
  rules:
    description:
      - The rules, complete. Usually rendered from a plan.
      - "Keys of a rule: V(name) (unique, at most 128 printable ASCII characters without quotes and backslashes), V(direction) (V(in) or V(out)),
        V(action) (V(allow), the default, or V(block)), V(protocol) (V(tcp), V(udp), V(icmp_echo) or V(any)), V(local_ports) and V(remote_ports)
        (ports or ranges, empty is any), V(remote_addresses) (addresses, networks, ranges, V(any), or one V(@name) of an address set),
        V(local_addresses) (the same, empty is any), V(helper) (V(tftp) or V(netbios-ns)), V(description)."
      - A rule that blocks beats every rule that allows.
    type: list
    elements: dict
    default: []
  address_sets:
    description:
      - Lists of addresses by name, for rules that refer to them as V(@name).
      - A rule with an empty set matches nobody, and is left out with a warning.
    type: dict
    default: {}
  default_inbound:
    description:
      - What happens to inbound packets that no rule admits. Without it the backend's own default counts - V(block) with nftables, where nothing else would
        stop them, and V(keep) with firewalld and ufw, which stop them already.
    type: str
    choices: [block, reject, allow, keep]
  default_outbound:
    description:
      - What happens to outbound packets that no rule admits.
    type: str
    choices: [keep, allow, block]
    default: keep
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
    type: str
    default: msports
  purge:
    description:
      - Whether own rules that are not given are removed.
    type: bool
    default: true
  max_removals:
    description:
      - Refuse to remove more own rules than this. Without it there is no limit.
    type: int
  management:
    description:
      - V(addresses) and V(ports) (TCP) that must stay able to connect. Rules that would not admit them are refused before any change.
    type: dict
    default: {}
  allow_lockout:
    description:
      - Skip the check that the present management session and O(management) stay admitted.
    type: bool
    default: false
  allow_other_manager:
    description:
      - Apply the rules although another manager of firewall rules is active besides the one that is used.
    type: bool
    default: false
  mode:
    description:
      - V(audit) logs what would be stopped, as far as the backend can, and stops nothing more than before.
    type: str
    choices: [enforce, audit]
    default: enforce
  state:
    description:
      - V(absent) removes the rules of this owner. With O(backend=auto) from every backend that holds any, whichever manager is active by now.
    type: str
    choices: [present, absent]
    default: present
  persist:
    description:
      - Whether the rules are there after a reboot. ufw refuses V(false), because it loads what its files say.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    description: Predicts what a run would change. Nothing is written.
  diff_mode:
    support: full
    description: Shows one canonical line a rule.
  platform:
    support: full
    platforms: linux
    description: Systems that it runs on.
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
