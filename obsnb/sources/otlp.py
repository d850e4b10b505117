"""Files that the OpenTelemetry Collector wrote, asked like the servers that it might have sent them to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import polars as pl

from obsnb.conventions import Conventions
from obsnb.errors import QueryError, RejectedError
from obsnb.ledger import Kind, QueryRecord
from obsnb.progress import Progress, Silent
from obsnb.query import traceql
from obsnb.schema import EXEMPLARS, LOGS, SERIES, SPANS, Schema, digest, dtype, label_column
from obsnb.sources.base import Answer, Health
from obsnb.sources.otlp_files import files_at
from obsnb.sources.otlp_read import Contents, read_files
from obsnb.sources.selectors import filtered_lines, lines, matching, series_matchers
from obsnb.sources.spansets import matched
from obsnb.sources.wire.otlp_messages import Signal
from obsnb.timerange import TimeRange

__all__ = ["OtlpFiles"]

#: How far back a sample is looked for, as Prometheus does (query.lookback-delta).
_LOOKBACK_NS = 300 * 10**9
_SECOND = 10**9
_SHOWN = 3
_SIGNALS: dict[Kind, Signal] = {
    "logs": "logs",
    "series": "metrics",
    "exemplars": "metrics",
    "spans": "traces",
}


class OtlpFiles:
    """A `LogSource`, `MetricSource` and `TraceSource` over what some files hold, all of it in memory.

    Streams, series and spans have the names that Loki, Prometheus and Tempo give to the same when it comes
    in by OTLP. Questions are selectors and filters: what LogQL, PromQL and TraceQL compute beyond that is
    refused with a `QueryError`.

    Parameters
    ----------
    contents
        What was read.
    name
        The source's name in the ledger.
    """

    def __init__(self, contents: Contents, *, name: str = "otlp") -> None:
        self._contents = contents
        self._name = name

    @classmethod
    def read(cls, path: str | Path, *, conventions: Conventions) -> OtlpFiles:
        """Read a file, a folder or a pattern of files.

        Raises
        ------
        UsageError
            There is no file.
        AnswerError
            None of them holds OTLP.
        """
        return cls(read_files(files_at(path), conventions=conventions))

    def __repr__(self) -> str:
        return f"OtlpFiles({self._contents!r})"

    @property
    def name(self) -> str:
        """Its name in the ledger."""
        return self._name

    @cached_property
    def window(self) -> TimeRange | None:
        """From the first to the last time in the files, in whole seconds; None where there is none."""
        held = self._contents
        columns = [held.logs["timestamp"], held.samples.series["timestamp"], held.spans["start"]]
        times = [one.to_physical() for one in columns]
        known = [one.filter(one > 0) for one in times]
        ends = [int(edge) for one in known if len(one) for edge in (one.min(), one.max())]  # type: ignore[arg-type]  # of Int64
        if not ends:
            return None
        last = min((max(ends) // _SECOND + 1) * _SECOND, 2**63)  # what a window can hold
        return TimeRange(min(ends) // _SECOND * _SECOND, last)

    # As a source.

    def logs(
        self,
        query: str,
        window: TimeRange,
        *,
        limit: int | None = None,
        direction: Literal["forward", "backward"] = "forward",
        role: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """LOGS that a selector and filters of lines and labels choose; ``{}`` chooses all.

        Raises
        ------
        QueryError
            The query does more than that, or the limit is less than one.
        """
        began = time.perf_counter()
        _check_limit(limit, query)
        matchers, filters, texts = lines(query)
        frame = _within(self._contents.logs, "timestamp", window)
        tests = [(one, _log_column(frame, one.name)) for one in matchers]
        tests += [(one, _metadata_column(frame, one.name)) for one in filters]
        frame = filtered_lines(matching(frame, tests, query=query), texts, query=query)
        selection = None
        if limit is not None and frame.height >= limit:
            frame = frame.tail(limit) if direction == "backward" else frame.head(limit)
            selection = (
                f"the {'last' if direction == 'backward' else 'first'} {limit:,} lines, as the limit asked"
            )
        params = {} if limit is None else {"limit": limit, "direction": direction}
        record = QueryRecord("logs", self.name, query, query, window, params, role, selection=selection)
        return self._answer(_slim(frame, LOGS.names), record, began, progress)

    def series(self, query: str, window: TimeRange, *, step_ns: int, role: str | None = None) -> Answer:
        """SERIES that a selector chooses, at the multiples of the step that lie in the window.

        A point is the newest sample of the 5 minutes before it, as Prometheus evaluates a selector.

        Raises
        ------
        QueryError
            The query is no plain selector, or the step is not more than zero.
        """
        began = time.perf_counter()
        if step_ns <= 0:
            raise QueryError(f"A step of {step_ns} ns is not more than zero.", query=query)
        raw = self._selected(query)
        frame = _placed(raw, self._contents.samples.ends, window, step_ns)
        record = QueryRecord("series", self.name, query, query, window, {"step_ns": step_ns}, role)
        return self._answer(_slim(frame, SERIES.names), record, began)

    def samples(self, selector: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """SERIES that a selector chooses, every sample at its own time. Raises `QueryError`."""
        began = time.perf_counter()
        frame = _within(self._selected(selector), "timestamp", window)
        record = QueryRecord("series", self.name, selector, selector, window, {"samples": True}, role)
        return self._answer(_slim(frame, SERIES.names), record, began)

    def exemplars(self, query: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """EXEMPLARS of the series that a selector chooses. Raises `QueryError`."""
        began = time.perf_counter()
        frame = _within(self._contents.samples.exemplars, "timestamp", window)
        tests = [(one, _series_column(frame, one.name, EXEMPLARS)) for one in series_matchers(query)]
        frame = matching(frame, tests, query=query)
        chosen = "the single observations that were kept with a trace id"
        record = QueryRecord("exemplars", self.name, query, query, window, {}, role, selection=chosen)
        return self._answer(_slim(frame, EXEMPLARS.names), record, began)

    def spans(
        self,
        query: str,
        window: TimeRange,
        *,
        limit: int | None = None,
        whole: bool = False,
        role: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """SPANS that a span set filter chooses; with `whole`, all that the files hold of their traces.

        Of more traces than the limit those are taken that lie evenly among them in time.

        Raises
        ------
        QueryError
            The query is more than one span set filter, or the limit is less than one.
        """
        began = time.perf_counter()
        _check_limit(limit, query)
        found = matched(_within(self._contents.spans, "start", window), query)
        ids = found["trace_id"].unique(maintain_order=True)
        selection = None
        if limit is not None and len(ids) > limit:
            ids = ids.gather([place * len(ids) // limit for place in range(limit)])
            selection = f"{limit:,} traces, spread over the window, as the limit asked"
        of = pl.col("trace_id").is_in(ids.implode())
        if whole:
            frame = self._contents.spans.filter(of)
        else:
            frame = found.filter(of).with_columns(whole_trace=pl.lit(False))
        params = ({} if limit is None else {"limit": limit}) | ({"whole": True} if whole else {})
        record = QueryRecord("spans", self.name, query, query, window, params, role, selection=selection)
        return self._answer(_slim(frame, SPANS.names), record, began, progress)

    def trace(self, trace_id: str, *, window: TimeRange | None = None) -> Answer:
        """SPANS of one trace.

        Raises
        ------
        QueryError
            It is not a trace id.
        RejectedError
            The files hold none of its spans.
        """
        began = time.perf_counter()
        wanted = traceql.trace_id_of(trace_id)
        frame = self._contents.spans.filter(pl.col("trace_id") == wanted)
        if frame.is_empty():
            raise RejectedError(f"The files hold no span of the trace {wanted}.", query=wanted)
        starts = frame["start"].to_physical().to_list()
        where = window or TimeRange(min(starts), max(starts) + 1)
        record = QueryRecord("spans", self.name, wanted, wanted, where, {"trace": True})
        return self._answer(_slim(frame, SPANS.names), record, began)

    def health(self) -> Health:
        """What was read."""
        held = self._contents
        gaps = f"; {len(held.gaps):,} parts could not be read" if held.gaps else ""
        said = f"{held.messages:,} messages read from {_files(held.files)}{gaps}"
        return Health(self.name, "logs", "archive", message=said)

    # What names there are, to choose among those that a scope may have.

    def labels(self, window: TimeRange) -> list[str]:  # noqa: ARG002  # asked like a server
        """The names of the stream labels."""
        return _labels_of(self._contents.logs, LOGS.names)

    def label_names(self, window: TimeRange) -> list[str]:  # noqa: ARG002  # asked like a server
        """The names of the series' labels."""
        return _labels_of(self._contents.samples.series, (*SERIES.names, *SERIES.further))

    def attribute_names(self, window: TimeRange) -> list[str]:  # noqa: ARG002  # asked like a server
        """The names of the spans' attributes, by scope, such as ``resource.service.name``."""
        names = []
        for scope, column in (("span", "attributes"), ("resource", "resource")):
            keys = self._contents.spans[column].explode().struct.field("key").drop_nulls().unique()
            names += [f"{scope}.{key}" for key in sorted(keys)]
        return names

    # How it is answered.

    def _selected(self, query: str) -> pl.DataFrame:
        frame = self._contents.samples.series
        tests = [(one, _series_column(frame, one.name, SERIES)) for one in series_matchers(query)]
        return matching(frame, tests, query=query)

    def _answer(
        self, frame: pl.DataFrame, record: QueryRecord, began: float, progress: Progress | None = None
    ) -> Answer:
        held, signal = self._contents, _SIGNALS[record.kind]
        gaps = [gap for gap in held.gaps if gap.signal in {None, signal}]
        repeated = held.repeated.get(signal, 0)
        said = (f"{repeated:,} rows of the files are left out: equal ones are there",) if repeated else ()
        filled = replace(
            record,
            pages=held.messages,
            rows=frame.height,
            bytes=held.bytes,
            seconds=time.perf_counter() - began,
            warnings=said,
            complete="no" if gaps else "yes",
            reason=_missing(gaps) if gaps else f"every message of {_files(held.files)} was read",
            digest=digest(frame),
        )
        watch = progress or Silent()
        watch.update(done=1.0, rows=frame.height, bytes=held.bytes)
        watch.close()
        return Answer(frame, filled)


