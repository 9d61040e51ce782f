#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: win_firewall_ruleset
short_description: Reconcile the whole owned ruleset of a host with Windows Firewall
version_added: 0.1.0
description:
  - Makes the group C(portcullis:<owner>) of the local policy store hold exactly the given rules. One call reads, and one call writes what differs;
    when nothing differs, or in check mode, there is no second call. With O(rollback_timeout), a third one confirms.
  - The comparison happens on the controller. The host refuses to write when its rules have changed in between, and undoes what it did when
    something fails in the middle. What is cut off in the middle (by a broken connection, say) is healed by the next run.
  - Foreign rules, those that Windows ships among them, are never touched. They are read, and what they mean for these rules is told in
    RV(ignore:effective). On Windows every rule that allows adds to all others, so this is worth reading.
  - Every rule is made for all three profiles, because a reboot may end in another one, and without edge traversal.
  - Works over WinRM, PSRP and ssh, and needs no other collection.
author:
  - portcullis.msports contributors (@portcullis)
requirements:
  - Windows Server 2016 or Windows 10 or later with Windows PowerShell 5.1 or PowerShell 7, and an account that may change the firewall
extends_documentation_fragment:
  - portcullis.msports.ruleset
options:
  rules:
    description:
      - The rules, complete. Usually rendered from a plan.
      - "Keys of a rule: V(name) (unique whatever the case of its letters, at most 128 printable ASCII characters without quotes, backslashes and
        C(|), not V(all), no C(@) in front), V(direction) (V(in) or V(out)), V(action) (V(allow), the default, or V(block)), V(protocol)
        (V(tcp), V(udp), V(icmp_echo) or V(any)), V(local_ports) and V(remote_ports) (ports or ranges, empty is any; among the local ports of
        inbound TCP also V(RPC) and V(RPC-EPMap)), V(remote_addresses) (addresses, networks, ranges, V(any), or one V(@name) of an address set),
        V(local_addresses) (the same, empty is any), V(program) (path), V(service) (short name), V(description)."
      - A rule of V(icmp_echo) becomes one rule for ICMPv4 and one for ICMPv6, with the protocol behind the name.
      - A rule that blocks beats every rule that allows. At most 1,000 addresses are possible in a rule.
      - The description belongs to the rule. It is put right where it differs.
    type: list
    elements: dict
    default: []
  default_inbound:
    description:
      - What happens to inbound packets that no rule admits, in all three profiles. V(keep) leaves this to Windows, and takes back what an
        earlier run of this owner has asked for. What was there before is put back then, as long as it is still what this owner has set.
      - A host has one set of default actions, so they have one owner. A second owner that asks for another value than V(keep) is refused.
      - What is there is read back after it was written. Where something else (group policy) keeps it otherwise, RV(ignore:effective) says so.
      - V(reject) is refused, because Windows Firewall answers nothing.
    type: str
    choices: [keep, block, allow, reject]
    default: keep
  default_outbound:
    description:
      - The same for outbound packets.
    type: str
    choices: [keep, block, allow]
    default: keep
  windows_profiles:
    description:
      - The profiles of Windows Firewall that the rules are for. In the others they admit nobody, not even the people who manage the host, and the lockout guard
        says so. Clients that roam may be open in V(domain) alone.
      - Default actions are always those of all three.
    type: list
    elements: str
    choices: [domain, private, public]
    default: [domain, private, public]
  dynamic_ports:
    description:
      - The ports behind the keyword V(RPC) on this host, for judging foreign rules. V(msports_dynamic_ports) of the inventory, when a plan is rendered.
    type: list
    elements: str
    default: ["49152-65535"]
  owner:
    description:
      - Mark of ownership. The rules are in the group C(portcullis:<owner>).
    type: str
    default: msports
  purge:
    description:
      - Whether own rules that are not given are removed, those among them that have the name of a given rule a second time.
    type: bool
    default: true
  management:
    description:
      - V(addresses) and V(ports) (TCP) that must stay able to connect, both or none. Rules that would not admit them are refused before any
        change.
    type: dict
    default: {}
  allow_lockout:
    description:
      - Skip the check that the present management session and O(management) stay admitted in every active profile.
    type: bool
    default: false
  mode:
    description:
      - V(audit) stops nothing. Default actions stay as they are, rules that block are written but not enabled. Allowed connections and dropped packets are
        logged (the log grows to 16 MB at least) until the mode is V(enforce) again.
    type: str
    choices: [enforce, audit]
    default: enforce
  state:
    description:
      - V(absent) removes the rules of this owner, and gives up what it asked for of default actions and logging, as with V(keep) of
        O(default_inbound).
    type: str
    choices: [present, absent]
    default: present
  persist:
    description:
      - The policy store of Windows outlasts every boot. V(false) is refused.
    type: bool
    default: true
  allow_other_manager:
    description:
      - Has no meaning on Windows, where others can only add rules. Accepted, so that tasks for several systems can be alike.
    type: bool
    default: false
  rollback_timeout:
    description:
      - How many seconds a change waits for a confirmation, which this action sends over a new connection as soon as it has one. Without a confirmation in time
        the host takes the change back by itself, and the task fails. V(0) changes the rules for good at once.
      - A scheduled task of SYSTEM waits, also over a restart. While a change waits, other runs are refused, whatever their owner.
    type: int
    default: 0
