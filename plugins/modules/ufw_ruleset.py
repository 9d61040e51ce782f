#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ufw_ruleset
short_description: Reconcile the whole owned ruleset of a host with ufw
version_added: 0.1.0
description:
  - Makes ufw hold exactly the given rules beside those of the administrator, by its own rule files and one load a family.
  - Rules of ours are known by their comment, V(<owner>:) and the name of the rule, which C(ufw status) shows. All other lines of ufw's files stay
    as they are, and so do all other chains of the kernel.
  - Compares what the files say and what the kernel holds with what is wanted, and writes only when one of them differs. Besides the rules, what
    ufw builds around them is compared - jumps, policies and emptied chains - and repaired.
  - A load replaces the chains in one commit of the kernel, so no packet meets an empty chain. C(ufw reload) is not used, because it opens the host
    while it runs, and empties its chains on a rule that it cannot load.
  - What is in the kernel's chains C(ufw-user-input) and C(ufw-user-output), but in no file of ufw, is removed, as ufw itself does with its next change.
  - A run holds ufw's own lock, so commands of ufw and other runs wait for it. ufw reads its rules before it takes its lock, so a command that began
    before our writing would write our rules away; after a change such commands are waited for, and the rules are looked at once more.
    A warning names those that do not end.
  - ufw is never enabled. On a host where it is inactive, or where its service was stopped, the rules are saved, and a warning says so. Where it is
    enabled and its service is active, but chains of it are missing, ufw's own loader builds them anew.
  - Forwarded traffic, and with it published ports of containers, is not filtered.
notes:
  - What ufw cannot express is refused with a list. It has no sets and no ranges of addresses, so each network of a rule becomes a rule of ufw for
    every 15 ports (a range counts twice); more than 10,000 of them in one family are refused. An ipset in their place would be lost, because ufw
    makes its lines anew at each of its commands.
  - ufw has no rules for ICMP. A rule for V(icmp_echo) that allows what C(before.rules) admit already writes nothing, and others are refused.
  - ufw has no helpers of connection tracking. A rule with the helper V(tftp) is written where the other direction passes by default, since the answers
    pass then, and refused elsewhere. With V(netbios-ns), answers to a broadcast are admitted by their source port.
  - Port 0 is refused, because ufw knows ports from 1 on.
  - Blocks stand before all other rules, allows behind them. So a denial of the administrator's beats an allow of ours, which RV(ignore:effective) tells,
    and a block of ours beats every allow but those of C(before.rules).
  - Where a default that blocks is asked for, rules for IGMP and, outbound, for requests by DHCP and DHCPv6 come with it, because C(before.rules)
    do not hold them.
  - What C(before.rules) admit ahead of all rules (ping, mDNS, UPnP and more kinds of ICMPv6) is told in RV(ignore:effective).
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - ufw 0.35 or later, on the target; tested with 0.36.2, iptables-nft and iptables-legacy
extends_documentation_fragment:
  - portcullis.msports.linux_ruleset
options:
  default_inbound:
    description:
      - What happens to inbound packets that no rule admits. V(keep) leaves ufw's own default, others set it (C(DEFAULT_INPUT_POLICY)) for all of ufw.
      - What was there before comes back with V(keep) and with O(state=absent), unless somebody else has changed it since.
      - Rules that allow are written in any case. V(reject) answers with an ICMP error, to TCP as well.
    default: keep
  default_outbound:
    description:
      - What happens to outbound packets that no rule admits (C(DEFAULT_OUTPUT_POLICY)), as with O(default_inbound).
      - With V(keep), and while ufw's own default for outbound is to accept, outbound rules that allow are not written.
  owner:
    description:
      - Mark of ownership, with which the comments of the rules begin.
  allow_other_manager:
    description:
      - Apply the rules although firewalld or another manager of firewall rules is active besides ufw.
  mode:
    description:
      - With V(audit) no block is written, and no default is made tighter. Where a default is asked for that blocks, and ufw's own one accepts, new
        connections that no rule names are logged with ufw's limit of three lines a minute (V([UFW ALLOW])), and pass.
      - What ufw stops by its own default or by rules of others stays stopped.
  state:
    description:
      - V(absent) removes the rules of this owner, and puts back the defaults that were changed. Works on the files that a removed ufw has left, too.
  persist:
    description:
      - Always V(true) with ufw, which loads what its files say; V(false) is refused. It is here because all backends have it.
attributes:
  check_mode:
    description: Predicts what a run would change, and lets C(iptables-restore) check the rules. Nothing is written.
seealso:
  - module: portcullis.msports.ufw_ruleset_info
"""

EXAMPLES = r"""
- name: Admit HTTPS from two networks and management by SSH, and leave ufw's default for everything else
  portcullis.msports.ufw_ruleset:
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

- name: See what a default that blocks would stop, on a host whose ufw lets everything in
  portcullis.msports.ufw_ruleset:
    rules: []
    default_inbound: block
    mode: audit

- name: Leave no trace
  portcullis.msports.ufw_ruleset:
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
  description: Parts other than rules that were not right - chains, defaults, base rules, the order of a file, and V(saved) for the record of changed defaults.
  returned: success
  type: list
  elements: str
  sample: ["chain ufw-user-input (IPv4)", "default inbound"]
effective:
  description:
    - V(in_force) tells whether the kernel holds these rules, read back after a change. It is false while ufw is inactive.
    - V(exact) is false while something else admits more than the rules or cuts what they allow, V(reasons) say what.
    - V(guarded) lists the management sessions that were looked at.
  returned: success
  type: dict
  sample:
    in_force: true
    exact: false
    reasons: ["chain ufw-before-input accepts more than the rules: -p icmp --icmp-type 8"]
    guarded: ["10.0.1.11 port 22 from 10.9.0.5 (SSH_CONNECTION in the environment)"]
problems:
  description: The single reasons of a refusal.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._module import options, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.programs import UfwError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.ufw.reconcile import run


def main():
    module = AnsibleModule(
        argument_spec=options("keep"),
        supports_check_mode=True,
    )
    reconcile(module, run, lambda: UfwError)


if __name__ == "__main__":
    main()
