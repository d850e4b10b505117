"""What a question would ask of Loki, by its index."""

from __future__ import annotations

import time
from dataclasses import replace

from obsnb.ledger import QueryRecord
from obsnb.query.reading import looks_back_ns, looks_elsewhere, stream_selectors
from obsnb.sources.estimates import Estimate, Question
from obsnb.sources.loki_index import IndexStats, LokiIndex
from obsnb.sources.refusals import refusal
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport

__all__ = ["loki_estimate"]

#: Loki gives no more points a series at once.
_MAX_POINTS = 11_000


def loki_estimate(transport: Transport, name: str, question: Question, *, page_limit: int) -> Estimate:
    """Bytes, streams and lines by ``index/stats``, a request a selector; requests by those.

    Raises
    ------
    SourceError
        The server cannot be reached, or has too much to do already. What else it refuses to say is None.
    """
    began = time.perf_counter()
    window = question.window
    back = looks_back_ns(question.query) if question.verb == "metrics" else 0
    whole = TimeRange(window.start_ns - back, window.end_ns)
    told: list[IndexStats | None] = []
    requests = retries = 0
    for selector in stream_selectors(question.query):
        index = LokiIndex(transport, selector, whole)
        told.append(index.stats())
        requests, retries = requests + index.requests, retries + index.retries
        if index.busy is not None:
            raise refusal(index.busy, source=name, kind="loki", query=question.query, window=window)
    known = [one for one in told if one is not None]
    complete = bool(told) and len(known) == len(told)
    lines = sum(one.entries for one in known) if complete else None
    note = "its index does not say" if not complete else ""
    if question.verb == "metrics" and looks_elsewhere(question.query):
        note = "the query looks at another time as well (offset, @), which the index was not asked about"
    record = QueryRecord(
        "index", name, f"index/stats of {question.query}", question.query, whole, {"of": "estimate"}
    )
    record = replace(
        record,
        pages=len(known),
        requests=requests,
        retries=retries,
        rows=len(known),
        seconds=time.perf_counter() - began,
        complete="yes" if complete else "unknown",
        reason="what the index says of the streams, before any filter, often more than there is"
        if complete
        else "the server's index does not say how much there is",
    )
    return Estimate(
        name,
        question,
        record,
        requests=_requests(question, lines, page_limit),
        bytes=sum(one.bytes for one in known) if complete else None,
        streams=sum(one.streams for one in known) if complete else None,
        lines=lines,
        note=note,
    )


def _requests(question: Question, lines: int | None, page_limit: int) -> int | None:
    if question.verb == "metrics":
        points = len(question.window.grid(question.step_ns or 1))
        return -(-points // _MAX_POINTS)
    wanted = lines if question.limit is None else min(question.limit, lines or question.limit)
    # One more asks the index, unless a limit makes it needless.
    return None if wanted is None else max(1, -(-wanted // page_limit)) + (question.limit is None)
