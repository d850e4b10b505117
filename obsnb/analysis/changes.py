"""When each of many series changed, whether it went back, by how much and how surely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.counters import series_key
from obsnb.analysis.incident import Incident, find_incident
from obsnb.analysis.shift import Floats, find_shift
from obsnb.analysis.tree import Ints
from obsnb.schema import SERIES

__all__ = ["Incident", "as_levels", "change_points", "each_series", "find_incident", "series_key"]

_COUNTER = r"_(?:total|count|bucket|sum)$"
_SAW = 0.1  # a counter may fall (be reset) in a tenth of its steps, no more
#: What is held or filled, however steadily it rises; a counter by its name is one all the same.
_HELD = (
    r"(?i)(?:^|[_.\W])(?:memory|heap|rss|resident|working_set|usage|used|utili[sz]ation|size|fds|pool|queue|length|"
    r"depth|lag|age|temperature|percent|ratio)(?:[_.\W]|$)"
)
_RISING = 0.3  # another series without such a name is a counter if it never falls and rises this often
_FEWEST = 8
_TIME = pl.Datetime("ns", "UTC")


def change_points(series: Any, *, by: Sequence[str] | None = None, alpha: float = 0.05) -> Any:
    """The one clearest change of every series: when it began, and when it was over.

    Parameters
    ----------
    series
        SERIES with timestamp, metric and value; any number of series in one frame.
    by
        The columns that tell series apart. Without: ``series_id``, else metric, service and every
        other column of text.
    alpha
        How large a part of the rows may be there by chance (the false discovery rate of Benjamini and
        Hochberg, Journal of the Royal Statistical Society B 57, 1995, over all series of the frame).

    Returns
    -------
    frame
        A row a series that changed, the clearest first; none for the others. The columns of `by`,
        ``metric`` and ``service`` where the frame has them, then ``kind`` (``counter``: its rate a
        second was looked at; ``gauge``: its value), ``onset`` (ns, UTC: first sample that differs),
        ``onset_low`` and ``onset_high`` (between which it lies, at 95%), ``recovery`` (first sample that
        is as before; null where none is), ``direction`` (``up``, ``down``), ``before`` and ``during``
        (medians), ``effect`` (their difference over 1.4826 times the median absolute deviation
        around them, at least a hundredth of the level: signed), ``p_value``, ``confidence`` (1 minus
        the share of chance findings among rows as clear as this one).

    Raises
    ------
    FrameError
        A needed column is missing.

    Notes
    -----
    `obsnb.analysis.shift.find_shift` says how a change is found. Gaps are passed over, samples that
    are not finite are left out, of several at one time the last counts. A series of fewer than
    eight samples, or whose samples are all equal, cannot show a change. A change that is there when
    the series begins is dated by its end, as a change in the other direction.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="change_points")
    key = list(by) if by is not None else series_key(frame)
    SERIES.check(frame.columns, needs=key, what="change_points")
    levels = as_levels(frame, key)
    rows = []
    for facts, moments, values in each_series(levels):
        found = find_shift(values)
        if found is not None and found.p_value < 1:
            dated = (found.begin, found.earliest - 1, found.latest, found.end)
            rows.append(
                (
                    facts["label"],
                    *(int(moments[max(at, 0)]) if at < len(moments) else None for at in dated),
                    found.before,
                    found.during,
                    found.effect,
                    found.p_value,
                )
            )
    table = _confident(pl.DataFrame(rows, schema=_ROW, orient="row"), levels["label"].n_unique(), alpha)
    return like(_named(table, levels), series)


_ROW: dict[str, Any] = {
    "label": pl.UInt32,
    "onset": pl.Int64,
    "onset_low": pl.Int64,
    "onset_high": pl.Int64,
    "recovery": pl.Int64,
    "before": pl.Float64,
    "during": pl.Float64,
    "effect": pl.Float64,
    "p_value": pl.Float64,
}


