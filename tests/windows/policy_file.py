# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the stand-in policy store: build one, change one between two calls, read one back.

A file is the whole state of one Windows host as far as the executor sees it. ``write(path, fresh_server())`` makes one;
``with edited(path) as content`` changes it under its lock; ``read(path)`` gives it back. Rules are kept in one form (addresses as
sorted prefixes and ranges, ports sorted, empty texts as null), whatever form they were written in, so two stores are compared as values.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import json
import os
import pathlib
import tempfile
import typing as t

Content = dict[str, t.Any]
Rule = dict[str, t.Any]

IN, OUT = 1, 2
BLOCK, ALLOW = 0, 1
TCP, UDP, ICMP4, ICMP6, IGMP, ANY = 6, 17, 1, 58, 2, 256
DOMAIN, PRIVATE, PUBLIC, ALL = 1, 2, 4, 0x7FFFFFFF
PROFILES = ("domain", "private", "public")
SVCHOST = "C:\\Windows\\system32\\svchost.exe"

#: Every switch: what it is in a real Windows (or the worst that may be), and what it does.
SWITCHES: dict[str, tuple[t.Any, str]] = {
    "addresses_as_masks": (True, "IPv4 addresses and prefixes come back as address/mask; off: as prefixes, a single address bare"),
    "reorder_addresses": (True, "addresses come back in another order than the one they were given in"),
    "reorder_ports": (True, "ports, too"),
    "trailing_comma": (True, "ports with a keyword among them come back with a comma at the end"),
    "null_strings": (True, "a text that is not set, and ports or ICMP types where there are none, come back as null; off: as an empty text"),
    "program_expanded": (True, "%SystemRoot% in a program comes back expanded"),
    "all_profiles_value": (True, "all three profiles come back as 0x7fffffff, also when 7 was given; off: as 7, whatever was given"),
    "ipv6_text": ("prefix", "IPv6: prefix = compressed, single addresses with /128; plain = single ones bare; expanded = eight groups, upper case"),
    "enumeration_order": ("shuffled", "rules are listed in another order each time; stored, reversed"),
    "ports_need_protocol": (True, "ports (even *) are refused without TCP or UDP, ICMP types without ICMP; and a protocol that does not fit them"),
    "bar_refused": (True, "| in any text is refused"),
    "name_all_refused": (True, "the name `all` is refused"),
    "zero_mask_refused": (True, "an address with mask or prefix 0 is refused"),
    "ipv6_special_refused": (True, "the single addresses ::, ::1 and ff00::/8 are refused, with a code of their own"),
    "keywords_in_place_only": (True, "a port keyword is refused with another protocol, direction or side than its own"),
    "com_spelling_only": (True, "port keywords in the spelling of NetSecurity (RPCEPMap) are refused"),
    "variant_array_only": (True, "interfaces are taken as an array of VARIANT (object[]) alone"),
    "built_in_locked": (True, "rules whose group begins with @ can be neither changed nor removed: access denied"),
    "max_addresses": (1000, "more addresses in one list are refused; 0 = no limit"),
    "max_text": (10000, "longer texts are refused; 0 = no limit"),
    "host_bits": ("refuse", "host bits in a prefix: refuse, mask, keep"),
    "duplicate_names": (True, "several rules of one name are allowed"),
    "names_ignore_case": (True, "Remove and Item take names without regard to case"),
    "new_rule_disabled": (True, "a new rule is disabled until it is told otherwise"),
    "added_object_is_live": (True, "the object given to Add is a view of the stored rule afterwards; off: a copy that changes nothing any more"),
    "detached_as_put": (True, "a rule that is not in the store gives back the very values that were put; off: as the store would"),
    "nul_ends_text": (True, "a text ends at its first NUL character"),
    "remove_takes": ("first", "of several rules of a name Remove takes: first, last, all"),
    "item_takes": ("first", "of several rules of a name Item gives: first, last"),
    "fail_commit_at": (0, "this commit of a process fails, those after it do not; 0 = none"),
    "fail_commits_from": (0, "this commit and all after it fail; 0 = none"),
    "failed_commit_took_effect": (False, "a commit that fails has happened all the same (the answer was lost)"),
    "die_after_commits": (0, "the process is killed after so many commits; 0 = never"),
    "enumeration_fails_at": (0, "the enumerator fails at this rule; 0 = never"),
    "unreadable_rule": (None, "reading any property of the rule with this name fails"),
    "fail_memory": (False, "writing to the registry is denied"),
    "fail_task": (False, "registering a scheduled task is denied"),
    "die_after_steps": (0, "the process is killed after so many commits, values of the registry and tasks; 0 = never; not under Wine"),
    "log_failure": (None, "the log is locked by another process, or reading it is denied: locked, denied; not under Wine"),
}


