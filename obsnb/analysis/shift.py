"""The one stretch of a series that differs most from the rest of it, and how surely it does."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

__all__ = ["FEWEST", "Shift", "find_shift", "robust_scale", "steadied"]

Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

FEWEST = 8  # samples; with fewer no order of them is surprising enough
_SHORTEST = 3  # samples of a stretch: one or two are a spike
_BLOCKS = 4  # means of samples on either side of a shift, by which it is told from wandering
_CELLS = 128  # longer series are scanned in cells first, then sample by sample around the best
_SLACK = 7.35  # likelihood that the begin may lose at 95% (Hansen, Econometrica 68, 2000, table I)


@dataclass(frozen=True)
class Shift:
    """A stretch of a series, by positions of samples.

    Attributes
    ----------
    begin, end
        First sample that is different, and first that is as before; the length where none is.
    earliest, latest
        Between which samples the begin lies, at 95%.
    before, during
        Medians outside and inside.
    effect
        Their difference over the spread that the samples have around them (signed).
    p_value
        How often a series without a change would show one as clear.
    """

    begin: int
    end: int
    earliest: int
    latest: int
    before: float
    during: float
    effect: float
    p_value: float


def find_shift(values: Floats) -> Shift | None:
    """The stretch whose ranks differ most from the others', or None where nothing can be said.

    Parameters
    ----------
    values
        Finite samples in the order of time, evenly spaced or nearly so.

    Notes
    -----
    At most two changes, begin and end, are looked for by scanning all stretches, as circular binary
    segmentation does (Olshen, Venkatraman, Lucito and Wigler, Biostatistics 5, 2004), on ranks, so
    that spikes and heavy tails weigh little (Pettitt, Applied Statistics 28, 1979, for one change).
    The p-value is the tail approximation of Siegmund (Annals of Statistics 16, 1988) in the form of
    Venkatraman and Olshen (Bioinformatics 23, 2007). Samples that resemble their neighbours count
    for less: the statistic is divided by the square root of (1 + r) / (1 - r), where r is the lag-one
    autocorrelation of what is left when the stretch is taken out, and so is the number of samples.
    Ranks of a few samples against many cannot be far apart by that statistic, however different they
    are; there the exact tail of Mann and Whitney's U (Annals of Mathematical Statistics 18, 1947) is
    taken, times the number of stretches.
    """
    many = len(values)
    if many < FEWEST or values.min() == values.max():
        return None
    ranks = _ranks(values)
    variance = float(ranks.var())
    begin, end, score = _best_stretch(ranks)
    rest = _rest(ranks, begin, end)
    left = float(rest.var() / variance)
    if begin > 0 and end < many:  # one change explains as well as two would: there was one
        last_begin, _, last_score = _best_last_stretch(ranks)
        if last_score**2 >= score**2 - _SLACK * left:
            begin, end, score = last_begin, many, last_score
            rest = _rest(ranks, begin, end)
            left = float(rest.var() / variance)
    stretch = _persistence(rest)
    tail, rare = _tail(score / math.sqrt(stretch), many / stretch), _tail_of_rare(values, begin, end)
    slack = _SLACK * stretch * left
    earliest, latest = _range_of_begin(ranks, begin, end, slack)
    if begin == 0:  # it began before the series: what can be dated is the way back
        begin, end = end, many
        earliest, latest = _range_of_begin(ranks, begin, end, slack)
    begin, end = _sharpened(values, begin, end)
    p_value = max(min(tail, _tail_of_apart(values, begin, end, stretch)), rare)
    return _described(values, begin, end, (min(earliest, begin), max(latest, begin)), p_value)


def _sharpened(values: Floats, begin: int, end: int) -> tuple[int, int]:
    """The ends moved to where the samples cross from nearer one level to nearer the other.

    Ranks tell that a sample is high, not how high, so a few high ones before the step look like it.
    """
    many = len(values)
    before = median(_without(values, begin, end))
    during = median(values[begin:end])
    if before == during:
        return begin, end
    inside = np.clip((values - before) / (during - before), 0.0, 1.0) - 0.5
    sums = np.append(0.0, np.cumsum(inside))
    reach = max(_SHORTEST, (end - begin) // 4)
    low, high = max(begin - reach, 1), min(begin + reach, end - _SHORTEST)
    if low <= high:
        begin = low + int(np.argmin(sums[low : high + 1]))
    if end < many:
        low, high = max(end - reach, begin + _SHORTEST), min(end + reach, many - 1)
        end = low + int(np.argmax(sums[low : high + 1])) if low <= high else end
    return begin, end


def _described(values: Floats, begin: int, end: int, within: tuple[int, int], p_value: float) -> Shift:
    inside, outside = values[begin:end], _without(values, begin, end)
    before, during = median(outside), median(inside)
    residuals = np.concatenate((inside - during, outside - before))
    spread = robust_scale(residuals, level=max(abs(before), abs(during)))
    return Shift(
        begin=begin,
        end=end,
        earliest=within[0],
        latest=within[1],
        before=before,
        during=during,
        effect=(during - before) / spread,
        p_value=p_value,
    )


def robust_scale(residuals: Floats, *, level: float) -> float:
    """1.4826 times the median of absolute residuals, at least a hundredth of the level."""
    scale = 1.4826 * median(np.abs(residuals)) if len(residuals) else 0.0
    return max(scale, 0.01 * abs(level), 1e-12)


def steadied(values: Floats, shift: Shift) -> Shift:
    """The same shift judged by means of samples, as many as leave four on the shorter side.

    Finer samples of the same thing spread more, so that an effect over the spread of single ones depends
    on how finely it was looked at. Means of samples without a memory spread less; those of a series that
    wanders by itself do not, and its wandering remains unclear. `during` is as near to `before` as two
    standard errors allow, so that what is asked of its size is surely there.
    """
    inside, outside = values[shift.begin : shift.end], np.r_[values[: shift.begin], values[shift.end :]]
    size = min(len(inside), len(outside)) // _BLOCKS
    if size < 2:
        return shift
    within, around = _means(inside, size), _means(outside, size)
    before, moved = float(outside.mean()), float(inside.mean() - outside.mean())
    spread = robust_scale(np.r_[within, around], level=max(abs(before), abs(before + moved)))
    unsure = 2 * spread * math.sqrt(1 / len(within) + 1 / len(around))
    surely = math.copysign(max(abs(moved) - unsure, 0.0), moved)
    return replace(shift, before=before, during=before + surely, effect=moved / spread)


def _means(values: Floats, size: int) -> Floats:
    whole = len(values) // size * size
    means: Floats = values[:whole].reshape(-1, size).mean(axis=1)
    centred: Floats = means - means.mean()
    return centred


def _ranks(values: Floats) -> Floats:
    """Ranks, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    upto = np.cumsum(counts)
    return (upto - (counts - 1) / 2)[inverse]


