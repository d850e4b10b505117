"""Links into and out of Grafana: Explore and dashboard addresses as windows and queries, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from obsnb.errors import QueryError, UsageError, WindowError
from obsnb.instants import now_ns
from obsnb.ledger import QueryRecord
from obsnb.query.grafana_search import older_search, search_of
from obsnb.query.grafana_times import around, range_of, spelled_out
from obsnb.timerange import TimeRange

__all__ = ["GrafanaLink", "LinkedQuery", "explore_url", "from_grafana_url"]

#: What each type of data source calls the step of a range query.
_STEPS = {"loki": "step", "prometheus": "interval", "tempo": "step"}
#: What makes each type of data source evaluate a query at the end of Explore's range alone.
_INSTANT: dict[str, dict[str, Any]] = {
    "loki": {"queryType": "instant"},
    "prometheus": {"instant": True, "range": False},
    "tempo": {"metricsQueryType": "instant"},
}
#: How an address names the panel that is open: to be seen, to be edited, alone.
_PANELS = ("viewPanel", "editPanel", "panelId")
#: What Grafana shows for a Tempo without a query to it.
_NO_QUERY = {
    "serviceMap": "The service graph is drawn from metrics, not from a trace query: "
    "obsnb.service_graph(spans) draws one from spans.",
    "upload": "The traces that were uploaded are not in the address: obsnb.read_otlp(path) reads such files.",
    "search": "The search by log lines asks a Loki that the address does not name: obs.logs(...) asks one.",
}
_HOUR_NS = 3_600 * 10**9
_TYPES = {"loki": "logs", "prometheus": "series", "tempo": "spans"}
#: Data sources that speak PromQL as well, of plugins that Grafana lists as such.
_PROMQL = dict.fromkeys(
    (
        "grafana-amazonprometheus-datasource",
        "grafana-azureprometheus-datasource",
        "victoriametrics-metrics-datasource",
    ),
    "series",
)


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
    unread
        What is open in Explore beyond `queries` and `window`, in words: what only Grafana can ask or draw.
    """

    base: str
    window: TimeRange
    relative: bool
    queries: tuple[LinkedQuery, ...] = ()
    dashboard: str | None = None
    panel: str | None = None
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def from_grafana_url(url: str, *, at_ns: int | None = None, tz: str | tzinfo | None = None) -> GrafanaLink:
    """The window and queries of a copied Explore or dashboard address.

    A search for traces that was put together from fields comes as the TraceQL that Grafana makes of it.

    Parameters
    ----------
    url
        ``.../explore?panes=...`` (or the older ``left=``), or ``.../d/UID/...?from=...&to=...``.
    at_ns
        What ``now`` means in it; the present moment unless told.
    tz
        The zone whose days ``now/d`` means, such as ``"Europe/Berlin"``; without, the address' own
        ``timezone``, or UTC where that is the browser's.

    Raises
    ------
    QueryError
        It is no such address, or its range cannot be read.
    """
    text = url.strip() if isinstance(url, str) else ""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:  # brackets that hold no address
        parts = urlsplit("")
    asked = parse_qs(parts.query)
    now = now_ns() if at_ns is None else at_ns
    times = _Times(url, now, str(tz or asked.get("timezone", [""])[0]))
    # Credentials in the address are those of who copied it.
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    explore = re.fullmatch(r"(.*?)/explore/?", parts.path)
    board = re.match(r"(.*?)/d(?:-solo)?/([^/]+)", parts.path)
    if explore:
        return _explore(base + explore[1], asked, times)
    if board:
        window, relative = times.of_board(asked)
        panel = next((asked[name][0] for name in _PANELS if name in asked), None)
        panel = panel and panel.removeprefix("panel-")  # as Grafana writes it since 11.3
        variables = {name[4:]: tuple(v) for name, v in asked.items() if name.startswith("var-")}
        return GrafanaLink(base + board[1], window, relative, (), board[2], panel, variables)
    raise QueryError(
        "This is neither an Explore nor a dashboard address of Grafana.",
        query=_shown(url),
        hint="Copy it from the browser's address bar, with Explore or the dashboard open.",
    )


