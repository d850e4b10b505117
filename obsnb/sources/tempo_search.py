"""Search Tempo past its limits: every trace that matches, or so many spread over the window.

A search answers with any so many traces that overlap a range of whole seconds, has no cursor, and
does not say when it left some out: an answer that is as long as its limit is not believed. Its range
is split until no answer is. Within a trace it shows so many spans, and how many there would have
been: sets that were cut are asked for again by ranges of their spans' durations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from obsnb.errors import AnswerError, RejectedError, SourceError, UnreachableError
from obsnb.query import traceql
from obsnb.sources.outcomes import Effort, Losses, outcomes
from obsnb.sources.refusals import asked, refusal, shorter_helps, unreadable
from obsnb.sources.tempo_slices import ALL, Band, Candidate, Slice, around, narrower, roomier, smaller, spread
from obsnb.sources.wire.tempo_json import FoundTrace, read_search
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["TraceSearch"]

_SECOND = 1_000_000_000
_LONGEST_S = 168 * 3_600  # Tempo's default; a longer range is refused
_MOST = 262_144  # traces that Tempo gives at once, by default
_SAMPLES = 60  # slices of a window that a sample is spread over
_CUT_AT_ONCE = 50  # traces whose sets are asked for again in one go
_STRAYS = "it tells of other times or durations than were asked for"
_MOST_ALLOWED = re.compile(r"limit (?P<asked>\d+) exceeds max limit (?P<most>\d+)")
_SPANS_ALLOWED = re.compile(r"spans per span set exceeds (?P<most>\d+)\. received (?P<asked>\d+)")


@dataclass
class TraceSearch:
    """One query over one window.

    Parameters
    ----------
    transport
        Sends the requests.
    source
        The source's name, for errors.
    query
        As it was asked.
    fields
        What is selected of the spans.
    window
        Start inclusive, end exclusive.
    limit
        How many traces a request asks for.
    spss
        How many spans of a trace a request asks for.
    heard
        Called after each answer, with the part of the window that is done (0 to 1).

    Attributes
    ----------
    traces
        What was found, by id. Some only overlap the seconds around the window.
    gaps
        What is missing, in words.
    effort
        What it cost.
    """

    transport: Transport
    source: str
    query: str
    fields: tuple[str, ...]
    window: TimeRange
    limit: int
    spss: int
    heard: Callable[[float], None]
    traces: dict[str, Candidate] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    effort: Effort = field(default_factory=Effort)
    _most: int = _MOST
    _losses: Losses = field(default_factory=Losses)
    _done_s: int = 0

    @property
    def sent(self) -> str:
        """The query as it is sent."""
        return self._text(ALL)

    def everything(self) -> list[Candidate]:
        """Every trace with a matching span that starts in the window, oldest first.

        Raises
        ------
        SourceError
            The server refuses, or does not answer.
        """
        whole = self._whole()
        self._ask(whole.parts(-(-whole.seconds // _LONGEST_S)), self._hear_all)
        return self._matching()

    def sample(self, count: int) -> tuple[list[Candidate], bool]:
        """At most so many of these traces, spread over the window, oldest first.

        The window is cut into up to 60 slices of equal length, and traces are taken from each in
        turn, the newest of a slice first. The same data gives the same sample.

        Returns
        -------
        list of Candidate
            The traces.
        bool
            Whether there are more.

        Raises
        ------
        SourceError
            As `everything` does.
        """
        whole = self._whole()
        parts = max(min(count, _SAMPLES), -(-whole.seconds // _LONGEST_S))
        slices = whole.parts(parts)
        slices = [replace(one, limit=-(-count // len(slices))) for one in slices]
        while True:
            full = self._ask_once(slices)
            found = self._matching()
            slices = [more for one in full for more in roomier(one, most=self._most)]
            if len(found) >= count or not slices:
                break
        if len(found) < count:
            self.gaps += map(self._crowded, full)
        sample = spread(found, count, window=self.window, buckets=min(count, _SAMPLES))
        return sample, bool(full) or len(found) > count

    def fill(self, wanted: Sequence[Candidate]) -> None:
        """Ask for the spans that were left out of these traces' sets.

        What cannot be got is said in `gaps`.
        """
        cut = sorted((one for one in wanted if one.cut), key=lambda one: (one.start_ns, one.trace_id))
        groups = [cut[first : first + _CUT_AT_ONCE] for first in range(0, len(cut), _CUT_AT_ONCE)]
        self._ask([part for group in groups for part in self._bands(group, ALL)], self._hear_band)
        left = sum(one.cut for one in cut)
        if left:
            traces = "1 trace" if left == 1 else f"{left:,} traces"
            self.gaps.append(f"of {traces}, some of the more than {self.spss} matching spans did not come")

    def _whole(self) -> Slice:
        start, end = self.window.start_ns // _SECOND, -(-self.window.end_ns // _SECOND)
        return Slice(start, max(end, start + 1), self.limit)

    def _matching(self) -> list[Candidate]:
        """The traces with a matching span in the window; where that cannot be told yet, it is asked."""
        unclear = [one for one in self.traces.values() if one.cut and not one.within(self.window)]
        if unclear:
            self.fill(unclear)
        found = (one for one in self.traces.values() if one.within(self.window))
        return sorted(found, key=lambda one: (one.start_ns, one.trace_id))

    def _ask(self, slices: Iterable[Slice], hear: Callable[[Slice, list[FoundTrace]], list[Slice]]) -> None:
        """Ask for all slices, and for what becomes of them.

        After a refusal one slice is tried alone, so that a query that is refused at any length costs a
        few requests, not thousands.
        """
        pending, probing = list(slices), False
        while pending:
            batch, rest = (pending[:1], pending[1:]) if probing else (pending, [])
            batch = [replace(one, limit=min(one.limit, self._most)) for one in batch]
            again: list[Slice] = []
            requests = [self._request(one) for one in batch]
            for piece, outcome in zip(batch, outcomes(self.transport, requests), strict=True):
                self.effort.sent(outcome)
                if not isinstance(outcome, Response) or not outcome.ok:
                    again += self._refused(piece, outcome)
                elif all(map(piece.fits, found := self._read(outcome))):
                    self._losses.end()
                    rest += hear(piece, found)
                else:
                    self._lose(piece, self._unreadable(outcome, _STRAYS))
            probing = bool(again)
            pending = again + rest
        if self._losses.errors and not self.effort.pages:
            with asked(self.query, self.window):
                raise self._losses.errors[0]

    def _ask_once(self, slices: list[Slice]) -> list[Slice]:
        """Ask for slices as they are; those whose answer is as long as its limit come back."""
        full: list[Slice] = []

        def hear(piece: Slice, found: list[FoundTrace]) -> list[Slice]:
            self._keep(found)
            self._advance(piece)
            if len(found) >= piece.limit:
                full.append(piece)
            return []

        self._done_s = 0
        self._ask(slices, hear)
        return full

    def _hear_all(self, piece: Slice, found: list[FoundTrace]) -> list[Slice]:
        self._keep(found)
        if len(found) >= piece.limit:
            return self._smaller(piece, found)
        self._advance(piece)
        return []

    def _hear_band(self, piece: Slice, found: list[FoundTrace]) -> list[Slice]:
        cut, shown = [], {one.trace_id for one in found}
        for one in found:
            known = self.traces.get(one.trace_id)
            if known is not None and not known.add(one, piece.band) and one.trace_id in piece.only:
                cut.append(known)
        if len(found) >= piece.limit:
            return self._smaller(piece, found)
        for trace_id in piece.only - shown:  # which have no span of these durations
            if piece.overlaps(self.traces[trace_id]):
                self.traces[trace_id].cover(piece.band)
        return self._bands([one for one in cut if one.cut], piece.band)

    def _keep(self, found: list[FoundTrace]) -> None:
        for one in found:
            end = one.start + (one.duration_ms + 1) * 1_000_000
            known = self.traces.setdefault(one.trace_id, Candidate(one.trace_id, one.start, end))
            known.start_ns, known.end_ns = min(known.start_ns, one.start), max(known.end_ns, end)
            known.add(one, ALL)

    def _smaller(self, piece: Slice, found: list[FoundTrace]) -> list[Slice]:
        more = smaller(piece, found, most=self._most)
        if not more:
            self.gaps.append(self._crowded(piece))
        return more

    def _crowded(self, piece: Slice) -> str:
        return f"{piece} holds {piece.limit:,} matching traces or more, and no more are given at once"

    def _bands(self, cut: Sequence[Candidate], band: Band) -> list[Slice]:
        if not cut:
            return []
        start, end = around(cut, within=self._whole())
        piece = Slice(start, end, self.limit, only=frozenset(one.trace_id for one in cut))
        return [replace(piece, band=one) for one in narrower(cut, band)]

    def _advance(self, piece: Slice) -> None:
        self._done_s += piece.seconds
        self.heard(min(self._done_s / self._whole().seconds, 1.0))

    def _refused(self, piece: Slice, outcome: Response | UnreachableError) -> list[Slice]:
        """What to ask instead of what was refused."""
        if isinstance(outcome, Response):
            words = outcome.body[:1_000].decode("utf-8", "replace")
            if allowed := _less(_MOST_ALLOWED, words):
                self._most = min(self._most, allowed)
                return [piece]
            if allowed := _less(_SPANS_ALLOWED, words):
                self.spss = min(self.spss, allowed)
                return [piece]
            if piece.seconds > 1 and shorter_helps(outcome):
                return piece.parts(2)
            error = refusal(outcome, source=self.source, kind="tempo", query=self.query, window=self.window)
            if piece.banded and isinstance(error, RejectedError):
                return []  # a server that does not take one stage after others: `fill` says what is missing
        else:
            error = outcome
        self._lose(piece, error)
        return []

    def _lose(self, piece: Slice, error: SourceError) -> None:
        with asked(self.query, self.window):
            self._losses.add(error)
        self.gaps.append(f"{piece} was not answered: {error.what}")

    def _read(self, response: Response) -> list[FoundTrace]:
        self.effort.read(response)
        try:
            return read_search(response.body)
        except msgspec.DecodeError as error:
            raise self._unreadable(response, str(error)) from None

    def _unreadable(self, response: Response, why: str) -> AnswerError:
        return unreadable(response, source=self.source, query=self.query, window=self.window, why=why)

    def _request(self, piece: Slice) -> Request:
        params = {"q": self._text(piece.band), "start": piece.start_s, "end": piece.end_s}
        params |= {"limit": piece.limit, "spss": self.spss}
        return Request("/api/search", tuple((name, str(value)) for name, value in params.items()))

    def _text(self, band: Band) -> str:
        query, (low, high) = self.query, band
        if band != ALL:
            bounds = [f"duration >= {low}ns"] + ([] if high is None else [f"duration < {high}ns"])
            query = traceql.piped(query, "{ " + " && ".join(bounds) + " }")
        if self.fields:
            query = traceql.with_selection(query, self.fields)
        return traceql.aligned(traceql.most_recent(query))


def _less(pattern: re.Pattern[str], words: str) -> int | None:
    """What a server allows, where it refused because more was asked for."""
    found = pattern.search(words)
    return int(found["most"]) if found and 0 < int(found["most"]) < int(found["asked"]) else None
