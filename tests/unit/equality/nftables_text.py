# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An evaluator of what ``nft -f`` is given: reads the text, and shares no code with whoever wrote it.

Two ways to ask. :meth:`Ruleset.verdict` walks the chains with one packet, as the kernel does. :meth:`Ruleset.planned` gives the union of
boxes of the chains ``rules_in`` and ``rules_out``, where all rules must accept. Whatever it does not know, it refuses to read.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import typing as t

from ansible_collections.portcullis.msports.tests.unit.equality.boxes import KINDS, PORTS, Box, Packet, Span, Spans, everywhere

PLANNED = {"rules_in": "in", "rules_out": "out"}
HOOKS = {"in": "input", "out": "output"}
_HEAD = re.compile(r"^(?:table inet (\w+)( \{)?|delete table inet \w+|chain (\w+) \{|set (\w+) \{|ct helper (\S+) \{)$")
_HOOK = re.compile(r"^type filter hook (input|output) priority 0; policy (accept|drop);$")
_COMMENT = re.compile(r'^(.*?)(?: comment "([^"]*)")?$')
_TOKEN = re.compile(r'\{[^}]*\}|"[^"]*"|\S+')
_FAMILY = {"ip": 4, "ip6": 6, "icmp": 4, "icmpv6": 6}
_ECHO = {4: 8, 6: 128}
DYNAMIC: Spans = ((49152, 65535),)


class Unreadable(ValueError):
    """The text says something that this evaluator does not know."""


class Rule(t.NamedTuple):
    """One line of a chain: ``matches`` are ``(what, family or None, field, spans)``, ``verdict`` is accept, drop, jump <chain> or nothing."""

    matches: tuple[tuple[str, t.Optional[int], str, t.Any], ...]
    verdict: str
    helper: str
    comment: str


class Ruleset:
    """One table, as read from its text."""

    def __init__(self, text: str) -> None:
        self.chains: dict[str, list[Rule]] = {}
        self.policies: dict[str, str] = {}
        self._hooked: dict[str, str] = {}
        self._sets: dict[str, tuple[int, Spans]] = {}
        self._helpers: dict[str, str] = {}
        self._worth_asking = functools.cache(self._for_sort)  # thousands of packets are of a dozen sorts
        self._read(text)

    def verdict(self, packet: Packet) -> bool:
        """Tell whether the first packet of a new connection, not on the loopback interface, gets through."""
        chain = self._hooked.get(HOOKS[packet.direction])
        if chain is None:
            return True
        said = self._walk(chain, packet)
        return (said or self.policies[chain]) == "accept"

    def accepted_by(self, chain: str, packet: Packet) -> bool:
        return self._walk(chain, packet) == "accept"

    def planned(self, dynamic: Spans = DYNAMIC) -> list[Box]:
        """Return what the rules of the plan admit.

        A tracking helper ``tftp`` at a server also admits its answers, from a new port of the host's ``dynamic`` ones to whoever asked.
        """
        found = []
        for chain, direction in PLANNED.items():
            for rule in self.chains.get(chain, ()):
                if rule.helper and not rule.verdict:
                    continue  # the default lets it through; the rule only attaches a helper
                if rule.verdict != "accept":
                    raise Unreadable(f"{chain}: {rule.comment}: a rule of the plan that does not accept")
                boxes = list(self._boxes(direction, rule))
                found += boxes
                if rule.helper == "tftp" and direction == "in" and self._strict():
                    found += [box._replace(direction="out", local_ports=dynamic, remote_ports=PORTS) for box in boxes]
        return found

    def _strict(self) -> bool:
        return self.policies.get(self._hooked.get("output", "")) == "drop"

    # --- reading ---

    def _read(self, text: str) -> None:
        chain = collection = helper = ""
        for line in map(str.strip, text.splitlines()):
            head = _HEAD.match(line)
            if head:
                chain, collection, helper = head[3] or "", head[4] or "", head[5] or ""
                self.chains.update({chain: []} if chain else {})
            elif line == "}" or not line:
                chain = collection = helper = "" if line else chain
            elif helper:
                self._helpers[helper] = self._helpers.get(helper, "") + " " + line
            elif collection:
                self._element(collection, line)
            elif chain and (hook := _HOOK.match(line)):
                self._hooked[hook[1]] = chain
                self.policies[chain] = hook[2]
            elif chain:
                self.chains[chain].append(self._rule(line))
            else:
                raise Unreadable(line)

    def _element(self, name: str, line: str) -> None:
        if line in ("type ipv4_addr", "type ipv6_addr"):
            self._sets[name] = (4 if "4" in line else 6, ())
        elif line.startswith("elements = {"):
            family = self._sets[name][0]
            self._sets[name] = (family, tuple(_address(part) for part in line[12:-1].split(",")))
        elif line != "flags interval":
            raise Unreadable(line)

    def _rule(self, line: str) -> Rule:
        text, comment = _COMMENT.match(line).groups()  # type: ignore[union-attr]
        tokens = _TOKEN.findall(text)
        matches: list[tuple[str, t.Optional[int], str, t.Any]] = []
        verdict = helper = ""
        while tokens:
            word = tokens.pop(0)
            if word in ("accept", "drop") and not tokens:
                verdict = word
            elif word == "counter":
                pass  # counts, and decides nothing
            elif word == "jump" and len(tokens) == 1:
                verdict = "jump " + tokens.pop()
            elif word in ("ip", "ip6") and tokens[0] in ("saddr", "daddr"):
                matches.append(("address", _FAMILY[word], tokens.pop(0), self._addresses(_FAMILY[word], tokens.pop(0))))
            elif word in ("tcp", "udp"):
                matches.append(("port " + word, None, tokens.pop(0), _numbers(tokens.pop(0))))
            elif word in ("icmp", "icmpv6") and tokens.pop(0) == "type":
                matches.append(("icmp", _FAMILY[word], "type", _numbers(tokens.pop(0))))
            elif word == "meta" and tokens[0] == "l4proto":
                matches.append(("kind", None, "", tokens.pop(1)))
                tokens.pop(0)
            elif word == "meta" and tokens[0] == "nfproto":
                matches.append(("family", {"ipv4": 4, "ipv6": 6}[tokens.pop(1)], "", None))
                tokens.pop(0)
            elif word == "ct" and tokens[:2] == ["helper", "set"]:
                helper = tokens[2].strip('"')
                if f'type "{helper.replace("_", "-")}"' not in self._helpers.get(helper, ""):
                    raise Unreadable(f"{line}: no such helper")
                del tokens[:3]
            elif word in ("ct", "iif", "oif") or (word, tokens[0]) in (("ip", "protocol"), ("ip6", "hoplimit")):
                matches.append(("never", None, "", None))  # of no first packet that is asked about: replies, loopback, IGMP, neighbours
                del tokens[: 2 if word in ("ct", "ip", "ip6") else 1]
            else:
                raise Unreadable(line)
        return Rule(tuple(matches), verdict, helper, comment or "")

    def _addresses(self, family: int, text: str) -> Spans:
        if text.startswith("@"):
            kind, spans = self._sets[text[1:]]
            if kind != family:
                raise Unreadable(f"{text} is no set of IPv{family}")
            return spans
        return tuple(_address(part) for part in text.strip("{}").split(","))

    # --- asking ---

    def _walk(self, chain: str, packet: Packet) -> t.Optional[str]:
        for rule in self._worth_asking(chain, packet.family, packet.kind):
            if not all(_matches(packet, *match) for match in rule.matches):
                continue
            said = self._walk(rule.verdict[5:], packet) if rule.verdict.startswith("jump ") else rule.verdict
            if said:
                return said
        return None

    def _for_sort(self, chain: str, family: int, kind: str) -> list[Rule]:
        """Return the rules of a chain that some packet of this family and kind may match."""
        return [rule for rule in self.chains[chain] if all(_may_match(family, kind, what, only, value) for what, only, _field, value in rule.matches)]

    def _boxes(self, direction: str, rule: Rule) -> t.Iterator[Box]:
        fields = {"saddr": "remote", "daddr": "local"} if direction == "in" else {"daddr": "remote", "saddr": "local"}
        fields.update({"sport": "remote_ports", "dport": "local_ports"} if direction == "in" else {"dport": "remote_ports", "sport": "local_ports"})
        for family in (4, 6):
            for kind in KINDS:
                box: t.Optional[Box] = Box(direction, family, kind, everywhere(family), everywhere(family), rule=rule.comment)
                for what, which, field, value in rule.matches:
                    if what == "never":
                        raise Unreadable(f"{rule.comment}: a match that no rule of the plan has")
                    if (which or family) != family or not _fits(kind, family, what, value):
                        box = None
                        break
                    if field in fields and box:
                        box = box._replace(**{fields[field]: value})
                if box:
                    yield box


