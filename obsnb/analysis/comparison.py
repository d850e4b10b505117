"""Two stretches of time side by side: what is the same in both, what is new, what is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from obsnb.analysis.patterns import patterns
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, dtype
from obsnb.timerange import TimeRange

__all__ = ["COMPARED", "OFTEN", "Stretch", "compared"]

#: Of fewer calls no 95th percentile is compared.
OFTEN = 10

#: A score that quiet hours reach too is no suspect's.
_CONFIDENT = 0.3
_LENGTH = pl.Duration("ns")

#: The columns of `compared`.
COMPARED: dict[str, Any] = {
    "what": pl.String,
    "change": pl.String,
    "name": pl.String,
    "service": pl.String,
    "a_count": pl.Int64,
    "b_count": pl.Int64,
    "a_per_minute": pl.Float64,
    "b_per_minute": pl.Float64,
    "times": pl.Float64,
    "a_p95": _LENGTH,
    "b_p95": _LENGTH,
    "a_score": pl.Float64,
    "b_score": pl.Float64,
    "id": pl.String,
}
_SIDE: dict[str, Any] = {
    "id": pl.String,
    "service": pl.String,
    "name": pl.String,
    "count": pl.Int64,
    "p95": _LENGTH,
    "score": pl.Float64,
}


@dataclass(frozen=True)
class Stretch:
    """What one side holds of its stretch of time.

    Attributes
    ----------
    during
        The stretch.
    errors, statements, suspects
        As `obsnb.error_groups`, `obsnb.slow_queries` and `obsnb.suspects` give them for it.
    logs
        LOGS of it, after `obsnb.parse_logs`.
    found
        Whether it is an incident, and not all that was looked at.
    """

    during: TimeRange
    errors: pl.DataFrame
    statements: pl.DataFrame
    suspects: pl.DataFrame
    logs: pl.DataFrame
    found: bool = True

    def __repr__(self) -> str:
        return f"Stretch({self.during}, {self.logs.height} lines)"


def compared(a: Stretch, b: Stretch, *, conventions: Conventions = DEFAULT) -> pl.DataFrame:
    """What the two have in common, and what only one of them has.

    Parameters
    ----------
    a, b
        The earlier and the later, or the good and the bad.
    conventions
        The stack's names.

    Returns
    -------
    DataFrame
        Errors, statements (and other client calls), patterns of log lines and suspects: what is new in
        `b`, then what is gone, then what is in both, those first whose rate or time differs most.

        - ``what``: error, statement, pattern or suspect
        - ``change``: new, gone, same
        - ``name``, ``service``, ``id`` (as the function that found it says)
        - ``a_count``, ``b_count``; ``a_per_minute``, ``b_per_minute``; ``times``: the second rate by the
          first, null where it is in one only
        - ``a_p95``, ``b_p95`` (ns): of a statement
        - ``a_score``, ``b_score`` (0..1): of a suspect, of which those under 0.3 do not count

    Notes
    -----
    The same error is one of the same type, place and message; the same statement one of the same text
    without its literals, from the same service. Patterns are mined from the lines of both together:
    apart, other lines would make others of the same. New says that it was not seen, not that it could
    not be: a rare one may be missing by chance.
    """
    minutes = (a.during.duration_ns / 60e9, b.during.duration_ns / 60e9)
    parts = [
        _joined("error", _errors(a), _errors(b), minutes),
        _joined("statement", _statements(a), _statements(b), minutes),
        _joined("pattern", *_patterns(a, b, conventions), minutes),
        _joined("suspect", _suspects(a), _suspects(b), minutes),
    ]
    return pl.concat(parts)


def _side(frame: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    given = [columns.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in _SIDE.items()]
    return frame.select(given)


def _errors(stretch: Stretch) -> pl.DataFrame:
    # A message of nothing but placeholders tells nothing beside a type.
    message = pl.when(pl.col("message").str.contains(r"\w") | pl.col("type").is_null()).then("message")
    said = pl.concat_str([pl.col("type"), message], separator=": ", ignore_nulls=True)
    side = _side(
        stretch.errors,
        id=pl.col("group_id"),
        service=pl.col("service"),
        name=said,
        count=_count("within", "count"),
    )
    return side.filter(pl.col("count") > 0)


def _statements(stretch: Stretch) -> pl.DataFrame:
    side = _side(
        stretch.statements,
        id=pl.col("fingerprint"),
        service=pl.col("service"),
        name=pl.coalesce("statement", _call(), "kind"),
        count=_count("within_count", "count"),
        p95=_count("within_p95", "p95"),
    )
    return side.filter(pl.col("count") > 0).unique(["id", "service"], keep="first", maintain_order=True)


def _call() -> pl.Expr:
    """What was called, with whom where its name does not say that: many are called ``GET``."""
    whom = pl.col("peer").replace("", None)
    named = pl.col("operation").str.contains(whom, literal=True)
    return (
        pl.when(named)
        .then("operation")
        .otherwise(pl.concat_str(["operation", whom], separator=" → ", ignore_nulls=True))
    )


def _count(within: str, whole: str) -> pl.Expr:
    """What is inside of the stretch; all of it where nothing else was looked at."""
    return pl.coalesce(within, whole)


def _suspects(stretch: Stretch) -> pl.DataFrame:
    kind, cause = pl.col("cause_kind").replace("unknown", None), pl.col("cause").replace("", None)
    named = pl.when(cause.str.starts_with(kind).fill_null(value=False)).then(None).otherwise(kind)
    why = pl.concat_str([named, cause], separator=": ", ignore_nulls=True)
    side = _side(
        stretch.suspects, id=pl.col("service"), service=pl.col("service"), name=why, score=pl.col("score")
    )
    return side.filter(pl.col("score") >= _CONFIDENT)


def _patterns(a: Stretch, b: Stretch, conventions: Conventions) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The patterns of both, mined together, with the first's lines moved to before the second's."""
    lines = [one.logs.filter(_inside(one.during)) for one in (a, b)]
    before = TimeRange(b.during.start_ns - a.during.duration_ns, b.during.start_ns)
    moved = pl.col("timestamp").to_physical() + (before.start_ns - a.during.start_ns)
    lines[0] = lines[0].with_columns(moved.cast(dtype("time")).alias("timestamp"))
    both = pl.concat(lines, how="diagonal_relaxed") if any(one.height for one in lines) else LOGS.empty()
    found = patterns(both, during=b.during, baseline=before, conventions=conventions)
    named = {
        "id": pl.col("pattern_id"),
        "name": pl.col("pattern"),
        "service": pl.col("services").list.join(", "),
    }
    sides = [_side(found, **named, count=pl.col(column)) for column in ("before", "within")]
    return sides[0].filter(pl.col("count") > 0), sides[1].filter(pl.col("count") > 0)


