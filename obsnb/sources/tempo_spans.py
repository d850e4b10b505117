"""One question for spans, from the searches to the finished frame and its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.errors import AnswerError, RejectedError
from obsnb.ledger import Complete, QueryRecord
from obsnb.progress import Progress
from obsnb.schema import digest
from obsnb.sources.base import Answer
from obsnb.sources.merging import once
from obsnb.sources.outcomes import Effort
from obsnb.sources.tempo_search import TraceSearch
from obsnb.sources.tempo_slices import Candidate
from obsnb.sources.tempo_traces import TraceFetch
from obsnb.sources.wire.promoted import selection
from obsnb.sources.wire.tempo_found import found_spans
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport

__all__ = ["MARGIN", "SpanPull", "answer", "in_order", "joined"]

#: How far beside what is known of a trace its other spans are looked for.
MARGIN = "6h"
_FRESH_NS = 30 * 1_000_000_000
_SEARCHING = 0.2  # of the work, where whole traces are fetched after the search
_PARENT = "span:parentID"
_NO_PARENTS = "obsnb: this Tempo does not say in a search which span is whose parent (2.8 does)"
_SHOWN = 3


@dataclass
class SpanPull:
    """Searches, and fetches what is to be whole.

    Parameters
    ----------
    transport
        Sends the requests.
    conventions
        Which attributes are selected and get a column.
    record
        What is asked: its text, window, ``limit`` and ``whole``.
    search_limit, spss
        How many traces, and how many spans of each, a search asks for.
    progress
        Told how far it is.
    """

    transport: Transport
    conventions: Conventions
    record: QueryRecord
    search_limit: int
    spss: int
    progress: Progress
    _said: list[str] = field(default_factory=list)

    def answer(self) -> Answer:
        """The spans. Raises `SourceError`."""
        whole = bool(self.record.params.get("whole"))
        limit: int | None = self.record.params.get("limit")
        search, chosen, more = self._search(limit, whole)
        if whole:
            frame, gaps = self._fetched(search, chosen)
        else:
            search.fill(chosen)
            frame, gaps = self._found(search, chosen), search.gaps
        how = "every search gave fewer traces than its limit"
        if limit is not None:
            how = "as many traces as the limit asked for, or all there are"
        how += ", and each trace came whole" if whole else ", and of each trace all the spans that match"
        chose = f"{len(chosen):,} traces, spread over the window, as the limit asked" if more else None
        record = replace(self.record, query=search.sent, warnings=tuple(self._said), selection=chose)
        return answer(in_order(frame), record, search.effort, gaps=gaps, how=how)

    def _search(self, limit: int | None, whole: bool) -> tuple[TraceSearch, list[Candidate], bool]:
        """What was found, the traces to give, and whether there are more."""
        fields = () if whole else selection(self.conventions)
        try:
            return self._run(fields, limit, whole)
        except RejectedError as error:
            if _PARENT not in fields:
                raise
            try:
                found = self._run(tuple(one for one in fields if one != _PARENT), limit, whole)
            except RejectedError:
                raise error from None
        self._said.append(_NO_PARENTS)
        return found

    def _run(
        self, fields: tuple[str, ...], limit: int | None, whole: bool
    ) -> tuple[TraceSearch, list[Candidate], bool]:
        def heard(done: float) -> None:
            rows = 0 if whole else sum(len(one.spans) for one in search.traces.values())
            part = _SEARCHING if whole else 1.0
            self.progress.update(done=part * done, rows=rows, bytes=search.effort.bytes)

        search = TraceSearch(
            self.transport,
            self.record.source,
            self.record.asked,
            fields,
            self.record.window,
            self.search_limit,
            self.spss,
            heard,
        )
        if limit is None:
            return search, search.everything(), False
        chosen, more = search.sample(limit)
        return search, chosen, more

    def _found(self, search: TraceSearch, chosen: Sequence[Candidate]) -> pl.DataFrame:
        window = self.record.window
        spans = {one.trace_id: one.within(window) for one in chosen}
        try:
            return found_spans(spans, query=search.sent, conventions=self.conventions)
        except msgspec.DecodeError as error:
            raise AnswerError(
                f"{self.record.source} found spans that cannot be read: {error}.",
                hint="Check that nothing between here and the server changes its answers.",
                query=self.record.asked,
                window=window,
            ) from None

    def _fetched(self, search: TraceSearch, chosen: Sequence[Candidate]) -> tuple[pl.DataFrame, list[str]]:
        """The traces whole, and what is missing of them."""

        def heard(done: int) -> None:
            part = _SEARCHING + (1 - _SEARCHING) * done / len(chosen)
            self.progress.update(done=part, rows=fetch.rows, bytes=search.effort.bytes)

        window = self.record.window
        starts = [one.start_ns for one in chosen] + [window.start_ns]
        ends = [one.end_ns for one in chosen] + [window.end_ns]
        between = TimeRange(min(starts), max(ends)).widen(MARGIN)
        fetch = TraceFetch(
            self.transport, self.record.source, self.record.asked, window, between, search.effort, heard
        )
        fetch.fetch([one.trace_id for one in chosen])
        return fetch.frame(self.conventions), [*search.gaps, *fetch.gaps()]


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Spans by start, then by ids."""
    return frame.sort("start", "trace_id", "span_id", maintain_order=True)


def answer(
    frame: pl.DataFrame,
    record: QueryRecord,
    effort: Effort,
    *,
    gaps: Sequence[str],
    how: str,
    until_ns: int | None = None,
) -> Answer:
    """The frame with its record, filled in.

    Parameters
    ----------
    frame, record, effort
        What came, what was asked, what it cost.
    gaps
        What is missing; nothing where nothing is known to be.
    how
        How it is known that nothing is missing.
    until_ns
        Until when it is asked for; the end of the window unless told.
    """
    end = record.window.end_ns if until_ns is None else until_ns
    complete: Complete = "yes"
    if gaps:
        complete, how = "no", _joined(gaps)
    elif end > record.asked_at_ns - _FRESH_NS:
        complete = "unknown"
        how = "it reaches into the last 30 s before it was asked, which Tempo does not search yet"
    filled = replace(
        record,
        pages=effort.pages,
        requests=effort.requests,
        retries=effort.retries,
        rows=frame.height,
        bytes=effort.bytes,
        seconds=effort.seconds,
        complete=complete,
        reason=how,
        digest=digest(frame),
    )
    return Answer(frame, filled)


def joined(found: Answer, frame: pl.DataFrame, effort: Effort, *, gaps: Sequence[str]) -> Answer:
    """An answer with further spans of whole traces, and what they cost; not complete where there are gaps."""
    record = found.record
    frame = in_order(once(pl.concat([found.frame, frame], how="diagonal_relaxed")))
    if gaps:
        old = [record.reason] if record.complete == "no" else []
        record = replace(record, complete="no", reason=_joined([*old, *gaps]))
    filled = replace(
        record,
        pages=record.pages + effort.pages,
        requests=record.requests + effort.requests,
        retries=record.retries + effort.retries,
        rows=frame.height,
        bytes=record.bytes + effort.bytes,
        seconds=record.seconds + effort.seconds,
        digest=digest(frame),
    )
    return Answer(frame, filled)


def _joined(gaps: Sequence[str]) -> str:
    each = list(dict.fromkeys(gaps))
    more = f" (and {len(each) - _SHOWN} more)" if len(each) > _SHOWN else ""
    return "; ".join(each[:_SHOWN]) + more