def _fits(kind: str, family: int, what: str, value: t.Any) -> bool:
    """Tell whether a match may hold for packets of a kind."""
    if what.startswith("port "):
        return kind == what[5:]
    if what == "icmp":
        if value != ((_ECHO[family], _ECHO[family]),):
            raise Unreadable(f"ICMP types {value} in a rule of the plan")
        return kind == "echo"
    return what != "kind" or kind == value


def _may_match(family: int, kind: str, what: str, only: t.Optional[int], value: t.Any) -> bool:
    """Tell whether a match may hold for packets of a family and a kind, whatever their ends are; more exactly :func:`_matches` does."""
    if what == "never" or (only or family) != family:
        return False
    return kind == what[5:] if what.startswith("port ") else kind == value if what == "kind" else True


def _matches(packet: Packet, what: str, family: t.Optional[int], field: str, value: t.Any) -> bool:
    if what == "never" or (family or packet.family) != packet.family:
        return False
    if what == "family":
        return True
    if what == "kind":
        return packet.kind == value
    if what == "icmp":
        return packet.kind == "echo" and _within(_ECHO[packet.family], value)
    inbound = packet.direction == "in"
    if what == "address":
        return _within(packet.remote if (field == "saddr") == inbound else packet.local, value)
    return packet.kind == what[5:] and _within(packet.remote_port if (field == "sport") == inbound else packet.local_port, value)


def _within(number: int, spans: Spans) -> bool:
    return any(first <= number <= last for first, last in spans)


def _numbers(text: str) -> Spans:
    parts = (part.strip().partition("-") for part in text.strip("{}").split(","))
    return tuple((int(first), int(last or first)) for first, _dash, last in parts)


def _address(text: str) -> Span:
    first, _dash, last = text.strip().partition("-")
    if last:
        return int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last))
    network = ipaddress.ip_network(first)
    return int(network.network_address), int(network.broadcast_address)
