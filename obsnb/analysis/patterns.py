"""Patterns of log lines: what the program always writes, with ``<*>`` for what changes."""

from __future__ import annotations

import hashlib
from typing import Any

import narwhals as nw
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.messages import WILDCARD
from obsnb.analysis.pattern_masks import HOLE, masked
from obsnb.analysis.pattern_merge import merged
from obsnb.collector import paused_collector
from obsnb.conventions import DEFAULT, Conventions
from obsnb.errors import FrameError
from obsnb.schema import LOGS, dtype
from obsnb.timerange import TimeRange, check_windows

__all__ = ["mine_patterns", "patterns"]

_SURGE = 2.0  # times the baseline's rate
_SURE = 4.0  # standard deviations that a surge must be off
_GONE = 5.0  # lines that were to be expected before none at all says something: exp(-5) is under 1 %
_TEXTS = pl.List(pl.String)
_PATTERNS: dict[str, Any] = {
    "pattern_id": pl.String,
    "pattern": pl.String,
    "count": pl.Int64,
    "share": pl.Float64,
    "first_seen": dtype("time"),
    "last_seen": dtype("time"),
    "services": _TEXTS,
    "levels": _TEXTS,
    "before": pl.Int64,
    "within": pl.Int64,
    "before_per_minute": pl.Float64,
    "within_per_minute": pl.Float64,
    "change": pl.String,
    "example": pl.String,
    "row_id": pl.String,
}


def mine_patterns(lines: Any) -> Any:
    """The pattern of each line: its text with ``<*>`` for the parts that change.

    Parameters
    ----------
    lines
        Texts, nulls allowed: a list, or a polars, pandas or pyarrow column.

    Returns
    -------
    frame
        A row a line, in order; pandas or pyarrow where the column was of these, else polars.

        - ``pattern_id``: 12 hex digits, a hash of the pattern's text
        - ``pattern``: what is constant as it was written, punctuation and spaces included. Where each
          ``<*>`` is read as any text, the pattern matches the line. Null for a null.

    Raises
    ------
    FrameError
        They are no texts.

    Notes
    -----
    There is nothing to configure. Numbers, hexadecimal and other ids, addresses, host names, mail
    addresses, dates and the queries of URLs are masked. Of what remains, lines with the same
    separators in the same order are compared word by word, as in IPLoM [1]_ and Drain [2]_: they are
    divided by the place that has the fewest different words, until those that still differ have
    digits or paths in them, are values of a ``key=`` or a name's (``user root``), or are more than
    five. Lines that then have all their words in common are one pattern, whatever values, lists and
    marks stand between; that words before places tell patterns apart is Brain's idea [3]_. A line's
    place among the others has no influence; which other lines there are has, where words are merged.
    The first 1,000 characters of a line make its pattern, and ``<*>`` the rest.

    References
    ----------
    .. [1] Makanju, Zincir-Heywood, Milios: Clustering event logs using iterative partitioning. KDD 2009.
    .. [2] He, Zhu, Zheng, Lyu: Drain: an online log parsing approach with fixed depth tree. ICWS 2017.
    .. [3] Yu, He, Chen, Wu: Brain: log parsing with bidirectional parallel tree. IEEE Transactions on
       Services Computing, 2023.

    Examples
    --------
    >>> import obsnb
    >>> obsnb.mine_patterns(["took 12 ms for 10.0.0.7", "took 7.5 ms for 10.0.0.9"])["pattern"].to_list()
    ['took <*> ms for <*>', 'took <*> ms for <*>']
    """
    return like(_mined(_texts(lines)), lines, same_rows=True)


def _texts(lines: Any) -> pl.Series:
    """The lines as a column of texts, wherever they come from."""
    kind, texts = type(lines).__name__, None
    try:
        if isinstance(lines, list | tuple):
            texts = pl.Series("line", lines)
        else:
            texts = nw.from_native(lines, series_only=True).to_polars()
    except (TypeError, pl.exceptions.PolarsError):
        pass
    if texts is not None and texts.dtype in (pl.Categorical, pl.Enum, pl.Null):
        texts = texts.cast(pl.String)
    if texts is None or texts.dtype != pl.String:
        raise FrameError(
            f"mine_patterns takes texts, not {kind}{'' if texts is None else f' of {texts.dtype}'}.",
            hint='Pass logs["line"], or a list of lines.',
        )
    return texts


def _mined(lines: pl.Series) -> pl.DataFrame:
    """``pattern_id`` and ``pattern`` of each line."""
    first, both = masked(lines)
    with paused_collector():
        of = merged(both["second"].unique().to_list())
    written = {text: pattern.replace(HOLE, WILDCARD) for text, pattern in of.items()}
    ids = {pattern: hashlib.sha256(pattern.encode()).hexdigest()[:12] for pattern in set(written.values())}
    texts = [written[text] for text in both["second"]]
    known = both.select("first").with_columns(
        pl.Series("pattern_id", [ids[text] for text in texts], dtype=pl.String),
        pl.Series("pattern", texts, dtype=pl.String),
    )
    found = first.to_frame().join(known, on="first", how="left", maintain_order="left")
    return found.select("pattern_id", "pattern")


