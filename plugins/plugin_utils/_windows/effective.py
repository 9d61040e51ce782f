# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""What our rules come to on a host: profile by profile, whether they are in force, and what else admits or stops."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.foreign_rules import APP, ForeignRules, Known, capped, grouped, is_baseline
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.host import Host, broken, guarded
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.rule import Rule
from ansible_collections.portcullis.msports.plugins.plugin_utils._windows.values import PROFILES

Plain = t.Dict[str, t.Any]

NAMED = 4  # groups of foreign rules that a reason names


class View(t.NamedTuple):
    """What the rules come to, but for whether they are written: ``void`` are profiles in which nothing of ours decides.

    ``baseline`` are those of the ``reasons`` that tell only of rules that come with Windows or an app, ``admitting`` those of any foreign rules.
    """

    reasons: t.Dict[str, t.List[str]]
    baseline: t.FrozenSet[str]
    admitting: t.FrozenSet[str]
    void: t.FrozenSet[str]
    foreign_allows: t.List[Plain]


def view(host: Host, after: t.Sequence[Rule], profiles: t.Mapping[str, t.Mapping[str, t.Any]], options: t.Mapping[str, t.Any], present: bool = True) -> View:
    """Return the ``View`` of our rules as they are ``after`` a change; ``profiles`` hold the default actions of then."""
    unknown = [f"{text} left as found: nobody knows what that admits or stops" for text in broken(host.unreadable)]
    if not present:
        none = [] if host.unreadable[0] else [f"there are no rules of {options['owner']}"]
        return View(dict.fromkeys(PROFILES, none + unknown), frozenset(), frozenset(), frozenset(PROFILES), [])
    foreign = ForeignRules(after, host.others, tuple(options["dynamic_ports"]))
    reasons: t.Dict[str, list[str]] = {}
    baseline: set[str] = set()
    admitting: set[str] = set()
    void = set(PROFILES if host.taken_over else ())
    asks = options["default_outbound"] == "block" or any((rule.direction, rule.action) == ("out", "allow") for rule in after)
    inbound: t.Dict[str, t.Any] = {}
    outbound: t.Dict[str, t.Any] = {}
    for profile in PROFILES:
        found, stops = _state_reasons(profiles[profile], profile in (host.active or PROFILES) and host.modify_state)
        found = host.taken_over + found
        if profile not in options["windows_profiles"]:
            found.append(f"these rules are for {some(options['windows_profiles'])} alone (windows_profiles)")
            void.add(profile)
        if stops:
            void.add(profile)
        else:
            found += foreign.stopping(profile)
            if profiles[profile]["inbound"] == "block":
                inbound[profile] = foreign.admitting(profile, "in")
                found += _admitted(inbound[profile], profile, "inbound", baseline, admitting, host.app_rules_alike)
            elif options["default_inbound"] != "allow":
                found.append("what no rule admits comes in all the same: the default action inbound is allow")
            if profiles[profile]["outbound"] == "block" and not asks:
                found.append("what no foreign rule admits does not go out: the default action outbound is block, and these rules do not ask for that")
            elif profiles[profile]["outbound"] == "block":
                outbound[profile] = foreign.admitting(profile, "out")
                found += _admitted(outbound[profile], profile, "outbound", baseline, admitting, host.app_rules_alike)
        reasons[profile] = found + unknown + _audit(options, profiles[profile])
    return View(reasons, frozenset(baseline), frozenset(admitting), frozenset(void), capped(grouped(inbound) + grouped(outbound)))


def _state_reasons(state: t.Mapping[str, t.Any], modify_state: t.Union[str, bool]) -> t.Tuple[list[str], bool]:
    """Return ``(reasons, whether nothing of ours decides)`` of the state of a profile."""
    found, void = [], False
    for holds, text in (
        (not state["enabled"], "the firewall is off" + _given(state, "enabled")),
        (not state["local_rules"], "group policy ignores local rules"),
        (modify_state == "gp_override", "group policy overrides local changes"),
        (modify_state == "inbound_blocked" or state["block_all"], f"all inbound traffic is blocked{_given(state, 'block_all')}, whatever the rules admit"),
    ):
        if holds:
            found.append(text)
            void = True
    if state["excluded_interfaces"] and state["enabled"]:
        text = f"nothing is filtered on these interfaces, they are excluded{_given(state, 'excluded_interfaces')}: "
        found.append(text + some(state["excluded_interfaces"]))
    if not state["unicast_responses"] and state["enabled"]:
        text = "answers of single hosts to a broadcast or multicast are dropped" + _given(state, "unicast_responses")
        found.append(text + ": names are not found by NetBIOS broadcast")
    return found, void


