"""Where it started: every service seen in any signal, ranked by what is new there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.causes import cause_of
from obsnb.analysis.dirty_baseline import cleaned
from obsnb.analysis.fusion import Suspect, fuse
from obsnb.analysis.gathered import Gathered
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.narrowing import narrowed, places
from obsnb.analysis.scores import Finding
from obsnb.analysis.service_names import Names, service_names
from obsnb.analysis.told_changes import deployments_told
from obsnb.conventions import DEFAULT, Conventions
from obsnb.instants import told_ns
from obsnb.schema import EVENTS, LOGS, SERIES, SPANS, Schema
from obsnb.timerange import TimeRange, check_windows

__all__ = ["suspects"]

_LEAST = 0.05  # strength of a finding that is told as a reason
_REASONS, _EVIDENCE = 8, 20
_NARROWED = 0.1  # score from which on it is looked within which pod, tenant, ... it happens
_SERIES_NEEDS = ("timestamp", "metric", "value")
_SPAN_NEEDS = ("trace_id", "span_id", "service", "name", "start", "duration")
_COLUMNS: dict[str, Any] = {
    "rank": pl.Int64,
    "service": pl.String,
    "score": pl.Float64,
    "since": pl.Datetime("ns", "UTC"),
    "cause_kind": pl.String,
    "cause": pl.String,
    "within": pl.String,
    "reasons": pl.List(pl.String),
    "evidence": pl.List(pl.String),
}


def suspects(
    logs: Any = None,
    spans: Any = None,
    series: Any = None,
    events: Any = None,
    *,
    during: TimeRange,
    baseline: TimeRange | None,
    services: Mapping[str, str] | None = None,
    conventions: Conventions = DEFAULT,
) -> Any:
    """The services where an incident may have started, best first, with reasons and evidence.

    Every service that any signal names is a candidate, also one without spans of its own that others
    call. Looked for is what is new there against the baseline: time that requests spend in it rather
    than waiting for another; failures that it raised rather than passed on; calls that no longer
    reach it; changes of its resources; deployments right before the onset. Latency and errors that
    its metrics and log lines show count less where somebody whom it calls is at fault.

    Parameters
    ----------
    logs
        LOGS with timestamp and line.
    spans
        SPANS with trace_id, span_id, service, name, start, duration; kind, status and attributes
        where known. A selection of traces will do if it was made alike in both windows.
    series
        SERIES with timestamp, metric and value; service where known.
    events
        EVENTS: those of kind ``deploy`` and ``restart`` are used, and annotations of a change of
        settings (a feature flag, a configuration) that name one service, as their service or in their
        title. Versions that spans carry for the first time are found without.
    during
        The incident.
    baseline
        What it is compared with; None: only what needs no comparison is said, and less surely. If it ends
        where the incident begins and the change that lasts into the incident is found before that, both
        are cut there: incidents are marked when somebody notices them.
    services
        Alias → service, where two names mean one; spelling variants and addresses find each other
        without (`obsnb.analysis.service_names`).
    conventions
        The stack's names.

    Returns
    -------
    frame
        A row a service: ``rank`` (Int64, from 1), ``service``, ``score`` (Float64, 0 to 1: comparable
        between incidents; below 0.3 it is no confident suspect, and without a baseline none is, for
        nothing says that what was found is new), ``since`` (ns, UTC; null without
        findings), ``cause_kind`` (deployment, resource, dependency, statement, pool, configuration,
        load, unknown), ``cause`` (a sentence, may be empty), ``within`` (the pod, version, tenant or
        route that it is limited to, or null), ``reasons`` (list of sentences), ``evidence`` (list of ids:
        ``span:TRACE/SPAN``, ``log:ROW``, ``series:ID@ns``). Services that nothing speaks against have
        score 0.

    Raises
    ------
    FrameError
        A frame lacks a needed column.

    Notes
    -----
    The modules `exclusive`, `latency`, `raised`, `absence`, `log_errors`, `resources` and `noticed` find;
    `fusion` weighs. Time and failures are attributed along the calls of each trace, after the idea
    that only what a callee cannot explain is a service's own (as in Groot, Wang and others, ASE
    2021, and the critical paths of CRISP, USENIX ATC 2022).
    """
    check_windows(during=during, baseline=baseline)
    given = _given(logs, spans, series, events, conventions)
    if baseline is not None:
        during, baseline = cleaned(
            during,
            baseline,
            logs=given.logs,
            spans=given.spans,
            series=None if series is None else given.read_series(),
            conventions=conventions,
        )
    found = Gathered(_names(given, services, conventions), during, baseline, conventions)
    for frame in (given.logs, given.spans):
        if frame is not None:
            found.look_at_services(frame)
    if given.spans is not None:
        found.look_at_spans(given.spans, given.logs)
    elif given.logs is not None:
        found.look_at_speakers(given.logs)
    if given.series is not None:
        found.look_at_series(given.read_series())
    deployments = deployments_told(
        given.events,
        given.spans,
        found.names,
        pods=found.pods,
        onset_ns=found.during.start_ns,
        conventions=conventions,
    )
    ranked = fuse(found.candidates, found.findings, found.graph, deployments)
    rows = [_row(rank, each, found) for rank, each in enumerate(ranked, 1)]
    first = next((frame for frame in (logs, spans, series, events) if frame is not None), None)
    return like(pl.DataFrame(rows, schema=_COLUMNS, orient="row"), first)


@dataclass(frozen=True)
class _Given:
    logs: pl.DataFrame | None
    spans: pl.DataFrame | None
    series: Any
    events: pl.DataFrame | None
    series_services: pl.Series | None

    def read_series(self) -> pl.DataFrame:
        """Only when it is their turn: while the spans are looked at, their labels as text are dear."""
        return _read(self.series, SERIES, _SERIES_NEEDS)


def _read(data: Any, schema: Schema, needs: Iterable[str]) -> pl.DataFrame:
    frame = to_polars(data, schema, needs=needs, what="suspects")
    if "service" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("service"))
    return frame


def _read_logs(data: Any, conventions: Conventions) -> pl.DataFrame:
    frame = _read(data, LOGS, ("timestamp", "line"))
    if frame["service"].count():
        return frame
    return frame.with_columns(parse_logs(frame, conventions=conventions)["service"].cast(pl.String))


def _given(logs: Any, spans: Any, series: Any, events: Any, conventions: Conventions) -> _Given:
    return _Given(
        None if logs is None else _read_logs(logs, conventions),
        None if spans is None else _read(spans, SPANS, _SPAN_NEEDS),
        series,
        None if events is None else _read(events, EVENTS, ("timestamp", "kind")),
        None
        if series is None
        else _read(series, SERIES, _SERIES_NEEDS)["service"].unique(maintain_order=True),
    )


def _names(given: _Given, services: Mapping[str, str] | None, conventions: Conventions) -> Names:
    spans, logs, events = (
        None if frame is None else frame["service"] for frame in (given.spans, given.logs, given.events)
    )
    columns = (spans, logs, given.series_services, events)
    return service_names(*columns, services=services, conventions=conventions)


def _row(rank: int, suspect: Suspect, found: Gathered) -> tuple[Any, ...]:
    graph = found.graph
    calls = graph.partial or not graph.callees or suspect.service in graph.callees
    kind, cause = cause_of(
        suspect,
        load=found.load,
        onset_ns=found.during.start_ns,
        may_wait=calls,
        foreign=suspect.service in found.foreign,
        callers=found.graph.callers.get(suspect.service, ()),
    )
    told = [each for each in suspect.findings if each.strength >= _LEAST]
    reasons = list(dict.fromkeys(each.reason for each in told))[:_REASONS]
    if suspect.deployment is not None and suspect.score >= _LEAST:
        near = suspect.deployment
        whose = "" if near.service in near.title else f" ({near.service})"
        reasons.append(
            f"{near.title or near.kind}{whose} at {told_ns(near.at_ns, found.during.start_ns)} UTC."
        )
    if suspect.waits_for is not None and suspect.score >= _LEAST:
        reasons.append(f"What speaks of waiting is put down to {suspect.waits_for}, which it depends on.")
    evidence = dict.fromkeys(_id(each, found.spans) for finding in told for each in finding.evidence)
    return (
        rank,
        suspect.service,
        round(suspect.score, 4),
        _since(told),
        kind,
        cause,
        _within(suspect, found),
        reasons,
        list(evidence)[:_EVIDENCE],
    )


def _id(evidence: str, spans: pl.DataFrame | None) -> str:
    kind, _, place = evidence.partition(":")
    if kind != "row" or spans is None:
        return evidence
    return "span:{}/{}".format(*spans.select("trace_id", "span_id").row(int(place)))


def _since(told: list[Finding]) -> int | None:
    """The earliest that one of the stronger findings says."""
    if not told:
        return None
    strongest = max(each.strength for each in told)
    dated = [each.since_ns for each in told if each.since_ns and each.strength >= 0.5 * strongest]
    return min(dated, default=None)


def _within(suspect: Suspect, found: Gathered) -> str | None:
    """As its requests tell, else as the labels of what changed most, where that is a resource."""
    if suspect.score < _NARROWED:
        return None
    first = suspect.findings[0] if suspect.findings else None
    by_labels = first.within or None if first is not None and first.signal == "resource" else None
    if found.spans is None or found.visits is None:
        return by_labels
    keys = places(found.conventions)
    if not {*keys, "attributes", "resource"} & set(found.spans.columns):
        return by_labels
    return narrowed(found.visits.of(suspect.service, found.spans, keys), keys) or by_labels
