# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The running daemon: what it holds of ours and of others, its reload, and small changes without one.

What others have at run time only is lost by a reload, and so are rules of iptables that firewalld has not made. ``snapshot`` remembers
what runs and ``saved`` what is saved, ``put_back`` restores what differs; the rules of iptables are the matter of ``iptables.py``.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.dbus import Bus, BusError, Typed
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld.objects import Objects, Policy, has_ports, is_ours, read_record, set_of
from ansible_collections.portcullis.msports.plugins.module_utils._match import Plain

Call = t.Tuple[t.Any, ...]

NAME = "org.fedoraproject.FirewallD1"
PATH = "/org/fedoraproject/FirewallD1"
CONFIG = NAME + ".config"
CONFIG_PATH = PATH + "/config"

ENTRIES_AT_ONCE = 500
RULES_AT_ONCE = 120


class Snapshot(t.NamedTuple):
    """The state of others: ``{name: settings}`` by sort, ``direct`` is ``{"Chain" | "Rule" | "Passthrough": [...]}``."""

    default_zone: str
    zones: t.Dict[str, t.Any]
    policies: t.Dict[str, t.Any]
    ipsets: t.Dict[str, t.Any]
    direct: t.Dict[str, t.List[t.Any]]


# The settings that can be changed while the daemon runs, with their types. Zones call rich rules otherwise.
LISTS = {"services": "as", "ports": "a(ss)", "icmp_blocks": "as", "forward_ports": "a(ssss)", "protocols": "as", "source_ports": "a(ss)"}
SWITCHES = {"masquerade": "b"}
CHANGEABLE = {
    "zone": dict(LISTS, **SWITCHES, interfaces="as", sources="as", rules_str="as", icmp_block_inversion="b", forward="b"),
    "policy": dict(LISTS, **SWITCHES, rich_rules="as", ingress_zones="as", egress_zones="as"),
}
TEXTS = ("version", "short", "description")
DIRECT = {"Chain": "sss", "Rule": "sssias", "Passthrough": "sas"}


def timed_entries(others: Snapshot, nft_objects: t.Iterable[t.Tuple[str, Plain]]) -> t.List[t.Tuple[str, str]]:
    """Return ``[(ipset, entry), ...]`` of others' ipsets with a timeout: only the kernel knows their entries. Concatenated ones cannot be told."""
    timed = {name for name, found in others.ipsets.items() if found[4].get("timeout", "0") != "0"}
    entries = []
    for kind, value in nft_objects:
        if kind == "set" and value.get("table") == "firewalld" and value["name"] in timed:
            for item in value.get("elem", []):
                item = item.get("elem", {}).get("val", item.get("prefix")) if isinstance(item, dict) else item
                if isinstance(item, dict) and set(item) == {"prefix"}:
                    item = item["prefix"]
                if isinstance(item, str) or (isinstance(item, dict) and set(item) == {"addr", "len"}):
                    entries.append((value["name"], item if isinstance(item, str) else "{addr}/{len}".format(**item)))
    return entries


def settings_to_put_back(sort: str, had: Plain, has: Plain) -> t.Dict[str, Typed]:
    """Return what differs and can be set, as it was."""
    wanted = {}
    for key, signature in CHANGEABLE[sort].items():
        empty = False if signature == "b" else []
        before, now = had.get(key, empty), has.get(key, empty)
        if (before != now) if signature == "b" else (sorted(before) != sorted(now)):
            wanted[key] = Typed(signature, before)
    return wanted


def differences(left: Snapshot, right: Snapshot) -> t.List[str]:
    """Return in words where two snapshots differ in what a reload would change. Interfaces come back by themselves or are put back unharmed."""
    found = ["default zone"] if left.default_zone != right.default_zone else []
    for sort in ("zones", "policies"):
        mine, theirs = getattr(left, sort), getattr(right, sort)
        for name in sorted(set(mine) | set(theirs)):
            keys = _differing(mine.get(name), theirs.get(name))
            found += ["{0} {1}: {2}".format({"zones": "zone", "policies": "policy"}[sort], name, ", ".join(keys))] if keys else []
    for name in sorted(set(left.ipsets) | set(right.ipsets)):
        sides = [(found_set[3], found_set[4], sorted(found_set[5])) if found_set else None for found_set in (left.ipsets.get(name), right.ipsets.get(name))]
        if sides[0] != sides[1] or (sides[0] and sides[0][1].get("timeout", "0") != "0"):
            found.append("ipset {0}".format(name))
    return found + ["direct {0}s".format(sort.lower()) for sort in DIRECT if left.direct[sort] != right.direct[sort]]


def _differing(left: t.Any, right: t.Any) -> t.List[str]:
    if left is None or right is None:
        return ["it is only there at run time" if right is None else "it is only saved"]
    keys = sorted((set(left) | set(right)) - set(TEXTS) - {"interfaces"})
    return [key for key in keys if _plain(left.get(key)) != _plain(right.get(key))]


def _plain(value: t.Any) -> t.Any:
    return (sorted(value) or None) if isinstance(value, list) else (value or None)


