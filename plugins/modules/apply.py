#!/usr/bin/python
# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Apply a host's ruleset from a saved plan
version_added: 0.1.0
author:
  - portcullis.msports contributors (@portcullis)
description:
  - Picks the backend, renders the host's rules from the plan, and calls the backend's module, once for each host.
  - Refuses a plan whose inputs have changed since it was made.
  - Skips hosts that the plan has no ruleset for, such as hosts without any product role. They are never touched.
extends_documentation_fragment:
  - portcullis.msports.apply
options:
  backend:
    description:
      - The backend. V(auto) chooses by C(msports_system) of the host as it was planned, and with O(state=absent) by the shell that the connection speaks to.
      - On Linux V(auto) leaves the choice to M(portcullis.msports.linux_ruleset), which takes the manager that is active on the host - firewalld when it runs,
        ufw when it is enabled, else nftables. Two active managers are refused, unless the backend is named and O(allow_other_manager=true).
      - With a backend by name, rules that it cannot say are refused on the controller, all at once, before the host is connected to. What depends on the host,
        and with V(auto) on Linux all of it, is refused on the host, before any change.
      - A backend that the connection cannot serve is refused. A host that was planned for one system can be played by one of the other by name.
    type: str
    choices: [auto, nftables, firewalld, ufw, windows]
    default: auto
  state:
    description:
      - V(absent) removes everything that this collection owns on the host. It needs no plan.
      - On Windows a default action goes back to what it was, unless somebody else has changed it since.
    type: str
    choices: [present, absent]
    default: present
  mode:
    description:
      - With V(audit) nothing is stopped that passed before. A Linux host learns its conversations meanwhile.
        On nftables rules that block only count. On firewalld and ufw no block is written, and no default is made tighter.
        On Windows it leaves the default actions as they are and has the firewall log the connections that it allows.
    type: str
    choices: [enforce, audit]
    default: enforce
  audit_log:
    description: Whether an audit on Linux also writes into the kernel's log what would be dropped, a limited number of lines.
    type: bool
    default: false
  owner:
    description:
      - The mark of ownership. On nftables it is the name of the table, on firewalld the names of policies, ipsets and services begin with it, on ufw the
        comments of the rules, and on Windows it is part of the group of the rules.
    type: str
    default: msports
  purge:
    description: Whether own rules that are not in the plan are removed.
    type: bool
    default: true
  max_removals:
    description: Refuse to remove more own rules than this.
    type: int
  rollback_timeout:
    description:
      - How many seconds a change waits for a confirmation over a new connection. Without one the host takes the change back by itself, and the task fails.
        V(0) changes the rules for good at once.
    type: int
    default: 60
  persist:
    description: Whether the rules are there after a reboot. On firewalld, ufw and Windows they always are, so V(false) is refused there.
    type: bool
    default: true
  allow_lockout:
    description: Skip the check that the present management session stays admitted.
    type: bool
    default: false
  allow_other_manager:
    description:
      - Apply the rules although another manager of firewall rules is active besides the one that is used. Its rules stay, and what they stop stays stopped.
        On Windows there is nothing of the kind.
    type: bool
    default: false
  firewalld_precedence:
    description:
      - Who is asked first, the rules or the zones of firewalld.
      - V(merge) puts rules that allow before the zones and the default behind them, so what a zone of the administrator admits stays admitted.
        V(override) puts both before the zones, so what a zone opens does not count where the default stops it. V(yield) puts both behind the rules of
        the zones, so what a zone stops (a ban, for instance) stays stopped. See M(portcullis.msports.linux_ruleset).
      - Of no effect with another backend. A warning says so where the value is not V(merge), because foreign rules still count there. The run goes on, so
        that one value can be set for hosts of every kind.
    type: str
    choices: [merge, override, yield]
    default: merge
  windows_profiles:
    description:
      - The profiles of Windows Firewall that the rules are for. In the others they admit nobody, not even the people who manage the host, and the lockout guard
        says so. Clients that roam may be open in V(domain) alone.
      - Default actions are always those of all three. Of no effect on other systems.
      - The inventory says it by C(msports_windows_profiles), which is part of the plan and goes before this.
    type: list
    elements: str
    choices: [domain, private, public]
    default: [domain, private, public]
  allow_stale_plan:
    description: Accept a plan whose inputs have changed since it was made.
    type: bool
    default: false
  accept_cut:
    description:
      - What may be cut although it was seen in use, by names like V(sql01 tcp/5432) or patterns of names, like V(* tcp/5432).
      - The first rules that stop something on a host are refused while observations beside the plan say that they would cut somebody.
        Without observations of the host, nothing is refused. The playbook C(portcullis.msports.preflight) makes them.
    type: list
    elements: str
    default: []
  allow_older_plan:
    description:
      - Apply a plan that was saved earlier than the one that the host has. Without it such a plan is refused on the host, before any change.
    type: bool
    default: false
  partial_inventory:
    description:
      - Whether the inventory at hand is a part of the one that the plan was made from, as in a slice of a large run.
        Hosts of the plan that are not there make it stale otherwise.
    type: bool
    default: false
  expected_digest:
    description:
      - The digest of the plan that was published, as RV(portcullis.msports.plan#module:digest) gave it. A plan with any other is refused, and with any
        file that was edited.
      - The inventory at hand is not asked then. It needs no more than this host, by the name that it has in the plan.
    type: str
  keyring:
    description:
      - A keyring on the controller, as C(gpg --export) writes it. The plan is refused unless C(index.json.asc) in its directory is the signature of
        C(index.json) by a key of this ring. What is signed there is the whole plan. Needs C(gpgv).
    type: path
attributes:
  check_mode:
    support: full
    description: Predicts exactly what a run would change.
  diff_mode:
    support: full
    description: Shows one canonical line for each rule.
  platform:
    support: full
    platforms: linux, windows
    description: Systems whose firewall can be set.
seealso:
  - module: portcullis.msports.plan
  - module: portcullis.msports.linux_ruleset
  - module: portcullis.msports.win_firewall_ruleset
"""

EXAMPLES = r"""
- name: Apply
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Reconcile the firewall with the saved plan
      portcullis.msports.apply:
        directory: msports-plan
        max_removals: 10

- name: Apply, where some hosts run Windows and are reached by PSRP
  hosts: all
  gather_facts: false
  become: true  # of no effect on the Windows hosts
  tasks:
    - name: Reconcile the firewall with the saved plan, whatever the system is
      portcullis.msports.apply:
        directory: msports-plan
      register: applied

    - name: Show what else the Windows firewall admits, beyond the plan
      ansible.builtin.debug:
        var: applied.effective.foreign_allows
      when: applied.backend | default('') == 'windows'
"""

RETURN = r"""
backend:
  description: The backend that was used. Everything else is returned by its module.
  returned: success
  type: str
  sample: nftables
"""
