#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: nftables_ruleset
short_description: Reconcile the whole owned ruleset of a host with nftables
version_added: 0.1.0
description:
  - Makes the table C(inet <owner>) hold exactly the given rules, in one transaction that the kernel checks first.
  - Compares what the kernel holds and what is saved for the next boot with what is wanted, and writes only when one of them differs.
  - Runs at the same time wait for each other, by a lock in C(/run) that is there only while it is held.
  - Tables of others are never touched. They are read, and what they mean for these rules is told in RV(ignore:effective).
  - Base rules that keep a host alive come with every ruleset - loopback, replies, ICMP errors, neighbour discovery, multicast membership
    and address assignment.
  - Forwarded traffic, and with it published ports of containers, is not filtered.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - nft (nftables) 0.9.3 or later with JSON support, on the target
  - Linux 4.18 or later, on the target
extends_documentation_fragment:
  - portcullis.msports.linux_ruleset
options:
  default_inbound:
    description:
      - What happens to inbound packets that no rule admits. With V(keep) no default of ours exists and rules that allow are not loaded.
    default: block
  default_outbound:
    description:
      - What happens to outbound packets that no rule admits. With V(keep), outbound rules only attach the connection tracking helper they need.
  owner:
    description:
      - Mark of ownership and name of the table.
  allow_other_manager:
    description:
      - Apply the rules although firewalld, ufw or another manager of firewall rules is active. Its rules stay, and what they stop stays stopped.
      - For firewalld and ufw there are M(portcullis.msports.firewalld_ruleset) and M(portcullis.msports.ufw_ruleset). Without this option such a host is
        refused here until the manager is stopped and masked.
  mode:
    description:
      - V(audit) logs what would be dropped, with a limit of ten lines a second, and lets it pass.
  state:
    description:
      - V(absent) removes the table, the saved rules and the units of this owner.
  persist:
    description:
      - Whether the rules are saved and loaded at boot, and again whenever C(nftables.service) is started, restarted or reloaded. Needs systemd on the target.
      - With V(false), saved rules of this owner are removed.
attributes:
  check_mode:
    description: Predicts what a run would change, and lets the kernel check the rules. Nothing is written.
seealso:
  - module: portcullis.msports.nftables_ruleset_info
"""

EXAMPLES = r"""
- name: Admit HTTPS from two networks and management by SSH, and drop everything else
  portcullis.msports.nftables_ruleset:
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
      clients: ["10.20.0.0/16", "fd00:20::/48"]
    management:
      addresses: ["10.9.0.0/24"]
      ports: ["22"]

- name: See what would be dropped
  portcullis.msports.nftables_ruleset:
    rules: []
    mode: audit

- name: Leave no trace
  portcullis.msports.nftables_ruleset:
    state: absent
"""

RETURN = r"""
added:
  description: Names of rules that were not there.
  returned: success
  type: list
  elements: str
  sample: ["in tcp/443 from clients"]
changed_rules:
  description: Names of rules that were there otherwise, also when only the content of their address set changed.
  returned: success
  type: list
  elements: str
removed:
  description: Names of rules that were removed.
  returned: success
  type: list
  elements: str
kept:
  description: Number of rules that were right.
  returned: success
  type: int
structure:
  description: Parts other than rules that were not right - chains, address sets, helpers, and V(saved) for what is kept for the next boot.
  returned: success
  type: list
  elements: str
  sample: ["chain input", "saved"]
effective:
  description:
    - V(in_force) tells whether the kernel holds these rules, read back after a change.
    - V(exact) is false while something else admits more than the rules or cuts what they allow, V(reasons) say what.
    - V(guarded) lists the management sessions that were looked at.
  returned: success
  type: dict
  sample: {"in_force": true, "exact": true, "reasons": [], "guarded": ["10.0.1.11 port 22 from 10.9.0.5 (SSH_CONNECTION in the environment)"]}
problems:
  description: The single reasons of a refusal.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._module import options, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.nftables.reconcile import run


def main():
    module = AnsibleModule(
        argument_spec=options("block"),
        supports_check_mode=True,
    )
    reconcile(module, run, lambda: NftError)


if __name__ == "__main__":
    main()