class NeedsReload(Exception):
    """A change that the running daemon cannot make by itself."""


def connect(address: t.Optional[str] = None) -> t.Optional[Daemon]:
    """Return the ``Daemon``, or ``None`` when none is running; raise ``BusError`` when that cannot be told."""
    bus = Bus(address)
    if bus.owned(NAME):
        return Daemon(bus)
    bus.close()
    return None


class Daemon:
    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.properties = self._call("org.freedesktop.DBus.Properties", "GetAll", "s", NAME)

    def _call(self, interface: str, member: str, signature: str = "", *values: t.Any, path: str = PATH) -> t.Any:
        answer = self.bus.call(NAME, path, interface, member, signature, *values)
        return answer[0] if answer else None

    def call(self, sort: str, member: str, signature: str = "", *values: t.Any) -> t.Any:
        """Call a method of the running configuration: ``sort`` is ``zone``, ``policy``, ``ipset``, ``direct`` or empty."""
        return self._call("{0}.{1}".format(NAME, sort) if sort else NAME, member, signature, *values)

    @property
    def version(self) -> str:
        return str(self.properties.get("version", ""))

    @property
    def families(self) -> t.Tuple[int, ...]:
        return tuple(number for number in (4, 6) if self.properties.get("IPv{0}".format(number), True))

    @property
    def set_types(self) -> t.Optional[t.Sequence[str]]:
        """The types of ipsets that the daemon says it can hold."""
        types = self.properties.get("IPSetTypes")
        return None if types is None else [str(kind) for kind in types]

    def state(self) -> str:
        return str(self._call("org.freedesktop.DBus.Properties", "Get", "ss", NAME, "state"))

    def own(self, start: str, known: t.Container[str] = ()) -> Objects:
        """Return the ``Objects`` of the owner that are in the daemon, by their mark, or because they are ``known`` to be ours.

        What is of another sort than ours is left out, and so is found missing.
        """

        def read(sort: str, listing: str, reading: str, description: t.Callable[[t.Any], str]) -> t.Iterator[t.Tuple[str, t.Any]]:
            for name in self.named(sort, listing, start):
                found = self.call(sort, reading, "s", name)
                if name in known or is_ours(name, start, description(found)):
                    yield name, found

        sets = {}
        for name, found in read("ipset", "getIPSets", "getIPSetSettings", lambda found: str(found[2])):
            try:
                sets[name] = set_of(found[3], found[4], found[5])
            except (ValueError, KeyError):
                sets[name] = (0, ())
        policies = read("policy", "getPolicies", "getPolicySettings", lambda found: found.get("description", ""))
        services = read("", "listServices", "getServiceSettings2", lambda found: found.get("description", ""))
        return Objects({name: _policy(found) for name, found in policies}, sets, {name: _helper(found) for name, found in services})

    def named(self, sort: str, member: str, start: str) -> t.List[str]:
        """Return the names of one sort that begin as ours do, whoever has made them."""
        return [name for name in self.call(sort, member) if name.startswith(start + "-")]

    def reload(self) -> None:
        self.call("", "reload")

    def changes(self, before: Objects, after: Objects) -> t.List[Call]:
        """Return the single calls that turn the own objects ``before`` into ``after``, adding first and removing then; raise ``NeedsReload``."""
        if set(before.policies) != set(after.policies) or set(before.sets) != set(after.sets) or before.services != after.services:
            raise NeedsReload("policies, ipsets or services come or go")
        rules: t.List[t.Tuple[str, t.Tuple[str, ...], t.Tuple[str, ...]]] = []
        entries: t.List[t.Tuple[str, str, t.Any]] = []
        for name, policy in after.policies.items():
            if before.policies[name]._replace(rules=(), record={}) != policy._replace(rules=(), record={}):
                raise NeedsReload("the policy {0} changes its target, priority or zones".format(name))
            if any("service name=" in line for line in set(policy.rules) - set(before.policies[name].rules)):
                raise NeedsReload("the policy {0} attaches a helper, which must come before what it has".format(name))
            if before.policies[name].rules != policy.rules:
                rules.append((name, before.policies[name].rules, policy.rules))
        for name, (version, wanted) in after.sets.items():
            old = before.sets[name][1]
            if before.sets[name] != (version, wanted) and (has_ports(old) or has_ports(wanted)):
                raise NeedsReload("the ipset {0} of ends changes".format(name))
            added, removed = sorted(set(wanted) - set(old)), sorted(set(old) - set(wanted))
            if not added and not removed:
                continue
            if before.sets[name][0] != version or _addresses.overlaps(_addresses.union(added), _addresses.union(old)):
                raise NeedsReload("the ipset {0} changes in a way that its entries overlap meanwhile".format(name))
            entries += [(name, "addEntry", one) for one in added] + [(name, "removeEntry", one) for one in removed]
        if len(entries) > ENTRIES_AT_ONCE or sum(len(set(old) ^ set(new)) for _name, old, new in rules) > RULES_AT_ONCE:
            raise NeedsReload("too much changes to be done one by one")
        # Adding comes before removing.
        ordered = sorted(entries, key=lambda entry: entry[1])
        calls: t.List[Call] = [("ipset", member, "ss", name, _addresses.text_of(interval)) for name, member, interval in ordered]
        for name, had, wants in rules:
            for lines in (sorted(set(had) | set(wants)), list(wants)):
                calls.append(("policy", "setPolicySettings", "sa{sv}", name, {"rich_rules": Typed("as", lines)}))
        return calls

    def change(self, calls: t.Iterable[Call]) -> None:
        for arguments in calls:
            self.call(*arguments)

    def snapshot(self, own: t.Container[str]) -> Snapshot:
        """Return the ``Snapshot`` of what others have in the running daemon: all but the names of ours."""
        return Snapshot(
            self.call("", "getDefaultZone"),
            {name: self.call("zone", "getZoneSettings2", "s", name) for name in self.call("zone", "getZones")},
            {name: self.call("policy", "getPolicySettings", "s", name) for name in self._others("policy", "getPolicies", own)},
            {name: self.call("ipset", "getIPSetSettings", "s", name) for name in self._others("ipset", "getIPSets", own)},
            {sort: sorted(self.call("direct", "getAll{0}s".format(sort))) for sort in DIRECT},
        )

    def _others(self, sort: str, member: str, own: t.Container[str]) -> t.List[str]:
        return [name for name in self.call(sort, member) if name not in own]

    def saved(self, own: t.Container[str]) -> Snapshot:
        """Return the ``Snapshot`` of what others have in the permanent configuration."""
        chains, rules, passthroughs = self._call(CONFIG + ".direct", "getSettings", path=CONFIG_PATH)
        return Snapshot(
            self.call("", "getDefaultZone"),
            self._of_config("Zone", "getSettings2", ()),
            self._of_config("Policy", "getSettings", own),
            self._of_config("IPSet", "getSettings", own),
            {"Chain": sorted(chains), "Rule": sorted(rules), "Passthrough": sorted(passthroughs)},
        )

    def _of_config(self, sort: str, member: str, own: t.Container[str]) -> t.Dict[str, t.Any]:
        found = {}
        for name in self._call(CONFIG, "get{0}Names".format(sort), path=CONFIG_PATH):
            if name not in own:
                place = self._call(CONFIG, "get{0}ByName".format(sort), "s", name, path=CONFIG_PATH)
                found[name] = self._call("{0}.{1}".format(CONFIG, sort.lower()), member, path=place)
        return found

    def put_back(self, before: Snapshot, after: Snapshot, entries: t.Iterable[t.Tuple[str, str]] = ()) -> t.List[str]:
        """Make what others had in the running daemon what it was; return what could not be. ``entries`` are those of ipsets with a timeout."""
        failed = []
        for _attempt in (1, 2):  # An interface or a source can be given to a zone only when another has let go of it.
            failed = []
            for sort, had, has in (("zone", before.zones, after.zones), ("policy", before.policies, after.policies)):
                member = "set{0}Settings{1}".format(sort.capitalize(), "2" if sort == "zone" else "")
                for name in has:
                    wanted = settings_to_put_back(sort, had.get(name, {}), has[name])
                    self._try(failed, sort, name, sort, member, "sa{sv}", name, wanted) if wanted else None
            for name, settings in after.ipsets.items():
                if name in before.ipsets and sorted(before.ipsets[name][5]) != sorted(settings[5]):
                    self._try(failed, "ipset", name, "ipset", "setEntries", "sas", name, before.ipsets[name][5])
            for name, entry in entries:
                self._try(failed, "ipset", name, "ipset", "addEntry", "ss", name, entry)
            entries = ()
            for sort, signature in DIRECT.items():
                for word, values in (("add", before.direct[sort]), ("remove", after.direct[sort])):
                    for value in values:
                        if value not in (after if word == "add" else before).direct[sort]:
                            self._try(failed, "direct", str(value), "direct", word + sort, signature, *value)
            if not failed:
                break
        gone = [(sort, sorted(set(getattr(before, sort)) - set(getattr(after, sort)))) for sort in ("zones", "policies", "ipsets")]
        return failed + ["{0}: no longer there: {1}".format(sort, ", ".join(names)) for sort, names in gone if names]

    def _try(self, failed: t.List[str], sort: str, name: str, *arguments: t.Any) -> None:
        try:
            self.call(*arguments)
        except BusError as error:
            failed.append("{0} {1}: {2}".format(sort, name, error))


def _helper(settings: Plain) -> str:
    return ",".join(settings.get("helpers", [])) if not settings.get("ports") and not settings.get("modules") else "?"


def _policy(settings: Plain) -> Policy:
    ingress, egress = (tuple(sorted(settings.get(key, ()))) for key in ("ingress_zones", "egress_zones"))
    extra = ["unknown: {0} {1}".format(key, sorted(settings[key])) for key in LISTS if settings.get(key)]
    extra += ["unknown: {0}".format(key) for key in SWITCHES if settings.get(key)]
    rules = tuple(sorted(list(settings.get("rich_rules", [])) + extra))
    return Policy(settings.get("priority", -1), settings.get("target", ""), ingress, egress, rules, read_record(settings.get("description", "")))
