# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""What an owner has in firewalld: policies, ipsets and services, as values, as files, and as canonical lines.

A policy's description records which of its rich rules belong to which rule of ours, because a rich rule has no name. It is one line
of JSON with single spaces, because the daemon joins white space when it rewrites a file.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import typing as t

from xml.etree import ElementTree

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._linux.firewalld import rich as rich_rules
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.managers import MADE_BY

Record = t.Dict[str, t.List[str]]
Entry = t.Tuple[t.Any, ...]
SetContent = t.Tuple[int, t.Tuple[Entry, ...]]


class Objects(t.NamedTuple):
    """By name: ``Policy``, ``(version, entries)`` and the connection tracking helper of a service.

    An entry of an ipset is an interval of addresses, ``(version, first, last)``, or in a set of ends ``(version, first, last, protocol, port, port)``.
    """

    policies: t.Dict[str, Policy]
    sets: t.Dict[str, SetContent]
    services: t.Dict[str, str]


EMPTY = Objects({}, {}, {})


class Policy(t.NamedTuple):
    """``rules`` are texts in one order; ``record`` is ``{name of a rule: digests of its rich rules}``, empty where it is not known."""

    priority: int
    target: str
    ingress: t.Tuple[str, ...]
    egress: t.Tuple[str, ...]
    rules: t.Tuple[str, ...]
    record: Record


FOLDERS = {"policies": "policies", "sets": "ipsets", "services": "services"}
# The helpers of connection tracking that we use, and the port of UDP that each is attached to.
HELPER_PORTS = {"tftp": "69", "netbios-ns": "137"}
FAMILIES = {4: "inet", 6: "inet6"}
VERSIONS = {"inet": 4, "inet6": 6}
# What tells our objects from those that others have given such a name.
MARK = MADE_BY + "; what is changed here is undone."
RULES = MARK + " Rules: "
DESCRIPTION = "  <description>{0}</description>"
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_PLAIN = {"rule": {"priority", "family"}, "source": {"address", "ipset"}, "destination": {"address", "ipset"}, "log": {"prefix", "level"}, "reject": {"type"}}


def is_ours(name: str, start: str, text: str) -> bool:
    """Tell whether we have made an object, by its name and its description, or the file that holds it."""
    return name.startswith(start + "-") and MARK in text


def names(objects: Objects) -> t.FrozenSet[str]:
    return frozenset(name for sort in objects for name in sort)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def files(objects: Objects) -> t.Dict[str, str]:
    """Return ``{path below /etc/firewalld: text}``."""
    found = {}
    for name, policy in objects.policies.items():
        found["policies/{0}.xml".format(name)] = _policy_xml(policy)
    for name, (version, entries) in objects.sets.items():
        lines = ['<ipset type="{0}">'.format(set_type(entries)), DESCRIPTION.format(MARK)]
        lines.append('  <option name="family" value="{0}"/>'.format(FAMILIES[version]))
        lines += ['  <option name="maxelem" value="{0}"/>'.format(len(entries))] if len(entries) > 65536 else []
        lines += ["  <entry>{0}</entry>".format(entry_text(entry)) for entry in entries]
        found["ipsets/{0}.xml".format(name)] = HEAD + "\n".join(lines) + "\n</ipset>\n"
    for name, helper in objects.services.items():
        found["services/{0}.xml".format(name)] = HEAD + '<service>\n{0}\n  <helper name="{1}"/>\n</service>\n'.format(DESCRIPTION.format(MARK), helper)
    return found


def has_ports(entries: t.Iterable[Entry]) -> bool:
    """Tell whether the entries are ends: addresses with a protocol and ports."""
    return any(len(entry) > 3 for entry in entries)


def set_type(entries: t.Iterable[Entry]) -> str:
    return "hash:net,port" if has_ports(entries) else "hash:net"


def entry_text(entry: Entry) -> str:
    address = _addresses.text_of(entry[:3])
    return "{0},{1}:{2}".format(address, entry[3], _ports.text_of(entry[4:])) if len(entry) > 3 else address


def parse_entry(text: str) -> Entry:
    address, comma, end = text.strip().partition(",")
    protocol, _colon, ports = end.partition(":")
    return _addresses.parse_one(address) + ((protocol,) + _ports.PortRange.parse(ports) if comma else ())


def networks(texts: t.Iterable[str]) -> t.Tuple[_addresses.Interval, ...]:
    """Return the addresses as the fewest networks, as intervals: firewalld knows no ranges."""
    return tuple(_addresses.networks(_addresses.parse(texts)))


def _policy_xml(policy: Policy) -> str:
    record = json.dumps(policy.record, sort_keys=True, separators=(",", ":"))
    while "  " in record:
        record = record.replace("  ", " \\u0020")
    lines = ['<policy priority="{0}" target="{1}">'.format(policy.priority, policy.target)]
    # html, because xml.sax.saxutils loads urllib, http, ssl and email, which takes longer than reading and writing policies
    lines.append(DESCRIPTION.format(html.escape(RULES + record, quote=False)))
    # A helper is attached by a rule that ends nothing: it must stand before those that accept, and the daemon keeps the order of the file.
    for rich in sorted((rich_rules.parse(line) for line in policy.rules), key=lambda rich: rich.element[:1] != ("service",)):
        lines += rich_rules.xml(rich)
    lines += ['  <{0}-zone name="{1}"/>'.format(kind, zone) for kind, zones in (("ingress", policy.ingress), ("egress", policy.egress)) for zone in zones]
    return HEAD + "\n".join(lines) + "\n</policy>\n"


