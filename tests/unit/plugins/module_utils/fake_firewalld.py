# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewalld of a few dicts, behind the message bus and behind nft, for tests of what the module does with its answers.

It knows what the real one (1.3.3) was seen to do: it loads its files on a reload, forgets what only it held, flushes the rules of iptables, drops what
it cannot read without a word, refuses to reload when a file of others is broken, and changes its running policies one setting after the other.
"""

from __future__ import annotations

import collections
import copy
import pathlib
import typing as t
from xml.etree import ElementTree

from ansible_collections.portcullis.msports.plugins.module_utils import _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import objects
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import rich as rich_rules
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.daemon import NAME, PATH
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import BusError, Typed
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.kernel import ICMP, PROTOCOLS, SUFFIXES
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import HELPER_PORTS
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.persist import READERS
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.nft import NftError

State = collections.namedtuple("State", "zones policies ipsets direct")
SERVICES = {
    "ssh": {"ports": [("22", "tcp")]},
    "dhcpv6-client": {"ports": [("546", "udp")], "destination": {"ipv6": "fe80::/64"}},
    "both": {"includes": ["ssh", "both"], "protocols": ["esp"], "source_ports": [("53", "udp")]},
    "there": {"ports": [("99", "tcp")], "destination": {"ipv4": "224.0.0.251"}},
}
PUBLIC = {"target": "default", "services": ["ssh", "dhcpv6-client"], "short": "Public", "masquerade": False, "forward": True}


class Firewalld:
    """The daemon; its attributes may be changed like an administrator would."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        for folder in ("policies", "ipsets", "services", "zones"):
            (root / "etc/firewalld" / folder).mkdir(parents=True, exist_ok=True)
        (root / "etc/firewalld/firewalld.conf").write_text("DefaultZone=public\nCleanupOnExit=yes\n")
        (root / "proc/net").mkdir(parents=True, exist_ok=True)
        (root / "proc/net/tcp").write_text("no socket\n")
        program = root / "usr/sbin/firewalld"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        wants = root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True)
        (wants / "firewalld.service").write_text("")
        self.version, self.state, self.panic, self.runs = "1.3.3", "RUNNING", False, True
        self.saved = State({"public": dict(PUBLIC)}, {}, {}, {"Chain": [], "Rule": [], "Passthrough": []})
        self.active: dict[str, t.Any] = {"public": {"interfaces": ["eth0"]}}
        self.broken: str | None = None
        self.set_types: list[str] | None = None
        self.breaks_off: t.Callable[[], bool] = lambda: False
        self.deaf: set[str] = set()
        self.drops: t.Callable[[str], bool] = lambda line: False
        self.foreign: list[t.Any] = []
        self.reloads = 0
        self.log: list[str] = []
        self.count = 0
        self.kernel_drift: t.Callable[[list[t.Any]], list[t.Any]] = lambda objects: objects
        self.load()

    def load(self) -> None:
        self.running = copy.deepcopy(self.saved)
        self.own = {sort: {} for sort in ("policies", "ipsets", "services")}
        self.descriptions = {path.stem: _description(path) for path in (self.root / "etc/firewalld").glob("*/*.xml")}
        for folder, sort in (("policies", "policies"), ("ipsets", "sets"), ("services", "services")):
            for path in sorted((self.root / "etc/firewalld" / folder).glob("*.xml")):
                self.own[folder][path.stem] = READERS[sort](path.read_text())
        for name, policy in self.own["policies"].items():
            rules = [line for line in policy.rules if not self.drops(line)]
            self.running.policies[name] = {
                "target": policy.target,
                "priority": policy.priority,
                "rich_rules": rules,
                "ingress_zones": list(policy.ingress),
                "egress_zones": list(policy.egress),
                "description": self.descriptions[name],
            }
        for name, (version, intervals) in self.own["ipsets"].items():
            entries = [objects.entry_text(interval) for interval in intervals]
            options = {"family": "inet6" if version == 6 else "inet"}
            self.running.ipsets[name] = ("", name, self.descriptions[name], objects.set_type(intervals), options, entries)

    # What the bus offers.

    def owned(self, name: str) -> bool:
        return name == NAME and self.runs

    def close(self) -> None:
        pass

    def call(self, _destination: str, path: str, interface: str, member: str, signature: str = "", *values: t.Any) -> list[t.Any]:
        self.count += 1
        self.log.append(member)
        if member in self.deaf:
            raise BusError(f"{member}: refused")
        if interface.startswith(NAME + ".config"):
            return [self._config(path, interface, member, *values)]
        sort = interface[len(NAME) + 1 :] if interface.startswith(NAME) else "properties"
        return [getattr(self, f"_{sort or 'main'}")(member, *copy.deepcopy(values))]

    def _properties(self, member: str, *values: t.Any) -> t.Any:
        found = {"version": self.version, "state": self.state, "IPv4": True, "IPv6": True}
        if self.set_types is not None:
            found["IPSetTypes"] = self.set_types
        return found if member == "GetAll" else found[values[1]]

    def _main(self, member: str, *values: t.Any) -> t.Any:
        if member == "reload":
            self.reloads += 1
            if self.broken:
                raise BusError(self.broken)
            self.load()
            if self.breaks_off():
                # Some mistakes show only when everything from before is gone already.
                self.running, self.state = State({}, {}, {}, self.running.direct), "FAILED"
                self.own = {sort: {} for sort in self.own}
                raise BusError("INVALID_TYPE: not supported")
            self.state = "RUNNING"
            self.foreign = [item for item in self.foreign if item[1].get("table") not in ("filter", "nat")]
            return None
        if member == "getServiceSettings2":
            if values[0] in self.own["services"]:
                return {"helpers": self.own["services"][values[0]].split(","), "description": self.descriptions[values[0]]}
            return SERVICES[values[0]]
        answers = {"getDefaultZone": "public", "queryPanicMode": self.panic, "listServices": sorted(SERVICES) + sorted(self.own["services"])}
        return answers[member]

    def _zone(self, member: str, *values: t.Any) -> t.Any:
        if member == "setZoneSettings2":
            self.running.zones[values[0]].update(_settings(values[1]))
            return None
        return {"getZones": lambda: sorted(self.running.zones), "getActiveZones": lambda: self.active, "getZoneSettings2": self.running.zones.get}[member](
            *values
        )

    def _policy(self, member: str, *values: t.Any) -> t.Any:
        if member == "setPolicySettings":
            assert all(isinstance(value, Typed) for value in values[1].values())
            self.running.policies[values[0]].update(_settings(values[1]))
            return None
        return {"getPolicies": lambda: sorted(self.running.policies), "getPolicySettings": self.running.policies.get}[member](*values)

    def _ipset(self, member: str, *values: t.Any) -> t.Any:
        if member in ("addEntry", "removeEntry", "setEntries"):
            entries = self.running.ipsets[values[0]][5]
            if member == "setEntries":
                entries[:] = values[1]
            else:
                (entries.append if member == "addEntry" else entries.remove)(values[1])
            return None
        return {"getIPSets": lambda: sorted(self.running.ipsets), "getIPSetSettings": self.running.ipsets.get}[member](*values)

    def _direct(self, member: str, *values: t.Any) -> t.Any:
        for sort in ("Chain", "Rule", "Passthrough"):
            if member == f"getAll{sort}s":
                return list(self.running.direct[sort])
            if member in (f"add{sort}", f"remove{sort}"):
                (self.running.direct[sort].append if member.startswith("add") else self.running.direct[sort].remove)(tuple(values))
        return None

    def _config(self, path: str, interface: str, member: str, *values: t.Any) -> t.Any:
        if interface.endswith(".direct"):
            return tuple(self.saved.direct[sort] for sort in ("Chain", "Rule", "Passthrough"))
        for sort, found in (("Zone", self.saved.zones), ("Policy", self.saved.policies), ("IPSet", self.saved.ipsets)):
            if member == f"get{sort}Names":
                return sorted(found) + [path.stem for path in (self.root / "etc/firewalld/policies").glob("*.xml") if sort == "Policy"]
            if member == f"get{sort}ByName":
                return f"{PATH}/config/{sort}/{values[0]}"
            if member in ("getSettings", "getSettings2") and path.split("/")[-2] == sort:
                name = path.rsplit("/", 1)[1]
                return found[name] if name in found else self.running.policies[name]
        raise AssertionError((path, member))

    # What nft prints.

    def objects(self) -> list[t.Any]:
        made: list[t.Any] = [("table", {"family": "inet", "name": "firewalld"})]

        def chain(name: str, **more: t.Any) -> None:
            made.append(("chain", {"family": "inet", "table": "firewalld", "name": name, **more}))

        def add(name: str, *expr: t.Any) -> None:
            made.append(("rule", {"family": "inet", "table": "firewalld", "chain": name, "expr": list(expr)}))

        for hook in ("INPUT", "OUTPUT"):
            chain(f"filter_{hook}", hook=hook.lower(), type="filter")
        for name, settings in sorted(self.running.policies.items()):
            inbound = "HOST" in settings.get("egress_zones", ())
            base = f"filter_{'IN' if inbound else 'OUT'}_policy_{name}"
            chain(base)
            add("filter_INPUT" if inbound else "filter_OUTPUT", {"jump": {"target": base}})
            for suffix in SUFFIXES:
                chain(f"{base}_{suffix}")
                add(base, {"jump": {"target": f"{base}_{suffix}"}})
            if settings["target"] != "CONTINUE":
                add(base, {settings["target"].lower(): None})
            for line in settings.get("rich_rules", []):
                for expr in self._expr(line):
                    add(f"{base}_allow", *expr)
        for name, content in self.running.ipsets.items():
            made.append(("set", {"family": "inet", "table": "firewalld", "name": name, "elem": [_element(entry) for entry in content[5]]}))
        return self.kernel_drift(made) + self.foreign

    def _expr(self, line: str) -> t.Iterator[list[t.Any]]:
        try:
            rich = rich_rules.parse(line)
        except ValueError:
            return
        families = [{"ipv4": 4, "ipv6": 6}[rich.family]] if rich.family else [4, 6] if rich.element[:1] == ("icmp-type",) else [0]
        for family in families:
            expr = []
            for field, text in (("daddr", rich.destination), ("saddr", rich.source)):
                if text.startswith("ipset:") and self.running.ipsets[text[6:]][3] == "hash:net,port":
                    port = {"saddr": "sport", "daddr": "dport"}[field]
                    end = [{"payload": {"protocol": "ip" if family == 4 else "ip6", "field": field}}, {"meta": {"key": "l4proto"}}]
                    expr.append(_match({"concat": [*end, {"payload": {"protocol": "th", "field": port}}]}, "@" + text[6:]))
                elif text:
                    right = "@" + text[6:] if text.startswith("ipset:") else _element(text)
                    expr.append(_match({"payload": {"protocol": "ip" if family == 4 else "ip6", "field": field}}, right))
            if family and not expr and rich.element[:1] != ("icmp-type",):
                expr.append(_match({"meta": {"key": "nfproto"}}, f"ipv{family}"))
            kind, values = (rich.element[0], rich.element[1:]) if rich.element else ("", ())
            if kind == "service":
                helper = self.own["services"][values[0]]
                port = _match({"payload": {"protocol": "udp", "field": "dport"}}, int(HELPER_PORTS[helper]))
                yield [port, {"ct helper": f"helper-{helper}-udp"}]
                continue
            if kind in ("port", "source-port"):
                first, last = _ports.PortRange.parse(values[0])
                right = first if first == last else {"range": [first, last]}
                expr.append(_match({"payload": {"protocol": values[1], "field": "dport" if kind == "port" else "sport"}}, right))
            elif kind == "protocol":
                expr.append(_match({"meta": {"key": "l4proto"}}, values[0] if values[0] in PROTOCOLS else 99))
            elif kind == "icmp-type":
                if family not in ICMP[values[0]]:
                    continue
                expr.append(_match({"payload": {"protocol": "icmp" if family == 4 else "icmpv6", "field": "type"}}, ICMP[values[0]][family]))
            expr.append({"counter": {"packets": 0, "bytes": 0}})
            yield expr + ([{"limit": {"rate": 10}}, {"log": {"prefix": "x"}}] if rich.action[0] == "log" else [{rich.action[0]: None}])


