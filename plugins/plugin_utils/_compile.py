# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Note that this plugin util is PRIVATE to the collection. It can have breaking changes at any time.
"""The only place that knows the order of the stages: inventory and catalogs in, plan out."""

from __future__ import annotations

import typing as t

from ansible_collections.portcullis.msports.plugins.plugin_utils._catalog.loader import catalog_path, load_catalogs, products, well_known
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import MISSING, CatalogError, InventoryError, MsportsError, Problem, Problems
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.early import asked_for, without_catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._errors import some
from ansible_collections.portcullis.msports.plugins.plugin_utils._estate.read import read_estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.variables import BACKEND, PREFIX, is_variable
from ansible_collections.portcullis.msports.plugins.plugin_utils._flow.connect import connect
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.catalog import Catalogs
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.connection import Note
from ansible_collections.portcullis.msports.plugins.plugin_utils._model.estate import Estate
from ansible_collections.portcullis.msports.plugins.plugin_utils._matrix.matrix import rows
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation import answers, judge, plain, probes, remedies
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.flows import Ends, Flows
from ansible_collections.portcullis.msports.plugins.plugin_utils._observation.observation import Observation
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.build import Compiled, build
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.claims import broken
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.explain import Explainer
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.index import Latest, PlanIndex
from ansible_collections.portcullis.msports.plugins.plugin_utils._plan.store import digest
from ansible_collections.portcullis.msports.plugins.plugin_utils._render.wire import check_plan
from ansible_collections.portcullis.msports.plugins.plugin_utils._report.content import content
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.assemble import assemble
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.own import ends, management_addresses, until_matters
from ansible_collections.portcullis.msports.plugins.plugin_utils._rule.remarks import remarks

Plain = t.Dict[str, t.Any]
EXPLAINED = 1000  # so many findings come with all that explain says of them; the others have their own short reason
NO_HOSTS = "the inventory has no hosts, so its plan would have no rules: put hosts in it, or name the right one (ansible-playbook -i)"


def compile_plan(inventory: t.Mapping[str, t.Any]) -> Plain:
    """Return the plan of ``inventory`` (plain data, as ``_ansible.inventory_of`` gives it).

    Raises :class:`CatalogError`, :class:`InventoryError` or :class:`UnsupportedRuleError` with every problem at once; nothing is half done.
    """
    if not inventory["hosts"]:
        raise InventoryError([Problem("estate", None, NO_HOSTS)])
    catalogs = catalogs_of(inventory)
    estate = estate_of(inventory, catalogs)
    plan = plan_of(estate, catalogs, inputs_of(inventory), not inventory.get("whole", True))
    problems = broken(plan, [(claim, estate.addresses(claim.sources), estate.addresses(claim.destinations)) for claim in estate.claims])
    if problems:
        raise InventoryError(problems)
    check_plan(plan, {name: str(host["vars"].get(BACKEND)) for name, host in inventory["hosts"].items()})
    return plan


def catalogs_of(inventory: t.Mapping[str, t.Any]) -> Catalogs:
    """Return the catalogs that the inventory asks for: by the releases that run, and from the user's own folders."""
    asked = asked_for(inventory)
    try:
        return load_catalogs(asked.releases, asked.paths)
    except CatalogError as error:
        raise CatalogError(without_catalogs(inventory, asked, error.problems)) from None


def estate_of(inventory: t.Mapping[str, t.Any], catalogs: Catalogs) -> Estate:
    """Return the estate that the inventory describes; management services may have any name of the table of well-known services."""
    services = {name: service.port for name, service in well_known().items() if service.protocol == "tcp"}
    return read_estate(inventory, catalogs, services)


def plan_of(estate: Estate, catalogs: Catalogs, inputs: t.Mapping[str, str], partial_inventory: bool) -> Plain:
    """Return the plan of an estate that was read."""
    connected = connect(estate, catalogs)
    assembled = assemble(estate, connected.connections)
    remarked = remarks(estate, catalogs, assembled.rulesets, assembled.sets)
    notes = (*(Note("estate", text) for text in estate.notes), *connected.notes, *assembled.notes, *ends(estate), *remarked)
    management = {host.name: management_addresses(host, estate) for host in estate.hosts.values() if host.managed}
    compiled = Compiled(assembled.rulesets, assembled.sets, management, connected.off, notes)
    today = str(estate.today) if until_matters(estate) else None
    return {**build(estate, catalogs, compiled, partial_inventory, today), "inputs": dict(inputs)}


