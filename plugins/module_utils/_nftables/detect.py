# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""Who else filters on this host, and what that means for our rules: managers, drops before and behind ours, containers."""

from __future__ import annotations

import collections
import glob
import os

from ansible_collections.portcullis.msports.plugins.module_utils import _intervals
from ansible_collections.portcullis.msports.plugins.module_utils._nftables import foreign as others

Outside = collections.namedtuple("Outside", "managers reasons warnings")
Outside.__doc__ = """``managers``: why to refuse; ``reasons``: why the effect is not exactly the rules'; ``warnings``: for people."""

PROTOCOLS = {"tcp": frozenset([6]), "udp": frozenset([17]), "icmp_echo": frozenset([1, 58]), "any": None}
LOADERS = ("iptables", "ip6tables", "netfilter-persistent")
SHOWN = 20


def examine(objects, rules, options, root="/", proc="/proc"):
    """Return ``Outside`` for the objects of other tables, complete wire rules and the module's options. Starts no process.

    Without rules (``None``) nothing is said about what they and the others' rules do to each other.
    """
    tables = others.Tables(objects)
    legacy = _read(os.path.join(proc, "net/ip_tables_names")).split() + _read(os.path.join(proc, "net/ip6_tables_names")).split()
    managers, warnings = _managers(tables, legacy, root, proc)
    reasons = ["another manager filters here too: " + text for text in managers]
    if legacy:
        reasons.append("tables of legacy iptables are loaded ({0}); nft cannot read their rules".format(", ".join(sorted(set(legacy)))))
    enforce = options["mode"] == "enforce"
    closed = {"in": enforce and options["default_inbound"] in ("block", "reject"), "out": enforce and options["default_outbound"] == "block"}
    if rules is not None and options["default_inbound"] not in ("block", "reject"):
        reasons.append("default_inbound is {0}: what no rule names passes unless another table drops it".format(options["default_inbound"]))
    for direction in ("in", "out") if rules is not None else ():
        bases = list(tables.base_chains(direction)) if direction == "in" or closed["out"] else []
        if bases:
            own = [(rule["name"], _shape(rule, options)) for rule in rules if rule["direction"] == direction and rule["action"] == "allow"]
            own = [(name, shape) for name, shape in own if shape.addresses]
            cut, killed = _compare(tables, bases, own, direction, closed[direction])
            reasons += _capped(cut)
            warnings += _capped(killed)
    for key, text in tables.mentions("notrack"):
        reasons.append("{0} takes packets out of connection tracking ({1}): replies to them are dropped as if nobody had asked".format(_place(key), text))
    if _read(os.path.join(proc, "sys/net/netfilter/nf_conntrack_tcp_loose")).strip() == "0":
        warnings.append("nf_conntrack_tcp_loose is 0: TCP sessions older than the first rule that tracks connections will be cut")
    warnings += _containers(tables)
    return Outside(managers, reasons, warnings)


def _capped(texts):
    texts = list(texts)
    return texts[:SHOWN] + (["{0} more of this kind".format(len(texts) - SHOWN)] if len(texts) > SHOWN else [])


def _place(key):
    return "table {0} {1}, chain {2}".format(*key)


def _shape(rule, options):
    """Return the shape of an own rule. Its own end and its source ports are left out, so it may be wider than the rule."""
    inbound = rule["direction"] == "in"
    texts = rule["remote_addresses"]
    if texts[0].startswith("@"):
        texts = options["address_sets"][texts[0][1:]]
    ports = _intervals.parse_ports(rule["local_ports" if inbound else "remote_ports"]) or _intervals.ALL_PORTS
    narrow = rule["local_addresses"] not in ([], ["any"]) or bool(rule["remote_ports" if inbound else "local_ports"])
    return others.Shape(PROTOCOLS[rule["protocol"]], ports, _intervals.parse_addresses(texts), not narrow)


