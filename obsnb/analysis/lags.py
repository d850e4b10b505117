"""Which series move with one series, and how long before or after it."""

from __future__ import annotations

from math import erfc
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.changes import as_levels, series_key
from obsnb.analysis.two_samples import discovery_rates
from obsnb.errors import UsageError
from obsnb.schema import SERIES

__all__ = ["series_lag"]

Floats = npt.NDArray[np.float64]

_FEWEST = 20  # steps that two series must overlap in, below which any correlation is found
_TURNS = 20  # stretches as long as all lags together, below which turns are too much alike to be counted
_BATCH = 1024  # series at a time, which bounds the memory
_NS = pl.Duration("ns")
_COLUMNS: dict[str, Any] = {
    "rank": pl.Int64,
    "series_id": pl.String,
    "metric": pl.String,
    "service": pl.String,
    "lag": _NS,
    "correlation": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "overlap": pl.Int64,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "p_shifted": pl.Float64,
    "note": pl.String,
}


def series_lag(
    series: Any, target: Any, *, max_lag: str | int = "5m", step: str | None = None, of: str = "changes"
) -> Any:
    """How each of many series moves with one series, at which lag, and whether chance would do as well.

    Parameters
    ----------
    series
        SERIES: any number of series, counters among them, which are compared by their rates (what is
        a counter is told as `change_points` does).
    target
        SERIES of the one series that they are compared with.
    max_lag
        How far before and after the target they are looked for: a length such as ``"5m"``, or steps.
    step
        The common grid; without, the median distance of the target's samples.
    of
        ``changes``: from step to step, which a shared trend or a shared level does not fool; ``levels``: the
        values themselves, which show what moves slowly.

    Returns
    -------
    frame
        A row a series of `series`, the surest first: ``rank``, ``series_id`` (without ids, metric and
        labels), ``metric``, ``service``;
        ``lag`` (Duration: positive where the series moves after the target), ``correlation`` at that lag (of
        ranks, -1 to 1) with its 95 % interval ``low`` and ``high`` (for that one lag), ``overlap`` (steps
        that both have there), ``p_value`` (that independent series would correlate as much at any lag),
        ``q_value`` (Benjamini and Hochberg's, over all series), ``p_shifted`` (the share of all turns of the
        target by more than the lags that do as well at some lag, null where the series is no
          twenty times as long as all the lags, so that its turns are too much alike), ``note``
        (why a series was not compared).

    Raises
    ------
    FrameError
        A column is missing.
    UsageError
        The target is not one series, the grid or the lag cannot be read, or `of` is neither.

    Notes
    -----
    Values are put onto the grid (the last one of each step, of rates the mean; a gap stays a gap),
    differenced, ranked, and correlated at all lags at once by the fast Fourier transform. The significance
    at one lag is that of a normal z with Bartlett's variance, the sum over all lags of the product of the two
    series' own autocorrelations over the overlap (Bartlett, Supplement to the Journal of the Royal
    Statistical Society 8, 1946; Box, Jenkins and Reinsel, Time Series Analysis, 11.1.3), for series that
    swing slowly correlate by chance; for the choice of the best of many lags it is corrected by Šidák's
    formula (Journal of the American Statistical Association 62, 1967). ``p_shifted`` needs no
    such model: turning one series round against the other keeps all that each has of its own. It cannot be
    smaller than one over the number of turns. What moves before another is not thereby its cause.
    """
    if of not in ("changes", "levels"):
        raise UsageError(
            f"series_lag does not know how to compare {of!r}.", hint='Pass of="changes" or of="levels".'
        )
    needs = ("timestamp", "metric", "value")
    frame = _keyed(to_polars(series, SERIES, needs=needs, what="series_lag"))
    one = _keyed(to_polars(target, SERIES, needs=needs, what="series_lag"))
    known = frame.select("series_id", "metric", "service").unique(
        "series_id", keep="first", maintain_order=True
    )
    many = one["series_id"].n_unique()
    if many != 1:
        raise UsageError(
            f"series_lag compares with one series; the target has {many}.",
            hint='Choose one: series.filter(pl.col("series_id") == "...").',
        )
    every = _step(one, step)
    lags = _steps(max_lag, every)
    times = one["timestamp"].to_physical().drop_nulls()
    first, last = int(times.min()) // every, int(times.max()) // every  # type: ignore[arg-type]  # it has rows
    wide = _gridded(frame, every, first, last, of)
    goal = _gridded(one, every, first, last, of)[1][0]
    rows = _compared(*wide, goal, lags, every)
    return like(_shaped(rows, known), series)


