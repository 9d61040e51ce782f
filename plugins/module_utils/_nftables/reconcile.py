# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this module util is PRIVATE to the collection. It can have breaking changes at any time.
"""One host's owned nftables ruleset, reconciled as a whole: read, compare, guard, load, save, read again.

``run`` takes the options of the module and returns its result; everything it needs from outside comes in by ``Host``.
"""

from __future__ import annotations

import os
import re
import sys
import time

from ansible_collections.portcullis.msports.plugins.module_utils import _change, _guard, _wire
from ansible_collections.portcullis.msports.plugins.module_utils._nftables import detect, read, render, table
from ansible_collections.portcullis.msports.plugins.module_utils._nftables.nft import Nft, NftError
from ansible_collections.portcullis.msports.plugins.module_utils._nftables.persist import Store, reload_systemd

OPTIONS = {
    "rules": [],
    "address_sets": {},
    "default_inbound": "block",
    "default_outbound": "keep",
    "owner": "msports",
    "purge": True,
    "max_removals": None,
    "management": {},
    "allow_lockout": False,
    "allow_other_manager": False,
    "mode": "enforce",
    "state": "present",
    "persist": True,
}
OWNER = re.compile(r"^[a-z][a-z0-9_]{0,23}\Z")
WARM_UP_SECONDS = 2.0
WARM_UP = """table inet {owner}
delete table inet {owner}
table inet {owner} {{
  chain input {{
    type filter hook input priority 0; policy accept;
    ct state established,related accept
  }}
  chain output {{
    type filter hook output priority 0; policy accept;
    ct state established,related accept
  }}
}}
"""


class Refused(Exception):
    """Nothing was changed, and the text says why and what to do. ``problems`` are the single reasons."""

    def __init__(self, text, problems=()):
        self.problems = list(problems)
        super().__init__("{0}: {1}".format(text, "; ".join(self.problems)) if self.problems else text)


class Host:
    """The machine as ``run`` sees it. Tests give another root, environment, /proc or pause."""

    def __init__(self, nft=None, root="/", environment=None, proc="/proc", pause=time.sleep, nudge=None):
        self.nft = nft or Nft()
        self.root = root
        self.environment = os.environ if environment is None else environment
        self.proc = proc
        self.pause = pause
        self.nudge = nudge or _nudge


def _nudge():
    """Make the management session carry a packet while nothing is dropped yet; Ansible skips empty lines before a result."""
    sys.stdout.write("\n")
    sys.stdout.flush()


def run(options, check_mode=False, host=None):
    """Reconcile and return the result; raise ``Refused`` or ``NftError`` (nothing was changed, or the old rules are back in force)."""
    options = dict(OPTIONS, **{key: value for key, value in options.items() if value is not None})
    _check_owner(options["owner"])
    host = host or Host()
    objects, warnings = _read_all(host.nft, options["owner"])
    own, foreign = read.split(objects, options["owner"])
    actual = read.own_table(own)
    store = Store(options["owner"], host.nft.path, host.root)
    if options["state"] == "absent":
        return _absent(options, check_mode, host, actual, store, warnings)
    return _present(options, check_mode, host, actual, foreign, store, warnings)


def inspect(owner, host=None):
    """Return what is there of one owner: the result of the info module."""
    _check_owner(owner)
    host = host or Host()
    objects, warnings = _read_all(host.nft, owner)
    own, foreign = read.split(objects, owner)
    actual = read.own_table(own)
    outside = detect.examine(foreign, None, dict(OPTIONS, owner=owner), host.root, host.proc)
    sessions, how = _guard.find_sessions(host.environment, host.proc)
    return {
        "present": actual is not None,
        "names": sorted(table.rule_lines(actual)) if actual else [],
        "lines": table.all_lines(actual, owner),
        "saved": _shown(Store(owner, host.nft.path, host.root).lines(None)),
        "warnings": warnings + outside.warnings,
        "effective": {"in_force": actual is not None, "reasons": outside.reasons, "guarded": _guarded(sessions, how)},
    }


def _check_owner(owner):
    if not OWNER.match(owner):
        raise Refused("owner {0!r}: expected a lower-case letter and up to 23 lower-case letters, digits or underscores".format(owner))


