# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What a host is like besides its own rules: profiles, sessions, and how much of it matters to what we write."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils._guard import INSIDE, Session, Watch, is_inside, parse_session, plain_address
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows import group_policy
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Held, held
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import PROFILES

Plain = t.Mapping[str, t.Any]

SAY_PORT = "; set ansible_port to the port of the host itself by which you come"
BY_SSH, ESTABLISHED = "SSH_CONNECTION", "established"
NO_SESSION = "no management session over the network was found: there is nothing to guard"
NOBODY = "no management session over the network was found on the host" + SAY_PORT
LOST = "this run came over the network to port {0}, and no connection to that port is among those of this host" + SAY_PORT
FIREWALL_CATEGORY = 2  # NET_FW_RULE_CATEGORY_FIREWALL: who registers for it filters in place of Windows Firewall


class Host(t.NamedTuple):
    """One reading of a host. ``others`` are the enabled foreign rules, also those of group policy; ``active`` are the profiles in use now.

    ``profiles`` are as they are in force. ``taken_over`` says in sentences what else decides about traffic than Windows Firewall, or may.
    """

    digest: str
    rules: t.List[Held]
    others: t.List[Held]
    profiles: t.Dict[str, t.Dict[str, t.Any]]
    active: t.List[str]
    modify_state: str
    memory: t.Optional[str]
    sessions: t.List[Session]
    how: str
    unknown: t.List[str]  # why there may be more sessions than these
    warnings: t.List[str]
    unreadable: t.Tuple[t.List[str], t.List[str]]  # names of own rules, and of foreign rules, that could not be read
    generation: t.Optional[str]  # of the plan that this owner's rules come from
    system_root: str  # "C:\\Windows", or "" when it is not known
    taken_over: t.List[str]
    addresses: t.List[str]  # of its interfaces; none where they are not known
    app_rules_alike: int  # enabled rules of apps that are among ``others`` for another user


def host_of(state: Plain, ports: t.Optional[t.Sequence[int]] = None) -> Host:
    """Return the value of what the host sent (``state`` of a read). ``ports`` are those by which we came, ``None`` where it was not the network."""
    watch = watched(state, ports)
    root = str(state.get("system_root") or "")
    policy, broken_policy = group_policy.rules(state["policy_rules"], root)
    own_broken, others_broken = _unreadable(state.get("unreadable") or [])
    unreadable = own_broken, others_broken + broken_policy
    return Host(
        digest=state["digest"],
        rules=held(state["fields"], state["rules"], root),
        others=held(state["fields"], state["others"], root) + [one for one in policy if one.rule.enabled],
        profiles=profiles_of(state["profiles"]),
        active=[name for name in PROFILES if name in state["active"]],
        modify_state=state["modify_state"],
        memory=state.get("memory"),
        sessions=list(watch.sessions),
        how=watch.how,
        unknown=list(watch.unknown),
        warnings=[f"{text} left as found: mend or remove what is broken there" for text in broken(unreadable)],
        unreadable=unreadable,
        generation=state.get("generation"),
        system_root=root,
        taken_over=_taken_over(state["products"]),
        addresses=state["addresses"] if isinstance(state["addresses"], list) else [],
        app_rules_alike=int(state["app_rules_alike"]),
    )


def profiles_of(profiles: t.Mapping[str, Plain]) -> t.Dict[str, t.Dict[str, t.Any]]:
    """Return the profiles that a host told as they are in force, with what group policy gives."""
    return {name: group_policy.settings(profiles[name]) for name in PROFILES}


def _taken_over(products: t.Any) -> list[str]:
    if isinstance(products, str):
        return [f"it cannot be asked whether another product has taken over from Windows Firewall: {products}"]
    return [f"{name} has taken over from Windows Firewall" for name, categories in products if FIREWALL_CATEGORY in categories]


def watched(state: Plain, ports: t.Optional[t.Sequence[int]]) -> Watch:
    """Return the sessions that manage the host: the one that we came by, else all there are; and what keeps us from knowing them."""
    own = parse_session(state.get("ssh_connection"))
    if own and not is_inside(own):
        return Watch((own,), BY_SSH, own=own)
    sessions, unknown = _established(state["sessions"])
    outside = tuple(session for session in sessions if not is_inside(session))
    ours = [session for session in outside if not ports or session.local_port in ports]
    inside = own or next((session for session in sessions if is_inside(session)), None)
    if own and (not ports or own.local_port in ports):
        ours = []  # a forwarder whose own port is not known
    if not ours and inside:
        asked = f", and none to port {ports[0]} is open" if ports else ""
        unknown.append(INSIDE.format(inside.peer, inside.peer_port, asked) + SAY_PORT)
    elif not ours and ports is not None:
        unknown.append(LOST.format(ports[0]) if ports else NOBODY)
    return Watch(outside, ESTABLISHED if outside else NO_SESSION, tuple(unknown), own=own)


def _established(told: t.Any) -> t.Tuple[list[Session], list[str]]:
    """Return ``(sessions, what of them is not known)``; a text in their place says why the host could not tell them."""
    if isinstance(told, str):
        return [], [f"the connections of this host cannot be read: {told}"]
    found, unknown = set(), []
    for item in told:
        try:
            found.add(Session(plain_address(item["peer"]), int(item["peer_port"]), plain_address(item["local"]), int(item["local_port"])))
        except ValueError:
            unknown.append(f"a connection to port {item['local_port']} has an address that cannot be read ({item['peer']})")
    return sorted(found), unknown


def _unreadable(items: t.Sequence[t.Sequence[t.Any]]) -> t.Tuple[list[str], list[str]]:
    """Return the names of the rules that the host could not read: ours, and those of others."""
    ours, others = ([str(name) or "without a name" for name, own, _error in items if bool(own) is whose] for whose in (True, False))
    return ours, others


def broken(unreadable: t.Tuple[t.Sequence[str], t.Sequence[str]]) -> list[str]:
    """Return for own rules and for those of others the beginning of a sentence: that there are some which could not be read, and are ..."""
    found = []
    for names, one, many in zip(unreadable, ("rule of this owner", "foreign rule"), ("rules of this owner", "foreign rules")):
        if names:
            what, verb = (many, "are") if len(names) > 1 else (one, "is")
            found.append(f"{len(names)} {what} could not be read ({some(names)}) and {verb}")
    return found


def guarded(host: Host) -> list[str]:
    """Return the sessions that the guard looks at, in words, or that there is none."""
    return [f"{session.local} port {session.local_port} from {session.peer} ({host.how})" for session in host.sessions] or [host.how]
