# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The lockout guard on Windows: would whoever manages this host still be admitted, in every profile that is in use?

What admits and blocks is everything that stands after the change: our rules, and the enabled foreign rules as far as they are certain.
The judge is the one of the other backends; it gets each profile as a ruleset of its own.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import NOT_ADMITTED
from ansible_collections.portcullis.msports.plugins.module_utils._match import Match, touches
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import LOCKED_OUT, Refused, refuse_unless_taken_back
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.foreign_rules import shown
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import BY_SSH, ESTABLISHED, NOBODY, Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reach import as_wire, shape, uncertain
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Rule
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import ANY, PROFILES

SSH_PORT = 22
IGNORED = "group policy ignores local rules, so this change cuts nothing there, and admits nothing"
ADMITS_NOTHING = "group policy ignores local rules, so this change admits nothing there"
CLOSED = (
    "group policy ignores local rules here, so only its own rules admit anybody once the default action inbound goes from allow to block; leave it as it "
    "is (default_inbound: keep), or have group policy admit management"
)
REAUTHORISED = (
    "{0}: the default action inbound goes from allow to block. Windows authorises open connections again when its policy changes: an inbound session that "
    "no rule admits is cut at its next packet"
)
SAY_WHO = "say who must stay admitted (msports_management in the inventory, or the option management)"


class Finding(t.NamedTuple):
    """What would not be admitted, in a sentence, and what to do so that it is; ``""`` where the sentence says it."""

    reason: str
    remedy: str = ""


def watch(host: Host, after: t.Sequence[Rule], inbound: t.Mapping[str, str], options: t.Mapping[str, t.Any], writes: bool) -> list[str]:
    """Return warnings; raise ``Refused`` when a present session or ``management`` would not be admitted, unless that is allowed.

    ``after`` are our rules after the change, ``inbound`` is the default action of each profile then. Where nothing is to be written, nothing
    can be cut, so it is a warning only. What cannot be told is refused, too, unless a timer takes the change back.
    """
    locked: list[Finding] = []
    warnings = []
    active = host.active or PROFILES  # none is known: it may be any
    management = options["management"]
    closing = [
        profile for profile in PROFILES if host.profiles[profile]["enabled"] and (host.profiles[profile]["inbound"], inbound[profile]) == ("allow", "block")
    ]
    if closing and writes:
        warnings.append(REAUTHORISED.format(some(closing)))
    for profile in PROFILES:
        if profile in active or profile in closing or host.profiles[profile]["enabled"] and host.profiles[profile]["local_rules"]:
            found = lockout(host, after, inbound[profile], profile, options)
            closes, told = _judged(host.profiles[profile], profile, found, inbound[profile], profile in active)
            locked += closes
            warnings += told
    if options["allow_lockout"]:
        return warnings
    if locked and writes:
        raise Refused(LOCKED_OUT, [f"{reason}; {remedy}" if remedy else reason for reason, remedy in locked])
    if writes and _closes(host, after, inbound):
        declared = management.get("addresses") and management.get("ports")
        unsure = [text for text in host.unknown if text != NOBODY or not declared]
        warnings += refuse_unless_taken_back(options, [f"{text}; {SAY_WHO}" for text in unsure])
    return warnings + [f"nothing is changed, but whoever manages this host is not certainly admitted: {reason}" for reason, _remedy in locked]


def _judged(state: t.Mapping[str, t.Any], profile: str, found: t.Sequence[Finding], inbound: str, active: bool) -> t.Tuple[list[Finding], list[str]]:
    """Return ``(what of a profile locks somebody out, warnings)``; ``found`` is what it would not admit once the change is there."""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    if not state["enabled"]:
        return [], [
            f"profile {profile}: its firewall is off; switched on, it would lock out whoever manages this host: {found[0].reason}{more}"
        ] if found else []
    closes = (state["inbound"], inbound) == ("allow", "block")
    if not state["local_rules"] and closes:
        if active and not found:
            return [], [f"profile {profile}: {ADMITS_NOTHING}"]
        found = [Finding(f"{one.reason}; {CLOSED}") for one in found]
    elif not state["local_rules"]:
        doubt = f"; its own rules do not certainly admit whoever manages this host: {found[0].reason}{more}" if found else ""
        return [], [f"profile {profile}: {IGNORED}{doubt}"]
    if active:
        return [one._replace(reason=f"profile {profile}: {one.reason}") for one in found], []
    return [], [f"profile {profile}, which is not active now, but may be after a reboot: {found[0].reason}{more}"] if found else []


