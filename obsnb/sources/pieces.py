"""A question in pieces: sent in parallel, and in smaller pieces where a server finds them too big.

A piece is a `range` of milliseconds: the instants that it asks for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field

from obsnb.ledger import QueryRecord
from obsnb.settings import SourceKind
from obsnb.sources.refusals import asked, refusal, shorter_helps
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["Pull", "cut", "pull"]


@dataclass
class Pull:
    """What came back, and at what cost.

    Attributes
    ----------
    pieces, responses
        What was asked for, in order of time, and the answer to each.
    requests, retries, bytes
        How many were sent, refused ones included; how many of them were repeats; bytes of the
        answers that counted.
    started
        When it began, by the performance counter.
    """

    pieces: list[range] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.started


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
    """The answers to all pieces of what a record is of.

    Where the server refuses a piece and a shorter one may pass, the first is halved and tried alone until
    it passes, and the others are cut to its size then: a query that is refused at any length costs a few
    requests, not thousands.

    Raises
    ------
    SourceError
        The server refuses, fails or cannot be reached.
    """
    done = Pull()
    query, window = record.asked, record.window
    answers: dict[range, Response] = {}
    pending, probing = list(pieces), False
    while pending:
        batch, rest = (pending[:1], pending[1:]) if probing else (pending, [])
        refused: list[range] = []
        with asked(query, window), closing(transport.map([ask(p) for p in batch])) as responses:
            for piece, response in zip(batch, responses, strict=True):
                done.requests += 1 + response.retries
                done.retries += response.retries
                if response.ok:
                    answers[piece] = response
                elif len(piece) > 1 and shorter_helps(response):
                    refused.append(piece)
                else:
                    raise refusal(response, source=record.source, kind=kind, query=query, window=window)
        if refused:
            probing = True
            first, *others = refused
            rest = [*cut(first, -(-min(map(len, refused)) // 2)), *others, *rest]
        elif probing:
            probing = False
            rest = [part for piece in rest for part in cut(piece, len(batch[0]))]
        pending = rest
    done.pieces = sorted(answers, key=lambda piece: piece.start)
    done.responses = [answers[piece] for piece in done.pieces]
    done.bytes = sum(len(response.body) for response in done.responses)
    return done
