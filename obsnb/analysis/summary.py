"""The answer in a few lines: what broke, since when, where, why, and how sure."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from obsnb.analysis.amounts import told_length
from obsnb.analysis.labelled import Labelled
from obsnb.instants import told_ns
from obsnb.timerange import TimeRange

__all__ = ["SURE_FROM", "Summary", "summarise"]

#: Below this score a suspect is not named as the answer (`obsnb.suspects` calibrates its scores so
#: that all stay under it when nothing is wrong).
SURE_FROM = 0.3
_TOLD_FROM = 0.005  # a score of nought to two digits is none


@dataclass(frozen=True, repr=False)
class Summary(Labelled):
    """What an investigation found, in words that a person can read.

    Attributes
    ----------
    what, since, where, why, sure
        One sentence each.
    confident
        Whether a suspect scored high enough to be named.
    """

    what: str
    since: str
    where: str
    why: str
    sure: str
    confident: bool

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """Label and sentence, in order."""
        return (
            ("What", self.what),
            ("Since", self.since),
            ("Where", self.where),
            ("Why", self.why),
            ("How sure", self.sure),
        )


def summarise(
    *,
    during: TimeRange,
    baseline: TimeRange | None,
    found: bool,
    recovered: bool,
    suspects: pl.DataFrame,
    impact: pl.DataFrame,
    error_groups: pl.DataFrame,
    slow_queries: pl.DataFrame,
) -> Summary:
    """The few lines of an investigation, from its frames.

    Parameters
    ----------
    during, baseline
        What was compared with what.
    found
        Whether an onset was found (or given); without one the lines say so.
    recovered
        Whether the end of `during` is a recovery and not just the end of what was looked at.
    suspects, impact, error_groups, slow_queries
        As the functions of these names give them.
    """
    top = suspects.row(0, named=True) if suspects.height else None
    # Without an onset and without a baseline nothing can be called new, whatever there is of it.
    comparable = found or baseline is not None
    confident = comparable and top is not None and (top["score"] or 0.0) >= SURE_FROM
    return Summary(
        what=_what(impact, error_groups),
        since=_since(during, found=found, recovered=recovered, baseline=baseline),
        where=_where(top if confident else None),
        why=_why(top, error_groups, slow_queries) if confident and top else "no single cause stands out.",
        sure=_sure(suspects, confident=confident, comparable=comparable),
        confident=confident,
    )


def _measure(impact: pl.DataFrame, name: str) -> tuple[float | None, float | None]:
    rows = impact.filter(pl.col("measure") == name)
    return (None, None) if rows.is_empty() else (rows["during"][0], rows["before"][0])


def _share(part: float | None, whole: float | None) -> str:
    if part is None or not whole:
        return ""
    return f"{100 * part / whole:.1f} %" if part else "none"


def _what(impact: pl.DataFrame, groups: pl.DataFrame) -> str:
    requests, requests_before = _measure(impact, "requests")
    failed, failed_before = _measure(impact, "failed requests")
    slow, _ = _measure(impact, "slow requests")
    p95, p95_before = _measure(impact, "95th percentile")
    parts = []
    if requests:
        share, before = _share(failed, requests), _share(failed_before, requests_before)
        against = f" (before: {before})" if before else ""
        some = f"{failed:,.0f} of {requests:,.0f} requests failed, {share}"
        parts.append(f"{some if failed else f'none of {requests:,.0f} requests failed'}{against}")
    if slow:
        parts.append(f"{slow:,.0f} were slow")
    if p95 is not None:
        against = f" (before: {told_length(p95_before)})" if p95_before is not None else ""
        parts.append(f"the 95th percentile of the time they took was {told_length(p95)}{against}")
    if not parts:
        new = groups.filter(pl.col("is_new").fill_null(False)) if groups.height else groups
        count = int(new["count"].sum()) if new.height else 0
        return (
            f"{count:,} occurrence{'s' * (count != 1)} of errors that were not there before."
            if count
            else "nothing counted stands out."
        )
    hurt = impact.filter(pl.col("measure") == "tenants affected")
    if hurt.height and hurt["names"][0] is not None and len(hurt["names"][0]):
        parts.append("tenants affected: " + ", ".join(hurt["names"][0]))
    return "; ".join(parts) + "."


def _since(during: TimeRange, *, found: bool, recovered: bool, baseline: TimeRange | None) -> str:
    begin, end = told_ns(during.start_ns), told_ns(during.end_ns, during.start_ns)
    if not found:
        return f"no onset was found between {begin} and {end} UTC."
    until = (
        f"until {end} UTC ({told_length(during.duration_s)})" if recovered else f"and not over by {end} UTC"
    )
    against = (
        " to ".join(told_ns(ns, during.start_ns) for ns in (baseline.start_ns, baseline.end_ns))
        if baseline
        else "no baseline"
    )
    return f"{begin} {until}, compared with {against}."


def _where(top: dict[str, object] | None) -> str:
    if top is None:
        return "no confident suspect."
    within = f", within {top['within']}" if top.get("within") else ""
    return f"{top['service']}{within}."


def _why(top: dict[str, object], groups: pl.DataFrame, queries: pl.DataFrame) -> str:
    parts = [str(top["cause"] or "the cause is not known").rstrip(".")]
    new = groups.filter(pl.col("is_new").fill_null(False) & ~pl.col("passed_on").fill_null(False))
    if new.height:
        raised = (pl.col("kind") == "raised") if "kind" in new.columns else pl.lit(True)
        row = new.sort(raised, "within", descending=True).row(0, named=True)
        kind = f"{row['type']}: " if row["type"] else ""
        parts.append(
            f"the errors that came with it: {row['within']:,} times {kind}{str(row['message'])[:120]}"
        )
    if queries.height and "change" in queries.columns and top["cause_kind"] != "statement":
        theirs = (pl.col("kind") == "statement") & (pl.col("peer") == top["service"])
        grown = queries.filter(theirs & (pl.col("change") > 2))
        if grown.height:
            row = grown.sort("within_p95", descending=True).row(0, named=True)
            parts.append(
                f"its statement on {', '.join(row['tables'] or [])} became {row['change']:,.0f} times slower"
            )
    return "; ".join(part.rstrip(".") for part in parts) + "."


def _sure(suspects: pl.DataFrame, *, confident: bool, comparable: bool) -> str:
    if suspects.is_empty():
        return "there is nothing to rank."
    if not comparable:
        return "not sure: no onset was found, and there is no baseline to compare with."
    first = suspects["score"][0] or 0.0
    second = ""
    if suspects.height > 1:
        next_one = suspects["score"][1] or 0.0
        second = (
            f"; the next is {suspects['service'][1]} with {next_one:.2f}"
            if next_one >= _TOLD_FROM
            else "; nobody else stands out"
        )
    if not confident:
        highest = f"the highest score is {first:.2f} ({suspects['service'][0]})"
        return f"not sure: {highest}, which quiet hours reach too."
    word = "high" if first >= 0.7 else "moderate"
    return f"{word}, {first:.2f} of 1{second}."
