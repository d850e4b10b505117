"""Which attributes Tempo's spans have, and which values."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
import polars as pl

from obsnb.ledger import QueryRecord
from obsnb.sources.base import Answer
from obsnb.sources.refusals import asked, refusal, unreadable
from obsnb.sources.single import of_one_response
from obsnb.sources.wire.tempo_json import read_names, read_tag_values
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Transport

__all__ = ["attributes"]

_SECOND = 1_000_000_000
_CUT = "Tempo cuts such lists at a size (max_bytes_per_tag_values_query), and does not say so"


def attributes(
    transport: Transport, source: str, window: TimeRange, *, name: str | None, query: str | None
) -> Answer:
    """The attributes of spans, by scope (``resource.service.name``), or the values that one has.

    Parameters
    ----------
    transport, source
        Sends the requests; the source's name.
    window
        Where to look, in whole seconds outwards.
    name
        The attribute whose values are wanted.
    query
        TraceQL that the spans must match, such as ``{ status = error }``; for values alone.

    Returns
    -------
    Answer
        A column name (text), each once, sorted.

    Raises
    ------
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    span = [("start", str(window.start_ns // _SECOND)), ("end", str(-(-window.end_ns // _SECOND)))]
    path, read = "/api/v2/search/tags", read_names
    if name is not None:
        path, read = f"/api/v2/search/tag/{quote(name, safe='')}/values", read_tag_values
    request = Request(path, (*span, *([("q", query)] if query else [])))
    what = "attributes" if name is None else f"values of {name}"
    text = what if query is None else f"{what} in {query}"
    with asked(query, window):
        response = transport.send(request)
    if not response.ok:
        raise refusal(response, source=source, kind="tempo", query=query, window=window)
    try:
        names = sorted(set(read(response.body)))
    except msgspec.DecodeError as error:
        raise unreadable(response, source=source, query=query, window=window, why=str(error)) from None
    frame = pl.DataFrame({"name": names}, schema={"name": pl.String})
    record = QueryRecord(
        "index",
        source,
        text,
        text,
        window,
        {"of": "attributes"} | ({} if name is None else {"name": name}),
        reason=_CUT,
    )
    return Answer(frame, of_one_response(record, frame, response))
