"""How surely two samples, shares or rates differ, and how a finding becomes a number up to one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "LEAST_SPREAD",
    "Finding",
    "certainty",
    "rank_z",
    "rate_z",
    "rise_z",
    "saturate",
    "share_z",
    "shift_z",
    "spreads",
]

Floats = npt.NDArray[np.float64]

_HALFWAY, _WIDTH = 4.0, 0.6  # z-scores; of some hundred looks at noise the highest is about 2.6

#: Of the logarithm of durations: samples that lie closer are taken to lie so far apart.
LEAST_SPREAD = 0.3
_FEW = 8  # old values: with fewer, how far they are counts besides their ranks


@dataclass(frozen=True)
class Finding:
    """One thing that one signal says about one service.

    Attributes
    ----------
    service
        Whom it is about.
    signal
        ``latency``, ``errors``, ``logs``, ``resource``, ``symptom`` or ``load``.
    strength
        0 to 1: how surely it is new, and how much of it there is.
    share
        0 to 1: how much of what this signal finds new in all services this service accounts for.
    since_ns
        When it began, where that is known.
    reason
        A sentence with numbers.
    evidence
        Ids of rows that show it.
    waiting
        Whether a callee may be what it is really about.
    about
        What in the service it is about: an operation, an error, a metric.
    statement
        The table or statement, or what else was asked of a peer, where that is what became slow.
    times
        How many times as much of a resource is used as before, where that is known.
    within
        The few pods, instances or nodes of the service that it is limited to, where its labels tell.
    """

    service: str
    signal: str
    strength: float
    share: float
    since_ns: int | None
    reason: str
    evidence: tuple[str, ...] = ()
    waiting: bool = False
    about: str = ""
    statement: str = ""
    times: float | None = None
    within: str = ""


def rank_z(new: Floats, old: Floats) -> float:
    """How many standard errors the new values' ranks are above the old ones'.

    The statistic of Mann and Whitney (Annals of Mathematical Statistics 18, 1947) in its normal
    approximation, with the correction for ties. Zero where either sample is empty or all are equal.
    """
    m, n = len(new), len(old)
    if not m or not n:
        return 0.0
    both = np.concatenate([new, old])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    total = m + n
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    variance = m * n / 12 * ((total + 1) - ties / (total * max(total - 1, 1)))
    if variance <= 0:
        return 0.0
    return float((ranks[:m].sum() - m * (total + 1) / 2) / math.sqrt(variance))


def shift_z(new: Floats, old: Floats, *, least_spread: float) -> float:
    """How many standard errors the new values' median is above that of a few old ones.

    Ranks of fewer than some eight old values can never be surprising, however far away the new ones
    are. Here the distance counts, in spreads (1.4826 times the median absolute deviation) of either
    sample and at least `least_spread`; the standard error of a median of n is 1.25 spreads over the
    root of n. Of one old value no more than 4 is made, of two no more than 5.
    """
    if not len(new) or not len(old):
        return 0.0
    centres = float(np.median(new)), float(np.median(old))
    spread = max(
        least_spread,
        *(
            1.4826 * float(np.median(np.abs(each - centre)))
            for each, centre in zip((new, old), centres, strict=True)
        ),
    )
    error = 1.2533 * spread * math.sqrt(1 / len(new) + 1 / len(old))
    most = {1: 4.0, 2: 5.0}.get(len(old), math.inf)
    return min((centres[0] - centres[1]) / error, most)


def rise_z(new: Floats, old: Floats, *, least_spread: float) -> float:
    """How surely values rose: by their ranks, and where old ones are too few for these by the distance."""
    ranked = rank_z(new, old)
    return ranked if len(old) >= _FEW else max(ranked, shift_z(new, old, least_spread=least_spread))


def share_z(new: int, of_new: int, old: int, of_old: int) -> float:
    """How many standard errors a share is above an older one, after Anscombe's transformation.

    ``asin(sqrt((k + 3/8) / (n + 3/4)))`` has a variance of about 1 / (4n + 2) whatever the share is
    (Anscombe, Biometrika 35, 1948), so that few old cases without a hit prove little.
    """
    if not of_new or not of_old:
        return 0.0
    angle = [
        math.asin(math.sqrt(min((hit + 0.375) / (many + 0.75), 1.0)))
        for hit, many in ((new, of_new), (old, of_old))
    ]
    return (angle[0] - angle[1]) / math.sqrt(1 / (4 * of_new + 2) + 1 / (4 * of_old + 2))


def rate_z(new: float, over_new: float, old: float, over_old: float) -> float:
    """How many standard errors a count is above what an older one's rate lets expect.

    Square roots of Poisson counts plus 3/8 have a variance of about 1/4 (Anscombe 1948).
    """
    if over_new <= 0 or over_old <= 0:
        return 0.0
    times = over_new / over_old
    expected = math.sqrt((old + 0.375) * times)
    return 2 * (math.sqrt(new + 0.375) - expected) / math.sqrt(1 + times)


def certainty(z: float) -> float:
    """0 to 1 for a z-score that is one of many: a half at 4, nearly one at 6, nothing below 2."""
    return 1 / (1 + math.exp(-(z - _HALFWAY) / _WIDTH)) if z > 2 else 0.0


def saturate(amount: float, scale: float) -> float:
    """0 to 1: nothing for none, 0.63 for an amount of the scale, one for much more."""
    return 1 - math.exp(-max(amount, 0.0) / scale)


def spreads(effect: float) -> str:
    """An effect in words; where the spread was next to none, only that it was far beyond it."""
    times = f"{abs(effect):,.0f}" if round(abs(effect)) < 100 else "at least 100"
    return f"{times} times the usual spread"