def inputs_of(inventory: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Return host -> digest of what it contributes to a plan, short: it only tells "the same" from "changed".

    What a play registers or sets under another name with the prefix contributes nothing.
    """
    extra = {name: [inventory.get(kind, {}).get(name) for kind in ("resolved", "facts")] for name in inventory["hosts"]}
    return {
        name: digest({"vars": _counted(host["vars"]), "groups": sorted(host["groups"]), **({"found": extra[name]} if any(extra[name]) else {})})[:16]
        for name, host in sorted(inventory["hosts"].items())
    }


def _counted(variables: t.Mapping[str, t.Any]) -> Plain:
    # The backend decides whether a plan is refused, never what is in it.
    return {name: value for name, value in variables.items() if is_variable(name) or not name.startswith((PREFIX, BACKEND))}


class Stale(t.NamedTuple):
    """What changed since a plan was made, and what to do about it."""

    why: str
    remedy: str = "plan again, or accept it by name with allow_stale_plan: true (-e host_firewall_allow_stale_plan=true)"


PARTIAL = (
    "if this inventory is a part of the one that it was made from, say so with partial_inventory: true (host_firewall_partial_inventory of the role), "
    "or name the published plan with expected_digest"
)


def stale(plan: t.Mapping[str, t.Any], inventory: t.Mapping[str, t.Any], partial_inventory: bool = False) -> t.Optional[Stale]:
    """Return what changed since ``plan`` was made, or ``None``. With ``partial_inventory`` it may lack hosts of the plan's."""
    now, then = inputs_of(inventory), plan["inputs"]
    changed = sorted(name for name in now if name in then and now[name] != then[name])
    added, gone = sorted(set(now) - set(then)), [] if partial_inventory else sorted(set(then) - set(now))
    for hosts, what in ((changed, "the variables or groups of {} changed"), (added, "{} came to the inventory")):
        if hosts:
            return Stale(what.format(some(hosts, 5)))
    if gone:
        return Stale(
            f"{some(gone, 5)} left the inventory",
            f"{PARTIAL}; if they are gone, plan again, or accept it by name with allow_stale_plan: true (-e host_firewall_allow_stale_plan=true)",
        )
    # hosts that are not seen may be those that say what runs: the editions of the plan count then
    editions = {product: item["edition"] for product, item in plan["catalogs"].items()}
    catalogs = load_catalogs(paths=asked_for(inventory).paths, editions=editions) if partial_inventory else catalogs_of(inventory)
    for product, catalog in catalogs.products.items():
        if plan["catalogs"].get(product, {}).get("digest") != catalog.digest:
            return Stale(f"the catalog of {product} changed")
    if plan["today"] not in (None, inventory["today"]):
        return Stale(f"it was made on {plan['today']}, and until makes the day count")
    return None


_explainer = Latest(lambda plan, catalogs: Explainer(plan, [*catalogs.flows, *catalogs.supplements]))


def explain_plan(plan: t.Mapping[str, t.Any], source: str, destination: str, protocol: str, port: t.Optional[int], paths: t.Sequence[str] = ()) -> Plain:
    """Answer why a connection is open or not, from a plan and the catalogs that it was made with; ``paths`` are folders of the user's.

    Raises :class:`CatalogError` when there is no catalog of a product of the plan; one with other content is told in ``remarks``.
    """
    catalogs = _catalogs_of_plan(plan, paths)
    answer = _explainer(plan, catalogs).explain(source, destination, protocol, port)
    others = [product for product, item in sorted(plan["catalogs"].items()) if catalogs.products[product].digest != item["digest"]]
    if others and not answer["allowed"]:
        answer["remarks"].append(
            f"the plan was made with another catalog of {', '.join(others)} than the one that why_not was taken from; plan again, "
            "or give the folders of that time as catalog_paths"
        )
    return answer


def judge_observations(
    plan: t.Mapping[str, t.Any], observations: t.Iterable[Observation], paths: t.Sequence[str] = (), accepted: t.Sequence[str] = ()
) -> Plain:
    """Return what a plan says of observations: counts, findings with reasons and remedies, and suggestions for the inventory."""
    index = PlanIndex(plan)
    return _with_remedies(index, judge.judge(index, observations), _catalogs_of_plan(plan, paths), accepted)


def report_of(
    plan: t.Mapping[str, t.Any], observations: t.Optional[t.Iterable[Observation]], lagging: t.Optional[t.Sequence[str]], paths: t.Sequence[str] = ()
) -> Plain:
    """Return the report of a plan as plain data. ``None`` observations: nobody looked; ``lagging``: nothing is recorded of what was applied."""
    catalogs = _catalogs_of_plan(plan, paths)
    ends = {flow.id: (flow.source, flow.destination) for flow in (*catalogs.flows, *catalogs.supplements)}
    judgement = None if observations is None else judge_observations(plan, observations, paths)
    return content(plan, rows(plan), ends, judgement, lagging)


def cut_at(part: t.Mapping[str, t.Any], name: str, observations: t.Iterable[Observation], accepted: t.Sequence[str]) -> list[str]:
    """Return what the rules of one host would cut of what was seen to come in there and is not ``accepted`` by name, in words.

    ``part`` has ``hosts`` and ``sets`` of this host alone: who is at the other end has no part in it.
    """
    index = PlanIndex({"peers": {}, "networks": {}, "off": (), **part})
    inbound = [item for item in observations if item.host == name and item.direction == "in" and item.peer]
    found = plain.judgement_as_dict(judge.judge(index, inbound), {}, accepted)["findings"]
    return [item["text"] for item in found if item["cut"] and not item["accepted"]]


def impact_of(before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any], observations: t.Iterable[Observation], paths: t.Sequence[str] = ()) -> Plain:
    """Return what a plan treats otherwise than the one before, of what was seen: ``stopped``, ``admitted`` and ``uncertain``, each as findings."""
    old, new = PlanIndex(before), PlanIndex(after)
    catalogs = _catalogs_of_plan(after, paths)
    changed = judge.impact(old, new, observations)
    return {kind: _with_remedies(old if kind == "admitted" else new, found, catalogs) for kind, found in changed.items()}