def _given(**values: t.Any) -> Content:
    return {"profiles": {"domain": {"given": values}}}


def _policy_rules(*texts: str) -> Content:
    return {"policy_rules": [{"origin": "group policy", "id": f"{{{number}}}", "text": f"v2.31|{text}"} for number, text in enumerate(texts)]}


#: What group policy or an administrator may have made of a host: the values, and what they mean. ``set_state`` puts them into a store.
STATES: dict[str, tuple[Content, str]] = {
    "firewall_off": ({"profiles": {"domain": {"enabled": False}}}, "the profile filters nothing"),
    "block_all": ({"profiles": {"domain": {"block_all": True}}}, "the profile blocks everything inbound, whatever rules say"),
    "local_rules_ignored": ({"profiles": {"domain": {"local_rules": False}}}, "group policy has the profile ignore local rules"),
    "excluded_interface": ({"profiles": {"domain": {"excluded_interfaces": ["Ethernet"]}}}, "nothing is filtered on this interface"),
    "log_given": ({"profiles": {"domain": {"log_policy": True}}}, "group policy gives the logging; a local value is without effect"),
    "policy_off": (_given(EnableFirewall=0), "group policy has the profile filter nothing, whatever the local setting is"),
    "policy_opens": (_given(DefaultInboundAction=0), "group policy has what no rule admits come in"),
    "policy_block_all": (_given(DoNotAllowExceptions=1), "group policy blocks everything inbound, whatever rules say"),
    "policy_excludes": (_given(DisabledInterfaces="Ethernet"), "group policy has nothing filtered on this interface"),
    "policy_rule_admits": (
        _policy_rules("Action=Allow|Active=TRUE|Dir=In|Protocol=6|LPort=8080|Name=Theirs|"),
        "a rule of group policy, which COM does not list",
    ),
    "policy_rule_blocks": (_policy_rules("Action=Block|Active=TRUE|Dir=In|Protocol=6|LPort=8080|Name=Theirs|"), "the same, and it blocks"),
    "other_product": ({"products": [{"name": "Other Firewall", "categories": [0, 2]}]}, "another product has taken over; what it admits is not known"),
    "products_unknown": ({"products": None}, "whether another product has taken over cannot be asked"),
    "gp_override": ({"modify_state": 1}, "group policy overrides: changes of the local policy are without effect"),
    "inbound_blocked": ({"modify_state": 2}, "everything inbound is blocked, whatever rules say"),
}

_RULE: Rule = {
    "key": None,
    "name": None,
    "description": None,
    "enabled": True,
    "direction": IN,
    "action": ALLOW,
    "protocol": ANY,
    "local_ports": "*",
    "remote_ports": "*",
    "local_addresses": "*",
    "remote_addresses": "*",
    "profiles": ALL,
    "program": None,
    "service": None,
    "interface_types": "All",
    "interfaces": None,
    "icmp": "*",
    "edge": 0,
    "secure": 0,
    "grouping": None,
    "local_user_owner": None,
    "local_users": None,
    "remote_users": None,
    "remote_machines": None,
    "app_package": None,
}
_PROFILE: Content = {
    "enabled": True,
    "inbound": BLOCK,
    "outbound": ALLOW,
    "block_all": False,
    "local_rules": True,
    "excluded_interfaces": None,
    "log_allowed": False,
    "log_dropped": False,
    "log_path": "%systemroot%\\system32\\LogFiles\\Firewall\\pfirewall.log",
    "log_size": 4096,
    "log_policy": False,
    "unicast_responses": True,
    "given": {},
}
_COUNTERS = dict.fromkeys(("calls", "enumerations", "commits", "failed_commits", "lookups", "memory_writes", "last_key"), 0)


