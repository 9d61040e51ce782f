# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The lockout guard on Windows: would whoever manages this host still be admitted, in every profile that is in use?

What admits and blocks is everything that stands after the change: our rules, and the enabled rules of others as far as they are certain.
The judge is the one of the other backends; it gets each profile as a ruleset of its own.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _guard
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import LOCKED_OUT, Refused
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import Host
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.reach import as_wire
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Rule
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import ANY, PROFILES

SSH_PORT = 22
IGNORED = "group policy ignores local rules, so this change cuts nothing there, and admits nothing; the guard did not judge it"


def watch(host: Host, after: t.Sequence[Rule], inbound: t.Mapping[str, str], options: t.Mapping[str, t.Any], writes: bool) -> list[str]:
    """Return warnings; raise ``Refused`` when a present session or ``management`` would not be admitted, unless that is allowed.

    ``after`` are our rules after the change, ``inbound`` is the default action of each profile then. Where nothing is to be written, nothing
    can be cut, so it is a warning only.
    """
    locked, warnings = [], []
    active = host.active or PROFILES  # none is known: it may be any
    for profile in PROFILES:
        state = host.profiles[profile]
        if not state["enabled"]:
            continue
        if not state["local_rules"]:
            if profile in active:
                warnings.append(f"profile {profile}: {IGNORED}")
            continue
        found = _lockout(host, after, inbound[profile], profile, options["management"])
        if profile in active:
            locked += [f"profile {profile}: {reason}" for reason in found]
        elif found:
            warnings.append(f"profile {profile}, which is not active now, but may be after a reboot: {found[0]}" + _more(len(found) - 1))
    if options["allow_lockout"]:
        return warnings
    if locked and writes:
        raise Refused(LOCKED_OUT, locked)
    return warnings + [f"nothing is changed, but whoever manages this host is not certainly admitted: {reason}" for reason in locked]


def _more(count: int) -> str:
    return f" (and {count} more)" if count else ""


def _lockout(host: Host, after: t.Sequence[Rule], inbound: str, profile: str, management: t.Mapping[str, t.Any]) -> list[str]:
    """Return in sentences what of the sessions and ``management`` one profile would not admit."""
    ssh_ports = {str(SSH_PORT), *(str(session.local_port) for session in host.sessions if host.how == "SSH_CONNECTION")}
    rules = []
    if host.profiles[profile]["block_all"]:
        rules.append({**_NOTHING, "name": "block all inbound traffic"})
    for rule in [*after, *(other.rule for other in host.others)]:
        if rule.profiles != ANY and profile not in rule.profiles and not rule.profiles[0].startswith("?"):
            continue
        wire = as_wire(rule, ssh_ports)
        if wire and not (wire["action"] == "allow" and rule.profiles[0].startswith("?")):
            rules.append(wire)
    return _guard.lockout(rules, {}, inbound, management, host.sessions)


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
