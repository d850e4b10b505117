"""One log query to Loki: its requests, what they cost, and whether all of it came."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import cast

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.errors import LimitError, ServerError, SourceError, UnreachableError, WindowError
from obsnb.instants import parse_duration
from obsnb.ledger import Complete, QueryRecord
from obsnb.progress import Progress
from obsnb.schema import digest
from obsnb.sources.line_halves import line_halves
from obsnb.sources.loki_index import LokiIndex
from obsnb.sources.outcomes import too_often
from obsnb.sources.paging import (
    Direction,
    Failed,
    Gathered,
    Lost,
    Outcome,
    Paged,
    Slice,
    Smaller,
    TooBig,
    gather,
)
from obsnb.sources.refusals import refusal, shorter_helps, unreadable
from obsnb.sources.wire.loki import LogDecoder, Page
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["FRESH", "LogPull", "is_fresh"]

#: Why the newest lines may be missing.
FRESH = "the window ends less than 30 s before it was asked, when lines may still be on their way"
_FRESH_NS = 30 * 10**9
_CATEGORIZED = {"X-Loki-Response-Encoding-Flags": "categorize-labels"}
_LARGEST = re.compile(r"max_entries_limit\w* \(\d+ > (\d+)\)")
_LONGEST = re.compile(r"time range exceeds the limit \(query length: \S+, limit: (\w+)\)")
#: Asked for, so that a server that allows less says how much that is.
_HUGE = 1_000_000
#: So many slices a connection to begin with; as pages come, their density says how to go on.
_SLICES_EACH = 2
#: Stages that can make two entries the same.
_REWRITES = re.compile(r"\|\s*(?:line_format|label_format|decolorize|unpack|keep|drop)\b")


class LogPull:
    """The requests of one log query, counted; a `obsnb.sources.paging.Pages`.

    Parameters
    ----------
    transport
        Sends them.
    record
        What is asked; `finished` completes it.
    conventions, page_limit, max_rows
        As `Loki` has them.
    """

    def __init__(
        self,
        transport: Transport,
        record: QueryRecord,
        *,
        conventions: Conventions,
        page_limit: int,
        max_rows: int,
    ) -> None:
        self._transport = transport
        self._record = record
        self._decoder = LogDecoder(conventions)
        self._index = LokiIndex(transport, record.query, record.window)
        self._limit = page_limit
        self._largest: int | None = None
        self._max_rows = max_rows
        self._warnings: dict[str, None] = {}
        self._requests = self._retries = self._bytes = self._pages = self._silent = 0
        self._began = time.perf_counter()

    def entries(self, *, count: int | None, direction: Direction, progress: Progress) -> Gathered:
        """Every line of the window, or the first `count` in a direction.

        Raises
        ------
        LimitError
            There are more than `max_rows`, and no count was given.
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """

        def told(done: float, rows: int) -> None:
            progress.update(done=done, rows=rows, bytes=self._bytes)
            if count is None and rows > self._max_rows:
                raise self._too_many("more lines")

        try:
            return gather(
                self._record.window,
                self,
                limit=self._limit,
                slices=1 if count is not None else self._first_slices(),
                count=count,
                direction=direction,
                told=told,
            )
        finally:
            progress.close()

    def finished(self, got: Gathered) -> tuple[pl.DataFrame, QueryRecord]:
        """The frame, and the record filled in."""
        frame = self._decoder.frame([cast(Page, page) for page in got.pages])
        limit, backward = self._record.params.get("limit"), self._record.params.get("direction") == "backward"
        selection = None
        if limit is not None and frame.height >= limit:
            frame = frame.tail(limit) if backward else frame.head(limit)
            selection = f"the {'last' if backward else 'first'} {limit:,} lines, as the limit asked"
        complete, reason = self._verdict(got, frame)
        record = replace(
            self._record,
            pages=self._pages,
            requests=self._requests + self._index.requests,
            retries=self._retries + self._index.retries,
            rows=frame.height,
            bytes=self._bytes,
            seconds=time.perf_counter() - self._began,
            warnings=tuple(self._warnings),
            complete=complete,
            reason=reason,
            selection=selection,
            digest=digest(frame),
        )
        return frame, record

    def _verdict(self, got: Gathered, frame: pl.DataFrame) -> tuple[Complete, str]:
        if got.missing:
            return "no", _first_of(got.missing)
        doubts = [*got.doubts, *(f"the server warned: {warning}" for warning in self._warnings)]
        twice = 0 if _REWRITES.search(self._record.query) else frame.height - frame["row_id"].n_unique()
        if twice:
            doubts.append(f"{twice:,} lines came again, equal in stream, time, text and metadata")
        if is_fresh(self._record):
            doubts.append(FRESH)
        if doubts:
            return "unknown", _first_of(doubts)
        if "limit" in self._record.params:
            return "yes", "as many lines as the limit asked for, or all there are"
        return "yes", "every page ended before its limit, or was followed from its last timestamp on"

    # What paging asks for.

    def ask(self, slices: Iterator[Slice], direction: Direction) -> Generator[Outcome, None, None]:
        """What came of each slice: a page whose entries are in order of time, or why there is none.

        A query that takes Loki longer than its HTTP server waits (30 s, half of the default query
        time-out) ends with a connection that breaks: so that may mean a slice that is too big, too.
        """
        sent: deque[Slice] = deque()

        def requests() -> Iterator[Request]:
            for piece in slices:
                sent.append(piece)
                yield self._request(piece, direction)

        with closing(self._transport.map(requests())) as responses:
            try:
                for response in responses:
                    self._count(response)
                    self._silent = 0
                    yield self._outcome(sent.popleft(), response, direction)
            except UnreachableError as error:
                self._requests += len(sent)
                self._silent += 1
                if not sent or too_often(error, self._silent, answered=self._pages > 0):
                    raise
                yield TooBig(error)
        yield from (Lost() for _ in range(len(sent) - 1))

    def largest(self) -> int:
        """The size of the largest page that the server allows, learned from its refusal of a huge one."""
        if self._largest is None:
            moment = self._record.window.start_ns
            response = self._transport.send(self._request(Slice(moment, moment + 1, _HUGE), "forward"))
            self._count(response)
            self._largest = _HUGE if response.ok else max(_stated(_LARGEST, response) or 0, self._limit)
        return self._largest

    def streams(self, moment: int) -> list[str]:
        """A selector for each stream that may have a line at a nanosecond, by the index."""
        return self._index.streams(moment)

    def halves(self, selector: str | None, page: Paged) -> list[str]:
        """The selector with a line filter, and with its opposite; none where that would not divide them."""
        narrowed = selector or self._index.selector
        filters = line_halves(cast(Page, page).entries["line"].to_list())
        # The same filter again divides nothing: a stage of the query has changed the lines.
        if narrowed is None or filters is None or any(one in narrowed for one in filters):
            return []
        return [f"{narrowed} {one}" for one in filters]

    def _request(self, piece: Slice, direction: Direction) -> Request:
        query = self._record.query
        if piece.selector is not None:
            query = query.replace(self._index.selector or "", piece.selector, 1)
        params = (
            ("query", query),
            ("start", str(piece.start_ns)),
            ("end", str(piece.end_ns)),
            ("limit", str(piece.limit)),
            ("direction", direction),
        )
        return Request("/loki/api/v1/query_range", params, _CATEGORIZED)

    def _outcome(self, piece: Slice, response: Response, direction: Direction) -> Outcome:
        if response.ok:
            page = self._read(response)
            return page if direction == "forward" else page.turned()
        allowed = _stated(_LARGEST, response)
        if allowed is not None and 0 < allowed < piece.limit:
            self._limit = min(self._limit, allowed)
            return Smaller(allowed)
        if shorter_helps(response):
            return TooBig(self._refusal(response), _longest_ns(response))
        error = self._refusal(response)
        if isinstance(error, ServerError):
            return Failed(error, error.what.rstrip("."))
        raise error

    def _read(self, response: Response) -> Page:
        try:
            page = self._decoder.read(response.body)
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

    # How much there is.

    def _first_slices(self) -> int:
        """How many slices to begin with, by the index's estimate; refused where there are too many lines.

        The estimate is of what the streams hold, before any filter, and often too high.
        """
        parallel = _SLICES_EACH * self._transport.parallel
        estimate = self._index.estimate()
        if estimate is None:
            return parallel
        if estimate > self._max_rows and self._index.whole_streams:
            counted = self._index.counted()
            if counted is None and self._index.countable() is not None:
                raise self._too_many(f"about {estimate:,} lines, by its index,")
            if counted is not None and counted > self._max_rows:
                raise self._too_many(f"{counted:,} lines")
        return max(1, min(parallel, round(estimate / self._limit)))

    def _too_many(self, lines: str) -> LimitError:
        return LimitError(
            f"{self._record.source} has {lines} for this query, and max_rows is {self._max_rows:,}.",
            hint="Narrow the query or the window, pass limit=, raise max_rows in the profile, or stream them "
            'to disk: obs.download("logs", query, window, folder).',
            query=self._record.query,
            window=self._record.window,
        )


def is_fresh(record: QueryRecord) -> bool:
    """Whether the window of a record ends so late that lines may still come in."""
    return record.window.end_ns > record.asked_at_ns - _FRESH_NS


def _first_of(words: list[str]) -> str:
    more = f" (and {len(words) - 3:,} more)" if len(words) > 3 else ""
    return "; ".join(words[:3]) + more


def _stated(limit: re.Pattern[str], response: Response) -> int | None:
    """The limit that a refusal states, or None."""
    found = limit.search(response.body[:1_000].decode("utf-8", "replace"))
    return int(found[1]) if found else None


def _longest_ns(response: Response) -> int | None:
    """The longest window that the server allows, where a refusal states it."""
    found = _LONGEST.search(response.body[:1_000].decode("utf-8", "replace"))
    try:
        return parse_duration(found[1]) if found else None
    except WindowError:
        return None
