"""The record of a question that a single response answers."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from obsnb.ledger import QueryRecord
from obsnb.schema import digest
from obsnb.transport.exchange import Response

__all__ = ["of_one_response"]


def of_one_response(record: QueryRecord, frame: pl.DataFrame, response: Response) -> QueryRecord:
    """The record with what the answer cost and holds; whether it is complete is for the source to say."""
    return replace(
        record,
        pages=1,
        requests=1 + response.retries,
        retries=response.retries,
        rows=frame.height,
        bytes=len(response.body),
        seconds=response.seconds,
        digest=digest(frame),
    )
