#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: linux_ruleset
short_description: Reconcile the whole owned ruleset of a Linux host with nftables, firewalld or ufw
version_added: 0.1.0
description:
  - Makes the rules of one owner be exactly the given ones, in one call. Compares what the host saves and enforces with what is asked for, and writes only
    where they differ.
  - The host decides which backend serves it, without starting a process - firewalld when it runs, ufw when it is there and enabled, else nftables.
    O(backend) names one.
  - Foreign rules are read and never changed. RV(ignore:effective) says what they admit beyond these rules, and what of these rules they stop.
  - The run is refused before any change when it would lock out the people who manage the host.
  - Two active managers are refused, since each would undo what the other does. To go on with both, name O(backend) and set O(allow_other_manager=true).
  - Rules of this owner that another backend still holds are reported by a warning.
  - Forwarded traffic is not filtered. Published ports of containers are forwarded traffic.
  - Problems of the options are reported on the controller, before the host is connected to.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - Linux 4.18 or later, on the target
  - nftables - nft 0.9.3 or later with JSON support, on the target
  - firewalld - firewalld 0.9 or later, on the target. nft lets the module look at the kernel. Without it, and where C(FirewallBackend) is C(iptables),
    the word of the daemon is taken.
  - ufw - ufw 0.35 or later, on the target; tested with 0.36.2, iptables-nft and iptables-legacy
notes:
  - nftables - The table C(inet <owner>) is replaced in one transaction, which the kernel checks first. It holds base rules that keep a host alive
    (loopback, replies, ICMP errors, neighbour discovery, multicast membership, address assignment).
  - firewalld - The rules are policies, ipsets and services, written with at most one reload. While firewalld does not run, they are saved only.
    They leave the kernel when firewalld is stopped, unless C(CleanupOnExit) is C(no) in C(firewalld.conf).
  - firewalld - A reload loses what only the running configuration holds, and flushes rules that others made with iptables. Small changes are made without
    a reload where there is such. Where one is needed, what was lost is put back at once, without timeouts, and a warning lists it. Where rules of iptables
    cannot be put back, the run is refused before any change.
  - firewalld - C(tftp) is attached to udp/69 and C(netbios-ns) to udp/137; other ports are refused.
  - ufw - The rules stand in the files of ufw, and are known by their comment. One load a family replaces the chains in one commit of the kernel.
    C(ufw reload) is not used, because it opens the host while it runs. ufw is never enabled.
  - ufw - Each network of a rule becomes a rule of ufw for every 15 ports (a range counts twice), because ufw has no sets; more than 10,000 in one family are
    refused. ufw has no rules for ICMP, so a rule for V(icmp_echo) writes nothing where C(before.rules) admit it already, and is refused elsewhere.
    Port 0 is refused.
  - The pages C(docs/backend-contract.md), C(docs/firewalld.md) and C(docs/ufw.md) of the collection tell the rest.
extends_documentation_fragment:
  - portcullis.msports.ruleset