def rule(name: str, **columns: t.Any) -> Rule:
    """A rule as kept: enabled, inbound, allow, everything else any, unless told otherwise."""
    unknown = set(columns) - set(_RULE)
    if unknown:
        raise ValueError(f"no such columns of a rule: {sorted(unknown)}")
    return {**_RULE, "name": name, **columns}


def empty(**switches: t.Any) -> Content:
    """A host without any rule."""
    content: Content = {
        "format": 1,
        "switches": {name: default for name, (default, _meaning) in SWITCHES.items()},
        "rules": [],
        "profiles": {name: dict(_PROFILE) for name in PROFILES},
        "active": DOMAIN,
        "modify_state": 0,
        "memory": {},
        "until_restart": None,
        "task": None,
        "sessions": [],
        "addresses": None,
        "sockets": [],
        "processes": {},
        "services": {},
        "logs": {},
        "environment": {},
        "policy_rules": [],
        "products": [],
        "system": "10.0.20348.0",
        "system_root": "C:\\Windows",
        "counters": dict(_COUNTERS),
        "journal": [],
    }
    return switch(content, **switches)


def switch(content: Content, **switches: t.Any) -> Content:
    """Set switches, in place; a name that is none, or a value of another type, is an error. Gives ``content`` back."""
    for name, value in switches.items():
        if name not in SWITCHES:
            raise ValueError(f"no such switch: {name}")
        default = SWITCHES[name][0]
        if default is not None and type(value) is not type(default):
            raise ValueError(f"{name}={value!r}: expected something like {default!r}")
        content["switches"][name] = value
    return content


def set_state(content: Content, name: str) -> Content:
    """Make a store one of ``STATES``, in place. Gives ``content`` back."""
    values = STATES[name][0]
    for profile, columns in values.get("profiles", {}).items():
        content["profiles"][profile].update(copy.deepcopy(columns))
    content.update({key: value for key, value in values.items() if key != "profiles"})
    return content


def admits(content: Content, port: int, profile: str = "domain", interface: str = "Ethernet") -> bool:
    """Whether a host lets a TCP connection from anywhere in: what counts in the end, after everything that may stand above a rule."""
    values = _effective(content["profiles"][profile])
    taken_over = content["products"] is None or any(2 in product["categories"] for product in content["products"])
    if taken_over or not values["enabled"] or interface in (values["excluded_interfaces"] or ()):
        return True  # as far as anybody knows
    if values["block_all"] or content["modify_state"] == 2:
        return False
    local = values["local_rules"] and content["modify_state"] != 1
    bit = 1 << PROFILES.index(profile)
    matching = [
        one["action"]
        for one in content["rules"]
        if local and one["enabled"] and one["direction"] == IN and one["profiles"] & bit and one["protocol"] in (TCP, ANY)
        if one["local_ports"] == "*" or str(port) in one["local_ports"].split(",")
        if one["remote_addresses"] == "*" and not (one["program"] or one["service"] or one["app_package"])
    ]
    given = [dict(field.split("=", 1) for field in one["text"].split("|")[1:] if field) for one in content["policy_rules"]]
    matching += [ALLOW if one["Action"] == "Allow" else BLOCK for one in given if one["Dir"] == "In" and one["LPort"] == str(port)]
    return bool(BLOCK not in matching and (ALLOW in matching or values["inbound"] == ALLOW))


