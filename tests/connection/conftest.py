"""Sources that answer from memory and remember what they were asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl
import pytest

from obsnb.connection import Connection
from obsnb.connection.roles import LiveRoles
from obsnb.conventions import DEFAULT
from obsnb.errors import LimitError
from obsnb.ledger import QueryRecord
from obsnb.schema import BY_KIND
from obsnb.sources.base import Answer, Health
from obsnb.timerange import TimeRange
from tests.archive.conftest import WINDOW, exemplars, logs, record, series, spans

SCOPE = {"namespace": "shop"}


@dataclass
class Source:
    """A source of everything.

    Attributes
    ----------
    asked
        Verb, query and parameters of each question.
    too_big
        A query that begins like this is refused.
    changed
        What the records say instead of being complete.
    """

    name: str = "server"
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    too_big: str | None = None
    changed: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=lambda: ["namespace"])

    def _answer(self, kind: Any, query: str, window: TimeRange, frame: pl.DataFrame, **params: Any) -> Answer:
        self.asked.append((kind, query, {name: value for name, value in params.items() if value is not None}))
        if self.too_big is not None and query.startswith(self.too_big):
            raise LimitError("Too many lines.", query=query, window=window)
        shaped = BY_KIND[kind].conform(frame)
        kept = {name: params[name] for name in ("limit", "direction", "whole", "step_ns") if params.get(name)}
        made: QueryRecord = record(kind, query, shaped, window=window, params=kept, role=params.get("role"))
        return Answer(shaped, replace(made, source=self.name, **self.changed))

    def logs(self, query: str, window: TimeRange, *, progress: Any = None, **params: Any) -> Answer:
        lines = ("GET /", "deployed cart to 2.1.0", "an error")
        return self._answer("logs", query, window, logs(*lines), **params)

    def series(self, query: str, window: TimeRange, **params: Any) -> Answer:
        labels = {"alertname": "Slow", "alertstate": "firing"} if query.startswith("ALERTS") else {}
        frame = series(1.0, 1.0).with_columns(**{name: pl.lit(value) for name, value in labels.items()})
        metric = pl.lit("ALERTS" if labels else "up").cast(pl.Categorical)
        return self._answer("series", query, window, frame.with_columns(metric=metric), **params)

    def exemplars(self, query: str, window: TimeRange, **params: Any) -> Answer:
        return self._answer("exemplars", query, window, exemplars(1), **params)

    def spans(self, query: str, window: TimeRange, *, progress: Any = None, **params: Any) -> Answer:
        return self._answer("spans", query, window, spans((1, 0), (2, 3)), **params)

    def trace(self, trace_id: str, *, window: TimeRange | None = None) -> Answer:
        return self._answer("spans", trace_id, window or WINDOW, spans((1, 0)), trace=True)

    def health(self) -> Health:
        return Health(self.name, "logs", "ok", 0.01, "1.0", 0.0, {"max_entries": "5000"})

    def labels(self, window: TimeRange) -> list[str]:
        self.asked.append(("labels", "", {}))
        return self.names

    label_names = attribute_names = labels


def connected(source: Source, **more: Any) -> Connection:
    """A live connection to a source of everything."""
    roles = LiveRoles(source, source, source, conventions=DEFAULT)
    return Connection(logs=source, metrics=source, traces=source, roles=roles, **more)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def obs(source: Source) -> Connection:
    return connected(source)