def _closes(host: Host, after: t.Sequence[Rule], inbound: t.Mapping[str, str]) -> bool:
    """Tell whether a change may stop something that comes in now: an allow goes, a block comes, or a default begins to block."""

    def inbound_rules(rules: t.Iterable[Rule], action: str) -> set[Rule]:
        return {
            rule._replace(name="", description="")
            for rule in rules
            if rule.enabled and rule.direction != "out" and (rule.action == "allow") == (action == "allow")
        }

    before = [item.rule for item in host.rules]
    flips = any((host.profiles[profile]["inbound"], inbound[profile]) == ("allow", "block") for profile in PROFILES)
    return flips or bool(inbound_rules(before, "allow") - inbound_rules(after, "allow") or inbound_rules(after, "block") - inbound_rules(before, "block"))


def lockout(host: Host, after: t.Sequence[Rule], inbound: str, profile: str, options: t.Mapping[str, t.Any]) -> list[Finding]:
    """Return what of the sessions and ``management`` one profile would not admit."""
    management, dynamic = options["management"], tuple(options["dynamic_ports"])
    ssh_ports = {str(SSH_PORT), *(str(session.local_port) for session in host.sessions if host.how == BY_SSH)}
    # A session over ssh says so by itself; on another port that we came by it is WinRM.
    winrm_ports = {str(session.local_port) for session in host.sessions if host.how == ESTABLISHED and session.local_port != SSH_PORT}
    rules = []
    if host.profiles[profile]["block_all"]:
        rules.append({**_NOTHING, "name": "block all inbound traffic"})
    allows = []
    local = host.profiles[profile]["local_rules"]
    for rule in [*(after if local else ()), *(other.rule for other in host.others if local or other.origin)]:
        if rule.profiles != ANY and profile not in rule.profiles and not rule.profiles[0].startswith("?"):
            continue
        wire = as_wire(rule, ssh_ports, winrm_ports, dynamic)
        if wire and not (wire["action"] == "allow" and rule.profiles[0].startswith("?")):
            rules.append(wire)
        if rule.action == "allow" and rule.enabled and rule.direction != "out":
            allows.append((rule, wire is not None and not rule.profiles[0].startswith("?")))
    if not _guard.lockout(rules, {}, inbound, management, host.sessions):
        return []
    unsure = [(*uncertain(rule, judged), rule) for rule, judged in allows]
    found: list[Finding] = []
    for session in host.sessions:
        meant = (str(session.local_port), session.peer)
        for reason in _guard.lockout(rules, {}, inbound, {}, [session]):
            hint = _hint(reason, unsure, *meant)
            found.append(Finding(reason + hint, _guard.add_session(session) if reason.endswith(NOT_ADMITTED) and not hint else ""))
    for address in management.get("addresses") or []:
        for port in management.get("ports") or []:
            asked = {"addresses": [address], "ports": [port]}
            for reason in _guard.lockout(rules, {}, inbound, asked, []):
                hint = _hint(reason, unsure, str(port).rpartition("/")[2], address)
                found.append(Finding(reason + hint, "" if hint else _guard.ADD_RULE))
    return found


def _hint(reason: str, unsure: t.Sequence[t.Tuple[int, str, Rule]], port: str, peer: str) -> str:
    """Return what to do where a rule seems to admit somebody, but does so under a condition that nobody can judge from here."""
    if not reason.endswith(NOT_ADMITTED):
        return ""
    asked = Match(frozenset([6]), (_ports.PortRange.parse(port),), _addresses.parse([peer]), True)
    near = sorted((rank, condition, rule.name) for rank, condition, rule in unsure if condition and touches(shape(rule), asked))
    if not near:
        return ""
    _rank, condition, name = near[0]
    return (
        f"; the rule {shown(name)!r} may do so, but only under a condition that is not known from here ({condition}): "
        f"add a rule that admits {peer} (msports_management in the inventory, or one of the rules)"
    )


# Block-all of a profile, said as a rule.
_NOTHING = {
    "direction": "in",
    "action": "block",
    "protocol": "tcp",
    "local_ports": [],
    "remote_ports": [],
    "local_addresses": [],
    "remote_addresses": ["any"],
}