def _compare(tables, bases, own, direction, closed):
    """Return ``(cut, killed)``: their drops that stop what we allow, their accepts that our default stops."""
    cut, killed = [], []
    families = {"ip": _intervals.ANY[:1], "ip6": _intervals.ANY[1:]}
    for base in bases:
        accepted, seen = [], 0
        final = closed and tables.chains[base]["hook"] in ("input", "output")
        # Packets of one family only pass a chain of that family; the rest of our rule is not its business.
        only = others.EVERYTHING._replace(addresses=families.get(base[0], _intervals.ANY))
        parts = [(name, part) for name, part in ((name, others.meet(shape, only)) for name, shape in own) if part]
        for rule in tables.steps(base, direction):
            seen += 1
            if seen > others.LIMIT:
                cut.append("{0}: more than {1} rules; the rest was not examined".format(_place(base), others.LIMIT))
                break
            if rule.verdict == "accept":
                accepted.append(rule.shape)
                if final and not any(others.holds(shape, rule.shape) for _name, shape in own):
                    killed.append("{0}: '{1}' accepts what our default stops; our drop is final".format(_place(rule[:3]), rule.text))
                continue
            hit = [name for name, part in parts if others.touches(rule.shape, part) and not any(others.holds(other, part) for other in accepted)]
            if hit:
                shown = ", ".join(hit[:3]) + (" and {0} more".format(len(hit) - 3) if len(hit) > 3 else "")
                word = "stops" if rule.shape.certain else "may stop"
                cut.append("{0}: '{1}' {2} what we allow: {3}".format(_place(rule[:3]), rule.text, word, shown))
    return cut, killed


def _containers(tables):
    """Return warnings about ports that container engines publish past every input chain."""
    engines = set()
    for _family, _table, chain in tables.chains:
        if chain.startswith("DOCKER"):
            engines.add("Docker")
        elif chain.startswith(("NETAVARK", "CNI-")):
            engines.add("podman")
    published = [text for _key, text in tables.mentions("dnat")]
    if not engines and not published:
        return []
    who = " and ".join(sorted(engines)) or "address translation to another host or container"
    ports = "; ".join(published[:5]) or "none at present"
    return ["{0}: published ports are forwarded past every input chain and are outside of what these rules guarantee ({1})".format(who, ports)]


def _managers(tables, legacy, root, proc):
    """Return ``(active, warnings)`` about managers of firewall rules, found without starting a process."""
    active, warnings = [], []
    names = {key[2] for key in tables.chains}
    if any(key[1] == "firewalld" for key in tables.chains) or _running("firewalld", root, proc):
        active.append("firewalld is running")
    filters = bool(legacy) or any(key[0] in ("ip", "ip6") and key[1] == "filter" for key in tables.chains)
    if "ENABLED=yes" in _read(os.path.join(root, "etc/ufw/ufw.conf")).replace('"', "").splitlines():
        if legacy or any(name.startswith("ufw") for name in names):
            active.append("ufw is enabled and its rules are loaded")
        else:
            warnings.append("ufw is enabled, but its rules are not loaded; they will be at the next boot")
    for name in LOADERS:
        if glob.glob(os.path.join(root, "etc/systemd/system/*.wants", name + ".service")):
            if filters:
                active.append("{0}.service is enabled and its rules are loaded".format(name))
            else:
                warnings.append("{0}.service is enabled, but no rules of iptables are loaded; they will be at the next boot".format(name))
    return active, warnings


def _running(service, root, proc):
    """Tell whether a process of a systemd service lives in our network namespace."""
    for folder in ("", "systemd/", "unified/"):
        for pid in _read(os.path.join(root, "sys/fs/cgroup", folder + "system.slice", service + ".service", "cgroup.procs")).split():
            try:
                if os.readlink(os.path.join(proc, pid, "ns/net")) == os.readlink(os.path.join(proc, "self/ns/net")):
                    return True
            except OSError:
                return True
    return False


def _read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
