"""Whole traces from Tempo, by their ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.errors import AnswerError, SourceError, UnreachableError
from obsnb.schema import SPANS
from obsnb.sources.merging import once
from obsnb.sources.outcomes import Effort, Losses, outcomes
from obsnb.sources.refusals import asked, refusal, unreadable
from obsnb.sources.wire.otlp_spans import (
    DecodeError,
    add_together,
    add_traces,
    count_spans,
    read_attribute,
    read_reply,
    read_trace,
)
from obsnb.sources.wire.span_table import SpanTable
from obsnb.sources.wire.tempo_json import add_json, read_json_attribute, read_trace_json
from obsnb.sources.words import is_html
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["TraceFetch"]

_PATHS = {1: "/api/traces/", 2: "/api/v2/traces/"}
_PROTOBUF = {"Accept": "application/protobuf"}
_SECOND = 1_000_000_000
_UNDELIMITED = "nothing says where the answer ends, so that it may have been cut"
_NO_TRACE = "it is not a trace in protobuf"
_IDS = ("trace_id", "span_id")
_TOGETHER = 1 << 22  # bytes of answers that are entered at once


@dataclass
class TraceFetch:
    """Fetches traces by id: in protobuf, several at once, from servers of either version.

    Parameters
    ----------
    transport
        Sends the requests.
    source
        The source's name, for errors.
    query, window
        What the traces are wanted for, for errors.
    between
        When the traces lie, so that the server need not look elsewhere; None where that is not known.
        It may be wider than they are: a part of a trace outside would not come.
    effort
        What it costs, counted on.
    heard
        Called after each answer, with how many of the traces are done.

    Attributes
    ----------
    missing
        Ids that the server has no spans of.
    partial
        Id → what the server says, where it says that spans are missing.
    losses
        What was not answered.
    """

    transport: Transport
    source: str
    query: str
    window: TimeRange | None
    between: TimeRange | None
    effort: Effort
    heard: Callable[[int], None]
    missing: list[str] = field(default_factory=list)
    partial: dict[str, str] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)

    def __post_init__(self) -> None:
        self._protobuf = SpanTable(read_attribute)
        self._json = SpanTable(read_json_attribute)
        self._asked: dict[str, None] = {}
        self._odd: list[str] = []
        self._done = 0
        self._waiting: list[tuple[Response, Any, bool]] = []
        self._spans_waiting = self._bytes_waiting = 0

    @property
    def rows(self) -> int:
        """How many spans there are so far."""
        return len(self._protobuf) + len(self._json) + self._spans_waiting

    def fetch(self, ids: Sequence[str]) -> None:
        """Fetch these traces.

        Raises
        ------
        SourceError
            The server refuses, does not answer several times in a row, or answers what cannot be read.
        """
        self._asked |= dict.fromkeys(ids)
        first, rest = list(ids[:1]), list(ids[1:])
        if self._ask(first, 2):
            # No such path before Tempo 2.6: all are asked for in the old way.
            first, rest = [], list(ids)
            self.missing += self._ask(rest, 1)
        else:
            self.missing += self._ask(self._ask(rest, 2), 1)
        if self.losses.errors and not self.rows:
            with asked(self.query, self.window):
                raise self.losses.errors[0]

    def fetch_some(self, ids: Sequence[str]) -> None:
        """Fetch those of these traces that the server has: one that it has not is no gap.

        Raises
        ------
        SourceError
            As `fetch` does.
        """
        self._asked |= dict.fromkeys(ids)
        self._ask(self._ask(ids, 2), 1)  # those that are in neither's answer are elsewhere
        self.missing = []
        if self.losses.errors and not self.rows:
            with asked(self.query, self.window):
                raise self.losses.errors[0]

    def frame(self, conventions: Conventions) -> pl.DataFrame:
        """SPANS of the traces, each once, in no particular order."""
        self._enter()
        frames = [table.frame(conventions) for table in (self._protobuf, self._json) if len(table)]
        if not frames:
            return SPANS.empty()
        frame = pl.concat(frames, how="diagonal")
        wanted = frame.filter(pl.col("trace_id").is_in(list(self._asked)))
        whole = wanted if wanted.select(_IDS).n_unique() == wanted.height else once(wanted)
        strays, again = frame.height - wanted.height, wanted.height - whole.height
        self._odd = [f"{strays:,} spans of traces came that were not asked for"] if strays else []
        self._odd += [f"{again:,} spans came again"] if again else []
        return whole

    def gaps(self) -> list[str]:
        """What is missing, in words."""
        gaps = [*self._odd]
        if self.missing:
            gaps.append(f"of {_traces(self.missing)} that it found, the server gives no span")
        if self.partial:
            gaps.append(f"of {_traces(self.partial)}, only a part came: {next(iter(self.partial.values()))}")
        if self.losses.errors:
            gaps.append(f"{_traces(self.losses.errors)} did not come: {self.losses.errors[0].what}")
        return gaps

    def _ask(self, ids: Sequence[str], version: int) -> list[str]:
        """Fetch traces; the ids that the server answered 404 to come back."""
        absent = []
        requests = [self._request(trace_id, version) for trace_id in ids]
        for trace_id, outcome in zip(ids, outcomes(self.transport, requests), strict=True):
            self.effort.sent(outcome)
            if isinstance(outcome, Response) and outcome.status == 404:
                absent.append(trace_id)
                continue
            if isinstance(outcome, Response) and outcome.ok:
                self.losses.end()
                self._read(trace_id, outcome, version)
            else:
                self._lose(outcome)
            self._done += 1
            self.heard(self._done)
        self._enter()
        return absent

    def _read(self, trace_id: str, response: Response, version: int) -> None:
        self.effort.read(response)
        if is_html(response):
            raise self._unreadable(response, "it is a page")
        try:
            if "json" in response.headers.get("content-type", ""):  # not every proxy lets Accept through
                told = read_trace_json(response.body)
                partial, message = told.partial, told.message
                count = add_json(self._json, told, whole=not partial)
            else:
                reply = read_trace(response.body) if version == 1 else read_reply(response.body)
                partial, message = reply.partial, reply.message
                if not response.delimited:
                    partial, message = True, _UNDELIMITED
                count = self._wait(response, reply.trace, whole=not partial)
        except (DecodeError, msgspec.DecodeError) as error:
            why = _NO_TRACE if isinstance(error, DecodeError) else str(error)
            raise self._unreadable(response, why) from None
        if partial:
            self.partial[trace_id] = message or "only a part of the trace came"
        elif not count:
            self.missing.append(trace_id)

    def _wait(self, response: Response, trace: Any, *, whole: bool) -> int:
        """Keep a trace until there are enough to be entered together; how many spans it has."""
        count = count_spans(trace)
        self._waiting.append((response, trace, whole))
        self._spans_waiting += count
        self._bytes_waiting += len(response.body)
        if self._bytes_waiting >= _TOGETHER:
            self._enter()
        return count

    def _enter(self) -> None:
        """Enter the traces that wait."""
        waiting, self._waiting = self._waiting, []
        self._spans_waiting = self._bytes_waiting = 0
        try:
            add_together(self._protobuf, [(trace, whole) for _, trace, whole in waiting])
        except DecodeError:
            for response, trace, whole in waiting:
                try:
                    add_traces(SpanTable(read_attribute), trace, whole=whole)
                except DecodeError:
                    raise self._unreadable(response, _NO_TRACE) from None
            raise

    def _unreadable(self, response: Response, why: str) -> AnswerError:
        return unreadable(response, source=self.source, query=self.query, window=self.window, why=why)

    def _lose(self, outcome: Response | UnreachableError) -> None:
        error: SourceError
        if isinstance(outcome, Response):
            error = refusal(outcome, source=self.source, kind="tempo", query=self.query, window=self.window)
        else:
            error = outcome
        with asked(self.query, self.window):
            self.losses.add(error)

    def _request(self, trace_id: str, version: int) -> Request:
        params: tuple[tuple[str, str], ...] = ()
        if self.between is not None:
            start, end = self.between.start_ns // _SECOND, -(-self.between.end_ns // _SECOND)
            params = (("start", str(start)), ("end", str(end)))
        return Request(f"{_PATHS[version]}{trace_id}", params, _PROTOBUF)


def _traces(which: Sized) -> str:
    return "1 trace" if len(which) == 1 else f"{len(which):,} traces"
