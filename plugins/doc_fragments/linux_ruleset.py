# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # What the modules of the backends of Linux share, in the order of the spec in module_utils/_module.py. Where an option has no description here,
    # each module says what the option means with its manager; a module's own words win over these.
    DOCUMENTATION = r"""
options:
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
    type: str
    choices: [block, reject, allow, keep]
  default_outbound:
    type: str
    choices: [keep, allow, block]
    default: keep
  owner:
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
    type: bool
    default: false
  mode:
    type: str
    choices: [enforce, audit]
    default: enforce
  state:
    type: str
    choices: [present, absent]
    default: present
  persist:
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
"""