def read_policy(text: str) -> Policy:
    """Return the ``Policy`` of a file's text; ValueError when it is none."""
    root = _root(text, "policy")
    rules, zones, others = [], {"ingress": [], "egress": []}, []
    for element in root:
        if element.tag == "rule":
            rules.append(_rule_text(element))
        elif element.tag in ("ingress-zone", "egress-zone"):
            zones[element.tag[:-5]].append(element.get("name", ""))
        elif element.tag not in ("description", "short"):
            others.append("unknown: {0}".format(_shown(element)))
    target, priority = root.get("target", "CONTINUE"), root.get("priority", "-1")
    record = read_record(root.findtext("description") or "")
    return Policy(int(priority), target, tuple(sorted(zones["ingress"])), tuple(sorted(zones["egress"])), tuple(sorted(rules + others)), record)


def read_record(description: str) -> Record:
    """Return the record in a description; an empty one where it was changed."""
    try:
        found = json.loads(description.partition(RULES)[2])
        return {str(name): [str(item) for item in digests] for name, digests in found.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def read_set(text: str) -> SetContent:
    """Return ``(version, entries)`` of an ipset's file; ValueError when it is not of the sort that we make."""
    root = _root(text, "ipset")
    options = {element.get("name"): element.get("value") for element in root.findall("option")}
    return set_of(root.get("type"), options, [element.text or "" for element in root.findall("entry")])


def set_of(kind: t.Optional[str], options: t.Mapping[t.Any, t.Any], entries: t.Iterable[str]) -> SetContent:
    """Return ``(version, entries)``; what is read is sorted and never merged."""
    if kind not in ("hash:net", "hash:net,port") or set(options) - {"family", "maxelem"}:
        raise ValueError("an ipset of another sort")
    return VERSIONS[options.get("family", "inet")], tuple(sorted(parse_entry(entry) for entry in entries))


def read_service(text: str) -> str:
    root = _root(text, "service")
    helpers = [element.get("name") for element in root.findall("helper")]
    if len(helpers) != 1 or [element.tag for element in root if element.tag not in ("helper", "short", "description")]:
        raise ValueError("a service of another sort")
    return helpers[0] or ""


def _root(text: str, tag: str) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error
    if root.tag != tag:
        raise ValueError("no {0}".format(tag))
    return root


def _rule_text(element: ElementTree.Element) -> str:
    """Return a rule of a file as the daemon would print it; what has no place in a rule of ours comes back as it is."""
    try:
        found: t.Dict[str, t.Any] = {"priority": int(element.get("priority", 0)), "family": element.get("family", "")}
        for part in element:
            if set(part.attrib) - _PLAIN.get(part.tag, set(part.attrib)) or (len(part) and part.tag != "log"):
                raise ValueError(part.tag)
            if part.tag in ("source", "destination"):
                found[part.tag] = "ipset:" + part.get("ipset", "") if part.get("ipset") else part.get("address", "")
            elif part.tag in rich_rules.ELEMENTS:
                found["element"] = (part.tag,) + tuple(part.attrib[name] for name in rich_rules.ELEMENTS[part.tag])
            elif part.tag == "log":
                found["action"] = ("log", part.attrib["prefix"], part.findall("limit")[0].attrib["value"])
            elif part.tag in ("accept", "drop", "reject"):
                found["action"] = (part.tag,) + ((part.get("type", ""),) if part.tag == "reject" else ())
            else:
                raise ValueError(part.tag)
        if "action" not in found:
            raise ValueError("no action")
        line = rich_rules.text(rich_rules.rule(**found))
        rich_rules.parse(line)
        return line
    except (ValueError, KeyError, IndexError):
        return "unknown: {0}".format(_shown(element))


def _shown(element: ElementTree.Element) -> str:
    return re.sub(r"\s+", " ", ElementTree.tostring(element, encoding="unicode")).strip()


def set_mark(name: str, content: SetContent) -> str:
    """Return an ipset's name with the number and a digest of its entries, so that a line changes when its addresses do."""
    return "{0}({1}:{2})".format(name, len(content[1]), hashlib.sha256(repr(content).encode("ascii")).hexdigest()[:12])


def structure_lines(objects: Objects) -> t.Dict[str, t.List[str]]:
    """Return ``{part: [line, ...]}`` of everything but the rules that a record names."""
    parts = {}
    for name, policy in objects.policies.items():
        zones = "{0} to {1}".format(",".join(policy.ingress), ",".join(policy.egress))
        known = {mark for digests in policy.record.values() for mark in digests}
        lines = ["policy {0}: {1}, priority {2}, target {3}".format(name, zones, policy.priority, policy.target)]
        parts["policy " + name] = lines + ["policy {0}: {1}".format(name, line) for line in policy.rules if digest(line) not in known]
    for name, (version, entries) in objects.sets.items():
        shown = ", ".join(entry_text(entry) for entry in entries) or "(empty)"
        parts["ipset " + name] = ["ipset {0}: IPv{1} {2}".format(name, version, shown)]
    for name, helper in objects.services.items():
        parts["service " + name] = ["service {0}: helper {1}".format(name, helper)]
    return parts
