"""Links into and out of Grafana: Explore and dashboard addresses as windows and queries, and back."""

from __future__ import annotations

import json
import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from obsnb.errors import QueryError, UsageError
from obsnb.ledger import QueryRecord
from obsnb.timerange import TimeRange, now_ns, parse_instant

__all__ = ["GrafanaLink", "LinkedQuery", "explore_url", "from_grafana_url"]

_RELATIVE = re.compile(r"now(?:([+-])(\d+)([smhdwMy]))?(?:/([smhdwMy]))?")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
#: What each type of data source calls the step of a range query.
_STEPS = {"loki": "step", "prometheus": "interval", "tempo": "step"}
#: What makes each type of data source evaluate a query at the end of Explore's range alone.
_INSTANT: dict[str, dict[str, Any]] = {
    "loki": {"queryType": "instant"},
    "prometheus": {"instant": True, "range": False},
    "tempo": {"metricsQueryType": "instant"},
}
_HOUR_NS = 3_600 * 10**9
_TYPES = {"loki": "logs", "prometheus": "series", "tempo": "spans"}


@dataclass(frozen=True)
class LinkedQuery:
    """A query in a link.

    Attributes
    ----------
    kind
        logs, series or spans, by the data source's type; None where the link does not say it.
    text
        The query.
    datasource
        The data source's uid or name.
    """

    kind: str | None
    text: str
    datasource: str | None


@dataclass(frozen=True)
class GrafanaLink:
    """What a Grafana address says.

    Attributes
    ----------
    base
        The address of Grafana itself.
    window
        The time range.
    relative
        Whether the link's range is relative to now (``now-1h``): then `window` is what that means at
        the moment the link was read, not when it was copied.
    queries
        The queries of an Explore link; empty for a dashboard, whose queries its address does not hold.
    dashboard, panel
        A dashboard's uid and the panel that is open in it.
    variables
        A dashboard's variables, as the address sets them.
    """

    base: str
    window: TimeRange
    relative: bool
    queries: tuple[LinkedQuery, ...] = ()
    dashboard: str | None = None
    panel: str | None = None
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def from_grafana_url(url: str, *, at_ns: int | None = None) -> GrafanaLink:
    """The window and queries of a copied Explore or dashboard address.

    Parameters
    ----------
    url
        ``.../explore?panes=...`` (or the older ``left=``), or ``.../d/UID/...?from=...&to=...``.
    at_ns
        What ``now`` means in it; the present moment unless told.

    Raises
    ------
    QueryError
        It is no such address.
    """
    parts = urlsplit(url if isinstance(url, str) else "")
    asked = parse_qs(parts.query)
    now = now_ns() if at_ns is None else at_ns
    before, explore, _ = parts.path.partition("/explore")
    found = re.search(r"^(.*?)/d(?:-solo)?/([^/]+)", parts.path)
    if explore:
        return _explore(f"{parts.scheme}://{parts.netloc}{before}", asked, now, url)
    if found:
        window, relative = _range(asked.get("from", ["now-6h"])[0], asked.get("to", ["now"])[0], now, url)
        panel = asked.get("viewPanel", asked.get("panelId", [None]))[0]
        variables = {name[4:]: tuple(v) for name, v in asked.items() if name.startswith("var-")}
        base = f"{parts.scheme}://{parts.netloc}{found[1]}"
        return GrafanaLink(base, window, relative, (), found[2], panel, variables)
    raise QueryError(
        "This is neither an Explore nor a dashboard address of Grafana.",
        query=url,
        hint="Copy it from the browser's address bar, with Explore or the dashboard open.",
    )


def _explore(base: str, asked: dict[str, list[str]], now: int, url: str) -> GrafanaLink:
    text = asked.get("panes", asked.get("left", [""]))[0]
    try:
        state = json.loads(text)
    except ValueError:
        raise QueryError(
            "The Explore address holds no query that can be read.",
            query=url,
            hint="Copy the whole address: panes=... (or left=...) carries the query and the time range.",
        ) from None
    if isinstance(state, list):  # Grafana 7 and before: [from, to, data source, query, ...]
        queries = [item for item in state[3:] if isinstance(item, dict)]
        panes = [{"datasource": state[2], "queries": queries, "range": {"from": state[0], "to": state[1]}}]
    else:
        panes = list(state.values()) if "panes" in asked else [state]
    times = panes[0].get("range", {}) if panes else {}
    window, relative = _range(str(times.get("from", "now-1h")), str(times.get("to", "now")), now, url)
    linked = [_query(item, pane.get("datasource")) for pane in panes for item in pane.get("queries", [])]
    return GrafanaLink(base, window, relative, tuple(query for query in linked if query.text))


def _query(item: dict[str, Any], fallback: Any) -> LinkedQuery:
    source = item.get("datasource") or fallback
    kind = _TYPES.get(str(source.get("type"))) if isinstance(source, dict) else None
    name = source.get("uid") if isinstance(source, dict) else source
    return LinkedQuery(kind, str(item.get("expr") or item.get("query") or ""), name and str(name))


