# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""The lockout guard on Linux: what is known to lock out whoever manages the host is refused; what cannot be told is refused unless a timer takes it back.

All backends ask here, with an evaluator of their own. Besides the sessions and ``management`` it looks at what carries a session (a tunnel that ends on
this host), at rules that take its packets from connection tracking, and at rules that leave nobody a way in.
"""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.module_utils import _addresses, _guard, _ports
from ansible_collections.portcullis.msports.plugins.module_utils._evaluate import EPHEMERAL, NOT_ADMITTED, Evaluator, Ruleset
from ansible_collections.portcullis.msports.plugins.module_utils._guard import Session, Watch
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host import links
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.compare import place
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.foreign import Tables
from ansible_collections.portcullis.msports.plugins.module_utils._linux.host.links import Outer
from ansible_collections.portcullis.msports.plugins.module_utils._match import UDP, Plain
from ansible_collections.portcullis.msports.plugins.module_utils._options import Options
from ansible_collections.portcullis.msports.plugins.module_utils._refusals import LOCKED_OUT, Refused, refuse_unless_taken_back

NOBODY = (
    "no management session is open, management is empty, and these rules admit nobody to {0}, where this host listens; say who manages it, in the inventory "
    "with msports_management: {{from: [10.9.0.0/24], services: [{1}]}}"
)
ADD_OUTER = "add to the inventory: msports_allow: [{{name: tunnel {0}, in: {1}, from: [{2}], because: management comes through it}}], and plan again"
TUNNEL = "the session from {0} comes through the tunnel {1}, whose own packets come {2}: {3}"
NO_WAY = "by which interface the session from {0} comes cannot be told ({1}), so not whether a tunnel carries it"
UNTRACKED = (
    "{0} takes packets out of connection tracking ({1}), and default_outbound is block: answers to {2} {3} dropped as if nobody had asked; remove it, or "
    "add a rule that allows them: msports_allow: [{{name: answers, out: any, to: [{4}], because: management is not tracked}}]"
)
NOT_KNOWN = "which packets these are is not known here"

Verdicts = t.Tuple[t.List[str], t.List[str]]  # what is known to lock out, and what cannot be told


class Ground(t.NamedTuple):
    """What the guard judges by: complete rules, foreign tables where they are read, and whether the run may stop what passes now (``closes``), and
    whether outbound it stops what no rule names.

    ``before`` evaluates what is in force before the run; ``None``: everything passes.
    """

    rules: t.Sequence[Plain]
    foreign: t.Optional[Tables] = None
    closes: bool = True
    strict: bool = False
    evaluator: t.Optional[Evaluator] = None
    before: t.Optional[Evaluator] = None


def check(options: Options, watch: Watch, ground: Ground) -> t.List[str]:
    """Return warnings; raise ``Refused`` when the rules lock somebody out, or may do so and no timer takes them back."""
    if options["allow_lockout"] or options["mode"] != "enforce":
        return []
    evaluator = ground.evaluator or Ruleset(ground.rules, options["address_sets"], options["default_inbound"])
    locked = [_with_remedy(session, text) for session in watch.sessions for text in _guard.lockout((), {}, "", {}, [session], evaluator)]
    locked += ["{0}; {1}".format(text, _guard.ADD_RULE) for text in _guard.lockout((), {}, "", options["management"], (), evaluator)]
    known, unsure = _beyond(options, watch, ground, evaluator)
    if locked + known:
        raise Refused(LOCKED_OUT, locked + known)
    if not ground.closes or not unsure:
        return []
    return refuse_unless_taken_back(options, unsure)


def _with_remedy(session: Session, text: str) -> str:
    return "{0}; {1}".format(text, _guard.add_session(session)) if text.endswith(NOT_ADMITTED) else text


def _beyond(options: Options, watch: Watch, ground: Ground, evaluator: Evaluator) -> Verdicts:
    """Return what the sessions themselves do not tell."""
    known, unsure = _untracked(options, watch, ground) if ground.strict and ground.foreign else ([], [])
    passes = evaluator.closes_nothing()
    if passes and evaluator.closes_nothing(UDP):
        return known, unsure
    for session in watch.sessions:
        outer = _outer(session, evaluator)
        known, unsure = known + outer[0], unsure + outer[1]
    if passes:
        return known, unsure
    unsure += watch.unknown
    closed = [port for port in watch.listening if not evaluator.admits_somebody((port, port))]
    opened = closed and (ground.before is None or any(ground.before.admits_somebody((port, port)) for port in closed))
    if opened and closed == list(watch.listening) and not options["management"].get("addresses"):
        shown = " or ".join("port {0}".format(port) for port in closed)
        unsure.append(NOBODY.format(shown, ", ".join(map(_guard.service, closed))))
    return known, unsure


def _outer(session: Session, evaluator: Evaluator) -> Verdicts:
    """Judge what carries a session, as far as that is a tunnel that ends here."""
    try:
        found = links.carriers(links.toward(session.peer), links.links(), session.peer)
    except OSError as error:
        return [], [NO_WAY.format(session.peer, error.strerror or error)]
    verdicts: Verdicts = ([], [])
    for outer in found:
        certain, reason = _carried(outer, evaluator)
        if reason:
            verdicts[0 if certain else 1].append(TUNNEL.format(session.peer, outer.name, _words(outer), reason))
    return verdicts


def _carried(outer: Outer, evaluator: Evaluator) -> t.Tuple[bool, str]:
    """Return ``(whether it is certain, why the packets of a tunnel do not come in)``, or no reason where all of them do."""
    if outer.protocol is None or outer.ports is None:
        return False, NOT_KNOWN
    remote = _addresses.parse([outer.remote]) if outer.remote else ()
    unicast = bool(remote) and not _addresses.overlaps(remote, _guard.MULTICAST)
    peers = remote if unicast else _addresses.ANY
    reasons = (evaluator.why_blocked(peers, ports, None, outer.protocol) for ports in outer.ports)
    reason = next((reason for reason in reasons if reason), "")
    ports = "any" if outer.protocol != UDP else "udp/{0}".format(_ports.text_of(outer.ports[0]))
    remedy = ADD_OUTER.format(outer.name, ports, outer.remote if unicast else "10.9.0.5")
    return unicast and not outer.answers, "{0}; {1}".format(reason, remedy) if reason else ""


def _words(outer: Outer) -> str:
    what = "as protocol {0}".format(outer.protocol) if outer.protocol != UDP else "by udp"
    if outer.protocol == UDP and outer.ports:
        what = "to udp/" + ", ".join(map(_ports.text_of, outer.ports))
    return "{0} from {1}".format(what if outer.protocol else "by ways that are not known", outer.remote or "somewhere")


def _untracked(options: Options, watch: Watch, ground: Ground) -> Verdicts:
    """Judge rules that take management out of connection tracking, where outbound only what is tracked gets an answer."""
    ends = [(session.peer, (session.local_port, session.local_port)) for session in watch.sessions]
    management = options["management"]
    ends += [(peer, _ports.PortRange.parse(str(port).rpartition("/")[2])) for peer in management.get("addresses") or () for port in management["ports"]]
    verdicts: Verdicts = ([], [])
    for rule in ground.foreign.untracked() if ground.foreign else ():
        for peer, port in ends:
            peers = _addresses.parse([peer])
            if not _ports.overlaps(rule.match.ports, [port]) or not _addresses.overlaps(rule.match.addresses, peers) or _answered(options, ground, peers, port):
                continue
            words = UNTRACKED.format(place(rule.place), rule.text, peer, "are" if rule.match.certain else "may be", peer)
            verdicts[0 if rule.match.certain else 1].append(words)
            break
    return verdicts


def _answered(options: Options, ground: Ground, peers: _addresses.Addresses, port: _ports.Range) -> bool:
    """Tell whether a rule of ours lets everything out that answers ``peers`` from ``port``."""
    for rule in ground.rules:
        if (rule["direction"], rule["action"]) != ("out", "allow") or rule["protocol"] not in ("tcp", "any"):
            continue
        texts = rule["remote_addresses"]
        admitted = _addresses.parse(options["address_sets"][texts[0][1:]] if texts[0].startswith("@") else texts)
        ends = _ports.covers(_ports.of_rule(rule["local_ports"]), [port]) and _ports.covers(_ports.of_rule(rule["remote_ports"]), [EPHEMERAL])
        if ends and _addresses.covers(admitted, peers):
            return True
    return False
