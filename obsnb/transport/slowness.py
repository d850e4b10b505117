"""Whether a server has become slow: its answers held against the best of their own kind.

Slow is not long. A question about a year takes longer than one about a minute, and a big answer longer
than a small one; neither says that the server suffers. So an answer is held only against those to the same
question about other times that were of about the same size, and not one by one, because single answers
are late for many reasons: by the median of eight in a row.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from statistics import median

from obsnb.transport.exchange import Request, Response

__all__ = ["Slowness", "kind_of"]

#: So many answers of a kind make a round.
_ROUND = 8
#: A round is slow that takes so many times as long as the best one did ...
_TIMES = 3.0
#: ... and so much longer: below that nobody waits, and a busy laptop is as likely the reason as the server.
_LEAST_S = 0.5
#: How much a slow round raises what counts as best, so that a load that stays becomes the measure.
_FORGETS = 1.25
#: So many kinds are known at once.
_KINDS = 64

#: Parameters that say for when, and for nothing else.
_WHEN = frozenset({"start", "end", "time"})
_ID = re.compile(r"[0-9a-fA-F]{16,32}")


def kind_of(request: Request, response: Response) -> Hashable:
    """What an answer compares with: the question without its times, and its size by factors of four."""
    asked = tuple(pair for pair in request.params if pair[0] not in _WHEN)
    return _ID.sub("", request.path), asked, len(response.body).bit_length() // 2


@dataclass
class _Known:
    best: float | None = None
    round: list[float] = field(default_factory=list)


class Slowness:
    """Remembers how long answers took; not safe for several threads by itself.

    Like the gradient of Netflix' concurrency-limits (Gradient2: what is seen now against what was seen in
    the long run), but by the best instead of the mean, and by medians of rounds instead of single answers.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()

    def is_slow(self, kind: Hashable, seconds: float) -> bool:
        """Whether an answer by itself took much longer than the best of its kind."""
        known = self._known.get(kind)
        return known is not None and known.best is not None and _much_longer(seconds, known.best)

    def heard(self, kind: Hashable, seconds: float) -> float:
        """Learn from an answer.

        Returns
        -------
        float
            1, or where it ends a slow round, the part of the requests at once that is left: down to a half.
        """
        known = self._known.setdefault(kind, _Known())
        self._known.move_to_end(kind)
        if len(self._known) > _KINDS:
            self._known.popitem(last=False)
        known.round.append(seconds)
        if len(known.round) < _ROUND:
            return 1.0
        took, best = median(known.round), known.best
        known.round.clear()
        if best is None or not _much_longer(took, best):
            known.best = took if best is None else min(took, best)
            return 1.0
        known.best = best * _FORGETS
        return max(0.5, _TIMES * best / took)

    def begin_again(self) -> None:
        """Leave unfinished rounds: what was under way tells of another crowd than what is now."""
        for known in self._known.values():
            known.round.clear()


def _much_longer(seconds: float, best: float) -> bool:
    return seconds > _TIMES * best and seconds - best > _LEAST_S
