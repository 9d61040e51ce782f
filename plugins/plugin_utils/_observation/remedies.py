# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What to do about a finding: first a role that is missing, then a feature, a setting, a network, and only last an entry of ``msports_allow``.

Nothing is wider than what was seen: networks and entries name exactly the addresses and ports of the findings.
"""

from __future__ import annotations

import datetime
import functools
import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.addresses import Addresses
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import BARE_ROLES
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.flows import Ends, Flows, Leg, Roles
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.judge import PEERS, Finding, Judgement
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.missing_roles import MissingRole, joined, missing_roles
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import LISTENER
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.verdict import NOT_ALLOWED

ROLE, FEATURE, SETTING, NETWORK, ALLOW = KINDS = ("role", "feature", "setting", "network", "allow")
DAYS = 90  # an entry that nobody renews ends


class Remedy(t.NamedTuple):
    """``variables`` are what to write into the inventory, ``where`` the host that they are for (``""``: the estate)."""

    kind: str
    where: str
    text: str
    variables: t.Mapping[str, t.Any]


def remedies(judgement: Judgement, flows: Flows, ends: Ends) -> dict[Finding, Remedy]:
    """Return what to do about each finding that the plan does not allow. A listener that nobody was seen to use needs nothing."""
    findings = [item for item in judgement.findings if item.verdict == NOT_ALLOWED and item.seen != (LISTENER,)]
    found: dict[Finding, Remedy] = {}
    for missing in missing_roles(findings, flows, ends):
        found.update(dict.fromkeys(missing.findings, _role(missing)))
    adviser = _Adviser(judgement, flows, ends)
    for item in findings:
        if item not in found:
            found[item] = adviser.advise(item)
    return found


def _role(missing: MissingRole) -> Remedy:
    shown = some({f"{item.protocol}/{item.port} {_other(item, missing.host)}" for item in missing.findings})
    of_site = f" of {', '.join(missing.sites)}" if missing.sites else ""
    text = f"{missing.host} looks like {missing.role}{of_site}: {shown}; {len(missing.flows)} of {missing.of} documented flows were seen"
    return Remedy(ROLE, missing.host, text, {"msports_roles": [missing.role]})


def _other(item: Finding, host: str) -> str:
    other = item.source if host == item.destination else item.destination
    return f"{'from' if host == item.destination else 'to'} {other or some(Addresses(item.peers).cidrs())}"


class _Adviser:
    def __init__(self, judgement: Judgement, flows: Flows, ends: Ends) -> None:
        self._judgement, self._flows, self._ends = judgement, flows, ends
        self._plan = ends.index.plan
        self._settings = functools.lru_cache(maxsize=2**14)(self._settings_between)
        self._used = self._used_settings(judgement.findings)

    def advise(self, item: Finding) -> Remedy:
        """Return the first remedy of the ladder that fits."""
        for rung in (self._switched_off, self._moved_port, self._management, self._network):
            found = rung(item)
            if found:
                return found
        return self._allow(item)

    def _switched_off(self, item: Finding) -> t.Optional[Remedy]:
        """A flow is documented between these roles, and something keeps it from making a rule."""
        legs = joined(self._flows.at(item.protocol, item.port), *self._ends.sides(item))
        found = [remedy for leg in legs for remedy in [self._feature(leg, item)] if remedy]
        if found:
            return found[0]
        for leg in legs:
            if leg.flow.id in self._ends.index.why_off:
                return Remedy(SETTING, "", f"{leg.flow.id} is off: {self._ends.index.why_off[leg.flow.id]}", {})
        between = [leg for leg in legs if leg.flow.scope != "any" and item.source and item.destination]
        if between:
            flow = between[0].flow
            sites = (", ".join(self._ends.sites(end)) or "no site" for end in (item.source, item.destination))
            text = f"{flow.id} has the scope {flow.scope}, which does not join {' with '.join(sites)}: correct msports_site or msports_hierarchy"
            return Remedy(SETTING, item.host, text, {})
        return None

    def _feature(self, leg: Leg, item: Finding) -> t.Optional[Remedy]:
        flow = leg.flow
        if flow.supplement and flow.id not in self._ends.index.ports_anywhere:
            return Remedy(FEATURE, "", f"{flow.id} is a supplement that is not switched on", {"msports_supplements": [flow.group or flow.id]})
        if not flow.feature:
            return None
        end = item.destination if (flow.feature_at == "destination") == (leg.reached == flow.destination) else item.source
        entry = self._ends.index.entry(end)
        if entry is None or flow.feature in entry["features"]:
            return None
        return Remedy(FEATURE, end, f"{flow.id} needs the feature {flow.feature}, which is off at {end}", {"msports_features": [flow.feature]})

    def _moved_port(self, item: Finding) -> t.Optional[Remedy]:
        """A port that a setting gives is not used where the plan or the document has it, and another one is."""
        if item.port is None:
            return None
        names = {setting for setting in self._settings(item.protocol, *self._ends.sides(item)) if (item.destination, setting) not in self._used}
        if not names:
            return None
        text = f"{item.protocol}/{item.port} at {item.destination or item.host} may be what a setting gives: {' or '.join(sorted(names))}"
        return Remedy(SETTING, item.destination, text, {"msports_settings": dict.fromkeys(names, item.port)} if len(names) == 1 else {})

    def _settings_between(self, protocol: str, source: Roles, destination: Roles) -> t.AbstractSet[str]:
        """Return the settings that give a port between two ends."""
        legs = joined(self._flows.with_setting, source, destination)
        return {leg.flow.setting for leg in legs if leg.flow.setting and leg.flow.protocol == protocol}

    def _used_settings(self, findings: t.Iterable[Finding]) -> set[tuple[str, t.Optional[str]]]:
        """Return ``(host, setting)`` of the ports that were seen in use as they are known: where a rule admitted it, and where none does yet."""
        used = {(item.destination, leg.flow.setting) for item in findings for leg in self._flows.at(item.protocol, item.port)}
        settings = {leg.flow.id: leg.flow.setting for leg in self._flows.with_setting}
        for host, entry in self._plan["hosts"].items():
            for rule in entry["rules"]:
                if (host, rule["name"]) in self._judgement.used:
                    used.update((host, settings[why["name"]]) for why in rule["because"] if why["name"] in settings)
        return used

    def _management(self, item: Finding) -> t.Optional[Remedy]:
        host = self._plan["hosts"].get(item.destination)
        if not host or item.protocol != "tcp" or item.port is None or str(item.port) not in host["management"]["ports"]:
            return None
        addresses = self._seen(item, item.source)
        text = f"{item.destination} is managed over tcp/{item.port} from {some(addresses)}, which msports_management does not name"
        return Remedy(NETWORK, item.destination, text, {"msports_management": {"from": addresses}})

    def _network(self, item: Finding) -> t.Optional[Remedy]:
        """Addresses that no host has, and no network: clients of some population, or a host that the inventory lacks."""
        if (item.source and item.destination) or not item.peers:
            return None
        peers = self._ends.without_role(item.peers)
        known = self._ends.of(item.source or item.destination)
        legs = self._flows.at(item.protocol, item.port)
        outside = {leg.opens for leg in legs if leg.reached in known} if item.destination else {leg.reached for leg in legs if leg.opens in known}
        roles = [self._flows.roles[name] for name in sorted(outside) if name in self._flows.roles and name not in BARE_ROLES]
        texts = peers.cidrs()
        for role in roles:
            if peers and role.kind == "population":
                return Remedy(NETWORK, "", f"{some(texts)} look like {role.id}: no network of it has them", {"msports_networks": {role.id: texts}})
        hosts = [role.id for role in roles if role.kind == "host"]
        if peers and hosts:
            return Remedy(ROLE, "", f"no host of the inventory has {some(texts)}, which may be {some(hosts)}: add it, with its roles", {})
        return None

    def _seen(self, item: Finding, end: str) -> list[str]:
        """Return the addresses of an end that were seen; of a host that only spoke of others, those that it has."""
        seen = Addresses(item.peers)
        own = Addresses.parse((self._ends.index.entry(end) or {"addresses": []})["addresses"]) if end else seen
        return (seen & own or own).cidrs()

    def _allow(self, item: Finding) -> Remedy:
        """An entry for what no catalog knows: by name where the inventory has one, with what was seen, and with an end."""
        way, key = ("in", "from") if item.destination and item.destination in self._plan["hosts"] else ("out", "to")
        host, other = (item.destination, item.source) if way == "in" else (item.source, item.destination)
        spec = item.protocol if item.port is None else f"{item.protocol}/{item.port}"
        peers = self._seen(item, other)
        days = f"on {item.first}" if item.first == item.last else f"from {item.first} to {item.last}"
        served = ", ".join(item.processes)
        seen = f"seen {'once' if item.times == 1 else f'{item.times} times'} {days}" + (f", served by {served}" if served else "")
        owner = f"not named yet: who answers for {served or spec} at {host}"
        until = (datetime.date.fromisoformat(item.last) + datetime.timedelta(days=DAYS)).isoformat()
        name = f"{spec} {key} {other or some(peers, 1)}"
        entry = {"name": name, way: spec, key: peers, "because": seen, "owner": owner, "until": until}
        lacking = f"; more than {PEERS} addresses were seen, and the entry has the first of them only" if item.more else ""
        text = f"no catalog knows {spec} {key} {other or some(peers)} at {host}: allow it by name, with a reason and an end, or let it be stopped{lacking}"
        return Remedy(ALLOW, host, text, {"msports_allow": [entry]})