def _inside(window: TimeRange) -> pl.Expr:
    return pl.col("timestamp").to_physical().is_between(window.start_ns, window.end_ns, closed="left")


def _joined(what: str, a: pl.DataFrame, b: pl.DataFrame, minutes: tuple[float, float]) -> pl.DataFrame:
    """The two sides by id and service, each thing once."""
    both = a.join(b, on=["id", "service"], how="full", suffix="_b", coalesce=True, nulls_equal=True)
    in_a = pl.col("name").is_not_null() | pl.col("count").is_not_null()
    in_b = pl.col("name_b").is_not_null() | pl.col("count_b").is_not_null()
    change = (
        pl.when(in_a & in_b).then(pl.lit("same")).when(in_b).then(pl.lit("new")).otherwise(pl.lit("gone"))
    )
    both = both.with_columns(
        what=pl.lit(what),
        change=change,
        name=pl.coalesce("name_b", "name"),
        a_count=pl.col("count"),
        b_count=pl.col("count_b"),
        a_per_minute=pl.col("count") / minutes[0],
        b_per_minute=pl.col("count_b") / minutes[1],
        a_p95=pl.col("p95"),
        b_p95=pl.col("p95_b"),
        a_score=pl.col("score"),
        b_score=pl.col("score_b"),
    ).with_columns(times=pl.col("b_per_minute") / pl.col("a_per_minute"))
    order = pl.col("change").replace_strict({"new": 0, "gone": 1, "same": 2}, return_dtype=pl.Int8)
    slower = pl.col("b_p95").dt.total_nanoseconds() / pl.col("a_p95").dt.total_nanoseconds()
    slower = pl.when(pl.min_horizontal("a_count", "b_count") >= OFTEN).then(slower)
    most = pl.max_horizontal(pl.col("times").log().abs(), slower.log().abs())
    differs = pl.coalesce(most, pl.max_horizontal("a_per_minute", "b_per_minute"), "b_score", "a_score", 0.0)
    ordered = both.sort(order, -differs, "name", "service", maintain_order=True)
    return ordered.select(pl.col(name).cast(kind) for name, kind in COMPARED.items())
