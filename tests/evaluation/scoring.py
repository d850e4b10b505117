"""What a verb says of a case, held against the truth; many of these in one table, with intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.incident import find_incident
from obsnb.analysis.suspects import suspects
from tests.evaluation.cases import Case

CONFIDENT = 0.3  # below it a score says "no confident suspect": the docstring of `suspects`
_Z = 1.96
_DRAWS = 2_000


@dataclass(frozen=True)
class Verdict:
    """What `suspects` said of a case: the rank of the truth (null where nothing was wrong), the scores."""

    case: Case
    rank: int | None
    score: float
    named: str | None

    @property
    def reciprocal(self) -> float:
        """1 for the first place, 1/2 for the second ..., 0 where it is not among them."""
        return 0.0 if self.rank is None else 1 / self.rank


def suspected(case: Case) -> Verdict:
    """Ask `suspects` about a case. A culprit with score 0 was not found, whatever its place in the list."""
    out = suspects(
        case.logs, case.spans, case.series, case.events, during=case.during, baseline=case.baseline
    )
    right = out.filter(pl.col("service").is_in(case.culprits), pl.col("score") > 0)
    score, named = (0.0, None) if out.is_empty() else out.select("score", "service").row(0)
    return Verdict(case, None if right.is_empty() else int(right["rank"].min()), score, named)  # type: ignore[arg-type]


def onset_error_s(case: Case) -> float | None:
    """By how many seconds the onset that is found in the whole window is off; None: none was found."""
    found = find_incident(case.logs, case.spans, case.series, window=case.window)
    if found is None or case.onset_ns is None:
        return None
    return abs(found.onset_ns - case.onset_ns) / 1e9


def onset_within_bounds(case: Case) -> bool | None:
    """Whether it lies where the bounds of the onset that is found say; None: none was found."""
    found = find_incident(case.logs, case.spans, case.series, window=case.window)
    if found is None or case.onset_ns is None:
        return None
    low, high = (round(one.timestamp() * 1e9) for one in (found.onset_low, found.onset_high))
    return low <= case.onset_ns <= high


def accuracy(verdicts: Iterable[Verdict]) -> dict[str, Any]:
    """Accuracy at 1 and 3 with 95% intervals, and how often the right answer was given confidently."""
    told = [each for each in verdicts if not each.case.quiet]
    ranks = [each.rank or 10**9 for each in told]
    first, third = sum(rank == 1 for rank in ranks), sum(rank <= 3 for rank in ranks)
    sure = sum(each.rank == 1 and each.score >= CONFIDENT for each in told)
    wrong = sum(each.rank != 1 and each.score >= CONFIDENT for each in told)
    return {
        "cases": len(told),
        "at 1": share(first, len(told)),
        "at 3": share(third, len(told)),
        "confident and right": share(sure, len(told)),
        "confident and wrong": share(wrong, len(told)),
    }


def share(some: int, of: int) -> str:
    """A share with its Wilson interval (Wilson, JASA 1927)."""
    if not of:
        return "-"
    low, high = wilson(some, of)
    return f"{some / of:.2f} ({low:.2f} to {high:.2f})"


def wilson(some: int, of: int) -> tuple[float, float]:
    """The 95% interval of a share."""
    p = some / of
    middle = p + _Z**2 / (2 * of)
    around = _Z * np.sqrt(p * (1 - p) / of + _Z**2 / (4 * of**2))
    return tuple(float((middle + side * around) / (1 + _Z**2 / of)) for side in (-1, 1))  # type: ignore[return-value]


def gain(before: list[Verdict], after: list[Verdict]) -> tuple[float, float, float]:
    """By how much the reciprocal rank rose on the same cases, with its 95% interval (paired bootstrap)."""
    change = np.array([b.reciprocal - a.reciprocal for a, b in zip(before, after, strict=True)])
    rng = np.random.default_rng(3)
    means = change[rng.integers(0, len(change), (_DRAWS, len(change)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(change.mean()), float(low), float(high)