notes:
  - "WinRM: C(ansible_connection: winrm) with C(ansible_port), C(ansible_winrm_transport) and C(ansible_winrm_server_cert_validation).
    PSRP: C(ansible_connection: psrp) with C(ansible_psrp_auth) and C(ansible_psrp_cert_validation). OpenSSH: C(ansible_connection: ssh) with
    C(ansible_shell_type: powershell) (or V(cmd), whichever the DefaultShell of the host is)."
  - Sessions of administrators are elevated already. Do not set C(become), or use C(runas).
  - The guard looks at C(SSH_CONNECTION), or else at all established connections to the ports 5985, 5986 and 22 of the host, and to the port
    that the connection of this run uses (C(ansible_port)).
attributes:
  check_mode:
    support: full
    description: Predicts what a run would change. The second call, which writes, is not made.
  diff_mode:
    support: full
    description: Shows one line a profile, and one canonical line a rule.
  platform:
    support: full
    platforms: windows
    description: Systems that it runs on.
seealso:
  - module: portcullis.msports.win_firewall_ruleset_info
  - module: portcullis.msports.apply
"""

EXAMPLES = r"""
- name: Admit HTTPS from two networks, and WinRM from management
  portcullis.msports.win_firewall_ruleset:
    rules:
      - name: in tcp/443 from clients
        direction: in
        protocol: tcp
        local_ports: ["443"]
        remote_addresses: ["@clients"]
      - name: in tcp/5986 from management
        direction: in
        protocol: tcp
        local_ports: ["5986"]
        remote_addresses: ["10.9.0.0/24"]
    address_sets:
      clients: ["10.20.0.0/16", "fd00:20::/48"]
    management:
      addresses: ["10.9.0.0/24"]
      ports: ["5986"]

- name: Admit RPC from a site server
  portcullis.msports.win_firewall_ruleset:
    rules:
      - name: endpoint mapper from site server
        direction: in
        protocol: tcp
        local_ports: ["RPC-EPMap"]
        remote_addresses: ["10.1.0.5"]
        program: '%SystemRoot%\system32\svchost.exe'
        service: RpcSs
      - name: RPC from site server
        direction: in
        protocol: tcp
        local_ports: ["RPC"]
        remote_addresses: ["10.1.0.5"]
    purge: false

- name: Leave no trace
  portcullis.msports.win_firewall_ruleset:
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
  description: Names of rules that were there otherwise, or more than once.
  returned: success
  type: list
  elements: str
removed:
  description: Names of rules that were removed, each as often as there were rules of that name to remove. A rule that was replaced is none.
  returned: success
  type: list
  elements: str
kept:
  description: Number of rules that were right.
  returned: success
  type: int
structure:
  description: What else was not right - default actions and logging of profiles.
  returned: success
  type: list
  elements: str
  sample: ["default inbound of public"]
effective:
  description:
    - V(in_force) tells whether Windows holds these rules and decides by them, in every active profile. After a change this is what the written rules
      read as, and in check mode it tells about now.
    - V(exact) is false while something else admits more than the rules or cuts what they allow, V(reasons) say what.
    - V(exact_beyond_baseline) is the same without the rules that come with Windows or an app, and V(reasons_beyond_baseline) say what. Every host has some
      of them.
    - V(guarded) lists the management sessions that were looked at.
    - V(profiles) has the same for each profile, active or not.
    - V(reasons_beyond_foreign_allows) leave out what foreign rules admit more, which V(foreign_allows) has by group.
    - V(foreign_allows) lists foreign rules that admit more than these, by group, those of group policy among them.
  returned: success
  type: dict
  sample:
    in_force: true
    exact: false
    exact_beyond_baseline: true
    reasons: ["domain: 3 inbound rules that come with Windows or an app admit more than these rules: Remote Desktop (3)"]
    reasons_beyond_baseline: []
    reasons_beyond_foreign_allows: []
    guarded: ["10.1.1.20 port 5986 from 10.9.0.5 (established)"]
    profiles: {}
    foreign_allows:
      - group: Remote Desktop
        direction: in
        rules: 3
        profiles: [domain]
        examples: ["Remote Desktop - User Mode (TCP-In)"]
        admits: ["tcp/3389 from any to svchost.exe (service termservice)"]
        baseline: true
rollback:
  description: How a change was confirmed - C(confirmed), the C(seconds) that it would have waited, and C(by), how the confirmation came.
  returned: when rules were changed with O(rollback_timeout)
  type: dict
rolled_back:
  description: Whether the host was seen to take the change back.
  returned: failure after a change with O(rollback_timeout)
  type: bool
rolled_back_before:
  description: What the host did by itself since the last run - C(when), C(why), and the list C(what).
  returned: when the host has taken an earlier change back
  type: dict
calls:
  description:
    - How often the host was called, its rules were enumerated, and its policy store was written.
    - V(commits) are one for a rule that is added or removed, one for a property that is edited (and one for a description along with it), three
      for a rule that is replaced, two for removing one of several rules of a name, and one for a default action or the logging of a profile.
  returned: success
  type: dict
  sample: {"remote_calls": 1, "enumerations": 1, "commits": 0}
problems:
  description: The single reasons of a refusal, or what could not be undone.
  returned: failure
  type: list
  elements: str
undone:
  description: After a failure in the middle of writing, whether everything before it could be undone.
  returned: failure
  type: bool
remaining:
  description: What could not be undone.
  returned: failure
  type: list
  elements: str
"""
