#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: firewalld_ruleset
short_description: Reconcile the whole owned ruleset of a host with firewalld
version_added: 0.1.0
description:
  - Makes the policies, ipsets and services of one owner in firewalld be exactly what the given rules need, in one call and with at most one reload.
  - Compares what is saved, what the daemon holds and what the kernel holds with what is wanted, and writes only when one of them differs.
  - Zones, policies, ipsets, services and direct rules of others are never changed. They are read, and what they admit beyond these rules and stop
    of them is told in RV(ignore:effective).
  - A direction has up to three policies, named after the owner - C(msports-in-block), C(msports-in-allow) and C(msports-in-rest), the same with C(out).
    Inbound policies go from C(ANY) to C(HOST), outbound ones from C(HOST) to C(ANY). Long lists of addresses are ipsets of type C(hash:net), helpers are
      services.
  - While firewalld does not run, the rules are saved only, and RV(ignore:effective) says that they are not in force.
  - The rules leave the kernel when firewalld is stopped, as long as C(CleanupOnExit) is C(yes) in C(firewalld.conf), which is its default.
  - Forwarded traffic, and with it published ports of containers, is not filtered.
author:
  - portcullis.msports contributors (@portcullis)
notes:
  - A reload of firewalld loses what only its running configuration holds, and flushes rules that others made with iptables. Where there is such, small
    changes of rules and addresses are made without a reload. Where a reload is needed (a policy, an ipset or a service is new, goes or changes its
    place, the kernel was changed behind the daemon, or too much differs), what was lost is put back at once behind it, and a warning lists it. Where that
    could not be done for rules of iptables, the run is refused before any change (O(allow_other_manager)). The daemon
    does not tell how long a rule with a timeout had still to live, so what is put back has none. Entries of ipsets with a timeout begin anew.
  - A rich rule has room for the ports of one end only. For a rule with local and remote ports, the own end becomes an ipset of type C(hash:net,port).
  - C(tftp) is attached to udp/69 and C(netbios-ns) to udp/137, as firewalld does; other ports are refused.
  - MLD has no name in every version of firewalld. Where a default of ours stops packets, all ICMPv6 to multicast groups is admitted instead, inbound from
    this link only.
  - Talks to the daemon over the message bus by itself. Python libraries of firewalld are not needed.
requirements:
  - firewalld 0.9 or later on the target
  - nft (nftables) on the target, for looking at the kernel. Without it, and where C(FirewallBackend) is C(iptables), the daemon's word is taken for it.
extends_documentation_fragment:
  - portcullis.msports.linux_ruleset
options:
  default_inbound:
    description:
      - What happens to inbound packets that no rule names.
      - With V(keep) it is what the zones say; those that firewalld comes with block already. The other values are a policy of ours, see O(place).
      - V(block) drops, V(reject) answers TCP with a reset and everything else with an ICMP error.
    default: keep
  default_outbound:
    description:
      - What happens to outbound packets that no rule names. With V(keep), firewalld lets them pass unless a policy of others stops them.
  place:
    description:
      - Where the rules and the default stand towards the zones. Rules that block are asked before the zones in any case.
      - V(around) puts rules that allow before the zones and the default behind them - what a zone of the administrator admits stays admitted, and is
        reported.
        What a zone stops (a ban of fail2ban as a rich rule, for instance) is passed over where a rule allows it; a warning says so.
      - V(before) puts both before the zones. With a default that stops packets, nothing that a zone admits is admitted.
      - V(after) puts both behind the zones' own rules and before their targets. What a zone stops stays stopped, and is reported.
    type: str
    choices: [around, before, after]
    default: around
  owner:
    description:
      - Mark of ownership and beginning of all names. An owner of more than seven characters is shortened to a digest, because names of policies are short.
  management:
    description:
      - V(addresses) and V(ports) (TCP) that must stay able to connect. They and the present session are followed through zones, policies and rules, ours and
        others', as they are and as they will be. The run is refused before any change when it would stop what may connect now, or when rules or a default
        of ours stop it - with O(mode=audit) and O(state=absent), too.
      - What others stop already, and go on stopping, is told by a warning.
  allow_other_manager:
    description:
      - Apply the rules although ufw or another manager of firewall rules is active beside firewalld.
      - Also reload firewalld although that flushes rules of iptables that others have made and that cannot be put back, because C(iptables-save) is missing or
        C(FirewallBackend) is C(iptables). Without it such a run is refused before any change.
  mode:
    description:
      - V(audit) logs what would be dropped, with a limit of ten lines a second, and leaves it to the zones. Rules that allow are added and removed as ever;
        when a zone would stop management for want of one, the run is refused.
  state:
    description:
      - V(absent) removes the policies, ipsets and services of this owner, saved and running.
  persist:
    description:
      - Must be V(true). firewalld loads policies from its saved configuration only. The option is there because all backends take the same ones.
attributes:
  diff_mode:
    description: Shows one canonical line a rule, in the words of firewalld's rich rules.
seealso:
  - module: portcullis.msports.firewalld_ruleset_info
  - module: portcullis.msports.nftables_ruleset
"""

EXAMPLES = r"""
- name: Admit HTTPS from two networks and management by SSH, and leave the rest to the zones
  portcullis.msports.firewalld_ruleset:
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

- name: Admit nothing but the rules, whatever the zones open
  portcullis.msports.firewalld_ruleset:
    rules: "{{ rules }}"
    default_inbound: block
    place: before

- name: Leave no trace
  portcullis.msports.firewalld_ruleset:
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
  description: Names of rules that were there otherwise - also when only the content of their address set changed, or one of the places (saved, daemon,
    kernel) lacked them.
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
  description: Parts other than rules that were not right - policies, ipsets, services, the kernel's copy of them, and V(saved) for what is kept for the
    next boot.
  returned: success
  type: list
  elements: str
  sample: ["policy msports-in-rest", "saved"]
effective:
  description:
    - V(in_force) tells whether the daemon and the kernel hold these rules, read back after a change.
    - V(exact) is false while something else admits more than the rules or cuts what they allow, V(reasons) say what.
    - V(guarded) lists the management sessions that were looked at.
  returned: success
  type: dict
  sample:
    in_force: true
    exact: false
    reasons: ["zone public admits: service ssh (port 22/tcp)"]
    guarded: ["10.0.1.11 port 22 from 10.9.0.5 (SSH_CONNECTION in the environment)"]
problems:
  description: The single reasons of a refusal.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.reconcile import FirewalldError, run
from ansible_collections.portcullis.msports.plugins.module_utils._module import options, reconcile
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError


def main():
    module = AnsibleModule(
        argument_spec=options("keep", place={"type": "str", "choices": ["around", "before", "after"], "default": "around"}),
        supports_check_mode=True,
    )
    reconcile(module, run, lambda: (FirewalldError, BusError, NftError))


if __name__ == "__main__":
    main()
