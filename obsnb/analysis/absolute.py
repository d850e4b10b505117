"""What a window shows that nothing is compared with: who fails, where slow requests spend their time."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from obsnb.analysis.nodes import SpanNodes
from obsnb.analysis.scores import Finding, saturate
from obsnb.analysis.windows import side
from obsnb.conventions import DEFAULT, Conventions
from obsnb.timerange import TimeRange

__all__ = ["absolute_line_findings", "absolute_span_findings"]

_HALF = 0.5  # as strong as where a baseline shows that it is new
_MANY = 0.1  # of requests, or of a service's lines: 63% of full strength
_SHOWN = 3


def absolute_span_findings(
    nodes: SpanNodes, origins: pl.DataFrame, *, during: TimeRange, conventions: Conventions = DEFAULT
) -> list[Finding]:
    """The nodes that raised failures, and those that slow requests spent their time in.

    Without a baseline nothing says that this is new, so these findings are half as strong.

    Parameters
    ----------
    origins
        As `obsnb.analysis.raised.origins_of` gives them.
    """
    tree = nodes.tree
    rows = nodes.spans.select("row", "node", "own").with_columns(
        pl.Series("trace", tree.trace),
        pl.Series("length", tree.duration),
        side(pl.Series(tree.start), during, None),
    )
    rows = rows.drop_nulls("during")
    requests = rows["trace"].n_unique()
    if not requests:
        return []
    raised = origins.with_columns(side(origins["start"], during, None)).drop_nulls("during")
    return [*_failing(raised, requests), *_slow(rows, requests, conventions.slow_s)]


def _failing(raised: pl.DataFrame, requests: int) -> list[Finding]:
    counted = raised.group_by("origin", maintain_order=True).agg(
        pl.col("trace").n_unique().alias("many"),
        pl.col("waiting").mean(),
        pl.col("start").first().alias("since"),
        pl.col("row").head(_SHOWN).alias("rows"),
        pl.col("type").drop_nulls().mode().sort().first(),
    )
    whole = int(counted["many"].sum()) or 1
    return [
        Finding(
            service=row["origin"],
            signal="errors",
            strength=_HALF * saturate(row["many"] / requests, _MANY),
            share=row["many"] / whole,
            since_ns=row["since"],
            reason=(
                f"{row['many']:,} of {requests:,} traces failed in {row['origin']}; there is no baseline."
            ),
            evidence=tuple(f"row:{each}" for each in row["rows"]),
            waiting=(row["waiting"] or 0.0) > 0.5,
            about=row["type"] or "",
        )
        for row in counted.iter_rows(named=True)
    ]


def _slow(rows: pl.DataFrame, requests: int, slow_s: float) -> list[Finding]:
    slow = rows.filter(pl.col("length").max().over("trace") >= slow_s * 1e9)
    many = slow["trace"].n_unique()
    spent = slow.group_by("node", maintain_order=True).agg(
        pl.col("own").sum(), pl.col("row").sort_by("own").tail(_SHOWN).alias("rows")
    )
    whole = int(spent["own"].sum()) or 1
    return [
        Finding(
            service=row["node"],
            signal="latency",
            strength=_HALF * saturate(many / requests, _MANY),
            share=row["own"] / whole,
            since_ns=None,
            reason=(
                f"{many:,} of {requests:,} traces took over {slow_s:g} s, and spent "
                f"{100 * row['own'] / whole:.0f} % of their time in {row['node']}; there is no baseline."
            ),
            evidence=tuple(f"row:{each}" for each in reversed(row["rows"])),
        )
        for row in spent.iter_rows(named=True)
    ]


def absolute_line_findings(
    lines: pl.DataFrame, wrote: Mapping[str, int], *, during: TimeRange
) -> list[Finding]:
    """The services that wrote error lines, by the part of all their lines that these are.

    Parameters
    ----------
    lines
        As `obsnb.analysis.log_errors.error_lines` gives them.
    wrote
        How many lines each service wrote in the window, of any kind.
    """
    inside = lines.filter(side(lines["ns"], during, None).fill_null(False) & (pl.col("grade") == 1))
    inside = inside.filter(inside["request"].is_null() | inside["request"].is_first_distinct())
    counted = inside.group_by("service", maintain_order=True).agg(
        pl.len().alias("many"),
        pl.col("ns").first().alias("since"),
        pl.col("text").first(),
        pl.col("id").drop_nulls().head(_SHOWN).alias("ids"),
    )
    whole = inside.height or 1
    return [
        Finding(
            service=row["service"],
            signal="logs",
            strength=_HALF * saturate(row["many"] / wrote[row["service"]], _MANY),
            share=row["many"] / whole,
            since_ns=row["since"],
            reason=(
                f"{row['service']} wrote {row['many']:,} error lines of {wrote[row['service']]:,}, the first "
                f"“{row['text'][:120]}”; there is no baseline."
            ),
            evidence=tuple(f"log:{line}" for line in row["ids"]),
            about=row["text"][:200],
        )
        for row in counted.iter_rows(named=True)
    ]
