"""What an alert rule would have done with recorded series."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.changes import series_key
from obsnb.analysis.counters import increases
from obsnb.errors import QueryError
from obsnb.instants import parse_duration
from obsnb.schema import EVENTS, SERIES
from obsnb.timerange import TimeRange, check_windows

__all__ = ["backtest_alert"]

#: Prometheus takes a series as gone when it has had no sample for five minutes.
_STALE_NS = 300 * 10**9
_SELECTOR = r"(?P<metric>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<labels>.*)\})?"
_RULE = re.compile(
    rf"\s*(?:(?P<function>rate|increase)\s*\(\s*{_SELECTOR}\s*\[(?P<range>\w+)\]\s*\)"
    rf"|{_SELECTOR.replace('?P<', '?P<plain_')})"
    r"\s*(?P<sign>>=|<=|==|!=|>|<)\s*(?P<bound>[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*"
)
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_.]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_TIME = pl.Datetime("ns", "UTC")
_COLUMNS: dict[str, Any] = {
    "series_id": pl.String,
    "service": pl.String,
    "labels": pl.String,
    "pending": _TIME,
    "fired": _TIME,
    "resolved": _TIME,
    "worst": pl.Float64,
    "first_alert": _TIME,
    "lead": pl.Duration("ns"),
    "evidence": pl.List(pl.String),
}


@dataclass(frozen=True)
class _Rule:
    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    function: str | None
    range_ns: int
    sign: str
    bound: float


def backtest_alert(
    rule: str, series: Any, *, for_: str | None = None, alerts: Any = None, window: TimeRange | None = None
) -> Any:
    """When an alert rule would have fired on recorded series.

    Parameters
    ----------
    rule
        ``metric{label="value"} > 5``, ``rate(metric[5m]) > 0.1`` or ``increase(...)``; the matchers and
        comparisons of PromQL against a number, a series at a time. Whatever is aggregated or divided is
        recorded by its query first (``obs.metrics``), and its metric named here.
    series
        SERIES.
    for_
        How long it must hold before it fires, as a rule's ``for``; without, it fires at once.
    alerts
        EVENTS: the first of kind ``alert`` in the window is what is compared with.
    window
        Where it may fire; everywhere without.

    Returns
    -------
    frame
        A row a firing, in order of time; none where the rule would have been silent. ``series_id``,
        ``service`` (where the series have them), ``labels``, ``pending`` (first sample that meets it),
        ``fired``, ``resolved`` (first sample that does not; null where none follows), ``worst`` (the
        value furthest beyond), ``first_alert``, ``lead`` (how much before the first alert; negative
        where later), ``evidence`` (``series:ID@ns``).

    Raises
    ------
    QueryError
        The rule is none of these.
    FrameError
        A needed column is missing.

    Notes
    -----
    It is evaluated at the samples' times, as a rule with the scrape's interval would be. A gap of five
    minutes ends what was pending, as staleness does in Prometheus. Infinite values are compared like
    others; NaN meets no comparison but ``!=``. A rate is what the counter grew
    between the first and the last sample in the range, resets added, over the time between them;
    Prometheus extrapolates to the ends of the range, which differs by up to a scrape interval's part
    of it.
    """
    check_windows(window=window)
    read = _read(rule)
    hold = parse_duration(for_) if for_ else 0
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="backtest_alert")
    key = series_key(frame)
    try:
        chosen = _chosen(frame, read)
    except pl.exceptions.ComputeError as error:
        raise QueryError(
            f"The rule {rule!r} has a regular expression that cannot be read: {str(error).splitlines()[0]}"
        ) from None
    chosen = chosen.drop_nulls(["value", "timestamp"])
    rows = []
    for part in chosen.partition_by(key, maintain_order=True):
        one = part.unique("timestamp", keep="last", maintain_order=True).sort("timestamp")
        ns, values = one["timestamp"].to_physical().to_numpy(), one["value"].to_numpy()
        if read.function:
            ns, values = _rates(one, read)
        rows += [_row(_facts(one), *firing) for firing in _firings(ns, values, read, hold)]
    first = _first_alert(alerts, window)
    raw = {name: pl.Int64() if kind == _TIME else kind for name, kind in _COLUMNS.items() if name != "lead"}
    table = pl.DataFrame(rows, schema=raw).with_columns(pl.col("pending", "fired", "resolved").cast(_TIME))
    if window is not None:
        inside = pl.col("fired").to_physical().is_between(window.start_ns, window.end_ns, closed="left")
        table = table.filter(inside)
    table = table.with_columns(pl.lit(first, pl.Int64).cast(_TIME).alias("first_alert"))
    table = table.with_columns((pl.col("first_alert") - pl.col("fired")).alias("lead"))
    shaped = table.sort("fired", "labels", "series_id").select(
        pl.col(name).cast(kind) for name, kind in _COLUMNS.items()
    )
    return like(shaped, series)


def _read(rule: str) -> _Rule:
    found = _RULE.fullmatch(rule)
    hint = (
        'Write metric{label="value"} > 5 or rate(metric[5m]) > 0.1; record anything else by its query first.'
    )
    if found is None:
        raise QueryError(f"The rule {rule!r} is no comparison of one metric with a number.", hint=hint)
    text = found["labels"] or found["plain_labels"] or ""
    matchers, at = [], 0
    while text[at:].strip():
        label = _LABEL.match(text, at)
        if label is None:
            raise QueryError(f"The rule {rule!r} has matchers that cannot be read: {text[at:]}", hint=hint)
        matchers.append((label[1], label[2], re.sub(r"\\(.)", r"\1", label[3])))
        at = label.end()
    return _Rule(
        metric=found["metric"] or found["plain_metric"],
        matchers=tuple(matchers),
        function=found["function"],
        range_ns=parse_duration(found["range"]) if found["range"] else 0,
        sign=found["sign"],
        bound=float(found["bound"]),
    )


def _chosen(frame: pl.DataFrame, rule: _Rule) -> pl.DataFrame:
    keep = pl.col("metric") == rule.metric
    for label, sign, value in rule.matchers:
        name = f"label.{label}" if f"label.{label}" in frame.columns else label
        have = pl.col(name).cast(pl.String).fill_null("") if name in frame.columns else pl.lit("")
        hit = have.str.contains(f"^(?:{value})$") if "~" in sign else have == value
        keep &= ~hit if sign.startswith("!") else hit
    return frame.filter(keep)


def _rates(one: pl.DataFrame, rule: _Rule) -> tuple[Any, Any]:
    grown = increases(one.with_columns(pl.lit("one").alias("series_id")))
    ns, total = grown["timestamp"].to_physical().to_numpy(), np.cumsum(grown["increase"].to_numpy())
    begin = np.searchsorted(ns, ns - rule.range_ns, side="right")
    known = begin < np.arange(len(ns))
    end, begin = np.flatnonzero(known), begin[known]
    a_second = (total[end] - total[begin]) / ((ns[end] - ns[begin]) / 1e9)
    return ns[end], a_second * (rule.range_ns / 1e9 if rule.function == "increase" else 1.0)


def _facts(one: pl.DataFrame) -> dict[str, Any]:
    row = one.row(0, named=True)
    labels = {
        name: value for name, value in row.items() if name not in SERIES.names and isinstance(value, str)
    }
    said = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series_id": row.get("series_id"), "service": row.get("service"), "labels": said}


def _row(
    facts: dict[str, Any], pending: int, fired: int, resolved: int | None, worst: float
) -> dict[str, Any]:
    evidence = [f"series:{facts['series_id']}@{fired}"] if facts["series_id"] else []
    times = {"pending": pending, "fired": fired, "resolved": resolved}
    return facts | times | {"worst": worst, "first_alert": None, "evidence": evidence}


def _firings(ns: Any, values: Any, rule: _Rule, hold: int) -> list[tuple[int, int, int | None, float]]:
    """Of each firing: when it became pending, fired and was over, and its worst value."""
    compare = {
        ">": np.greater,
        ">=": np.greater_equal,
        "<": np.less,
        "<=": np.less_equal,
        "==": np.equal,
        "!=": np.not_equal,
    }
    met = compare[rule.sign](values, rule.bound)
    fresh = np.append(True, np.diff(ns) <= _STALE_NS)[: len(ns)]
    starts = np.flatnonzero(met & ~(np.append(False, met[:-1])[: len(ns)] & fresh))
    firings = []
    for start in starts.tolist():
        broken = np.flatnonzero(~met[start + 1 :] | ~fresh[start + 1 :])
        end = start + 1 + int(broken[0]) if len(broken) else len(ns)
        held = np.flatnonzero(ns[start:end] - ns[start] >= hold)
        if not len(held):
            continue
        during, fired = values[start:end], int(ns[start + held[0]])
        last = None if end == len(ns) else int(ns[end]) if fresh[end] else int(ns[end - 1]) + _STALE_NS
        worst = (np.fmin if rule.sign.startswith("<") else np.fmax).reduce(during)
        firings.append((int(ns[start]), fired, last, float(worst)))
    return firings


def _first_alert(alerts: Any, window: TimeRange | None) -> int | None:
    if alerts is None:
        return None
    frame = to_polars(alerts, EVENTS, needs=("timestamp", "kind"), what="backtest_alert (its alerts)")
    ns = frame.filter(pl.col("kind") == "alert")["timestamp"].to_physical()
    if window is not None:
        ns = ns.filter(ns.is_between(window.start_ns, window.end_ns, closed="left"))
    first = ns.min()
    return int(first) if isinstance(first, int) else None
