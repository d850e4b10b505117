"""What there is to say of an answer of Prometheus: whether it is complete, and what it cannot show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from obsnb.ledger import Complete, QueryRecord
from obsnb.query.intervals import leaps

__all__ = ["OWN", "completeness", "sparse", "too_coarse"]

#: Begins a warning that is not the server's.
OWN = "obsnb: "
#: The closest that Thanos' downsampled data lie.
_DOWNSAMPLED = timedelta(minutes=5)
_FRESH_NS = 30 * 1_000_000_000
#: Words of warnings that tell of missing data. Prometheus begins remarks on a query with "PromQL".
_MISSING = re.compile(
    r"(?i)truncat|partial|fail|error|unavailable|not available|timed? ?out|no storeapis|missing"
)


def completeness(record: QueryRecord, said: Sequence[str], whole: str) -> tuple[Complete, str]:
    """Whether an answer is complete, and why; `whole` says so where no warning speaks against it."""
    doubts = [text for text in said if not text.startswith(("PromQL", OWN))]
    missing = next((text for text in doubts if _MISSING.search(text)), None)
    if missing is not None:
        return "no", f"the server warned: {missing}"
    if doubts:
        return "unknown", f"the server warned: {doubts[0]}"
    if record.window.end_ns > record.asked_at_ns - _FRESH_NS:
        return "unknown", "the window ends less than 30 s before it was asked, when samples may be under way"
    return "yes", whole


def too_coarse(query: str, step_ns: int) -> list[str]:
    """What lies between the evaluations of a range and is in none of them; also in subqueries."""
    return [
        f"{OWN}a {'subquery with a step' if nested else 'step'} of {step} is longer than the range "
        f"[{text}]: what lies between is not seen"
        for step, text, nested in leaps(query, step_ns)
    ]


def sparse(frame: pl.DataFrame) -> list[str]:
    """Whether the samples lie as far apart as downsampled ones, which Thanos keeps every 5 min or 1 h."""
    apart = frame.select(pl.col("timestamp").diff().over("series_id").median()).item()
    if apart is None or apart < _DOWNSAMPLED:
        return []
    seconds = apart.total_seconds()
    return [
        f"{OWN}the samples lie {seconds:g} s apart, as downsampled ones do: what was between is not in them, "
        f"and a range needs more than {2 * seconds:g} s to hold two"
    ]