def _placed(raw: pl.DataFrame, ends: pl.DataFrame, window: TimeRange, step_ns: int) -> pl.DataFrame:
    """Samples on the steps of a window, a series after another."""
    since = pl.col("timestamp").to_physical() > window.start_ns - _LOOKBACK_NS
    until = pl.col("timestamp").to_physical() < window.end_ns
    rows = raw.filter(since & until)
    order = rows["series_id"].unique(maintain_order=True).to_frame().with_row_index("place")
    places = rows.select("series_id", "timestamp", row=pl.int_range(pl.len()))
    known = pl.concat([places, ends.with_columns(row=pl.lit(None, pl.Int64))]).sort(
        "timestamp", pl.col("row").is_null(), maintain_order=True
    )
    grid = pl.Series("at", window.grid(step_ns), dtype=pl.Int64).cast(dtype("time")).to_frame()
    points = (
        grid.join(order, how="cross")
        .sort("at")
        .join_asof(
            known.with_columns(seen=pl.col("timestamp")),
            left_on="at",
            right_on="timestamp",
            by="series_id",
            strategy="backward",
            check_sortedness=False,
        )
    )
    near = (pl.col("at") - pl.col("seen")).dt.total_nanoseconds() < _LOOKBACK_NS
    points = points.filter(near & pl.col("row").is_not_null()).sort("place", "at")
    return rows[points["row"]].with_columns(timestamp=points["at"])


