"""When a request is sent again, and after how long: pure, with clock and chance handed in."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from obsnb.transport.exchange import Response

__all__ = ["Policy", "Trouble", "retry_after_s"]

#: Too many requests, a gateway without a server behind it, and not ready. A 504 is not among
#: them: the same question would take as long again, so the caller asks a smaller one.
AGAIN = frozenset({429, 502, 503})


@dataclass(frozen=True)
class Trouble:
    """Why no answer came.

    Attributes
    ----------
    says
        What went wrong, without a full stop and without a secret.
    hint
        What to do about it.
    again
        Whether another attempt may fare better.
    corrupt
        Whether an answer did come, and cannot be read.
    slow
        Whether it took the server too long.
    """

    says: str
    hint: str
    again: bool = False
    corrupt: bool = False
    slow: bool = False


@dataclass(frozen=True)
class Policy:
    """How often and how long a request is tried.

    The wait before attempt ``n + 1`` is chosen evenly between nothing and
    ``min(most_s, first_s * 2**n)``: the "full jitter" of M. Brooker, "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015, which spreads out clients that failed together. A server
    that says Retry-After gets that long, and the jitter on top of it.

    Attributes
    ----------
    retries
        How many attempts may follow the first.
    total_s
        How long all of them may take, waiting included.
    first_s, most_s
        The bounds of the wait.
    """

    retries: int
    total_s: float
    first_s: float = 0.5
    most_s: float = 20.0

    def wait_s(
        self, outcome: Response | Trouble, *, tries: int, spent_s: float, chance: float
    ) -> float | None:
        """Seconds to wait before the next attempt, or None where there is none.

        Parameters
        ----------
        outcome
            What the last attempt came to.
        tries
            How many attempts there were.
        spent_s
            Seconds since the first began.
        chance
            Between 0 and 1, evenly distributed.
        """
        if tries > self.retries or not _again(outcome):
            return None
        wait = chance * min(self.most_s, self.first_s * 2.0 ** (tries - 1))
        if isinstance(outcome, Response):
            wait += retry_after_s(outcome) or 0.0
        return wait if spent_s + wait < self.total_s else None


def _again(outcome: Response | Trouble) -> bool:
    if isinstance(outcome, Trouble):
        return outcome.again
    # Prometheus says 503 for a query that ran out of time, which it would do again.
    timed_out = b'"errorType":"timeout"' in outcome.body[:1000]
    return outcome.status in AGAIN and not timed_out


def retry_after_s(response: Response) -> float | None:
    """What the Retry-After header asks for, in seconds; None where it is missing or unreadable.

    Both forms of RFC 9110, section 10.2.3: seconds, or a date, which is held against the answer's
    own Date, so that no clock but the server's counts.
    """
    said = response.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        until = parsedate_to_datetime(said)
        now = parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # unreadable, or one date with a zone and one without
        return None