def _given(state: t.Mapping[str, t.Any], key: str) -> str:
    return " by group policy" if key in state["policy"] else ""


def _admitted(found: t.Sequence[Known], profile: str, word: str, baseline: set[str], admitting: set[str], alike: int) -> list[str]:
    """Return in sentences what foreign rules admit more; all goes to ``admitting``, and what tells of rules that come with Windows or an app to ``baseline``.

    ``alike`` are the rules of apps that stand once for all users.
    """
    shipped = [item for item in found if is_baseline(item)]
    said = _more([item for item in found if not is_baseline(item)], profile, f"{word} foreign rule", "{} admits", "{}s admit")
    with_windows = _more(shipped, profile, f"{word} rule", "{} that comes with Windows or an app admits", "{}s that come with Windows or an app admit")
    if alike and any(APP in item.rule.users for item in shipped):
        with_windows = [f"{text} (rules of apps count once for all users; {alike} more are alike)" for text in with_windows]
    baseline.update(with_windows)
    admitting.update(said, with_windows)
    return said + with_windows


def _more(found: t.Sequence[Known], profile: str, word: str, one: str, many: str) -> list[str]:
    if not found:
        return []
    groups = [f"{item['group']} ({item['rules']})" if item["rules"] > 1 else item["group"] for item in grouped({profile: found})]
    named = ", ".join(groups[:NAMED]) + (f" and {len(groups) - NAMED} more groups" if len(groups) > NAMED else "")
    return [f"{len(found)} {(many if len(found) > 1 else one).format(word)} more than these rules: {named}"]


AUDIT = (
    "mode is audit: allowed connections and dropped packets are logged, our rules that block are written but not enabled, and default actions stay as they are"
)


def _audit(options: t.Mapping[str, t.Any], state: t.Mapping[str, t.Any]) -> list[str]:
    if options["state"] != "present" or options["mode"] != "audit":
        return []
    text = AUDIT
    return [text + (" (inbound is blocked by default)" if state["inbound"] == "block" else "")]


def effective(found: View, host: Host, in_force: bool, unheld: t.Mapping[str, t.Sequence[str]]) -> Plain:
    """Return ``effective`` of a result. Above the profiles stands what holds in those that are active now (in all, when none is).

    ``unheld`` are by profile the settings that are not what was made of them: that profile does not decide as it should.
    """
    reasons = {profile: [*unheld.get(profile, ()), *texts] for profile, texts in found.reasons.items()}
    profiles = {
        profile: {
            "in_force": in_force and profile not in found.void and profile not in unheld,
            "exact": not texts,
            "exact_beyond_baseline": found.baseline.issuperset(texts),
            "reasons": texts,
        }
        for profile, texts in reasons.items()
    }
    shown = host.active or list(PROFILES)
    return {
        **{verdict: all(profiles[profile][verdict] for profile in shown) for verdict in ("in_force", "exact", "exact_beyond_baseline")},
        "reasons": _together({profile: reasons[profile] for profile in shown}),
        "reasons_beyond_baseline": _together({profile: [text for text in reasons[profile] if text not in found.baseline] for profile in shown}),
        "reasons_beyond_foreign_allows": _together({profile: [text for text in reasons[profile] if text not in found.admitting] for profile in shown}),
        "guarded": guarded(host),
        "profiles": profiles,
        "foreign_allows": found.foreign_allows,
    }


def _together(reasons: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """Return the reasons of several profiles, each once, with the profiles that it holds for."""
    where: t.Dict[str, list[str]] = {}
    for profile, texts in reasons.items():
        for text in texts:
            where.setdefault(text, []).append(profile)
    return [f"{', '.join(profiles)}: {text}" for text, profiles in where.items()]