def _within(frame: pl.DataFrame, column: str, window: TimeRange) -> pl.DataFrame:
    at = pl.col(column).to_physical()
    return frame.filter(at.is_between(window.start_ns, window.end_ns, closed="left"))


def _slim(frame: pl.DataFrame, core: Sequence[str]) -> pl.DataFrame:
    """Without the columns that no row has a value in, but for the core ones; a server does not tell them."""
    empty = [one for one in frame.columns if one not in core and frame[one].null_count() == frame.height]
    return frame.drop(empty)


def _log_column(frame: pl.DataFrame, label: str) -> str | None:
    column = label_column(LOGS, label)
    return column if column in frame.columns and column not in LOGS.names else None


def _metadata_column(frame: pl.DataFrame, label: str) -> str | None:
    column = f"metadata.{label}"
    return column if column in frame.columns else _log_column(frame, label)


def _series_column(frame: pl.DataFrame, label: str, schema: Schema) -> str | None:
    if label == "__name__":
        return "metric"
    column = label_column(schema, label)
    return column if column in frame.columns and column not in schema.names else None


def _labels_of(frame: pl.DataFrame, core: Sequence[str]) -> list[str]:
    beside = [one for one in frame.columns if one not in core and not one.startswith("metadata.")]
    return sorted(one.removeprefix("label.") for one in beside)


def _check_limit(limit: int | None, query: str) -> None:
    if limit is not None and limit < 1:
        raise QueryError(f"limit={limit} asks for nothing.", query=query, hint="Leave it out for all.")


def _missing(gaps: Sequence[Any]) -> str:
    told = "; ".join(f"{gap.place}: {gap.why}" for gap in gaps[:_SHOWN])
    more = f" (and {len(gaps) - _SHOWN:,} more)" if len(gaps) > _SHOWN else ""
    return f"not everything could be read: {told}{more}"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
