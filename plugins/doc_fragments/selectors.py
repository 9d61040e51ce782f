# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    # which flows are meant
    DOCUMENTATION = r"""
options:
  role:
    description:
      - Flows that have one of these product roles at either end.
      - Roles are written C(<product>.<role>). C(internet) is a role of all products.
    type: list
    elements: str
  source:
    description: Flows from one of these product roles.
    type: list
    elements: str
  destination:
    description: Flows to one of these product roles.
    type: list
    elements: str
  direction:
    description:
      - Flows whose connections open in this direction, as a host with O(role) sees it.
      - V(in) are the flows that end at the role, and those that start there and are opened from both sides.
      - V(out) are the flows that start at the role, and those that end there and are opened from both sides.
    type: list
    elements: str
  protocol:
    description: Flows over one of the protocols V(tcp), V(udp), V(icmp_echo) and V(any).
    type: list
    elements: str
  port:
    description:
      - Flows to one of these ports or ranges of ports, a number, a text, or a list of them. A range counts when the flow has all of it.
      - Ports inside a documented range count; C(rpc_dynamic) is the range O(dynamic_ports). A flow of protocol V(any) has every port.
    type: raw
  service:
    description: Flows of one of these services, written as C(<service>) or C(<product>.<service>).
    type: list
    elements: str
  feature:
    description: Conditional flows that one of these features switches on, written C(<product>.<feature>).
    type: list
    elements: str
  requirement:
    description: Only flows that are V(required), or only those that are V(conditional).
    type: list
    elements: str
  flow:
    description: Flows whose id matches one of these patterns, such as C(configmgr.client.*).
    type: list
    elements: str
  implied:
    description:
      - Take the O(role) with all that its holder is besides, which are the roles that it implies (a member of a domain, most often)
        and C(any_host).
    type: bool
    default: false
  supplements:
    description: Return supplements, too, which are flows that the product's document lacks.
    type: bool
    default: false
  dynamic_ports:
    description: The ports that C(rpc_dynamic) stands for.
    type: str
    default: 49152-65535
"""