def _effective(profile: Content) -> Content:
    """A profile with what group policy gives in place of its own values."""
    given = profile["given"]
    policy = {
        "enabled": bool(given.get("EnableFirewall", profile["enabled"])),
        "inbound": (ALLOW, BLOCK)[given["DefaultInboundAction"]] if "DefaultInboundAction" in given else profile["inbound"],
        "block_all": bool(given.get("DoNotAllowExceptions", profile["block_all"])),
        "excluded_interfaces": given["DisabledInterfaces"].split(",") if "DisabledInterfaces" in given else profile["excluded_interfaces"],
    }
    return {**profile, **policy}


def add(content: Content, *rules: Rule) -> Content:
    """Add rules as somebody else would have, in place. Gives ``content`` back."""
    for one in rules:
        content["counters"]["last_key"] += 1
        content["rules"].append({**one, "key": one["key"] or f"{{00000000-0000-4000-8000-{content['counters']['last_key']:012x}}}"})
    return content


def fresh_server(
    remote_desktop: bool = False, file_sharing: bool = False, wmi: bool = False, exchange: bool = False, controller: str = "10.9.0.5", **switches: t.Any
) -> Content:
    """A Windows Server as set up: rules of the system in their groups, most of them disabled; inbound block, outbound allow.

    ``remote_desktop``, ``file_sharing``, ``wmi``: their groups are enabled. ``exchange``: Exchange's setup added its rules for any program.
    ``controller``: there is a WinRM session (HTTPS) from this address.
    """
    content = empty(**switches)
    content["sessions"].append({"peer": controller, "peer_port": 50111, "local": "10.1.1.20", "local_port": 5986})
    add(content, *_core_networking(), *_winrm(), *_groups(remote_desktop, file_sharing, wmi), *_apps())
    if exchange:
        add(content, *_exchange())
    return content


def _group(number: int) -> str:
    return f"@FirewallAPI.dll,-{number}"


def _core_networking() -> list[Rule]:
    group = _group(25000)

    def one(name: str, **columns: t.Any) -> Rule:
        return rule(f"Core Networking - {name}", grouping=group, description=f"{name} in the core of IP networking.", **columns)

    rules = []
    for direction, suffix in ((IN, "In"), (OUT, "Out")):
        for name, kind, peers in (
            ("Packet Too Big", "2:*", "*"),
            ("Time Exceeded", "3:*", "*"),
            ("Parameter Problem", "4:*", "*"),
            ("Neighbor Discovery Solicitation", "135:*", "*"),
            ("Neighbor Discovery Advertisement", "136:*", "*"),
            ("Router Advertisement", "134:*", "fe80::/64"),
            ("Multicast Listener Query", "130:*", "LocalSubnet"),
        ):
            program = "System" if direction == IN else None
            one_of = one(f"{name} (ICMPv6-{suffix})", direction=direction, protocol=ICMP6, icmp=kind, remote_addresses=peers, program=program)
            rules.append(one_of)
        rules.append(one(f"Internet Group Management Protocol (IGMP-{suffix})", direction=direction, protocol=IGMP, program="System"))
        for label, local, remote in (("", "68", "67"), (" for IPv6", "546", "547")):
            ends = {"local_ports": local, "remote_ports": remote, "program": SVCHOST, "service": "Dhcp"}
            rules.append(one(f"Dynamic Host Configuration Protocol{label} ({suffix})", direction=direction, protocol=UDP, **ends))
    rules.append(one("Destination Unreachable Fragmentation Needed (ICMPv4-In)", protocol=ICMP4, icmp="3:4", program="System"))
    rules.append(one("Teredo (UDP-In)", protocol=UDP, local_ports="Teredo", program=SVCHOST, service="iphlpsvc"))
    rules.append(one("IPHTTPS (TCP-In)", protocol=TCP, local_ports="IPHTTPS", program="System"))
    rules.append(one("IPHTTPS (TCP-Out)", direction=OUT, protocol=TCP, remote_ports="IPHTTPS", program=SVCHOST, service="iphlpsvc"))
    rules.append(one("DNS (UDP-Out)", direction=OUT, protocol=UDP, remote_ports="53", program=SVCHOST, service="dnscache"))
    rules.append(one("Group Policy (LSASS-Out)", direction=OUT, protocol=TCP, profiles=DOMAIN, program="C:\\Windows\\system32\\lsass.exe"))
    rules.append(one("Group Policy (NP-Out)", direction=OUT, protocol=TCP, remote_ports="445", profiles=DOMAIN, program="System"))
    return rules


