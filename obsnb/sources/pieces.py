"""A question in pieces: sent in parallel, and in smaller pieces where a server finds them too big.

A piece is a `range` of milliseconds: the instants that it asks for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from obsnb.errors import SourceError, UnreachableError
from obsnb.instants import format_ns
from obsnb.ledger import QueryRecord
from obsnb.settings import SourceKind
from obsnb.sources.outcomes import Losses, outcomes
from obsnb.sources.refusals import asked, refusal, shorter_helps
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["Pull", "cut", "pull", "seconds_of"]

_MS = 1_000_000
_SHOWN = 3
#: So many pieces that fail are no exceptions any more.
_MANY = 10


@dataclass
class Pull:
    """What came back, and at what cost.

    Attributes
    ----------
    pieces, responses
        What was answered, in order of time, and the answer to each.
    missing
        In words, which times were not answered, and why.
    requests, retries, bytes
        How many were sent, refused ones included; how many of them were repeats; bytes of the
        answers that counted.
    started
        When it began, by the performance counter.
    """

    pieces: list[range] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    missing: str = ""
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.started


def seconds_of(ms: int) -> str:
    """A moment as Prometheus is asked for it."""
    return f"{ms / 1_000:.3f}".removesuffix(".000")


def cut(whole: range, size: int) -> list[range]:
    """A range in consecutive pieces of at most that many instants."""
    return [whole[first : first + size] for first in range(0, len(whole), size)]


def pull(
    transport: Transport,
    ask: Callable[[range], Request],
    pieces: Iterable[range],
    record: QueryRecord,
    *,
    kind: SourceKind,
) -> Pull:
    """The answers to the pieces of what a record is of.

    Where the server refuses a piece and a shorter one may pass, the first is halved and tried alone until
    it passes, and the others are cut to its size then: a query that is refused at any length costs a few
    requests, not thousands. A piece that it fails on costs its own time alone, which `Pull.missing` says.

    Raises
    ------
    SourceError
        The server refuses the query whatever its length, or fails on every piece, on three in a row or on
        ten, or cannot be reached for them.
    """
    done, window = _Pulling(transport, ask, record, kind), record.window
    with asked(record.asked, window):
        pending, probing = list(pieces), False
        while pending:
            batch, rest = (pending[:1], pending[1:]) if probing else (pending, [])
            refused = done.send(batch)
            if refused:
                probing = True
                first, *others = refused
                rest = [*cut(first, -(-min(map(len, refused)) // 2)), *others, *rest]
            elif probing and batch[0] in done.answers:
                probing = False
                rest = [part for piece in rest for part in cut(piece, len(batch[0]))]
            pending = rest
        return done.finished()


@dataclass
class _Pulling:
    """The pieces of a question: which were answered, and which were lost."""

    transport: Transport
    ask: Callable[[range], Request]
    record: QueryRecord
    kind: SourceKind
    pull: Pull = field(default_factory=Pull)
    answers: dict[range, Response] = field(default_factory=dict)
    lost: dict[range, SourceError] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)

    def send(self, batch: Sequence[range]) -> list[range]:
        """Ask for some pieces; those that are refused for their length come back."""
        refused: list[range] = []
        requests = [self.ask(piece) for piece in batch]
        with closing(outcomes(self.transport, requests)) as came:
            for piece, outcome in zip(batch, came, strict=True):
                self._count(outcome)
                if isinstance(outcome, UnreachableError):
                    self._lose(piece, outcome)
                elif outcome.ok:
                    self.losses.end()
                    self.answers[piece] = outcome
                elif not shorter_helps(outcome):
                    self._lose(piece, self._refusal(outcome))
                elif len(piece) > 1:
                    refused.append(piece)
                else:
                    raise self._refusal(outcome)
        return refused

    def finished(self) -> Pull:
        """What came; raises the first error where nothing did."""
        if self.lost and not self.answers:
            raise next(iter(self.lost.values()))
        done = self.pull
        done.pieces = sorted(self.answers, key=lambda piece: piece.start)
        done.responses = [self.answers[piece] for piece in done.pieces]
        done.bytes = sum(len(response.body) for response in done.responses)
        done.missing = _said(self.lost)
        return done

    def _lose(self, piece: range, error: SourceError) -> None:
        self.losses.add(error)
        self.lost[piece] = error
        if len(self.lost) >= _MANY:
            raise error

    def _refusal(self, response: Response) -> SourceError:
        query, window = self.record.asked, self.record.window
        return refusal(response, source=self.record.source, kind=self.kind, query=query, window=window)

    def _count(self, outcome: Response | UnreachableError) -> None:
        retries = outcome.retries if isinstance(outcome, Response) else 0
        self.pull.requests += 1 + retries
        self.pull.retries += retries


def _said(lost: dict[range, SourceError]) -> str:
    """Which times were not answered, and why; of many the first ones."""
    told = [
        f"{format_ns(piece[0] * _MS)} to {format_ns(piece[-1] * _MS)} was not answered: "
        f"{error.what.rstrip('.')}"
        for piece, error in sorted(lost.items(), key=lambda one: one[0].start)
    ]
    more = f" (and {len(told) - _SHOWN:,} more)" if len(told) > _SHOWN else ""
    return "; ".join(told[:_SHOWN]) + more
