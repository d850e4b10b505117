"""From findings of several signals to one score a service, heeding who only waits for whom."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from obsnb.analysis.scores import Finding, saturate

__all__ = ["CallGraph", "Deployment", "Suspect", "call_graph", "fuse", "nearby_deployments"]

#: How far one signal alone can convince. Time and failures that were traced to one place say where
#: it is; a resource says that something is different there; log lines and the metrics of requests
#: are about the service that wrote them, which may be waiting for another.
_WEIGHT = {
    "latency": 0.85,
    "errors": 0.85,
    "absence": 0.85,
    "resource": 0.7,
    "logs": 0.65,
    "symptom": 0.4,
}
_WAITING = 0.5  # of a resource's weight, for what fills up while waiting for others
_EXPLAINED = 0.9  # of what speaks of waiting is taken away where a callee is surely at fault
_ELSEWHERE = 0.5  # the same for anybody where nobody knows who calls whom
_UNSEEN = 0.5  # and of latency, where calls of databases are not in the traces
_DEPLOYED = 0.25  # of the remaining doubt goes with a deployment right before
_DEPLOYED_ABOVE = 0.12  # and with one of a service that calls it
_FULL = 0.3  # score from which on a deployment counts fully: alone it is no finding
_ALONE = 0.05  # what a deployment is worth without any other finding
_NS = 1_000_000_000
_UNNAMED = re.compile(r"unknown_service(?::|$)")  # with the process' name after it, where that is known
_LOOKBACK_S = 900.0  # a deployment earlier than this is none of this incident's
_FADES_S = 300.0
_GRACE_S = 60.0  # how far the onset may be dated too early
_NEAR_ENOUGH = 0.2  # to be told as what changed


@dataclass(frozen=True)
class CallGraph:
    """Who calls whom.

    Attributes
    ----------
    callees
        Caller → whom it calls directly.
    below
        Caller → whom it calls directly or through others, but itself.
    callers
        Service → who calls it directly or through others, but itself.
    shows_peers
        Whether calls of what has no spans of its own (databases) are in it.
    partial
        Whether only some calls are known: those that error lines tell of.
    """

    callees: Mapping[str, frozenset[str]] = field(default_factory=dict)
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)
    callers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shows_peers: bool = False
    partial: bool = False

    @property
    def nodes(self) -> frozenset[str]:
        """Everybody who calls or is called."""
        return frozenset(self.callees).union(*self.callees.values())


@dataclass(frozen=True)
class Deployment:
    """A deployment or restart shortly before the onset; `nearness` is 1 right before it, then fades."""

    service: str
    at_ns: int
    kind: str
    title: str
    nearness: float


@dataclass(frozen=True)
class Suspect:
    """A service, its score, and what it rests on.

    Attributes
    ----------
    findings
        The weightiest first.
    deployment
        Of the service, of the callee that it waits for, or of one that calls it directly.
    waits_for
        The callee that its timeouts, failures and latency are put down to, if any.
    """

    service: str
    score: float
    findings: tuple[Finding, ...] = ()
    deployment: Deployment | None = None
    waits_for: str | None = None


def call_graph(edges: pl.DataFrame) -> CallGraph:
    """The graph of the edges that `obsnb.analysis.service_graph.edges_of` gives."""
    direct: dict[str, set[str]] = defaultdict(set)
    for caller, callee in edges.select("caller", "callee").iter_rows():
        if caller != callee:
            direct[caller].add(callee)
    below = {caller: frozenset(_reach(caller, direct)) for caller in direct}
    callers: dict[str, set[str]] = defaultdict(set)
    for caller, callees in below.items():
        for callee in callees:
            callers[callee].add(caller)
    return CallGraph(
        callees={caller: frozenset(callees) for caller, callees in direct.items()},
        below=below,
        callers={callee: frozenset(found) for callee, found in callers.items()},
        shows_peers=bool(edges["peer"].any()),
    )


def _reach(caller: str, direct: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    queue = list(direct[caller])
    while queue:
        node = queue.pop()
        if node not in seen:
            seen.add(node)
            queue += direct.get(node, ())
    return seen - {caller}


def nearby_deployments(events: Iterable[tuple[str, int, str, str]], onset_ns: int) -> list[Deployment]:
    """The deployments and restarts (service, ns, kind, title) shortly before the onset, the nearest last.

    So the one that ended the incident does not stand for the one that began it.
    """
    found = []
    for service, at_ns, kind, title in events:
        before_s = (onset_ns - at_ns) / _NS
        if -_GRACE_S <= before_s <= _LOOKBACK_S:
            nearness = 1 - saturate(before_s - _GRACE_S, _FADES_S)
            found.append(Deployment(service, at_ns, kind, title, nearness))
    return sorted(found, key=lambda each: -abs(onset_ns - each.at_ns))


def fuse(
    candidates: Iterable[str],
    findings: Iterable[Finding],
    graph: CallGraph,
    deployments: Iterable[Deployment],
) -> list[Suspect]:
    """A suspect a candidate, best first.

    Within a signal the strongest finding of a service counts, by the service's share of all that the
    signal finds new, so that who talks most does not win. Signals are independent reasons for
    doubt to go: the score is one minus the product of what each leaves open. What speaks of waiting
    (timeouts, full pools, latency and failures of requests) counts little where somebody below in
    the call graph is at fault by itself. A deployment right before strengthens what was found; it is
    no finding by itself.

    OpenTelemetry's stand-in for a name that nobody set (``unknown_service``) comes after those with a
    name who are confident suspects by themselves: it may be any of them, and names nobody to look at.
    """
    by_service: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_service[finding.service].append(finding)
    firm = {name: _combined(_values(mine, _is_firm)) for name, mine in by_service.items()}
    unseen = _unseen_resources(by_service, graph)
    newest = sorted(deployments, key=lambda each: each.nearness)
    deployed = {each.service: each for each in newest}
    suspects = []
    for service in dict.fromkeys([*candidates, *by_service, *deployed]):
        eased, waits_for = _eased(service, by_service.get(service, []), firm, graph, unseen)
        score = _combined(_values(eased, _any))
        told = _deployment_of(service, deployed, graph, waits_for)
        score = _with_deployment(service, score, told, waits_for)
        ranked = sorted(eased, key=lambda each: -_weight(each) * each.strength * _part(each))
        suspects.append(Suspect(service, score, tuple(ranked), told, waits_for))
    return sorted(suspects, key=lambda each: (_place(each), -each.score, each.service))


def _place(suspect: Suspect) -> int:
    if suspect.score < _FULL:
        return 2
    return 1 if _UNNAMED.match(suspect.service) else 0


def _is_firm(finding: Finding) -> bool:
    return not finding.waiting


def _any(_: Finding) -> bool:
    return True


def _unseen_resources(by_service: Mapping[str, list[Finding]], graph: CallGraph) -> float:
    """The strongest firm resource finding of a service that the traces do not show."""
    if graph.shows_peers or not graph.callees:
        return 0.0
    return max(
        (
            each.strength
            for service, mine in by_service.items()
            for each in mine
            if service not in graph.nodes and each.signal == "resource" and not each.waiting
        ),
        default=0.0,
    )


def _eased(
    service: str, findings: list[Finding], firm: Mapping[str, float], graph: CallGraph, unseen: float
) -> tuple[list[Finding], str | None]:
    """The findings, those that speak of waiting weakened by how surely another is at fault."""
    known = service in graph.callees if graph.partial else bool(graph.callees)
    others = graph.below.get(service, frozenset()) if known else frozenset(firm) - {service}
    worst = max(others, key=lambda name: (firm.get(name, 0.0), name), default=None)
    taken = (_EXPLAINED if known else _ELSEWHERE) * firm.get(worst or "", 0.0)
    has_own = any(each.signal == "resource" and not each.waiting for each in findings)
    eased = []
    for each in findings:
        less = taken if each.waiting else 0.0
        if each.signal in ("latency", "symptom") and not has_own:
            less = max(less, _UNSEEN * unseen)
        eased.append(replace(each, strength=each.strength * (1 - less)))
    waits = any(each.waiting and each.strength > 0.1 for each in findings) and taken > _ELSEWHERE
    return eased, worst if waits else None


def _values(findings: Iterable[Finding], which: Callable[[Finding], bool]) -> dict[str, float]:
    grouped: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if which(finding):
            grouped[finding.signal].append(finding)
    values = {}
    for signal, each in grouped.items():
        share = min(sum(_part(one) ** 2 for one in each), 1.0)
        values[signal] = max(_weight(one) * one.strength for one in each) * share**0.5
    return values


def _part(finding: Finding) -> float:
    return finding.share**0.5 if finding.signal in ("latency", "errors", "logs", "symptom") else 1.0


def _weight(finding: Finding) -> float:
    weight = _WEIGHT[finding.signal]
    return weight * _WAITING if finding.waiting and finding.signal == "resource" else weight


def _combined(values: Mapping[str, float]) -> float:
    doubt = 1.0
    for value in values.values():
        doubt *= 1 - value
    return 1 - doubt


def _deployment_of(
    service: str, deployed: Mapping[str, Deployment], graph: CallGraph, waits_for: str | None
) -> Deployment | None:
    if service in deployed:
        return deployed[service]
    if waits_for is not None and waits_for in deployed:
        return deployed[waits_for]
    above = [
        each
        for name, each in deployed.items()
        if service in graph.callees.get(name, ()) and each.nearness >= _NEAR_ENOUGH
    ]
    return max(above, key=lambda each: each.nearness, default=None)


def _with_deployment(service: str, score: float, told: Deployment | None, waits_for: str | None) -> float:
    if told is None or (told.service == waits_for and told.service != service):
        return score
    own = told.service == service
    gain = (_DEPLOYED if own else _DEPLOYED_ABOVE) * told.nearness * min(score / _FULL, 1.0)
    raised = 1 - (1 - score) * (1 - gain)
    return max(raised, _ALONE * told.nearness) if own else raised