@dataclass(frozen=True)
class _Times:
    """How the times of an address are read."""

    url: str
    now_ns: int
    zone: str

    def of_board(self, asked: dict[str, list[str]]) -> tuple[TimeRange, bool]:
        """The range of a dashboard's address: from its start to its end, or around its middle."""
        if "time" in asked and "time.window" in asked:
            return self._read(around, asked["time"][0], asked["time.window"][0])
        ends = (asked.get("from", ["now-6h"])[0], asked.get("to", ["now"])[0])
        return self._read(range_of, *map(spelled_out, ends))

    def of_pane(self, pane: dict[str, Any]) -> tuple[TimeRange, bool]:
        """The range of one of Explore's panes."""
        times = pane.get("range")
        times = times if isinstance(times, dict) else {}
        return self._read(range_of, str(times.get("from", "now-1h")), str(times.get("to", "now")))

    def _read(
        self, read: Callable[[str, str, int, str], tuple[TimeRange, bool]], one: str, two: str
    ) -> tuple[TimeRange, bool]:
        try:
            return read(one, two, self.now_ns, self.zone)
        except WindowError as error:
            raise QueryError(
                f"The time range of the address cannot be read: {error.what}",
                query=_shown(self.url),
                hint=error.hint,
            ) from None


def _explore(base: str, asked: dict[str, list[str]], times: _Times) -> GrafanaLink:
    try:
        panes = _panes(asked)
    except (ValueError, IndexError, AttributeError):
        raise QueryError(
            "The Explore address holds no query that can be read.",
            query=_shown(times.url),
            hint="Copy the whole address: panes=... (or left=...) carries the query and the time range.",
        ) from None
    window, relative = times.of_pane(panes[0] if panes else {})
    items = [
        (item, pane.get("datasource"))
        for pane in panes
        for item in pane.get("queries") or ()
        if isinstance(item, dict)
    ]
    unread = [words for item, _ in items for words in _beyond_words(item)]
    beside = (times.of_pane(pane)[0] for pane in panes[1:])
    unread += [f"The pane beside it shows another time: {other}." for other in beside if other != window]
    linked = tuple(query for item, source in items if (query := _query(item, source)).text)
    return GrafanaLink(base, window, relative, linked, unread=tuple(unread))


def _panes(asked: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The panes of an Explore address of any age. Raises where there is none that can be read."""
    if "panes" in asked:
        states = list(json.loads(asked["panes"][0]).values())
    else:
        states = [json.loads(asked[side][0]) for side in ("left", "right") if side in asked]
        if not states:
            raise ValueError
    panes = []
    for state in states:
        pane = state
        if isinstance(state, list):  # Grafana 7 and before: [from, to, data source, query, ...]
            start, end, datasource, *queries = state
            pane = {"datasource": datasource, "queries": queries, "range": {"from": start, "to": end}}
        if not isinstance(pane, dict) or not isinstance(pane.get("queries") or [], list):
            raise ValueError
        panes.append(pane)
    return panes


def _query(item: dict[str, Any], fallback: Any) -> LinkedQuery:
    source = item.get("datasource") or fallback
    kind = (_TYPES | _PROMQL).get(str(source.get("type"))) if isinstance(source, dict) else None
    name = source.get("uid") if isinstance(source, dict) else source
    text, form = str(item.get("expr") or item.get("query") or ""), item.get("queryType")
    # A form may keep the text of an earlier query beside it, which Grafana does not ask.
    if form == "traceqlSearch":
        kind, text = "spans", search_of(item.get("filters"))
    elif form == "nativeSearch":
        kind, text = "spans", older_search(item)
    elif isinstance(form, str) and form in _NO_QUERY:
        text = ""
    return LinkedQuery(kind, text, name and str(name))


def _beyond_words(item: dict[str, Any]) -> Iterator[str]:
    """What of an Explore query no text can say."""
    form = item.get("queryType")
    if isinstance(form, str) and form in _NO_QUERY:
        yield _NO_QUERY[form]
    if form == "traceqlSearch" and item.get("groupBy"):
        yield "The search is grouped by a field, which Tempo does not do any more: its traces are asked for."


def _shown(url: object) -> str:
    """An address without the credentials in it, to be shown in an error."""
    from obsnb.redact import SECRETS_ONLY, Redactor

    return Redactor(SECRETS_ONLY).text(str(url))[0]


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