def unused_rules(
    plan: t.Mapping[str, t.Any], observations: t.Iterable[Observation], days: int, watched: t.Mapping[str, t.Mapping[str, t.Sequence[str]]]
) -> Plain:
    """Return the rules that nothing permitted was seen to use within ``days``, and the hosts that were not ``watched`` for so long without a gap."""
    if not isinstance(days, int) or days < 1:
        raise MsportsError([Problem("days", repr(days), "expected a number of days, like 30")])
    index = PlanIndex(plan)
    return judge.unused(index, judge.judge(index, observations), watched, days)


def probes_of_plan(plan: t.Mapping[str, t.Any], most: int, systems: t.Sequence[str]) -> Plain:
    """Return ``{"by_source", "count", "left_out"}``: the connections to try after a plan was applied, at most so many to each host."""
    if not isinstance(most, int) or most < 1:
        raise MsportsError([Problem("most", repr(most), "expected a number of probes, like 20")])
    found, left_out = probes.probes_of(PlanIndex(plan), most, systems)
    return {"by_source": probes.by_source(found), "count": len(found), "left_out": left_out}


def judge_answers(
    plan: t.Mapping[str, t.Any], results: answers.Results, day: str, paths: t.Sequence[str] = (), wanted: t.Optional[t.Mapping[str, t.Any]] = None
) -> Plain:
    """Return ``{"wrong", "tested", "not_tested", "unreached", "not_asked"}``: what the answers to probes say of a plan.

    ``results``: host -> what its tasks gave; ``wanted``: source -> the probes that it had to try.
    """
    index = PlanIndex(plan)
    told = answers.told(results)
    observations, not_tested = probes.observed(index, told.answers, day, told.listening, told.unasked)
    found = _with_remedies(index, judge.judge(index, observations), _catalogs_of_plan(plan, paths))
    wrong = [item for item in found["findings"] if item["word"] in (judge.UNPLANNED, judge.CUT_OFF)]
    return {
        "wrong": [f"{item['word'].replace('_', ' ')}: {item['text']}" for item in wrong],
        "tested": len(observations),
        "not_tested": not_tested + probes.unanswered(wanted or {}, told.answers, told.unasked),
        "unreached": {name: told.unasked[name] for name in sorted(told.unasked) if name in plan["hosts"]},
        "not_asked": sorted(set(plan["hosts"]) - set(results)),
    }


def _with_remedies(index: PlanIndex, judgement: judge.Judgement, catalogs: Catalogs, accepted: t.Sequence[str] = ()) -> Plain:
    flows = Flows([*catalogs.flows, *catalogs.supplements], catalogs.roles, index)
    found = plain.judgement_as_dict(judgement, remedies.remedies(judgement, flows, Ends(index, flows.through)), accepted)
    found["managed"] = sorted(index.plan["hosts"])
    asked = [item for item in found["findings"] if item["verdict"] == "not_allowed" and (item["source"] or item["peers"])][:EXPLAINED]
    for item in asked:
        ends = item["source"] or item["peers"][0], item["destination"] or item["peers"][0]
        item["why_not"] = _explainer(index.plan, catalogs).explain(*ends, item["protocol"], item["port"])["why_not"]
    return found


def _catalogs_of_plan(plan: t.Mapping[str, t.Any], paths: t.Sequence[str]) -> Catalogs:
    """Return the catalogs that a plan was made with; raise :class:`CatalogError` where one is missing."""
    editions = {product: item["edition"] for product, item in plan["catalogs"].items()}
    _require(editions, paths)
    return load_catalogs(paths=paths, editions=editions)


def _require(editions: t.Mapping[str, str], paths: t.Sequence[str]) -> None:
    products(paths)  # says by itself what is wrong with the folders
    problems = Problems()
    for product, edition in sorted(editions.items()):
        try:
            catalog_path(product, edition, paths)
        except CatalogError:
            what = f"the plan was made with a catalog of {product} in edition {edition}, which is not among those known here"
            problems.add("catalog_paths", MISSING, f"{what}; expected the folder that holds it, as it was in msports_catalog_paths")
    problems.raise_as(CatalogError)
