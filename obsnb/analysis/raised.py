"""Failed requests by the node that raised the failure, rather than passed it on, against a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from obsnb.analysis.absence import Absence
from obsnb.analysis.failures import WAITING
from obsnb.analysis.mentions import mentioned
from obsnb.analysis.nodes import SpanNodes
from obsnb.analysis.scores import Finding, certainty, saturate, share_z
from obsnb.analysis.service_names import Names
from obsnb.analysis.windows import side
from obsnb.timerange import TimeRange

__all__ = ["manners", "origins_of", "span_error_findings"]

_SHOWN = 3
_LONGEST = 200  # characters of what is told of an error
_ALL_CALLERS = 0.7  # of a peer's callers must fail before it is the peer
_MOST_ERRORS = 0.8  # of the new failures must be those callers'


def origins_of(
    nodes: SpanNodes,
    trace_ids: pl.Series,
    names: Names,
    *,
    callers: Mapping[str, frozenset[str]],
    lines: pl.DataFrame | None = None,
    absent: Iterable[Absence] = (),
) -> pl.DataFrame:
    """The spans that raised a failure, and the node whose failure it is.

    To what `nodes_of` finds is added what the words say. Where the error's message, or an error line
    that the service wrote in that trace, names one other service that does not call it, it is that
    one's failure. So it is where the span's service usually goes on to one that is absent now.

    Parameters
    ----------
    trace_ids
        The trace id of each row of the frame.
    callers
        For a service those that call it, directly or through others.
    lines
        Error lines as `obsnb.analysis.log_errors.error_lines` gives them.
    absent
        Services that calls no longer reach.

    Returns
    -------
    polars.DataFrame
        ``row``, ``trace_id``, ``trace``, ``start`` (ns), ``origin``, ``type``, ``waiting``, ``said``, in
        the order of time.
    """
    raised = nodes.spans.with_columns(
        pl.Series("trace", nodes.tree.trace), pl.Series("start", nodes.tree.start)
    ).drop_nulls("origin")
    raised = raised.with_columns(trace_ids.gather(raised["row"]).alias("trace_id"))
    named = mentioned(raised.select(pl.col("service"), pl.col("said").alias("text")), names, callers=callers)
    raised = raised.with_columns(named.alias("named"))
    waiting = pl.col("waiting")
    lines = None if lines is None else lines.filter(pl.col("grade") == 1)
    if lines is not None and lines.height:
        said = lines.drop_nulls("trace_id").unique(["trace_id", "service"], keep="first", maintain_order=True)
        said = said.select(
            "trace_id",
            "service",
            mentioned(said.select("service", "text"), names, callers=callers).alias("logged"),
            pl.col("text").str.contains(WAITING).alias("waited"),
        )
        raised = raised.join(said, on=["trace_id", "service"], how="left", maintain_order="left")
        raised = raised.with_columns(pl.coalesce("named", "logged").alias("named"))
        waiting = waiting | pl.col("waited").fill_null(False)
    missed = sorted(absent, key=lambda each: each.finding.strength)
    gone = {caller: each.service for each in missed for caller in each.callers}
    missing = (
        pl.col("service").replace_strict(gone, default=None, return_dtype=pl.String)
        if gone
        else pl.lit(None, pl.String)
    )
    by_itself = pl.col("origin") == pl.col("service")
    origin = pl.when(by_itself).then(pl.coalesce("named", missing, "origin")).otherwise("origin")
    return raised.select(
        "row",
        "trace_id",
        "trace",
        "start",
        origin.alias("origin"),
        "type",
        (waiting | pl.col("service").is_in(list(gone))).alias("waiting"),
        "said",
    ).sort("start")


def manners(
    nodes: SpanNodes,
    names: Names,
    *,
    during: TimeRange,
    callers: Mapping[str, frozenset[str]],
    lines: pl.DataFrame | None = None,
) -> tuple[frozenset[str], frozenset[str]]:
    """Services whose errors mostly have words of their own, and those that speak of waiting or of others."""
    said = nodes.spans.with_columns(pl.Series("ns", nodes.tree.start)).filter(
        (pl.col("origin") == pl.col("service")) & (pl.col("said") != "")
    )
    texts = said.select("ns", "service", pl.col("said").alias("text"))
    if lines is not None:
        lines = lines.filter(pl.col("grade") == 1)
        texts = pl.concat([texts, lines.select("ns", "service", "text")])
    texts = texts.filter(pl.col("ns").is_between(during.start_ns, during.end_ns, closed="left"))
    own = mentioned(texts.select("service", "text"), names, callers=callers).is_null()
    firm = own & ~texts["text"].str.contains(WAITING).fill_null(False)
    shares = texts.select("service", firm.alias("firm")).group_by("service").agg(pl.col("firm").mean())
    outspoken = shares.filter(pl.col("firm") > 0.5)["service"].to_list()
    return frozenset(outspoken), frozenset(shares["service"].to_list()) - frozenset(outspoken)


def span_error_findings(
    nodes: SpanNodes, origins: pl.DataFrame, *, during: TimeRange, baseline: TimeRange
) -> list[Finding]:
    """Failures that each node raised more often than in the baseline, by kind of error.

    Counted are the requests, of those that pass through the node, with a failure of that kind that
    the node raised. A kind that was as frequent before counts for nothing. Where a peer without
    spans of its own is what nearly all newly failing services call, and nearly all its callers
    fail, it is a finding about the peer too, and theirs speak of waiting.

    Parameters
    ----------
    origins
        As `origins_of` gives them.
    """
    rows = nodes.spans.select("service", "callee").with_columns(
        pl.Series("trace", nodes.tree.trace), side(pl.Series("start", nodes.tree.start), during, baseline)
    )
    rows = rows.drop_nulls("during")
    every = rows.group_by("during").agg(pl.col("trace").n_unique())
    requests = {bool(now): many for now, many in every.iter_rows()}
    if len(requests) < 2:
        return []
    passing = _passing(rows)
    raised = origins.with_columns(side(origins["start"], during, baseline)).drop_nulls("during")
    counted = raised.group_by("origin", "type", maintain_order=True).agg(
        pl.col("trace").filter("during").n_unique().alias("new"),
        pl.col("trace").filter(~pl.col("during")).n_unique().alias("old"),
        pl.col("waiting").filter("during").mean(),
        pl.col("start").filter("during").first().alias("since"),
        pl.col("row").filter("during").head(_SHOWN).alias("rows"),
        pl.col("said").filter("during").first(),
    )
    found = []
    for row in counted.iter_rows(named=True):
        now = max(passing.get((row["origin"], True), 0), row["new"])
        then = max(passing.get((row["origin"], False), 0), row["old"]) or requests[False]
        z = share_z(row["new"], now, row["old"], then)
        more = row["new"] / requests[True] - row["old"] / requests[False]
        if more > 0 and certainty(z):
            found.append(_Rise(row, certainty(z), more, row["new"] / now - row["old"] / then))
    whole = sum(each.sure * each.more for each in found) or 1.0
    return _with_common_peer([_finding(each, whole, requests) for each in found], nodes)


def _passing(rows: pl.DataFrame) -> dict[tuple[str, bool], int]:
    """How many requests pass through each node, as a service or as a callee, by window."""
    nodes = [rows.select(pl.col(end).alias("node"), "trace", "during") for end in ("service", "callee")]
    counted = pl.concat(nodes).drop_nulls().group_by("node", "during").agg(pl.col("trace").n_unique())
    return {(node, bool(now)): many for node, now, many in counted.iter_rows()}


@dataclass(frozen=True)
class _Rise:
    """A kind of error that a node raises more often than before."""

    row: dict[str, Any]
    sure: float
    more: float  # of all requests
    passing: float  # of those that pass through the node


def _finding(rise: _Rise, whole: float, requests: dict[bool, int]) -> Finding:
    row = rise.row
    with_ = f" with {row['type']}" if row["type"] else ""
    return Finding(
        service=row["origin"],
        signal="errors",
        strength=rise.sure * saturate(max(rise.passing, rise.more), 0.1),
        share=rise.sure * rise.more / whole,
        since_ns=row["since"],
        reason=(
            f"{row['new']:,} of {requests[True]:,} traces failed in {row['origin']}{with_}; "
            f"{row['old']:,} of {requests[False]:,} in the baseline."
        ),
        evidence=tuple(f"row:{each}" for each in row["rows"]),
        waiting=(row["waiting"] or 0.0) > 0.5,
        about=": ".join(filter(None, (row["type"], row["said"])))[:_LONGEST],
    )


def _with_common_peer(findings: list[Finding], nodes: SpanNodes) -> list[Finding]:
    shares: dict[str, float] = {}
    for each in findings:
        if each.strength >= 0.3:
            shares[each.service] = shares.get(each.service, 0.0) + each.share
    if len(shares) < 2:
        return findings
    own = set(nodes.spans["service"].unique().to_list())
    calls = nodes.spans.drop_nulls("callee").select("service", "callee").unique()
    for peer, callers in calls.group_by("callee").agg("service").sort("callee").iter_rows():
        failing = [caller for caller in callers if caller in shares]
        covered = sum(shares[caller] for caller in failing)
        few = len(failing) < 2 or len(failing) < _ALL_CALLERS * len(callers)
        if peer in own or few or covered < _MOST_ERRORS * sum(shares.values()):
            continue
        about = Finding(
            service=peer,
            signal="errors",
            strength=max(each.strength for each in findings if each.service in failing),
            share=covered,
            since_ns=min(each.since_ns for each in findings if each.service in failing and each.since_ns),
            reason=(
                f"{len(failing)} of the {len(callers)} services that call {peer} began to fail, with "
                f"{100 * covered:.0f} % of all new failures; they have no other callee in common that failed."
            ),
            about="common callee",
        )
        return [
            about,
            *(replace(each, waiting=True) if each.service in failing else each for each in findings),
        ]
    return findings