def _winrm() -> list[Rule]:
    # two rules of one name, as on every Windows
    name, group = "Windows Remote Management (HTTP-In)", _group(30267)
    return [
        rule(name, grouping=group, protocol=TCP, local_ports="5985", profiles=DOMAIN | PRIVATE, program="System"),
        rule(name, grouping=group, protocol=TCP, local_ports="5985", profiles=PUBLIC, remote_addresses="LocalSubnet", program="System"),
        rule("Windows Remote Management - Compatibility Mode (HTTP-In)", grouping=_group(30252), enabled=False, protocol=TCP, local_ports="80"),
        # not of the system: administrators add it for HTTPS
        rule("WinRM over HTTPS", protocol=TCP, local_ports="5986"),
    ]


def _groups(remote_desktop: bool, file_sharing: bool, wmi: bool) -> list[Rule]:
    rules: list[Rule] = []

    def one(group: int, enabled: bool, name: str, **columns: t.Any) -> None:
        rules.append(rule(name, grouping=_group(group), enabled=enabled, **columns))

    for profiles in (DOMAIN, PRIVATE | PUBLIC):
        peers = "*" if profiles == DOMAIN else "LocalSubnet"
        for suffix, direction in (("In", IN), ("Out", OUT)):
            local = "local_ports" if direction == IN else "remote_ports"
            for label, protocol, port in (("NB-Session", TCP, "139"), ("SMB", TCP, "445"), ("NB-Name", UDP, "137"), ("NB-Datagram", UDP, "138")):
                scope = {local: port, "remote_addresses": peers, "program": "System"}
                one(28502, file_sharing, f"File and Printer Sharing ({label}-{suffix})", direction=direction, protocol=protocol, profiles=profiles, **scope)
        spooler = {"protocol": TCP, "profiles": profiles, "remote_addresses": peers}
        for label, port, program, service in (("RPC", "RPC", "C:\\Windows\\system32\\spoolsv.exe", "Spooler"), ("RPC-EPMAP", "RPC-EPMap", SVCHOST, "RpcSs")):
            answers = {"local_ports": port, "program": program, "service": service}
            one(28502, file_sharing, f"File and Printer Sharing (Spooler Service - {label})", **spooler, **answers)
        one(28502, file_sharing, "File and Printer Sharing (Echo Request - ICMPv4-In)", protocol=ICMP4, icmp="8:*", profiles=profiles, remote_addresses=peers)
    one(28752, remote_desktop, "Remote Desktop - User Mode (TCP-In)", protocol=TCP, local_ports="3389", program=SVCHOST, service="termservice")
    one(28752, remote_desktop, "Remote Desktop - User Mode (UDP-In)", protocol=UDP, local_ports="3389", program=SVCHOST, service="termservice")
    one(28752, remote_desktop, "Remote Desktop - Shadow (TCP-In)", protocol=TCP, program="C:\\Windows\\system32\\RdpSa.exe", edge=2)
    one(34251, wmi, "Windows Management Instrumentation (DCOM-In)", protocol=TCP, local_ports="135", program=SVCHOST, service="RpcSs")
    one(34251, wmi, "Windows Management Instrumentation (WMI-In)", protocol=TCP, local_ports="RPC", program=SVCHOST, service="winmgmt")
    one(34251, wmi, "Windows Management Instrumentation (ASync-In)", protocol=TCP, program="C:\\Windows\\system32\\wbem\\unsecapp.exe")
    one(34251, wmi, "Windows Management Instrumentation (WMI-Out)", direction=OUT, protocol=TCP, program=SVCHOST, service="winmgmt")
    for label, number in (("Remote Event Log Management", 29252), ("Remote Service Management", 29502), ("Remote Scheduled Tasks Management", 33252)):
        one(number, False, f"{label} (RPC)", protocol=TCP, local_ports="RPC")
        one(number, False, f"{label} (RPC-EPMAP)", protocol=TCP, local_ports="RPC-EPMap", program=SVCHOST, service="RpcSs")
    one(37302, True, "mDNS (UDP-In)", protocol=UDP, local_ports="5353", program=SVCHOST, service="dnscache")
    return rules