def _range(start: str, end: str, now: int, url: str) -> tuple[TimeRange, bool]:
    try:
        begin, relative = _moment(start, now, up=False)
        until, also = _moment(end, now, up=True)
        return TimeRange(begin, until), relative or also
    except ValueError as error:
        raise QueryError(f"The time range of the address cannot be read: {error}", query=url) from None


def _moment(text: str, now: int, *, up: bool) -> tuple[int, bool]:
    """Nanoseconds, and whether they depend on now. Grafana writes milliseconds, ISO text or ``now-1h/d``."""
    if text.isdigit():
        return int(text) * 1_000_000, False
    found = _RELATIVE.fullmatch(text)
    if found is None:
        return parse_instant(text), False
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now // 1_000)
    if found[1]:
        moment = _shifted(moment, int(found[1] + found[2]), found[3])
    if found[4]:
        moment = _rounded(moment, found[4], up=up)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since // timedelta(microseconds=1)) * 1_000, True


def _shifted(moment: datetime, count: int, unit: str) -> datetime:
    if unit in _SECONDS:
        return moment + timedelta(seconds=count * _SECONDS[unit])
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _rounded(moment: datetime, unit: str, *, up: bool) -> datetime:
    """The start of the unit that the moment lies in; with `up` its end, as Grafana does for a range's end."""
    start = moment.replace(microsecond=0)
    if unit != "s":
        start = start.replace(second=0)
    if unit in "hdwMy":
        start = start.replace(minute=0)
    if unit in "dwMy":
        start = start.replace(hour=0)
    if unit == "w":
        start -= timedelta(days=start.weekday())
    if unit in "My":
        start = start.replace(day=1)
    if unit == "y":
        start = start.replace(month=1)
    return _shifted(start, 1, unit) if up else start


def explore_url(record: QueryRecord, *, grafana: str | None = None, datasource: str | None = None) -> str:
    """The Explore address that asks a record's query again; of an instant, at the end of an hour.

    Parameters
    ----------
    record
        From the ledger.
    grafana
        Grafana's address, without credentials; without, the one that the record was asked through.
    datasource
        The data source's uid; without, the one that the record was asked through.

    Raises
    ------
    UsageError
        The record was not asked through Grafana, and what is missing is not passed; or the address is none.
    QueryError
        The record is of a question about an index or of annotations, which Explore does not ask for.
    """
    other = {"index": "a question about an index", "events": "annotations"}.get(record.kind)
    if other is not None:
        raise QueryError(
            f"Explore asks for lines, series and traces, and this record is of {other}.",
            query=record.asked,
            hint="Link to a record of obs.logs(...), obs.metrics(...) or obs.spans(...).",
        )
    base, uid = grafana or record.explore.get("grafana"), datasource or record.explore.get("datasource")
    if not base or not uid:
        raise UsageError(
            "This record was not asked through Grafana, so what it would link to is not known.",
            hint='Pass grafana="https://..." and datasource="uid".',
        )
    # An archive comes from others: its address becomes a link, which must not run anything.
    if urlsplit(base).scheme not in {"http", "https"}:
        raise UsageError(f"{base!r} is not the address of a Grafana.", hint='Pass grafana="https://...".')
    # Numbers come from any of the three: the source's name says from which, if it is one of them.
    kinds = {"logs": "loki", "spans": "tempo"}
    named = record.source.split(".", 1)[0]
    type_ = named if named in _TYPES else kinds.get(record.kind, "prometheus")
    query, span = _as_explored(record, type_), record.window
    query["datasource"] = {"type": type_, "uid": uid}
    if record.params.get("instant"):
        span = TimeRange(span.start_ns - record.params.get("over_ns", _HOUR_NS), span.start_ns)
    # Explore's range is in whole milliseconds: rounded outwards, so that nothing asked is left out.
    times = {"from": str(span.start_ns // 1_000_000), "to": str(-(-span.end_ns // 1_000_000))}
    panes = {"obs": {"datasource": uid, "queries": [query], "range": times}}
    words = {"schemaVersion": "1", "panes": json.dumps(panes, separators=(",", ":"))}
    return f"{base.rstrip('/')}/explore?{urlencode(words)}"


def _as_explored(record: QueryRecord, type_: str) -> dict[str, Any]:
    """A record's question as Explore writes it for a type of data source."""
    params = record.params
    query: dict[str, Any] = {"refId": "A", "query" if type_ == "tempo" else "expr": record.asked}
    if type_ == "tempo":
        query["queryType"] = "traceql"
    if (step_ns := params.get("step_ns")) is not None:
        query[_STEPS[type_]] = f"{step_ns // 1_000_000}ms"
    if (limit := params.get("limit")) is not None:
        query["limit" if type_ == "tempo" else "maxLines"] = limit
    if direction := params.get("direction"):
        query["direction"] = direction
    if record.kind == "exemplars" and type_ == "prometheus":
        query["exemplar"] = True
    return query | (_INSTANT[type_] if params.get("instant") else {})
