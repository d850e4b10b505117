"""What would be sent, before it is: a row a query and source, with the servers' own estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from obsnb.connection.choosing import kind_of
from obsnb.connection.looking import members
from obsnb.connection.roles import default_step
from obsnb.errors import SourceError, UsageError
from obsnb.instants import parse_duration, parse_instant
from obsnb.ledger import Ledger, QueryRecord
from obsnb.query import logql, promql, traceql
from obsnb.query.texts import whole_limit
from obsnb.sources.estimates import Estimate, Question, Verb, expected_s
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import polars as pl

    from obsnb.sources.at_once import Ask

__all__ = ["Planning"]

_MS = 1_000_000
_PlannedVerb = Verb | Literal["instant"]
_PLANNED = (*get_args(Verb), "instant")
_NUMBERS = ("metrics", "instant")
_VERBS: dict[str, Verb] = {"logs": "logs", "series": "metrics", "exemplars": "exemplars", "spans": "spans"}
_NAMES = {"loki": "Loki", "prometheus": "Prometheus", "tempo": "Tempo"}
_SOURCES = {"logs": "loki", "samples": "prometheus", "exemplars": "prometheus", "spans": "tempo"}
_CHECKS = {"loki": logql.check, "prometheus": promql.check, "tempo": traceql.check}
_FROZEN = "Nothing would be sent: what is asked is on this disk."


class Planning:
    """Verbs of a connection that tell what others would send; a part of `Connection`."""

    _logs: Any
    _metrics: Any
    _traces: Any
    _roles: Any
    _where: Any
    _need: Any
    _kept: Any
    ledger: Ledger
    out: Any

    def plan(
        self,
        verb: _PlannedVerb,
        query: str,
        window: TimeRange | None = None,
        *,
        at: str | datetime | None = None,
        over: str | int | float | timedelta | None = None,
        step: str | int | float | timedelta | None = None,
        limit: int | None = None,
        whole: bool = False,
        source: str | None = None,
    ) -> Any:
        """What a query would ask of the servers, as far as they tell beforehand; it is not sent.

        A few cheap requests are, and stand in the ledger: ``index/stats`` of Loki; of Prometheus the number
        of its series, and where these are few the samples of five minutes in the middle of the window.
        Tempo tells nothing, and is not asked.

        Parameters
        ----------
        verb
            ``"logs"``, ``"metrics"``, ``"samples"``, ``"exemplars"``, ``"spans"`` or ``"instant"``.
        query, window, at, over, step, limit, whole, source
            As the verb of that name has them: an instant takes `at`, and of TraceQL `over`, the others a
            window.

        Returns
        -------
        frame
            A row a source: source, verb, role (null), query, start, end (ns, UTC), step_s (s), requests
            (at least), bytes and lines (of the streams, before any filter), streams, series, samples (all
            Int64), seconds (Float64: as earlier answers of this connection went), over (which limits of the
            profile it is over, or null), note (what is not known, and why). Null is not known.

        Raises
        ------
        UsageError
            There is no such verb, it is planned without what it needs, or nothing would be sent because it
            is on this disk.
        WindowError
            The instant does not say its zone.
        SourceError
            No server can be reached.
        """
        if verb not in _PLANNED:
            raise UsageError(
                f"There is no verb {verb!r} to plan.", hint=f"It is one of {', '.join(_PLANNED)}."
            )
        kind = kind_of(source or "prometheus") if verb in _NUMBERS else _SOURCES[verb]
        if verb == "exemplars" and kind_of(source or "prometheus") == "tempo":
            kind = "tempo"
        if verb == "instant":
            question = _instant(query, window, at, over, kind=kind)
        elif at is not None or over is not None:
            raise UsageError(
                f"Only an instant is planned at=... or over=..., and this is {verb}.",
                hint="Pass a window: obsnb.window(start, end).",
            )
        else:
            where = self._where(window)
            most = None if limit is None else whole_limit(limit)
            more: dict[str, Any] = {"limit": most, "whole": whole and verb == "spans"}
            if verb == "metrics":
                more["step_ns"] = default_step(where) if step is None else parse_duration(step)
            question = Question(verb, query, where, **more)
        _CHECKS[kind](query)
        held = {"loki": self._logs, "prometheus": self._metrics, "tempo": self._traces}[kind]
        return self.out(self._planned([(self._need(held, _NAMES[kind], kind, source), question)]))

    def plan_roles(self, window: TimeRange, *, scope: Mapping[str, str]) -> pl.DataFrame:
        """`plan` of every built-in query of a scope, as `capture` and an investigation ask them; polars.

        Which labels the servers have is asked for as well, once a connection, to know their names.
        """
        queries = getattr(self._roles, "queries", None)
        if queries is None:
            raise UsageError(_FROZEN, hint="inv.summary() and the others answer from it.")
        held = {"logs": self._logs, "spans": self._traces}
        asked = []
        for one in queries(window, scope):
            verb = _VERBS[one.kind]
            source = held.get(one.kind, self._metrics)
            step_ns = default_step(window) if verb == "metrics" else None
            if source is not None:
                limit, whole = one.params.get("limit"), bool(one.params.get("whole"))
                asked.append((source, Question(verb, one.query, window, step_ns, limit, whole, one.role)))
        return self._planned(asked)

    def _planned(self, asked: Iterable[tuple[Any, Question]]) -> pl.DataFrame:
        import polars as pl

        rows = [
            self._row(estimate, getattr(one, "bounds", None))
            for source, question in asked
            for one, estimate in self._estimates(source, question)
        ]
        return pl.DataFrame(rows, schema=_columns(), orient="row")

    def _estimates(self, source: Any, question: Question) -> list[tuple[Any, Estimate]]:
        from obsnb.sources.at_once import all_failed, at_once

        several = members(source)
        if not hasattr(several[0], "estimate"):
            raise UsageError(_FROZEN, hint=f"Ask obs.{question.asked_by}(...).")
        answers, errors = at_once({one.name: _asking(one, question) for one in several})
        if not answers:
            raise all_failed(list(errors.values()))
        return [
            (one, answers[one.name] if one.name in answers else _unknown(one, question, errors[one.name]))
            for one in several
        ]

    def _row(self, estimate: Estimate, bounds: Any) -> dict[str, Any]:
        question, records = estimate.question, self.ledger.records
        if estimate.record.requests or estimate.record.complete == "no":
            self._kept.enter(estimate.record, quietly=True)
        seconds = expected_s(estimate, records)
        over = {} if bounds is None else bounds.exceeded(estimate, seconds)
        told = {name: getattr(estimate, name) for name in _columns() if hasattr(estimate, name)}
        return told | {
            "verb": question.asked_by,
            "role": question.role,
            "query": question.query,
            "start": question.window.start_ns,
            "end": question.window.end_ns,
            "step_s": None if question.step_ns is None or question.instant else question.step_ns / 1e9,
            "seconds": seconds,
            "over": ", ".join(over) or None,
            "note": estimate.note,
        }


def _columns() -> dict[str, Any]:
    import polars as pl

    time, text, whole = pl.Datetime("ns", "UTC"), pl.String, pl.Int64
    columns: dict[str, Any] = {"source": text, "verb": text, "role": text, "query": text}
    columns |= {"start": time, "end": time, "step_s": pl.Float64}
    columns |= dict.fromkeys(("requests", "bytes", "streams", "lines", "series", "samples"), whole)
    return columns | {"seconds": pl.Float64, "over": text, "note": text}


def _instant(
    query: str,
    window: TimeRange | None,
    at: str | datetime | None,
    over: str | int | float | timedelta | None,
    *,
    kind: str,
) -> Question:
    """A question at one instant."""
    if at is None or window is not None:
        raise UsageError(
            "An instant is planned at a moment, not for a window.",
            hint='Such as obs.plan("instant", query, at="2026-11-23T18:00Z").',
        )
    if over is not None and kind != "tempo":
        raise UsageError(
            "Only TraceQL is asked over=...: PromQL and LogQL say in the query how far it looks back.",
            hint="Write the range into it, such as rate(http_requests_total[1h]).",
        )
    over_ns = parse_duration(over or "1h") if kind == "tempo" else None
    moment = parse_instant(at) // _MS * _MS
    return Question("metrics", query, TimeRange(moment, moment + _MS), _MS, instant=True, over_ns=over_ns)


def _asking(source: Any, question: Question) -> Ask[Estimate]:
    return lambda _: cast("Estimate", source.estimate(question))


def _unknown(source: Any, question: Question, error: SourceError) -> Estimate:
    """Of a server that cannot be reached nothing is known."""
    text = question.query
    record = QueryRecord("index", source.name, text, text, question.window, {"of": "estimate"})
    return Estimate(source.name, question, replace(record, complete="no", reason=error.what), note=error.what)