def as_levels(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Each series as what can be compared over time: gauges as they are, counters as rates.

    Returns
    -------
    polars.DataFrame
        ``label`` (UInt32: number of the series, in the order of the frame), ``ns`` (Int64), ``level``
        (Float64), ``counter`` (bool) and the key's columns, metric and service; by series and time.
    """
    kept = [name for name in dict.fromkeys([*key, "metric", "service"]) if name in frame.columns]
    number = pl.struct(key).rank("dense") if len(key) > 1 else pl.col(key[0]).rank("dense")
    samples = (
        frame.filter(pl.col("value").is_finite() & pl.col("timestamp").is_not_null())
        .with_columns(pl.col(key).fill_null(""))
        .select(
            number.cast(pl.UInt32).alias("label"),
            pl.col("timestamp").to_physical().alias("ns"),
            pl.col("value").alias("level"),
            *kept,
        )
        .unique(["label", "ns"], keep="last", maintain_order=True)
        .sort("label", "ns")
    )
    level, ns = samples["level"].to_numpy(), samples["ns"].to_numpy()
    first = np.append(True, np.diff(samples["label"].to_numpy().astype(np.int64)) != 0)[: len(level)]
    step = np.append(0.0, np.diff(level))[: len(level)]
    counter = _is_counter(samples, step, first)
    gap = np.append(1, np.diff(ns))[: len(level)] / 1e9
    rate = np.where(step >= 0, step, level) / np.where(first, 1.0, np.maximum(gap, 1e-9))
    return samples.with_columns(
        pl.Series("level", np.where(counter, rate, level)), pl.Series("counter", counter)
    ).filter(~pl.Series(counter & first))


def _is_counter(
    samples: pl.DataFrame, step: npt.NDArray[np.float64], first: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    steps = samples.select(
        "label", pl.Series("up", (step > 0) & ~first), pl.Series("down", (step < 0) & ~first), "level"
    )
    of = "label"
    many = pl.len().over(of)
    falls, rises = pl.col("down").sum().over(of), pl.col("up").sum().over(of)
    named = samples["metric"].str.contains(_COUNTER).fill_null(False)
    by_name = named & steps.select((falls <= _SAW * many) & (pl.col("level").min().over(of) >= 0)).to_series()
    held = samples["metric"].str.contains(_HELD).fill_null(False)
    by_shape = ~held & steps.select((falls == 0) & (rises >= _RISING * many) & (many >= _FEWEST)).to_series()
    return (by_name | by_shape).to_numpy()


def each_series(levels: pl.DataFrame) -> Iterator[tuple[dict[str, Any], Ints, Floats]]:
    """Facts (label and names), times (ns) and values of every series of what `as_levels` gives."""
    label = levels["label"].to_numpy()
    moments, values = levels["ns"].to_numpy(), levels["level"].to_numpy()
    edges = np.flatnonzero(np.diff(label.astype(np.int64))) + 1
    starts = [0, *edges.tolist()] if len(label) else []
    ends = [*edges.tolist(), len(label)] if len(label) else []
    facts = levels.drop("ns", "level")[starts].to_dicts()
    for fact, begin, end in zip(facts, starts, ends, strict=True):
        yield fact, moments[begin:end], values[begin:end]


def _confident(table: pl.DataFrame, many: int, alpha: float) -> pl.DataFrame:
    """The rows that pass Benjamini and Hochberg's procedure, with their confidence."""
    ranked = table.sort("p_value")
    share = pl.col("p_value") * many / pl.int_range(1, pl.len() + 1)
    q = share.reverse().cum_min().reverse()
    return ranked.with_columns((1 - q).alias("confidence")).filter(pl.col("confidence") >= 1 - alpha)


def _named(table: pl.DataFrame, levels: pl.DataFrame) -> pl.DataFrame:
    names = levels.drop("ns", "level").unique("label", keep="first")
    times = ("onset", "onset_low", "onset_high", "recovery")
    shown = [name for name in names.columns if name not in ("label", "counter")]
    return (
        table.join(names, on="label", how="left")
        .with_columns(pl.col(times).cast(_TIME))
        .sort(pl.col("effect").abs() * pl.col("confidence"), descending=True)
        .select(
            *shown,
            pl.when("counter").then(pl.lit("counter")).otherwise(pl.lit("gauge")).alias("kind"),
            *times,
            pl.when(pl.col("effect") > 0).then(pl.lit("up")).otherwise(pl.lit("down")).alias("direction"),
            "before",
            "during",
            "effect",
            "p_value",
            "confidence",
        )
    )