def _best_stretch(ranks: Floats) -> tuple[int, int, float]:
    many = len(ranks)
    size = -(-many // _CELLS)
    sums = np.append(0.0, np.cumsum(ranks - ranks.mean()))
    scale = math.sqrt(ranks.var(ddof=1))
    begins, ends, weights = _stretches(many)
    scores = np.abs(sums[ends] - sums[begins]) / (scale * weights)
    best = int(np.argmax(scores))
    begin, end, score = int(begins[best]), int(ends[best]), float(scores[best])
    for _ in range(2 if size > 1 else 0):
        near = np.arange(max(0, begin - size), min(many, begin + size) + 1)
        begin, end, score = _highest(sums, near, np.full_like(near, end), scale)
        near = np.arange(max(0, end - size), min(many, end + size) + 1)
        begin, end, score = _highest(sums, np.full_like(near, begin), near, scale)
    return begin, end, score


def _best_last_stretch(ranks: Floats) -> tuple[int, int, float]:
    """The best of the stretches that last until the end."""
    sums = np.append(0.0, np.cumsum(ranks - ranks.mean()))
    begin = np.arange(1, len(ranks))
    return _highest(sums, begin, np.full_like(begin, len(ranks)), math.sqrt(ranks.var(ddof=1)))


def _rest(ranks: Floats, begin: int, end: int) -> Floats:
    """What is left of the ranks when the means inside and outside of the stretch are taken away."""
    level = np.full(len(ranks), ranks[begin:end].mean())
    level[:begin] = level[end:] = _without(ranks, begin, end).mean()
    rest: Floats = ranks - level
    return rest


def _highest(sums: Floats, begin: _Ints, end: _Ints, scale: float) -> tuple[int, int, float]:
    many = len(sums) - 1
    length = end - begin
    allowed = (length >= _SHORTEST) & (length <= many - _SHORTEST)
    weight = scale * np.sqrt(np.maximum(length * (1 - length / many), 1e-9))
    score = np.where(allowed, np.abs(sums[end] - sums[begin]) / weight, -1.0)
    best = int(np.argmax(score))
    return int(begin[best]), int(end[best]), float(score[best])


def median(values: Floats) -> float:
    """What `numpy.median` gives for finite values, at a tenth of what it takes for few of them."""
    ordered, middle = np.sort(values), len(values) // 2
    return float(ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


def _without(values: Floats, begin: int, end: int) -> Floats:
    return np.concatenate((values[:begin], values[end:]))


@lru_cache(maxsize=64)
def _stretches(many: int) -> tuple[_Ints, _Ints, Floats]:
    """Begins, ends and weights of the stretches between cells, for all series of so many samples."""
    size = -(-many // _CELLS)
    edges = np.minimum(np.arange(-(-many // size) + 1, dtype=np.int64) * size, many)
    i, j = np.triu_indices(len(edges), 1)
    length = edges[j] - edges[i]
    allowed = (length >= _SHORTEST) & (length <= many - _SHORTEST)
    weights = np.sqrt(np.maximum(length * (1 - length / many), 1e-9))
    return edges[i][allowed], edges[j][allowed], weights[allowed]


def _persistence(rest: Floats) -> float:
    """(1 + r) / (1 - r) of the lag-one autocorrelation r of what the stretch leaves unexplained.

    Choosing the best stretch takes some of it away: simulated autoregressive series lose about
    1.6 ln(n) (1 + r) / n. Fewer than some twenty samples cannot tell that loss from a real step, so
    there a part of it is given back only.
    """
    many = len(rest)
    power = float(rest @ rest)
    if power == 0:
        return 1.0
    lag_one = float(rest[1:] @ rest[:-1]) / power
    lost = 1.6 * math.log(many) / (many + 20)
    lag_one = min(max((lag_one + lost) / (1 - lost), 0.0), 0.99)
    return (1 + lag_one) / (1 - lag_one)


def _tail(score: float, samples: float) -> float:
    """How often the highest of all stretches' scores is as high where nothing changed."""
    if score < 1.5:
        return 1.0
    samples = max(samples, 10.0)
    shortest = min(_SHORTEST / samples, 0.25)
    part = np.linspace(shortest, 1 - shortest, 200)
    nu = _overshoot(score / np.sqrt(samples * part * (1 - part)))
    integral = float(np.trapezoid(nu**2 / (part**2 * (1 - part)), part))
    density = math.exp(-score * score / 2) / math.sqrt(2 * math.pi)
    return min(1.0, 0.25 * score**3 * density * integral)


def _tail_of_apart(values: Floats, begin: int, end: int, stretch: float) -> float:
    """A bound of how often any stretch lies as far apart from the rest as this one, by chance.

    Of a pair, one sample from inside and one from outside, `wrong` are in the order that the stretch
    denies, equal ones among them. The arrangements with at most so many are those of the partitions of
    the numbers up to it, at most; all arrangements are equally likely where nothing changed.
    """
    many, length = len(values), end - begin
    inside, outside = values[begin:end], np.sort(_without(values, begin, end))
    below = int(np.searchsorted(outside, inside, side="left").sum())
    upto = int(np.searchsorted(outside, inside, side="right").sum())
    wrong = min(upto, length * (many - length) - below)
    if wrong >= len(_PARTITIONS):
        return 1.0
    chance = math.log(2 * _PARTITIONS[wrong]) - _log_choose(many, length)
    stretches = math.log(many * (many + 1) / 2)
    return math.exp(min(chance / stretch + stretches, 0.0))


def _partitions(most: int) -> list[int]:
    """How many partitions the numbers from 0 to each number have together."""
    ways = [1] + [0] * most
    for part in range(1, most + 1):
        for number in range(part, most + 1):
            ways[number] += ways[number - part]
    return list(accumulate(ways))


_PARTITIONS = _partitions(100)


def _tail_of_rare(values: Floats, begin: int, end: int) -> float:
    """The same where most samples are equal, as in counts of rare things.

    There the exact chance of so many unequal samples in one stretch (hypergeometric), times the
    n ln(n) stretches that are about independent.
    """
    usual = median(values)
    unequal = values != usual
    many, odd = len(values), int(unequal.sum())
    if 2 * odd >= many:
        return 0.0
    inside = int(unequal[begin:end].sum())
    if inside * many < odd * (end - begin):  # the stretch is the quiet one: look at the rest
        inside, begin, end = odd - inside, 0, many - (end - begin)
    length = end - begin
    ways = [
        _log_choose(length, k) + _log_choose(many - length, odd - k)
        for k in range(inside, min(odd, length) + 1)
    ]
    chance = sum(math.exp(way - _log_choose(many, odd)) for way in ways)
    return min(1.0, chance * many * math.log(many))


def _log_choose(n: int, k: int) -> float:
    if k < 0 or k > n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _overshoot(x: Floats) -> Floats:
    half = x / 2
    normal = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (half + 0.044715 * half**3)))
    return (normal - 0.5) / half / (half * normal + np.exp(-half * half / 2) / math.sqrt(2 * math.pi))


def _range_of_begin(ranks: Floats, begin: int, end: int, slack: float) -> tuple[int, int]:
    """The begins whose likelihood is not surely worse, all next to each other around the best."""
    if begin >= end:
        return begin, begin
    many = len(ranks)
    sums = np.append(0.0, np.cumsum(ranks - ranks.mean()))
    candidate = np.arange(0, end)
    length = end - candidate
    power = (sums[end] - sums[candidate]) ** 2 / (
        ranks.var(ddof=1) * np.maximum(length * (1 - length / many), 1e-9)
    )
    power[length >= many] = 0
    worse = np.flatnonzero(~(power >= power[begin] - slack))
    after = int(np.searchsorted(worse, begin))
    low = int(worse[after - 1]) + 1 if after else 0
    return low, int(worse[after]) - 1 if after < len(worse) else end - 1