def _keyed(frame: pl.DataFrame) -> pl.DataFrame:
    named = pl.concat_str(series_key(frame), separator=" ", ignore_nulls=True)
    rows = SERIES.conform(frame.with_columns(named.replace("", None).alias("series_id")))
    rows = rows.with_columns(pl.col("metric", "service").cast(pl.String))
    return rows.select("timestamp", "metric", "series_id", "service", "value").drop_nulls("series_id")


def _length(text: str, what: str) -> int:
    try:
        ns: int = pl.select((pl.lit(0).cast(pl.Datetime("ns")).dt.offset_by(text)).to_physical()).item()
    except pl.exceptions.PolarsError:
        ns = 0
    if ns <= 0:
        raise UsageError(
            f"series_lag cannot read the {what} {text!r}.", hint='Lengths look like "15s" or "5m".'
        )
    return ns


def _step(one: pl.DataFrame, step: str | None) -> int:
    if step is not None:
        return _length(step, "step")
    between = one["timestamp"].to_physical().unique().sort().diff().drop_nulls().median()
    if between is None:
        raise UsageError("The target of series_lag has a single sample.", hint="Ask for a longer window.")
    return max(int(between), 1)  # type: ignore[arg-type]  # numbers have a number as their median


def _steps(max_lag: str | int, every: int) -> int:
    steps = max_lag if isinstance(max_lag, int) else _length(max_lag, "lag") // every
    if steps < 0:
        raise UsageError(f"series_lag cannot look {steps} steps far.", hint="Pass 0 or more.")
    return steps