def _guarded(sessions, how):
    return ["{0} port {1} from {2} ({3})".format(session.local, session.local_port, session.peer, how) for session in sessions] or [how]


def _read_all(nft, owner):
    try:
        return nft.list_objects(), []
    except NftError as error:
        # A ruleset of others that nft cannot print must not keep us from our own table.
        return nft.list_objects(owner), ["only the own table could be read, other tables were not examined: {0}".format(error)]


def _absent(options, check_mode, host, actual, store, warnings):
    before = table.all_lines(actual, options["owner"])
    saved = store.lines(None)
    if actual is not None and not check_mode:
        host.nft.load("delete table inet {0}\n".format(options["owner"]))
    if saved and not check_mode and store.remove():
        warnings += [complaint for complaint in [reload_systemd()] if complaint]
    removed = sorted(table.rule_lines(actual)) if actual else []
    return {
        "changed": actual is not None or bool(saved),
        "diff": _change.diff_text(before + [line for line, _right in saved], []),
        "added": [],
        "changed_rules": [],
        "removed": removed,
        "kept": 0,
        "structure": [],
        "warnings": warnings,
        "effective": {"in_force": False, "exact": False, "reasons": ["the table inet {0} is absent".format(options["owner"])], "guarded": []},
    }


def _present(options, check_mode, host, actual, foreign, store, warnings):
    owner = options["owner"]
    rules, rendered = _wanted(options, host, actual)
    warnings += rendered.warnings
    have = table.rule_lines(actual) if actual else {}
    want = table.rule_lines(rendered.table)
    try:
        change = _change.plan_change(want, have, options["purge"], options["max_removals"])
    except _change.TooManyRemovals as error:
        raise Refused(str(error)) from error
    desired = _with_extra(options, rendered.table, actual, change.extra) if change.extra else rendered.table
    text = table.text(desired, owner)
    structure = _structure_changes(desired, actual, owner)
    saved = store.lines(text) if options["persist"] else store.lines(None)
    kernel_differs = desired != actual
    saved_differs = not all(right for _line, right in saved)

    outside = detect.examine(foreign, rules, options, host.root, host.proc)
    if outside.managers and not options["allow_other_manager"]:
        raise Refused(
            "another firewall manager is active, and two of them would undo each other's work. Nothing was changed; "
            "use its own backend, or set allow_other_manager to true",
            outside.managers,
        )
    sessions, how = _guard.find_sessions(host.environment, host.proc)
    if not options["allow_lockout"] and options["mode"] == "enforce":
        judged = [rule for rule in rules if rule["direction"] == "in"]
        lockout = _guard.lockout(judged, options["address_sets"], options["default_inbound"], options["management"], sessions)
        if lockout:
            raise Refused("these rules would lock out whoever manages this host, nothing was changed (allow_lockout skips this check)", lockout)

    if kernel_differs:
        host.nft.check(text)
    in_force = not kernel_differs
    if not check_mode:
        if kernel_differs:
            _load(options, host, actual, text, sessions)
            loaded = read.own_table(read.split(host.nft.list_objects(owner), owner)[0])
            in_force = loaded == desired
            if not in_force:
                warnings.append("the kernel does not hold what was loaded: " + _difference(desired, loaded, owner))
        if saved_differs:
            warnings += _save(options, store, text)
    if options["persist"] and not store.systemd:
        warnings.append("systemd does not run here: {0} is written, but nothing loads it at the next boot".format(store.shown))
    after = [(line.replace(" is missing", "").replace(" differs", ""), True) for line, _right in saved] if options["persist"] else []
    reasons = outside.reasons + ([] if options["mode"] == "enforce" else ["mode is audit: what would be dropped is logged and passes"])
    if not in_force:
        reasons.insert(0, "the rules are not in force")
    return {
        "changed": kernel_differs or saved_differs,
        "diff": _change.diff_text(table.all_lines(actual, owner) + _shown(saved), table.all_lines(desired, owner) + _shown(after)),
        "added": change.added,
        "changed_rules": change.changed,
        "removed": change.removed,
        "kept": len(change.kept),
        "structure": structure + (["saved"] if saved_differs else []),
        "warnings": warnings + outside.warnings,
        "effective": {
            "in_force": in_force,
            "exact": not reasons,
            "reasons": reasons,
            "guarded": _guarded(sessions, how),
        },
    }


