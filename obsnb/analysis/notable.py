"""The few traces most worth reading, no two of which show the same thing, and why each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.cohorts import compare_cohorts, span_paths
from obsnb.schema import SPANS, dtype

__all__ = ["notable_traces"]

_RARE = 0.02  # of the traces, at most, take a path that is called rare
_COLUMNS: dict[str, Any] = {
    "rank": pl.Int64,
    "kind": pl.String,
    "trace_id": pl.String,
    "why": pl.String,
    "service": pl.String,
    "operation": pl.String,
    "start": dtype("time"),
    "duration": dtype("duration"),
    "spans": pl.Int64,
    "errors": pl.Int64,
    "evidence": pl.String,
}
_Candidate = tuple[str, str, str, str]  # kind, trace id, why, evidence


def notable_traces(
    spans: Any, baseline_spans: Any = None, *, errors: Any = None, service: str | None = None, most: int = 8
) -> Any:
    """The traces most worth reading, and why each.

    Parameters
    ----------
    spans
        SPANS with the ids, service, name, start and duration; whole traces.
    baseline_spans
        SPANS of a time when all was well; what changed since is shown first.
    errors
        What `obsnb.error_events` gives: a failed trace is shown for each of its groups. Without it, one for
        each operation in which traces began to fail.
    service
        The suspect: of what changed, what it does itself is shown first.
    most
        How many traces at most.

    Returns
    -------
    frame
        A row a trace, the most telling first.

        - ``rank``: from 1
        - ``kind``: ``changed`` (shows what changed most surely against the baseline, at its usual size),
          ``failed`` (of an error group, the one of usual length), ``slow`` (of a kind that takes much time
          in all, at the 95th percentile of its lengths), ``slowest``, ``rare`` (takes a path that at most
          one in fifty takes), ``usual`` (a common one that went well, to compare with)
        - ``trace_id``, ``why`` (a sentence), ``service`` and ``operation`` (of its root), ``start``,
          ``duration`` (from its first start to its last end), ``spans``, ``errors`` (failed spans)
        - ``evidence``: ``span:TRACE/SPAN`` of the span that shows it

    Raises
    ------
    FrameError
        A column is missing.

    Notes
    -----
    A negative duration, a clock's mistake, counts as none. Two traces show the same thing if they have the
    same root operation, failed on the same paths, and spent most of their time on the same one; the later
    of two such is left out, but for the kind ``failed`` where their error groups differ. Of several that
    fit equally well, the first by its id is shown, so that the choice does not depend on the order of rows.
    """
    needs = ("trace_id", "span_id", "service", "name", "start", "duration")
    frame = to_polars(spans, SPANS, needs=needs, what="notable_traces").drop_nulls("trace_id")
    if frame.is_empty():
        return like(pl.DataFrame(schema=_COLUMNS), spans)
    before = None
    if baseline_spans is not None:
        before = to_polars(baseline_spans, SPANS, needs=needs, what="notable_traces")
    events = None
    if errors is not None:
        wanted = ("trace_id", "group_id", "message")
        told = to_polars(errors, SPANS, needs=wanted, what="notable_traces")
        if (
            "passed_on" in told.columns
        ):  # a group that merely passes on what another raised is no second fault
            told = told.filter(~pl.col("passed_on").fill_null(value=False))
        events = told.select(wanted)
    chosen = _Choice(frame, before, events, service).best(most)
    return like(chosen, spans)


class _Choice:
    """The candidates of each kind, and the traces that they are of."""

    def __init__(
        self,
        frame: pl.DataFrame,
        before: pl.DataFrame | None,
        events: pl.DataFrame | None,
        service: str | None,
    ) -> None:
        self._frame, self._before, self._events, self._service = frame, before, events, service
        self._spans = span_paths(frame).with_columns(
            pl.format("{}: {}", "service", "name").alias("operation"),
            pl.format("span:{}/{}", "trace_id", "span_id").alias("evidence"),
        )
        self._traces = self._told_apart()

    def _told_apart(self) -> pl.DataFrame:
        """Each trace with its facts and ``shows``: what it has in common with those that show the same."""
        end = pl.col("start") + pl.col("ns").fill_null(0)
        by_time = self._spans.sort("trace_id", "depth", "start", "span_id", nulls_last=True)
        traces = by_time.group_by("trace_id", maintain_order=True).agg(
            pl.col("path").first().alias("root"),
            pl.col("service").first(),
            pl.col("operation").first().alias("called"),
            pl.col("name").first().alias("name"),
            pl.col("evidence").first(),
            pl.col("path").filter("failed").unique().sort().alias("failing"),
            pl.col("path")
            .sort_by(pl.col("own").fill_null(0), "path", descending=True)
            .first()
            .alias("busiest"),
            pl.col("start").min(),
            (end.max() - pl.col("start").min()).alias("length"),
            pl.len().cast(pl.Int64).alias("spans"),
            pl.col("failed").sum().cast(pl.Int64).alias("errors"),
        )
        shows = pl.struct("root", "failing", "busiest").hash(11).alias("shows")
        return traces.with_columns(shows).sort("trace_id")

    def best(self, most: int) -> pl.DataFrame:
        """The chosen ones: of every kind by turns, nothing shown twice."""
        shows = dict(self._traces.select("trace_id", "shows").iter_rows())
        rare = self._rare()
        several = (self._changed(), self._failed(), self._slow(), rare)
        waiting = [*several[:3], self._slowest(), rare, self._usual()]
        taken: list[_Candidate] = []
        seen_traces: set[str] = set()
        shown: set[int] = set()
        while waiting and len(taken) < most:
            for kind in list(waiting):
                one = next(
                    (
                        c
                        for c in kind
                        if c[1] not in seen_traces and (c[0] == "failed" or shows[c[1]] not in shown)
                    ),
                    None,
                )
                if one is None or kind not in several:
                    waiting.remove(kind)
                if one is not None and len(taken) < most:
                    taken.append(one)
                    seen_traces.add(one[1])
                    shown.add(shows[one[1]])
        order = ("changed", "failed", "slow", "slowest", "rare", "usual")
        taken.sort(key=lambda one: order.index(one[0]))
        columns = {"kind": pl.String, "trace_id": pl.String, "why": pl.String, "shown": pl.String}
        rows = pl.DataFrame(taken, schema=columns, orient="row")
        joined = rows.join(self._traces, on="trace_id", how="left", maintain_order="left")
        return joined.with_columns(
            pl.int_range(1, pl.len() + 1).alias("rank"),
            pl.col("name").alias("operation"),
            pl.col("length").alias("duration"),
            pl.col("shown").alias("evidence"),
        ).select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())

    def _changed(self) -> Iterator[_Candidate]:
        """Of each path that changed, a span as long as they now are."""
        if self._before is None or self._before.is_empty():
            return
        table: pl.DataFrame = compare_cohorts(self._frame, self._before)
        moved = table.filter(
            pl.col("changed").list.set_intersection(["self_time", "error_rate", "appeared"]).list.len() > 0
        )
        worse = moved.filter(
            (pl.col("self_time_effect") > 0)
            | (pl.col("error_rate_effect") > 0)
            | pl.col("changed").list.contains("appeared")
        )
        if self._service is not None:
            worse = worse.sort(pl.col("service") == self._service, descending=True, maintain_order=True)
        for row in worse.iter_rows(named=True):
            here = self._of_path(row)
            failing = "error_rate" in row["changed"] and row["error_rate_effect"] >= (
                row["self_time_effect"] or 0.0 if "self_time" in row["changed"] else 0.0
            )
            if failing:
                here = here.filter("failed")
            one = _nearest(here.drop_nulls("own"), "own", pl.col("own").median())
            if one is not None:
                yield "changed", one["trace_id"], _change(row, one["own"], failing=failing), one["evidence"]

    def _of_path(self, row: dict[str, Any]) -> pl.DataFrame:
        ids = [one.removeprefix("span:") for one in row["evidence"]]
        full = pl.format("{}/{}", "trace_id", "span_id")
        path = self._spans.filter(full.is_in(ids))["path"]
        return self._spans.filter(pl.col("path").is_in(path.implode()))

    def _failed(self) -> Iterator[_Candidate]:
        """For each error group, the trace of usual length."""
        events = self._events if self._events is not None else self._origins()
        lengths = self._traces.select("trace_id", "length", pl.col("evidence").alias("root_evidence"))
        told = events.drop_nulls("group_id").unique(["trace_id", "group_id"]).join(lengths, on="trace_id")
        worst = self._spans.filter("failed").sort(
            "trace_id", "depth", "span_id", descending=[False, True, False]
        )
        deepest = worst.unique("trace_id", keep="first").select("trace_id", "evidence")
        told = told.join(deepest, on="trace_id", how="left")
        groups = told.group_by("group_id").agg(pl.len(), pl.col("message").sort().first())
        for group, many, message in groups.sort("len", "group_id", descending=[True, False]).iter_rows():
            one = _nearest(told.filter(pl.col("group_id") == group), "length", pl.col("length").median())
            if one is not None:
                said = _short(message or "an error")
                why = f"One of {many:,} {_traces(many)} with “{said}”, of usual length."
                yield "failed", one["trace_id"], why, one["evidence"] or one["root_evidence"]

    def _origins(self) -> pl.DataFrame:
        """The failed spans below which none failed: where traces began to fail."""
        failed = self._spans.filter("failed")
        above = failed.select(pl.col("parent").alias("seat")).unique()
        first = failed.join(above, on="seat", how="anti")
        return first.select(
            "trace_id",
            pl.col("path").cast(pl.String).alias("group_id"),
            pl.format("{} failed", "operation").alias("message"),
        )

    def _slow(self) -> Iterator[_Candidate]:
        """Of the kinds of trace that take most time together, one at the 95th percentile."""
        kinds = self._traces.group_by("shows").agg(
            pl.col("length").sum().alias("total"), pl.len(), pl.col("length").quantile(0.95).alias("far")
        )
        for shows, _, many, far in (
            kinds.filter(pl.col("len") > 1).sort("total", "shows", descending=[True, False]).iter_rows()
        ):
            alike = self._traces.filter(pl.col("shows") == shows)
            one = _nearest(alike, "length", pl.lit(far))
            if one is not None:
                why = (
                    f"A slow one of its kind: {_ms(one['length'])}, about the 95th percentile of {many:,} "
                    f"{_traces(many)} of {_short(one['called'])} that spend their time alike."
                )
                yield "slow", one["trace_id"], why, one["evidence"]

    def _slowest(self) -> Iterator[_Candidate]:
        ordered = self._traces.sort("length", "trace_id", descending=[True, False], nulls_last=True)
        for one in ordered.head(1).iter_rows(named=True):
            many = self._traces.height
            why = f"The slowest of {many:,} {_traces(many)}: {_ms(one['length'])}."
            yield "slowest", one["trace_id"], why, one["evidence"]

    def _rare(self) -> Iterator[_Candidate]:
        """Traces that take a path which hardly any other takes."""
        many = self._traces.height
        paths = (
            self._spans.sort("depth", "trace_id", "span_id")
            .group_by("path", maintain_order=True)
            .agg(
                pl.col("trace_id").n_unique().alias("taken"),
                pl.col("trace_id").first(),
                pl.col("operation").first(),
                pl.col("evidence").first(),
                pl.col("depth").first(),
            )
        )
        rare = paths.filter(pl.col("taken") <= _RARE * many).sort("taken", "depth", "trace_id")
        for row in rare.iter_rows(named=True):
            only = f"{row['taken']:,} of {many:,} traces {'takes' if row['taken'] == 1 else 'take'}"
            why = f"Takes a path that only {only}: {_short(row['operation'])}."
            yield "rare", row["trace_id"], why, row["evidence"]

    def _usual(self) -> Iterator[_Candidate]:
        """Of the commonest kind that went well, the one of usual length."""
        well = self._traces.filter(pl.col("errors") == 0)
        kinds = well.group_by("shows").len().sort("len", "shows", descending=[True, False])
        for shows, many in kinds.iter_rows():
            one = _nearest(well.filter(pl.col("shows") == shows), "length", pl.col("length").median())
            if one is not None:
                why = (
                    f"A usual one that went well, to compare with: {_ms(one['length'])}, of {many:,} "
                    f"{_traces(many)} of {_short(one['called'])}."
                )
                yield "usual", one["trace_id"], why, one["evidence"]


def _nearest(rows: pl.DataFrame, column: str, to: pl.Expr) -> dict[str, Any] | None:
    """The row whose value is nearest to one, the first by its trace of those that are equally near."""
    if rows.is_empty():
        return None
    far = (pl.col(column) - to).abs()
    return rows.sort(far, "trace_id", nulls_last=True).row(0, named=True)


def _change(row: dict[str, Any], own: int, *, failing: bool) -> str:
    called = _short(row["operation"])
    if row["baseline_traces"] == 0:
        return f"{called} is new: {row['traces']:,} {_traces(row['traces'])} have it, none of the baseline's."
    if failing:
        return (
            f"{called} fails here, as in {100 * row['error_rate']:.0f} % of its spans now and "
            f"{100 * row['baseline_error_rate']:.0f} % of them in the baseline."
        )
    usual = row["baseline_self_time"].total_seconds() * 1e9
    return f"{called} takes {_ms(own)} of its own here, as it usually does now; {_ms(usual)} in the baseline."


def _ms(ns: float | None) -> str:
    if ns is None:
        return "no known time"
    return f"{ns / 1e9:,.2f} s" if ns >= 1e9 else f"{ns / 1e6:,.3g} ms"


def _traces(many: int) -> str:
    return "trace" if many == 1 else "traces"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 120 else f"{line[:119]}…"
