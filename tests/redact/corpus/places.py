"""Where a text can stand: each place takes one, redacts what it is part of, and gives back all its text."""

from __future__ import annotations

import html
import json
from collections.abc import Callable

import polars as pl

from obsnb.redact import Redactor
from obsnb.schema import dtype

__all__ = ["PLACES", "Place"]

Place = Callable[[Redactor, str], str]


def _column(redactor: Redactor, series: pl.Series) -> str:
    values = redactor.frame(series.to_frame())[0].to_series().to_list()
    return "\n".join(
        value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        for value in values
    )


def _texts(value: object) -> str:
    """Every text in plain values, as it is without JSON's escapes."""
    if isinstance(value, dict):
        return "\n".join(_texts(one) for pair in value.items() for one in pair)
    return "\n".join(_texts(one) for one in value) if isinstance(value, list) else str(value)


def _nested(redactor: Redactor, series: pl.Series) -> str:
    return _texts(redactor.frame(series.to_frame())[0].to_series().to_list())


def _attribute(text: str) -> dict[str, str]:
    return {"key": "message", "type": "string", "value": text}


def _notebook(redactor: Redactor, data: dict[str, object]) -> str:
    book = {"cells": [{"outputs": [{"output_type": "display_data", "data": data}]}]}
    redactor.notebook(book)
    return _texts(book)


PLACES: dict[str, Place] = {
    "log line": lambda r, t: _column(r, pl.Series("line", ["calm", t])),
    "label": lambda r, t: _column(r, pl.Series("namespace", ["calm", t], dtype=pl.Categorical)),
    "structured metadata": lambda r, t: _column(r, pl.Series("metadata.note", [t, None])),
    "span attribute": lambda r, t: _nested(
        r, pl.Series("attributes", [[_attribute(t)]], dtype=dtype("attributes"))
    ),
    "resource attribute": lambda r, t: _nested(
        r, pl.Series("resource", [[_attribute(t)]], dtype=dtype("attributes"))
    ),
    "span event": lambda r, t: _nested(
        r,
        pl.Series(
            "events", [[{"time": 1, "name": "e", "attributes": [_attribute(t)]}]], dtype=dtype("span_events")
        ),
    ),
    "status message": lambda r, t: _column(r, pl.Series("status_message", [t])),
    "event's title": lambda r, t: _column(r, pl.Series("title", [t])),
    "query's text": lambda r, t: _texts(r.value([{"query": t, "warnings": [t]}])[0]),
    "report": lambda r, t: r.text(t)[0],
    "notebook's text": lambda r, t: _notebook(r, {"text/plain": ["calm\n", t]}),
    "notebook's HTML": lambda r, t: html.unescape(_notebook(r, {"text/html": f"<b>{html.escape(t)}</b>"})),
    "chart's data": lambda r, t: _notebook(
        r, {"application/vnd.plotly.v1+json": {"data": [{"text": ["calm", t]}]}}
    ),
}
