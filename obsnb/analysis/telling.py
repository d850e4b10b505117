"""Which single trace shows an incident best."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from obsnb.analysis.amounts import told_length
from obsnb.analysis.border import to_polars
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import SPANS
from obsnb.timerange import TimeRange

__all__ = ["telling_trace"]


def telling_trace(
    spans: Any,
    *,
    service: str | None,
    trace_ids: Iterable[str] = (),
    during: TimeRange | None = None,
    where: str = "the incident",
    conventions: Conventions = DEFAULT,
) -> tuple[str, str] | None:
    """The trace most worth showing, and why.

    Among the traces of the window that reach the suspect, those named as samples come first, then
    those with an error; of these, the one whose length is nearest to the median of all that reach it,
    because an extreme one shows what was rare, and samples are often chosen for being extreme.

    Parameters
    ----------
    spans
        SPANS.
    service
        The suspect: a service with spans of its own, or a peer that client spans name.
    trace_ids
        Samples of new errors or slow statements.
    during
        Only traces that begin in it.
    where
        What that is called, in the reason: the incident, or the window where there was none.

    Returns
    -------
    (trace_id, why) or None
        None where no span is left.
    """
    frame = to_polars(spans, SPANS, needs=("trace_id", "span_id", "start", "duration"), what="telling_trace")
    if during is not None:
        inside = pl.col("start").to_physical().is_between(during.start_ns, during.end_ns, closed="left")
        frame = frame.filter(inside.any().over("trace_id"))
    if frame.is_empty():
        return None
    peers = [name for name in ("service", *conventions.peer_attributes) if name in frame.columns]
    reaches = (
        pl.any_horizontal(pl.col(name).cast(pl.String) == service for name in peers)
        if service
        else pl.lit(True)
    )
    failed = (pl.col("status") == "error") if "status" in frame.columns else pl.lit(False)
    ends = pl.col("start").to_physical() + pl.col("duration").to_physical()
    traces = frame.group_by("trace_id").agg(
        reaches=reaches.any().fill_null(False),
        failed=failed.any().fill_null(False),
        spans=pl.len(),
        length=(ends.max() - pl.col("start").to_physical().min()),
    )
    traces = traces.with_columns(sample=pl.col("trace_id").is_in(list(trace_ids)))
    reaching = traces.filter("reaches")
    chosen = reaching if reaching.height else traces
    reached = chosen.height
    why = [
        f"of {reached:,} traces in {where}"
        + (f" that reach {service}" if reaching.height and service else "")
    ]
    typical = float(chosen.select(pl.col("length").median()).item() or 0.0)
    for column, words in (
        ("sample", "one of those that show what is new"),
        ("failed", "one of those that failed"),
    ):
        some = chosen.filter(column)
        if some.height:
            chosen, why = some, [*why, words]
            break
    nearest = (pl.col("length") - typical).abs()
    best = chosen.sort(nearest, pl.col("spans") * -1, "trace_id").row(0, named=True)
    of_these = "and of these the" if len(why) > 1 else "the"
    why.append(
        f"{of_these} one nearest in length to the median of all {reached:,}, {told_length(typical / 1e9)}"
    )
    return best["trace_id"], f"{', '.join(why)}."
