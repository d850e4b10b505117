"""One log query to Loki: its requests, what they cost, and whether all of it came."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import msgspec
import polars as pl

from obsnb.errors import LimitError, SourceError
from obsnb.ledger import Complete, QueryRecord
from obsnb.progress import Progress
from obsnb.query import logql
from obsnb.schema import digest
from obsnb.sources.paging import Gathered, Paged, Slice, gather, gather_first
from obsnb.sources.refusals import refusal, shorter_helps, unreadable
from obsnb.sources.wire.loki import read
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["LogPull"]

_FRESH_NS = 30 * 10**9
_CATEGORIZED = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
_TOO_MANY = re.compile(r"max_entries_limit\w* \(\d+ > (\d+)\)")
#: Asked for, so that a server that allows less says how much that is.
_HUGE = 1_000_000
#: So many slices a connection to begin with, where a filter hides how many lines there will be.
_SLICES_EACH = 2
#: `index/stats` estimates what is stored, often too high; pages are aimed to be this full of it.
_FULL = 0.7


class LogPull:
    """The requests of one log query, counted.

    Parameters
    ----------
    transport
        Sends them.
    record
        What is asked; `filled` completes it.
    page_limit, max_rows
        As `Loki` has them.
    """

    def __init__(self, transport: Transport, record: QueryRecord, *, page_limit: int, max_rows: int) -> None:
        self._transport = transport
        self._record = record
        self._limit = page_limit
        self._largest: int | None = None
        self._max_rows = max_rows
        self._warnings: dict[str, None] = {}
        self._requests = self._retries = self._bytes = self._pages = 0
        self._began = time.perf_counter()

    def everything(self, progress: Progress) -> Gathered:
        """Every line of the window."""

        def told(done: float, rows: int) -> None:
            progress.update(done=done, rows=rows, bytes=self._bytes)

        try:
            return gather(
                self._record.window,
                lambda slices: self._ask(slices, "forward"),
                limit=self._limit,
                largest=self._find_largest,
                streams=self._streams,
                slices=self._first_slices(),
                told=told,
                enough=self._not_too_many,
            )
        finally:
            progress.close()

    def first(self, count: int, direction: Literal["forward", "backward"]) -> Gathered:
        """The first lines of the window in a direction; more than `count` where times are equal."""
        return gather_first(
            self._record.window,
            lambda slices: self._ask(slices, direction),
            count=count,
            limit=self._limit,
            direction=direction,
            largest=self._find_largest,
        )

    def filled(self, frame: pl.DataFrame, got: Gathered) -> QueryRecord:
        """The record of the finished frame."""
        complete, reason = self._verdict(got)
        limit = self._record.params.get("limit")
        cut = limit is not None and frame.height >= limit
        where = "first" if self._record.params.get("direction") == "forward" else "last"
        return replace(
            self._record,
            pages=self._pages,
            requests=self._requests,
            retries=self._retries,
            rows=frame.height,
            bytes=self._bytes,
            seconds=time.perf_counter() - self._began,
            warnings=tuple(self._warnings),
            complete=complete,
            reason=reason,
            selection=f"the {where} {limit:,} lines, as the limit asked" if cut else None,
            digest=digest(frame),
        )

    def _verdict(self, got: Gathered) -> tuple[Complete, str]:
        if got.missing:
            return "no", "; ".join(got.missing[:3]) + (
                f" (and {len(got.missing) - 3} more)" if got.missing[3:] else ""
            )
        if self._warnings:
            return "unknown", f"the server warned: {next(iter(self._warnings))}"
        if self._record.window.end_ns > self._record.asked_at_ns - _FRESH_NS:
            return (
                "unknown",
                "the window ends less than 30 s before it was asked, when lines may still be on their way",
            )
        if "limit" in self._record.params:
            return "yes", "as many lines as the limit asked for, or all there are"
        return "yes", "every page ended before its limit, or was followed from its last timestamp on"

    # What is sent.

    def _ask(self, slices: Sequence[Slice], direction: str) -> list[tuple[Paged, int] | None]:
        answers: list[tuple[Paged, int] | None] = []
        requests = [self._request(piece, direction) for piece in slices]
        for piece, response in zip(slices, self._transport.map(requests), strict=True):
            self._count(response)
            if response.ok:
                answers.append((self._read(response), piece.limit))
                continue
            allowed = _allowed(response)
            if allowed is not None and allowed < piece.limit:
                self._limit = min(self._limit, allowed)
                answers += self._ask([replace(piece, limit=allowed)], direction)
            elif shorter_helps(response):
                answers.append(None)
            else:
                raise self._refusal(response)
        return answers

    def _request(self, piece: Slice, direction: str) -> Request:
        query = self._record.query
        if piece.selector is not None:
            whole = logql.stream_selector_of(query) or ""
            query = query.replace(whole, piece.selector, 1)
        params = (
            ("query", query),
            ("start", str(piece.start_ns)),
            ("end", str(piece.end_ns)),
            ("limit", str(piece.limit)),
            ("direction", direction),
        )
        return Request("/loki/api/v1/query_range", params, _CATEGORIZED)

    def _read(self, response: Response) -> Paged:
        try:
            page = read(response.body)
        except msgspec.DecodeError as error:
            query, window = self._record.query, self._record.window
            raise unreadable(
                response, source=self._record.source, query=query, window=window, why=str(error)
            ) from None
        self._pages += 1
        self._bytes += len(response.body)
        self._warnings |= dict.fromkeys(page.warnings)
        return page

    def _count(self, response: Response) -> None:
        self._requests += 1 + response.retries
        self._retries += response.retries

    def _refusal(self, response: Response) -> SourceError:
        query, window = self._record.query, self._record.window
        return refusal(response, source=self._record.source, kind="loki", query=query, window=window)

    # What is asked beside it.

    def _first_slices(self) -> int:
        """How many slices to begin with, by the index's estimate; refused where there are too many lines."""
        estimate = self._estimate()
        if estimate is None:
            return self._transport.parallel
        filtered = self._record.query.strip() != (logql.stream_selector_of(self._record.query) or "")
        if filtered:
            return self._transport.parallel * _SLICES_EACH if estimate > self._limit else 1
        if estimate > self._max_rows:
            self._not_too_many(self._counted() or 0)
        return max(1, round(estimate / (_FULL * self._limit)))

    def _estimate(self) -> int | None:
        """How many entries the index thinks that the selector has; None where it does not say."""
        selector = logql.stream_selector_of(self._record.query)
        if selector is None:
            return None
        window = self._record.window
        times = (("query", selector), ("start", str(window.start_ns)), ("end", str(window.end_ns)))
        response = self._transport.send(Request("/loki/api/v1/index/stats", times))
        self._count(response)
        try:
            return msgspec.json.decode(response.body, type=_Stats).entries if response.ok else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _counted(self) -> int | None:
        """How many lines the server counts; None where it does not say.

        ``count_over_time`` is left-open: counted one nanosecond before the end, its range is the window.
        """
        window = self._record.window
        query = f"sum(count_over_time({self._record.query} [{window.duration_ns}ns]))"
        params = (("query", query), ("time", str(window.end_ns - 1)))
        response = self._transport.send(Request("/loki/api/v1/query", params))
        self._count(response)
        try:
            told = msgspec.json.decode(response.body, type=_Vector).data.result if response.ok else []
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return int(float(told[0].value[1])) if told else None

    def _not_too_many(self, rows: int) -> None:
        if rows > self._max_rows:
            raise LimitError(
                f"{self._record.source} holds more than {self._max_rows:,} lines for this query.",
                hint="Narrow the query or the window, pass limit=, or raise max_rows in the profile.",
                query=self._record.query,
                window=self._record.window,
            )

    def _find_largest(self) -> int:
        """The largest page that the server allows, learned from its refusal of a huge one."""
        if self._largest is None:
            moment = self._record.window.start_ns
            response = self._transport.send(self._request(Slice(moment, moment + 1, _HUGE), "forward"))
            self._count(response)
            self._largest = _HUGE if response.ok else max(_allowed(response) or 0, self._limit)
        return self._largest

    def _streams(self, moment: int) -> list[str]:
        """A selector for each stream of the query that the index knows around a nanosecond."""
        selector = logql.stream_selector_of(self._record.query)
        if selector is None:
            return []
        params = (("match[]", selector), ("start", str(moment)), ("end", str(moment + 1)))
        response = self._transport.send(Request("/loki/api/v1/series", params))
        self._count(response)
        if not response.ok:
            return []
        try:
            streams = msgspec.json.decode(response.body, type=_Streams).data
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        # A stream without a label that another one has would match that one too: it is told apart by "".
        names = sorted({name for stream in streams for name in stream})
        made = {logql.selector({name: stream.get(name, "") for name in names}) for stream in streams}
        return sorted(made)


class _Stats(msgspec.Struct):
    entries: int = 0


class _Sample(msgspec.Struct):
    value: tuple[float, str]


class _Result(msgspec.Struct):
    result: list[_Sample] = []


class _Vector(msgspec.Struct):
    data: _Result


class _Streams(msgspec.Struct):
    data: list[dict[str, str]] = []


def _allowed(response: Response) -> int | None:
    """The largest page, where a refusal says it."""
    found = _TOO_MANY.search(response.body[:500].decode("utf-8", "replace"))
    return int(found[1]) if found else None
