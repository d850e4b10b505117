"""Two samples compared: shares and ranks, each with an effect, its interval and a p-value."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["compare_ranks", "compare_shares", "discovery_rates"]

Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

_Z = 1.959963984540054  # 95 %, two-sided
_FEW = 10.0  # below this expected count the test is exact
_TIE = 1e-7  # two tables are equally likely if their probabilities differ by less, relatively


def compare_shares(hits: _Ints, of: int, hits_before: _Ints, of_before: int) -> pl.DataFrame:
    """Whether each of many shares differs between two samples.

    Parameters
    ----------
    hits, hits_before
        Rows that have it, in either sample; one entry a comparison.
    of, of_before
        Rows in either sample.

    Returns
    -------
    polars.DataFrame
        ``effect`` (difference of the shares), ``low`` and ``high`` (its 95 % interval, by Newcombe's
        hybrid score method, Statistics in Medicine 17, 1998, method 10), ``test`` and ``p_value``:
        Fisher's exact test, two-sided by the probability of the tables, where an expected count is
        below 10, else the two-proportion z test with Yates' correction (``z test``). A sample without
        rows tells nothing: p is 1, the interval the whole of -1 to 1.
    """
    if not of or not of_before:
        nothing = {"effect": 0.0, "low": -1.0, "high": 1.0, "test": "none", "p_value": 1.0}
        return pl.DataFrame([nothing] * len(hits), schema=_schema())
    share, share_before = hits / of, hits_before / of_before
    low, high = _wilson(hits, of)
    low_before, high_before = _wilson(hits_before, of_before)
    effect = share - share_before
    total = hits + hits_before
    everything = of + of_before
    expected = np.minimum(total, everything - total) * min(of, of_before) / everything
    exact = expected < _FEW
    p_values = _z_test(effect, total / everything, of, of_before)
    logs = _log_factorials(everything) if exact.any() else np.zeros(1)
    known: dict[tuple[int, int], float] = {}  # rare values share their few possible counts
    for at in np.flatnonzero(exact):
        table = int(hits[at]), int(total[at])
        if table not in known:
            known[table] = _fisher(*table, of, of_before, logs)
        p_values[at] = known[table]
    return pl.DataFrame(
        {
            "effect": effect,
            "low": effect - np.sqrt((share - low) ** 2 + (high_before - share_before) ** 2),
            "high": effect + np.sqrt((high - share) ** 2 + (share_before - low_before) ** 2),
            "test": np.where(exact, "Fisher", "z test").tolist(),
            "p_value": p_values,
        },
        schema=_schema(),
    )


def _schema() -> dict[str, pl.DataType]:
    number = pl.Float64()
    return {"effect": number, "low": number, "high": number, "test": pl.String(), "p_value": number}


def _wilson(hits: _Ints, of: int) -> tuple[Floats, Floats]:
    share, z2 = hits / of, _Z**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * np.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return np.minimum(middle - half, share).clip(0, 1), np.maximum(middle + half, share).clip(0, 1)


def _z_test(effect: Floats, pooled: Floats, of: int, of_before: int) -> Floats:
    correction = (1 / of + 1 / of_before) / 2
    spread = np.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
    beyond = np.maximum(np.abs(effect) - correction, 0)
    return _two_sided(np.divide(beyond, spread, out=np.zeros_like(effect), where=spread > 0))


def _two_sided(z: Floats) -> Floats:
    return np.array([math.erfc(abs(one) / math.sqrt(2)) for one in z.tolist()])


def _log_factorials(up_to: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, up_to + 1)))])


def _fisher(hits: int, total: int, of: int, of_before: int, logs: Floats) -> float:
    """The probability of all tables with these margins that are no likelier than this one."""
    first, last = max(0, total - of_before), min(total, of)
    k = np.arange(first, last + 1)
    everything = of + of_before
    ways = logs[of] - logs[k] - logs[of - k]
    ways += logs[of_before] - logs[total - k] - logs[of_before - total + k]
    weight = ways - (logs[everything] - logs[total] - logs[everything - total])
    likelihood = np.exp(weight)
    here = likelihood[hits - first]
    return float(min(1.0, likelihood[likelihood <= here * (1 + _TIE)].sum()))


def compare_ranks(samples: pl.DataFrame) -> pl.DataFrame:
    """Whether each of many numbers is larger in one sample than in the other.

    Parameters
    ----------
    samples
        ``key`` (what is compared), ``value`` (Float64, finite), ``selected`` (bool).

    Returns
    -------
    polars.DataFrame
        A row a key that both samples have, by key: ``key``, ``count``, ``baseline_count``, ``median``,
        ``baseline_median``, ``effect`` (Cliff's delta: how much likelier a selected value is above one
        of the baseline than below it), ``low`` and ``high`` (its 95 % interval, by Feng and Cliff,
        Journal of Modern Applied Statistical Methods 3, 2004), ``test`` and ``p_value`` (Mann and
        Whitney's, two-sided, normal with corrections for ties and continuity).
    """
    ranked = samples.select(
        pl.col("key").cast(pl.Categorical),  # ranking within texts takes twice as long
        "value",
        "selected",
        pl.col("value").rank("average").over("key").alias("among_all"),
        pl.col("value").rank("average").over("key", "selected").alias("among_own"),
        pl.col("selected").sum().over("key").cast(pl.Int64).alias("m"),
        pl.len().over("key").cast(pl.Int64).alias("both"),
    ).with_columns((pl.col("both") - pl.col("m")).alias("n"))
    ranked = ranked.filter((pl.col("m") > 0) & (pl.col("n") > 0))
    others = pl.when("selected").then("n").otherwise("m")
    below = pl.col("among_all") - pl.col("among_own")  # of the others, ties half
    dominance = (2 * below / others - 1).alias("dominance")
    chosen, rest = pl.col("selected"), ~pl.col("selected")
    table = (
        ranked.with_columns(dominance)
        .group_by("key")
        .agg(
            pl.col("m").first().alias("count"),
            pl.col("n").first().alias("baseline_count"),
            pl.col("value").filter(chosen).median().alias("median"),
            pl.col("value").filter(rest).median().alias("baseline_median"),
            pl.col("dominance").filter(chosen).mean().alias("effect"),
            pl.col("dominance").filter(chosen).var(ddof=0).alias("own_spread"),
            pl.col("dominance").filter(rest).var(ddof=0).alias("other_spread"),
        )
        .join(_ties(ranked), on="key")
        .with_columns(pl.col("key").cast(pl.String))
        .sort("key")
    )
    low, high = _interval(table)
    return table.select(
        *("key", "count", "baseline_count", "median", "baseline_median", "effect"),
        pl.Series("low", low),
        pl.Series("high", high),
        pl.lit("Mann-Whitney").alias("test"),
        pl.Series("p_value", _rank_test(table)),
    )


def _ties(ranked: pl.DataFrame) -> pl.DataFrame:
    per_value = ranked.group_by("key", "value").agg(
        pl.len().cast(pl.Float64).alias("times"),
        pl.col("selected").sum().cast(pl.Float64).alias("here"),
    )
    t, here = pl.col("times"), pl.col("here")
    return per_value.group_by("key").agg(
        (t**3 - t).sum().alias("cubes"), (here * (t - here)).sum().alias("tied_pairs")
    )


def _floats(table: pl.DataFrame, *names: str) -> tuple[Floats, ...]:
    return tuple(table[name].cast(pl.Float64).to_numpy() for name in names)


def _interval(table: pl.DataFrame) -> tuple[Floats, Floats]:
    m, n, d = _floats(table, "count", "baseline_count", "effect")
    own, other, tied = _floats(table, "own_spread", "other_spread", "tied_pairs")
    # The consistent estimate of delta's variance: what rows and columns of the dominance matrix
    # vary, and what is left over.
    pairs = m * n
    left = (pairs - tied) / pairs - d**2
    variance = (own * n + other * m + left) / np.maximum(pairs, 1)
    # At delta = 1 or -1 the estimate is 0; the least that such samples can show stands in.
    variance = np.maximum(variance, (1 - d**2) / np.maximum(pairs, 2) + 1e-300)
    spread = np.sqrt(variance)
    root = np.sqrt((1 - d**2) ** 2 + _Z**2 * variance)
    divisor = 1 - d**2 + _Z**2 * variance
    low = (d - d**3 - _Z * spread * root) / divisor
    high = (d - d**3 + _Z * spread * root) / divisor
    # All above, or all below: Feng and Cliff's bound for complete separation, from the smaller sample.
    smaller = np.minimum(m, n)
    edge = (smaller - _Z**2) / (smaller + _Z**2)
    low = np.where(d >= 1, edge, np.where(d <= -1, -1.0, low))
    high = np.where(d <= -1, -edge, np.where(d >= 1, 1.0, high))
    return np.clip(low, -1, 1), np.clip(high, -1, 1)


def _rank_test(table: pl.DataFrame) -> Floats:
    m, n, d, cubes = _floats(table, "count", "baseline_count", "effect", "cubes")
    both = m + n
    spread = np.sqrt(np.maximum(m * n / 12 * (both + 1 - cubes / np.maximum(both * (both - 1), 1)), 0))
    beyond = np.maximum(np.abs(d) * m * n / 2 - 0.5, 0)
    return _two_sided(np.divide(beyond, spread, out=np.zeros_like(d), where=spread > 0))


def discovery_rates(p_values: Sequence[float] | Floats) -> Floats:
    """Benjamini and Hochberg's adjusted p-values (Journal of the Royal Statistical Society B 57, 1995).

    The share of chance findings to expect among all findings with a p-value no larger than this one.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1].clip(0, 1)
    return adjusted