def _apps() -> list[Rule]:
    # rules of store apps: an indirect name, a package, an owner
    package = "S-1-15-2-1609473798-1231923017-684268153-4268514328-882773646-2760585773-1760938157"
    name = "@{Microsoft.AAD.BrokerPlugin_1000.17763.1.0_neutral_neutral_cw5n1h2txyewy?ms-resource://Microsoft.AAD.BrokerPlugin/resources/PackageDisplayName}"
    owner = "S-1-5-21-3623811015-3361044348-30300820-500"
    shared: Rule = {"grouping": name, "app_package": package, "local_user_owner": owner}
    return [rule(name, direction=OUT, **shared), rule(name, profiles=DOMAIN | PRIVATE, **shared)]


def _exchange() -> list[Rule]:
    # what Exchange's setup leaves: RPC for any program and any peer, and its own names among ours
    group = "Microsoft Exchange"
    return [
        rule("MSExchangeIS RPC (TCP-In)", grouping=group, protocol=TCP, local_ports="RPC"),
        rule("MSExchangeIS RPCEPMap (TCP-In)", grouping=group, protocol=TCP, local_ports="RPC-EPMap"),
        rule("MSExchangeTransportWorker (TCP-In)", grouping=group, protocol=TCP, local_ports="25,587"),
        rule("MSExchange - IMAP4 (TCP-In)", grouping=group, enabled=False, protocol=TCP, local_ports="143,993"),
    ]


# -- files


def write(path: t.Union[str, pathlib.Path], content: Content) -> pathlib.Path:
    """Write the file whole, or leave the old one."""
    path = pathlib.Path(path)
    handle, beside = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)
    os.replace(beside, path)
    return path


def read(path: t.Union[str, pathlib.Path]) -> Content:
    return t.cast(Content, json.loads(pathlib.Path(path).read_text(encoding="utf-8")))


@contextlib.contextmanager
def edited(path: t.Union[str, pathlib.Path]) -> t.Iterator[Content]:
    """Change a file that hosts may be using, under the lock that they take."""
    path = pathlib.Path(path)
    with path.with_name(path.name + ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        content = read(path)
        yield content
        write(path, content)


def own(content: Content, owner: str = "msports") -> list[Rule]:
    """The rules of an owner of ours."""
    return [one for one in content["rules"] if one["grouping"] == f"portcullis:{owner}"]


def foreign(content: Content, owner: str = "msports") -> str:
    """Everything of others, with keys and in the order of the store, as a text to compare."""
    return json.dumps([one for one in content["rules"] if one["grouping"] != f"portcullis:{owner}"])


def state(content: Content) -> Content:
    """All that is policy, to compare before with after: no counters, journal, switches, sessions and what a restart forgets, and rules without key, sorted.

    A rule that was removed and added again is the same policy under another key, at another place.
    """
    left_out = ("counters", "journal", "switches", "rules", "sessions", "addresses", "sockets", "processes", "services", "logs", "until_restart")
    kept = {name: copy.deepcopy(value) for name, value in content.items() if name not in left_out}
    return {**kept, "rules": sorted(json.dumps({**one, "key": None}) for one in content["rules"])}