options:
  backend:
    description:
      - The backend. V(auto) takes that of the manager which is active on the host.
      - A stopped firewalld is not taken. Name it to write rules for its next start. Where it is enabled, a warning says that it comes back.
    type: str
    choices: [auto, nftables, firewalld, ufw]
    default: auto
  rules:
    description:
      - The rules, complete. Usually rendered from a plan.
      - "Keys of a rule: V(name) (unique, at most 128 printable ASCII characters without quotes and backslashes), V(direction) (V(in) or V(out)),
        V(action) (V(allow), the default, or V(block)), V(protocol) (V(tcp), V(udp), V(icmp_echo) or V(any)), V(local_ports) and V(remote_ports)
        (ports or ranges, empty is any), V(remote_addresses) (addresses, networks, ranges, V(any), or one V(@name) of an address set),
        V(local_addresses) (the same, empty is any), V(helper) (V(tftp) or V(netbios-ns)), V(until)
        (the last day on which the rule holds, as V(2027-01-31), in UTC; nftables ends it by itself, the others ignore it), V(description)."
      - A rule that blocks beats every rule that allows. With ufw, C(before.rules) come first.
    type: list
    elements: dict
    default: []
  default_inbound:
    description:
      - What happens to inbound packets that no rule names. Unset, it is V(block) with nftables, where nothing else would stop them, and V(keep) with
        firewalld and ufw, which stop them already.
      - V(block) drops, and V(reject) answers with an error. With V(keep) there is no default of ours.
      - nftables - With V(keep), rules that allow are not loaded, because nothing needs them.
      - firewalld - With V(keep) it is what the zones say. The other values are a policy, see O(firewalld_precedence).
      - ufw - Sets C(DEFAULT_INPUT_POLICY) for all of ufw. What was there before comes back with V(keep) and with O(state=absent), unless somebody else has
        changed it since.
    type: str
    choices: [block, reject, allow, keep]
  default_outbound:
    description:
      - What happens to outbound packets that no rule names. With V(keep), outbound rules that allow are loaded only where they attach a connection
        tracking helper.
      - ufw - Sets C(DEFAULT_OUTPUT_POLICY). While that accepts and is kept, outbound rules that allow are not written.
    type: str
    choices: [keep, allow, block]
    default: keep
  owner:
    description:
      - The mark of ownership. With nftables it is the name of the table. With firewalld the names of policies, ipsets and services begin with it (more than
        seven characters are shortened to a digest). With ufw the comments of the rules begin with it.
    type: str
    default: msports
  purge:
    description:
      - Whether own rules that are not given are removed.
    type: bool
    default: true
  management:
    description:
      - V(addresses) and V(ports) (TCP) that must stay able to connect. Rules that would not admit them are refused before any change.
      - firewalld - They and the present session are followed through zones, policies and rules, foreign ones too, as they are and as they will be.
        With O(mode=audit) and O(state=absent), too. What foreign rules stop already is reported by a warning.
    type: dict
    default: {}
  allow_lockout:
    description:
      - Skip the check that the present management session and O(management) stay admitted.
      - Without it, rules that would lock out are refused. What cannot be told is refused where O(rollback_timeout=0), else it is a warning.
    type: bool
    default: false
  connection_port:
    description:
      - The port of the host by which the controller came. The action sets it, unless the connection does not go over the network.
      - The guard takes the sessions at this port for those of management where the session of the run cannot be seen, or comes from the host itself.
    type: int
  allow_other_manager:
    description:
      - Apply the rules although another manager of firewall rules is active besides the one that is used. Its rules stay, and what they stop stays stopped.
      - firewalld - Also reload although that flushes foreign rules of iptables that cannot be put back, because C(iptables-save) is missing or
        C(FirewallBackend) is C(iptables).
    type: bool
    default: false
  mode:
    description:
      - V(audit) stops nothing that passed before. The host learns its conversations, as with M(portcullis.msports.linux_learning), until O(state=absent) or
        until that module ends it. Where C(nft) is missing a warning says so.
      - nftables - What would be dropped passes; rules that block only count.
      - firewalld - What would be dropped is left to the zones, and no block is written.
      - ufw - No block is written, and no default is made tighter.
    type: str
    choices: [enforce, audit]
    default: enforce
  audit_log:
    description:
      - Whether O(mode=audit) also writes into the kernel's log what would be dropped. On a busy host the log has a part of it only, because lines are limited.
      - nftables and firewalld - Ten lines a second at most, for the default and for rules that block.
      - ufw - Where a default that blocks is asked for and the present one accepts, new connections that no rule names, three lines a minute at most.
    type: bool
    default: false
  state:
    description:
      - V(absent) removes the rules of this owner. With O(backend=auto) from every backend that holds any, whichever manager is active by now.
        Files that a removed firewalld or ufw has left are cleaned, too.
    type: str
    choices: [present, absent]
    default: present
  persist:
    description:
      - Whether the rules are there after a reboot.
      - nftables - The rules are loaded at boot, and again whenever C(nftables.service) is started, restarted or reloaded. Needs systemd on the target.
        With V(false), saved rules of this owner are removed.
      - firewalld and ufw refuse V(false), because they load what their files say.
    type: bool
    default: true
  firewalld_precedence:
    description:
      - Who is asked first, these rules or the zones of firewalld. Rules that block are asked before the zones in any case.
      - V(merge) puts rules that allow before the zones and the default behind them. What a zone of the administrator admits stays admitted, and is reported.
        What a zone stops (a ban of fail2ban as a rich rule, for instance) passes where a rule allows it; a warning says so.
      - V(override) puts both before the zones. With a default that stops packets, nothing that a zone admits is admitted.
      - V(yield) puts both behind the rules of the zones and before their targets. What a zone stops stays stopped, and is reported.
      - Of no effect with another backend. A warning says so where the value is not V(merge), because foreign rules still count there.
    type: str
    choices: [merge, override, yield]
    default: merge
  rollback_timeout:
    description:
      - How many seconds a change waits for a confirmation, which this action sends over a new connection as soon as it has one. Without a confirmation in time
        the host takes the change back by itself, and the task fails. V(0) changes the rules for good at once.
      - Rules are saved for the next boot when they are confirmed, so a restart before that ends in the rules from before.
      - While a change waits, other runs for this owner are refused.
      - The host needs systemd for a timer. Without systemd a process of its own waits.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
    description: Predicts what a run would change, and lets the kernel or C(iptables-restore) check the rules. Nothing is written.
  diff_mode:
    support: full
    description: Shows one canonical line a rule, in the words of the backend.
  platform:
    support: full
    platforms: linux
    description: Systems that it runs on.
seealso:
  - module: portcullis.msports.linux_ruleset_info
  - module: portcullis.msports.apply
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

- name: See what would be dropped
  portcullis.msports.linux_ruleset:
    rules: []
    default_inbound: block
    mode: audit

- name: Admit nothing but the rules, whatever the zones of firewalld open
  portcullis.msports.linux_ruleset:
    backend: firewalld
    rules: "{{ rules }}"
    default_inbound: block
    firewalld_precedence: override

- name: Leave no trace
  portcullis.msports.linux_ruleset:
    state: absent
"""

RETURN = r"""
learning:
  description: Whether the host learns its conversations after the run.
  returned: with O(mode=audit) or O(state=absent)
  type: bool
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
  description: Names of rules that were not there.
  returned: success
  type: list
  elements: str
  sample: ["in tcp/443 from clients"]
changed_rules:
  description: Names of rules that differed. Also when only the content of their address set changed, or when one of the places (saved, daemon, kernel) lacked
    them.
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
  description: Parts other than rules that were not right - chains, address sets, helpers, policies, defaults, the order of a file, and V(saved) for what is
    kept for the next boot.
  returned: success
  type: list
  elements: str
  sample: ["chain input", "saved"]
effective:
  description:
    - V(in_force) tells whether the kernel holds these rules, read back after a change.
    - V(exact) is false while something else admits more than the rules or cuts what they allow. V(reasons) say what.
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

from ansible_collections.portcullis.msports.plugins.module_utils._linux.reconcile import Refused, failures, run
from ansible_collections.portcullis.msports.plugins.module_utils._options import linux_spec


def main():
    module = AnsibleModule(argument_spec=linux_spec(), supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except Refused as refusal:
        module.fail_json(msg=str(refusal), problems=refusal.problems)
    except failures() as error:
        module.fail_json(msg=str(error), problems=[str(error)])
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