def _wanted(options, host, actual):
    """Return ``(complete rules, Rendered)``; raise ``Refused`` with every problem at once."""
    rules, problems = _wire.check(options["rules"], options["address_sets"])
    management = options["management"]
    for index, address in enumerate(management.get("addresses") or []):
        if address != "any" and not _wire.is_address(address):
            problems.append("management.addresses[{0}]: {1!r}: expected an IP address, a network, first-last or any".format(index, address))
    for index, port in enumerate(management.get("ports") or []):
        if not re.match(r"^(tcp/)?\d{1,5}(-\d{1,5})?\Z", str(port)):
            problems.append("management.ports[{0}]: {1!r}: expected a TCP port or first-last".format(index, port))
    if problems:
        raise Refused("the rules cannot be used, nothing was changed", problems)
    helpers = ["tftp"] + (["netbios-ns"] if _wants_netbios(rules) and _has_netbios(host.nft, actual) else [])
    rendered = render.render(
        rules, options["address_sets"], options["default_inbound"], options["default_outbound"], options["owner"], options["mode"], helpers
    )
    if rendered.problems:
        raise Refused("nftables cannot express these rules, nothing was changed", rendered.problems)
    return rules, rendered


def _wants_netbios(rules):
    return any(rule["helper"] == "netbios-ns" for rule in rules)


def _has_netbios(nft, actual):
    """Tell whether the kernel has the helper: our table holds it already, or the kernel accepts it in a check."""
    if actual and any(helper[0] == "netbios-ns" for helper in actual.helpers.values()):
        return True
    try:
        nft.check('table inet portcullis_probe {\n\tct helper probe {\n\t\ttype "netbios-ns" protocol udp\n\t\tl3proto ip\n\t}\n}\n')
        return True
    except NftError:
        return False


def _with_extra(options, desired, actual, extra):
    """Return ``desired`` with the own rules that stay because nothing is purged, in chains that packets reach."""
    chains = dict(desired.chains)
    for direction, chain in sorted(table.RULE_CHAINS.items()):
        if chain not in chains and chain in actual.chains and any(comment in extra for comment, _rule in actual.chains[chain].rules):
            default = options["default_inbound" if direction == "in" else "default_outbound"]
            chains.update(render.chains_of(direction, (), default, options["owner"], options["mode"]))
    try:
        return table.with_extra(desired._replace(chains=chains), actual, set(extra))
    except ValueError as error:
        text = "purge is false, but a rule in our table cannot be kept, because it is none of ours; move it to a table of its own"
        raise Refused(text, [str(error)]) from error


def _structure_changes(desired, actual, owner):
    """Return the names of the parts (chains, base rules, sets, helpers) that differ."""
    wanted = table.structure_lines(desired, owner)
    there = table.structure_lines(actual, owner) if actual else {}
    return sorted(part for part in set(wanted) | set(there) if wanted.get(part) != there.get(part))


def _load(options, host, actual, text, sessions):
    """Load the rules; before a first default drop give conntrack a moment to learn the sessions that are open."""
    closes = options["mode"] == "enforce" and (options["default_inbound"] in ("block", "reject") or options["default_outbound"] == "block")
    if closes and sessions and actual is None and _untracked(host.proc):
        host.nft.load(WARM_UP.format(owner=options["owner"]))
        host.nudge()
        host.pause(WARM_UP_SECONDS)
    host.nft.load(text)


def _untracked(proc):
    """Tell whether connection tracking knows no connection: it learns nothing before a rule that uses it is loaded."""
    try:
        with open(os.path.join(proc, "sys/net/netfilter/nf_conntrack_count")) as stream:
            return int(stream.read()) == 0
    except (OSError, ValueError):
        return True


def _save(options, store, text):
    reload_needed = store.save(text) if options["persist"] else store.remove()
    complaint = reload_systemd() if reload_needed else None
    return [complaint] if complaint else []


def _difference(desired, loaded, owner):
    wanted, there = (set(table.all_lines(value, owner)) for value in (desired, loaded))
    lines = ["wanted: " + line for line in sorted(wanted - there)] + ["found: " + line for line in sorted(there - wanted)]
    return "; ".join(lines[:4]) or "the order of rules"


def _shown(saved):
    return [line for line, _right in saved]