def _gridded(frame: pl.DataFrame, every: int, first: int, last: int, of: str) -> tuple[list[str], Floats]:
    """Series by steps, standard ranks, nought where there is no value; and whose row is whose."""
    ids = frame["series_id"].unique(maintain_order=True)
    numbers = pl.DataFrame({"series_id": ids, "row": range(len(ids))}, schema_overrides={"row": pl.Int64})
    levels = as_levels(frame, ["series_id"]).join(numbers, on="series_id")
    rows = levels.select("row", (pl.col("ns") // every - first).alias("at"), "level", "counter")
    rows = rows.filter(pl.col("at").is_between(0, last - first))
    kept = rows.group_by("row", "at", maintain_order=True).agg(
        pl.when(pl.col("counter").first()).then(pl.col("level").mean()).otherwise(pl.col("level").last())
    )
    wide = np.full((len(ids), last - first + 1), np.nan)
    wide[kept["row"].to_numpy(), kept["at"].to_numpy()] = kept["level"].to_numpy()
    if of == "changes":
        wide = np.diff(wide, axis=1)
    return ids.to_list(), _ranked(wide)


def _ranked(wide: Floats) -> Floats:
    """Ranks within each row (of equal values their mean), centred; not a number where there is none."""
    there = np.flatnonzero(np.isfinite(wide).ravel())
    out = np.full(wide.size, np.nan)
    if len(there):
        long = pl.DataFrame({"row": there // wide.shape[1], "value": wide.ravel()[there]})
        rank = long.select(
            (pl.col("value").rank("average").over("row") - (pl.len().over("row") + 1) / 2).alias("r")
        )
        out[there] = rank["r"].to_numpy()
    return out.reshape(wide.shape)


def _compared(ids: list[str], wide: Floats, goal: Floats, lags: int, every: int) -> pl.DataFrame:
    parts = []
    lags = min(lags, max(wide.shape[1] - _FEWEST, 0))
    for begin in range(0, len(ids), _BATCH):
        some = wide[begin : begin + _BATCH]
        found = _best(some, goal, lags)
        parts.append(found.with_columns(pl.Series("series_id", ids[begin : begin + _BATCH], dtype=pl.String)))
    if not parts:
        return pl.DataFrame(schema={**_COLUMNS})
    return pl.concat(parts).with_columns((pl.col("steps") * every).alias("lag"))


def _best(some: Floats, goal: Floats, lags: int) -> pl.DataFrame:
    """The best lag of each series."""
    here, there = np.isfinite(some), np.isfinite(goal)
    x, y = np.where(here, some, 0.0), np.where(there, goal, 0.0)
    size = 1 << int(np.ceil(np.log2(max(2 * some.shape[1], 2))))

    def crossed(a: Floats, b: Floats) -> Floats:
        both = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
        return np.concatenate([both[:, -lags:], both[:, : lags + 1]], axis=1) if lags else both[:, :1]

    ones, one = here.astype(float), there.astype(float)[None, :]
    overlap = np.rint(crossed(ones, one))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(crossed(x**2, one) * crossed(ones, (y**2)[None, :]))
        r = np.where((overlap >= _FEWEST) & (spread > 1e-9), crossed(x, y[None, :]) / spread, np.nan)
    usable = np.isfinite(r).any(axis=1)
    best = np.argmax(np.where(np.isfinite(r), np.abs(r), -1.0), axis=1)
    rows = np.arange(len(some))
    correlation, common = np.clip(r[rows, best], -1.0, 1.0), overlap[rows, best]
    # Bartlett: what both have of memory makes chance correlations larger.
    product = 1 + 2 * (_memory(x, size) * _memory(y[None, :], size)).sum(axis=1)
    effective = np.maximum(common / np.maximum(product, 1.0), 4.0)
    z = np.arctanh(np.clip(np.abs(correlation), 0, 1 - 1e-12)) * np.sqrt(np.maximum(effective - 3, 1.0))
    tried = np.isfinite(r).sum(axis=1)
    half = 1.959963984540054 / np.sqrt(np.maximum(effective - 3, 1.0))
    middle = np.arctanh(np.clip(correlation, -1 + 1e-12, 1 - 1e-12))
    return pl.DataFrame(
        {
            "steps": np.where(usable, best - lags, 0),
            "correlation": correlation,
            "low": np.tanh(middle - half),
            "high": np.tanh(middle + half),
            "overlap": np.where(usable, common, overlap.max(axis=1)).astype(np.int64),
            "p_value": _sidak(z, tried),
            "p_shifted": _turned(x, y, lags),
            "usable": usable,
            "varies": (x**2).sum(axis=1) > 0,
        }
    )


def _memory(x: Floats, size: int) -> Floats:
    """Each row's autocorrelation at lags from 1 on to a quarter of its length."""
    many = x.shape[1]
    own = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2, size)[:, : max(many // 4, 1)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(own[:, :1] > 0, own / own[:, :1], 0.0)[:, 1:]


def _sidak(z: Floats, tried: npt.NDArray[np.int64]) -> Floats:
    single = np.array([erfc(one / np.sqrt(2)) if np.isfinite(one) else 1.0 for one in z.tolist()])
    several: Floats = -np.expm1(np.maximum(tried, 1) * np.log1p(-np.minimum(single, 1 - 1e-16)))
    return several


def _turned(x: Floats, y: Floats, lags: int) -> Floats:
    """Of all turns of the target beyond the lags, the share that do as well at some lag; NaN if too few."""
    many = x.shape[1]
    if many < _TURNS * (2 * lags + 1):
        return np.full(len(x), np.nan)
    around = np.abs(np.fft.irfft(np.fft.rfft(x) * np.conj(np.fft.rfft(y))[None, :], many))
    around = np.concatenate([around[:, -lags:], around, around[:, :lags]], axis=1) if lags else around
    highest = np.lib.stride_tricks.sliding_window_view(around, 2 * lags + 1, axis=1).max(axis=2)
    beyond = highest[:, 2 * lags + 1 : many - 2 * lags]
    as_well = (beyond >= highest[:, :1] * (1 - 1e-9)).sum(axis=1)
    share: Floats = (1 + as_well) / (1 + beyond.shape[1])
    return share


def _shaped(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema=_COLUMNS)
    why = (
        pl.when(~pl.col("usable") & (pl.col("overlap") < _FEWEST))
        .then(pl.format("fewer than {} steps in common", pl.lit(_FEWEST)))
        .when(~pl.col("usable"))
        .then(pl.lit("one of the two does not change"))
    )
    rows = rows.join(known, on="series_id", how="left", maintain_order="left").with_columns(why.alias("note"))
    measured = ("lag", "correlation", "low", "high", "p_value", "p_shifted")
    rows = rows.with_columns(
        pl.when("usable").then(pl.col(name).fill_nan(None) if name != "lag" else pl.col(name)).alias(name)
        for name in measured
    )
    tested = rows.filter("usable")
    rates = pl.Series("q_value", discovery_rates(tested["p_value"].to_numpy()), dtype=pl.Float64)
    tested = tested.with_columns(rates).sort(
        "p_value", pl.col("correlation").abs(), "series_id", descending=[False, True, False]
    )
    tested = tested.with_columns(pl.int_range(1, pl.len() + 1).alias("rank"))
    untold = rows.filter(~pl.col("usable")).sort("series_id")
    whole = pl.concat([tested, untold], how="diagonal_relaxed")
    return whole.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
