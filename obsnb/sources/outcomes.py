"""Many requests, of which one that fails does not take the others with it."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field

from obsnb.errors import AccessError, RejectedError, SourceError, UnreachableError
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["Effort", "Losses", "outcomes", "too_often"]

_IN_A_ROW = 3
#: A time-out lasts minutes: a server that has answered nothing yet is given up after so many.
_SILENCES = 2


def outcomes(
    transport: Transport, requests: Iterable[Request]
) -> Generator[Response | UnreachableError, None, None]:
    """The answers in the order of the requests, an error in the place of one that never came."""
    rest = list(requests)
    while rest:
        answered = 0
        try:
            with closing(transport.map(rest)) as responses:
                for response in responses:
                    answered += 1
                    yield response
            return
        except UnreachableError as error:
            rest = rest[answered + 1 :]
            yield error


def too_often(error: SourceError, times: int, *, answered: bool) -> bool:
    """Whether a question is given up after so many failures in a row; a time-out is told how many then.

    Parameters
    ----------
    answered
        Whether the server has answered any part of the question.
    """
    timed_out = isinstance(error, UnreachableError) and error.timed_out
    if times < (_SILENCES if timed_out and not answered else _IN_A_ROW):
        return False
    if timed_out:
        error.what = f"{error.what.removesuffix('.')}, {times} times in a row."
    return True


@dataclass
class Effort:
    """What it cost.

    Attributes
    ----------
    pages, requests, retries, bytes
        Answers that counted, requests sent, how many of them were repeats, and bytes of the answers
        that counted.
    started
        When it began, by the performance counter.
    """

    pages: int = 0
    requests: int = 0
    retries: int = 0
    bytes: int = 0
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self.started

    def sent(self, outcome: Response | UnreachableError) -> None:
        """Count a request, whatever came of it."""
        retries = outcome.retries if isinstance(outcome, Response) else 0
        self.requests += 1 + retries
        self.retries += retries

    def read(self, response: Response) -> None:
        """Count an answer that could be used."""
        self.pages += 1
        self.bytes += len(response.body)


@dataclass
class Losses:
    """What was not answered, until it is too much.

    Attributes
    ----------
    errors
        Why, one for each request that was given up.
    """

    errors: list[SourceError] = field(default_factory=list)
    _in_a_row: int = 0
    _answered: bool = False

    def add(self, error: SourceError) -> None:
        """Bear a loss, or raise it.

        Raises
        ------
        SourceError
            The request is refused whoever asks again (credentials, a query that is not understood),
            or nothing comes back three times in a row: two, where that took a time-out each and nothing
            was answered before.
        """
        self._in_a_row += 1
        final = isinstance(error, AccessError | RejectedError)
        if final or too_often(error, self._in_a_row, answered=self._answered):
            raise error
        self.errors.append(error)

    def end(self) -> None:
        """An answer came: what fails next is not in a row with what failed before."""
        self._in_a_row, self._answered = 0, True