def patterns(
    logs: Any,
    *,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    conventions: Conventions = DEFAULT,
) -> Any:
    """The patterns of log lines: how often, since when, where, and what changed.

    Parameters
    ----------
    logs
        LOGS, parsed or not; ``timestamp`` and ``line`` suffice. Patterns are made of what lines say
        (``parsed.message``), not of the JSON or the head around it.
    during, baseline
        The windows that are compared.
    conventions
        The names of fields, where the lines are not parsed yet.

    Returns
    -------
    frame
        A row a pattern, the most frequent first.

        - ``pattern_id``, ``pattern``: as `mine_patterns` gives them
        - ``count``: lines in the whole frame; ``share``: of all that are not null (0..1)
        - ``first_seen``, ``last_seen``
        - ``services``, ``levels`` (lists): all of its lines', sorted
        - ``before``, ``within``: lines in `baseline` and in `during`; null without that window
        - ``before_per_minute``, ``within_per_minute``: the same as rates
        - ``change``: ``new`` (none before), ``vanished`` (none within, where at least five were to be
          expected), ``surging`` (at least twice the rate, and four standard deviations off), else
          null; null without both windows
        - ``example``, ``row_id``: its first line as it was, and which it is; ``row_id`` is null where
          the frame has none

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.

    Notes
    -----
    Rates are compared by the square roots of counts, whose variance is nearly constant for Poisson
    counts: Huffman, An improved approximate two-sample Poisson test. Applied Statistics 33, 1984.
    """
    check_windows(during=during, baseline=baseline)
    frame = to_polars(logs, LOGS, needs=("timestamp", "line"), what="patterns")
    parsed = frame if "parsed.message" in frame.columns else parse_logs(frame, conventions=conventions)
    rows = LOGS.conform(parsed).filter(pl.col("line").is_not_null())
    rows = rows.with_columns(pl.col("service", "level").cast(pl.String))
    said = rows.select(pl.coalesce("parsed.message", "line")).to_series()
    ns = rows["timestamp"].to_physical()
    rows = rows.drop("pattern_id", "pattern", strict=False).with_columns(
        *_mined(said).get_columns(),
        _inside(ns, during).alias("within"),
        _inside(ns, baseline).alias("before"),
    )
    found = _compared(_counted(rows), during, baseline)
    found = found.select(pl.col(name).cast(kind) for name, kind in _PATTERNS.items())
    return like(found.sort("count", "pattern", descending=[True, False]), logs)


def _inside(ns: pl.Series, window: TimeRange | None) -> pl.Series:
    """Whether each moment lies in the window; null where there is none."""
    if window is None:
        return pl.repeat(None, len(ns), dtype=pl.Boolean, eager=True)
    return ns.is_between(window.start_ns, window.end_ns, closed="left")


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    """A row a pattern, whatever the order of the lines."""
    earliest = ("timestamp", "line", "row_id")
    counts = (
        pl.when(pl.col(name).is_not_null().any()).then(pl.col(name).sum()).alias(name)
        for name in ("before", "within")
    )
    return rows.group_by("pattern_id", "pattern").agg(
        pl.len().cast(pl.Int64).alias("count"),
        (pl.len() / rows.height).alias("share"),
        pl.col("timestamp").min().alias("first_seen"),
        pl.col("timestamp").max().alias("last_seen"),
        pl.col("service").drop_nulls().unique().sort().alias("services"),
        pl.col("level").drop_nulls().unique().sort().alias("levels"),
        *counts,
        pl.col("line").sort_by(earliest).first().alias("example"),
        pl.col("row_id").sort_by(earliest).first(),
    )


def _compared(found: pl.DataFrame, during: TimeRange | None, baseline: TimeRange | None) -> pl.DataFrame:
    """With rates, and with what changed."""
    shorter, longer = _minutes(baseline), _minutes(during)
    before, within = pl.col("before").cast(pl.Float64), pl.col("within").cast(pl.Float64)
    found = found.with_columns(
        (before / shorter).alias("before_per_minute"), (within / longer).alias("within_per_minute")
    )
    if shorter is None or longer is None:
        return found.with_columns(change=pl.lit(None, pl.String))
    times = longer / shorter
    off = 2 * ((within + 0.375).sqrt() - (times * (before + 0.375)).sqrt()) / (1 + times) ** 0.5
    surging = (before > 0) & (within >= _SURGE * times * before) & (off >= _SURE)
    change = (
        pl.when((before == 0) & (within > 0))
        .then(pl.lit("new"))
        .when((within == 0) & (before * times >= _GONE))
        .then(pl.lit("vanished"))
        .when(surging)
        .then(pl.lit("surging"))
    )
    return found.with_columns(change.alias("change"))


def _minutes(window: TimeRange | None) -> float | None:
    return None if window is None else (window.end_ns - window.start_ns) / 60e9