def _settings(given: dict[str, Typed]) -> dict[str, t.Any]:
    """What was set, as the bus gives it back: what was packed as a structure is a tuple."""
    return {key: [tuple(item) for item in value.value] if "(" in value.signature else value.value for key, value in given.items()}


def _description(path: pathlib.Path) -> str:
    return ElementTree.fromstring(path.read_text()).findtext("description") or ""


def _match(left: t.Any, right: t.Any) -> dict[str, t.Any]:
    return {"match": {"left": left, "op": "==", "right": right}}


def _element(text: str) -> t.Any:
    text, comma, end = text.partition(",")
    if comma:
        protocol, _colon, port = end.partition(":")
        first, _hyphen, last = port.partition("-")
        return {"concat": [_element(text), PROTOCOLS[protocol], {"range": [int(first), int(last)]} if last else int(first)]}
    address, _slash, length = text.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}} if length else address


class Nft:
    """Prints what the daemon put into the kernel."""

    path = "/usr/sbin/nft"

    def __init__(self, daemon: Firewalld) -> None:
        self.daemon = daemon
        self.count = 0
        self.loaded: list[str] = []
        self.helpers = True

    def list_objects(self, _owner: str | None = None) -> list[t.Any]:
        self.count += 1
        return [{kind: value} for kind, value in (self.daemon.objects() if self.daemon.runs else self.daemon.foreign)]

    def load(self, text: str) -> None:
        self.loaded.append(text)

    def check(self, _text: str) -> None:
        if not self.helpers:
            raise NftError("no such helper")
