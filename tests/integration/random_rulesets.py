# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random rulesets that differ in every way, for the pairs of nftables and ufw. Python 3.8, because those of ufw are made on the host."""

from __future__ import annotations

import copy
import random
import typing as t

# Single values are frequent on purpose: the kernel joins neighbouring comparisons of them and gives them back in its own order.
PORTS = [[], ["443"], ["25"], ["80", "443"], ["80", "81", "8000-8100"], ["0-65535"], ["1-1023", "49152-65535"]]
ADDRESSES = [
    *(["any"], ["10.0.0.0/8"], ["10.1.2.3"], ["10.4.0.0/16"], ["fd00::7"], ["10.1.2.3", "fd00::7"], ["10.1.2.3", "10.1.2.4"], ["10.1.2.0-10.1.3.7"]),
    *(["fd00::/8"], ["fd00::1", "10.9.8.7"], ["0.0.0.0/0"], ["::/0"], ["0.0.0.0", "255.255.255.255"], ["10.0.0.0/8", "10.2.0.0/16", "fe80::/10"]),
    *(["64:ff9b::10.0.0.0/104", "::5"], ["10.3.%d.0/25" % i for i in range(20)], ["fd00:%x::/48" % i for i in range(0, 40, 2)]),
    *(["@few"], ["@many"], ["@both"], ["@nobody"]),
]
LOCAL = [[], [], ["any"], ["10.0.0.1"], ["fd00::5"], ["10.0.0.1", "fd00::5"], ["10.0.0.0/24"], ["224.0.1.0/24"], ["@few"]]
DEFAULTS = {"default_inbound": ["block", "keep", "reject", "allow"], "default_outbound": ["keep", "block", "allow"], "mode": ["enforce", "enforce", "audit"]}
Plain = t.Dict[str, t.Any]


class Rulesets:
    """Rulesets of one seed. The rest is what a backend can say: ``ports`` and ``helpers`` of rules, ``many`` addresses of a set, ``sizes`` of a
    ruleset."""

    def __init__(
        self,
        seed: int,
        protocols: t.Sequence[str] = ("tcp", "tcp", "udp", "icmp_echo", "any"),
        ports: t.Sequence[t.List[str]] = (),
        helpers: t.Sequence[str] = ("tftp", "netbios-ns"),
        many: t.Sequence[int] = (3, 30, 300),
        sizes: t.Sequence[int] = (0, 1, 5, 20, 40),
        **options: t.Sequence[t.Any],
    ) -> None:
        self.numbers = random.Random(seed)
        self._protocols, self._ports, self._helpers, self._many, self._sizes = protocols, PORTS + [*ports], helpers, many, sizes
        self._options = dict(DEFAULTS, **options)

    def _sets(self) -> t.Dict[str, t.List[str]]:
        start = self.numbers.randrange(8)
        return {
            "few": ["10.50.0.0/16", "10.60.%d.1" % start],
            "many": ["10.%d.%d.%d/32" % (70 + i // 250, i % 250, start) for i in range(self.numbers.choice(self._many))],
            "both": ["192.168.%d.%d-192.168.%d.%d" % (i, start, i, start + 9) for i in range(9)] + ["fd01:%x::%d" % (i, start) for i in range(7)],
            "nobody": [],
        }

    def rule(self, number: int) -> Plain:
        choose = self.numbers.choice
        protocol = choose(self._protocols)
        ports = protocol in ("tcp", "udp")
        made: Plain = {
            "name": "rule {0} of {1}".format(number, protocol),
            "direction": choose(["in", "in", "out"]),
            "action": choose(["allow", "allow", "allow", "block"]),
            "protocol": protocol,
            "local_ports": choose(self._ports) if ports else [],
            "remote_ports": choose(self._ports[:4]) if ports and self.numbers.random() < 0.4 else [],
            "remote_addresses": choose(ADDRESSES),
            "local_addresses": choose(LOCAL),
            "helper": "",
            "description": "text {0}".format(self.numbers.random()),
        }
        if protocol == "udp" and made["action"] == "allow" and self.numbers.random() < 0.4:
            made["helper"] = choose(self._helpers)
        return made

    def ruleset(self) -> Plain:
        sets = self._sets()
        rules = [self.rule(number) for number in self.numbers.sample(range(60), self.numbers.choice(self._sizes))]
        options = {name: self.numbers.choice(values) for name, values in self._options.items()}
        return dict(options, rules=[rule for rule in rules if self._fits(rule, sets)], address_sets=sets)

    def nearby(self, given: Plain) -> Plain:
        """Return a copy that differs in one field of one rule, or in one option."""
        other = copy.deepcopy(given)
        field = self.numbers.choice(["rule"] * 6 + ["address_sets"] + [name for name, values in self._options.items() if len(values) > 1])
        if field != "rule" or not other["rules"]:
            field = "mode" if field == "rule" else field
            other[field] = self.ruleset()[field]
            other["rules"] = [rule for rule in other["rules"] if self._fits(rule, other["address_sets"])]
            return other
        chosen = self.numbers.choice(other["rules"])
        key = self.numbers.choice([key for key in chosen if key not in ("protocol", "helper")])
        helped = [rule for rule in other["rules"] if rule["protocol"] == "udp" and rule["action"] == "allow"]
        if helped and self.numbers.random() < 0.2:
            chosen, key = self.numbers.choice(helped), "helper"
        for _attempt in range(50):
            donor = dict(self.rule(99), name="renamed {0}".format(self.numbers.random()))
            changed = dict(chosen, **{key: donor[key]})
            if changed != chosen and self._fits(changed, other["address_sets"]):
                chosen.update(changed)
                break
        return other

    def _fits(self, rule: Plain, sets: t.Mapping[str, t.List[str]]) -> bool:
        """Tell whether a backend takes the rule: what is refused is another test's matter."""
        if (rule["local_ports"] or rule["remote_ports"]) and rule["protocol"] not in ("tcp", "udp"):
            return False
        if rule["helper"] and (rule["protocol"], rule["action"]) != ("udp", "allow"):
            return False
        return bool(_families(rule["remote_addresses"], sets) & _families(rule["local_addresses"], sets))


def _families(texts: t.List[str], sets: t.Mapping[str, t.List[str]]) -> t.Set[int]:
    texts = sets[texts[0][1:]] if texts and texts[0].startswith("@") else texts
    return {4, 6} if texts in ([], ["any"]) else {6 if ":" in text else 4 for text in texts}
