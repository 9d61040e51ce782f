# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What others admit beyond our rules and what they stop of them: zones, policies, other tables, other managers."""

from __future__ import annotations

import collections

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import foreign_allows
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.base import ALLOW, PRIORITIES, REST
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.kernel import TABLE
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import compare, iptables, managers, services
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._match import Shape, covered, touches, typed

Outside = collections.namedtuple("Outside", "managers reasons warnings")

SHOWN = 20
NFTABLES = (
    "nftables.service is enabled beside firewalld: at the next boot it loads /etc/nftables.conf, too. Disable it ('systemctl disable nftables'), or see "
    "that its rules and firewalld's go together"
)
# What our default admits besides what keeps a host alive on every backend: redirects of this link's routers, which firewalld always admits.
REDIRECTS = Shape(typed(58, [137]), _ports.ALL, _addresses.ANY, True)
CLOSED = ("block", "reject")


def examine(daemon, objects, rules, options, start, store, root="/", proc="/proc"):
    """Return ``Outside``; ``daemon`` is ``None`` while it does not run, ``rules`` are complete wire rules or ``None`` for nobody's."""
    nftables = store.setting("FirewallBackend", "nftables") == "nftables"
    rest = [item for item in objects if not _is_its_own(item[0], item[1], nftables)]
    tables = Tables(rest)
    reasons, warnings = [], []
    managers, later = _managers(objects, rest, nftables, root, proc)
    warnings += later
    reasons += ["another manager filters here too: " + text for text in managers]
    closed = {
        "in": options["mode"] == "enforce" and options["default_inbound"] in CLOSED,
        "out": options["mode"] == "enforce" and options["default_outbound"] in CLOSED,
    }
    if rules is not None:
        cut, killed = compare.compare(tables, rules, options, closed)
        reasons += cut
        warnings += killed
    if daemon is None:
        return Outside(managers, ["firewalld is not running: the rules are saved and take effect when it is started"] + reasons, warnings)
    if daemon.call("", "queryPanicMode"):
        reasons.append("firewalld is in panic mode: every packet is dropped")
    found_zones = foreign_allows.zones(daemon)
    for direction in ("in", "out"):
        if direction == "in" or closed["out"]:
            found = foreign_allows.openings(daemon, found_zones, start, direction)
            more, passed = _judge(found, rules or [], options, direction)
            reasons += _capped(more)
            warnings += _capped(passed)
    if options["default_inbound"] == "allow":
        reasons.append("default_inbound is allow: what no rule names passes unless a zone stops it")
    if options["mode"] != "enforce":
        reasons.append("mode is audit: what would be dropped is logged and left to the zones")
    if not services.starts("firewalld", root):
        warnings.append("firewalld.service is not enabled: nothing loads the rules at the next boot")
    if not nftables:
        warnings.append("firewalld uses iptables: the daemon is asked for its rules, but the kernel is not looked at")
    return Outside(managers, reasons, warnings)


def _is_its_own(kind, value, nftables):
    """Tell whether an object that nft printed is firewalld's; with iptables its rules are in the tables that others use, too."""
    family, table = value.get("family"), value.get("name" if kind == "table" else "table")
    return (family, table) == TABLE or (not nftables and family in iptables.TOOLS and table in iptables.TABLES)


def _managers(objects, rest, nftables, root, proc):
    """Return ``(active, warnings)`` about other managers: two that are active would undo each other's work, and one that is enabled will at the next boot."""
    if not nftables:
        # Among firewalld's own tables of iptables, the chains of ufw are known by their names.
        rest = rest + [item for item in objects if item not in rest and item[0] == "chain" and item[1].get("name", "").startswith("ufw")]
    active, later = managers.other_managers(Tables(rest), managers.legacy_tables(proc), root, proc)
    if services.starts("nftables", root):
        later = later + [NFTABLES]
    return [text for text in active if not text.startswith("firewalld")], later


def consulted(opening, options):
    """Tell whether a packet that no rule of ours names can still meet an opening of others."""
    default = options["default_inbound"]
    if options["mode"] != "enforce" or default == "keep":
        return True
    if opening.priority < 0 or options["firewalld_precedence"] == "override":
        return opening.priority < PRIORITIES[options["firewalld_precedence"]][REST] and opening.priority != 0
    # Our default is asked before the target of a zone, and before what a zone without rules of its own says of ICMP.
    return not (opening.what.startswith(("target ", "ICMP")) and opening.priority == 0) and opening.priority < PRIORITIES[options["firewalld_precedence"]][REST]


def _judge(found, rules, options, direction):
    own = [(rule["name"], _shape(rule, options)) for rule in rules if rule["direction"] == direction and rule["action"] == "allow"]
    own = [(name, shape) for name, shape in own if shape.addresses]
    shapes = [shape for _name, shape in own] + list(compare.BASE[direction]) + [REDIRECTS]
    allows = PRIORITIES[options["firewalld_precedence"]][ALLOW]
    reasons, passed = [], []
    for one in found:
        if one.admits:
            if consulted(one, options) and options["default_inbound"] != "allow" and not covered(shapes, one.shape):
                reasons.append("{0} {1}: {2}".format(one.place, "admits" if one.certain else "may admit", one.what))
            continue
        if one.priority == 0 and one.what.startswith("target "):
            continue
        hit = [name for name, shape in own if touches(one.shape, shape)]
        if hit and one.priority < allows:
            reasons.append("{0} {1} what we allow ({2}): {3}".format(one.place, "stops" if one.certain else "may stop", one.what, _some(hit)))
        elif hit and not one.what.startswith("target "):
            passed.append("{0} is passed over ({1}), because our rules are asked before it: {2}".format(one.place, one.what, _some(hit)))
    return reasons, passed


def _shape(rule, options):
    """Return what an own rule admits at most by the other end's address and the destination's port."""
    inbound = rule["direction"] == "in"
    texts = rule["remote_addresses"]
    texts = options["address_sets"][texts[0][1:]] if texts[0].startswith("@") else texts
    ports = _ports.of_rule(rule["local_ports" if inbound else "remote_ports"])
    narrow = rule["local_addresses"] not in ([], ["any"]) or bool(rule["remote_ports" if inbound else "local_ports"])
    return Shape(compare.PROTOCOLS[rule["protocol"]], ports, _addresses.parse(texts), not narrow)


def _some(names):
    return ", ".join(names[:3]) + (" and {0} more".format(len(names) - 3) if len(names) > 3 else "")


def _capped(texts):
    return texts[:SHOWN] + (["{0} more of this kind".format(len(texts) - SHOWN)] if len(texts) > SHOWN else [])
