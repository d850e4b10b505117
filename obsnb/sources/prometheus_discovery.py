"""What Prometheus tells beside its values: metadata, rules, alerts, targets, series, labels."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import msgspec
import polars as pl

from obsnb.errors import QueryError, WindowError
from obsnb.instants import now_ns, parse_instant
from obsnb.ledger import QueryRecord
from obsnb.query import promql
from obsnb.redact import SECRETS_ONLY, Redactor
from obsnb.schema import SERIES, dtype, label_column
from obsnb.sources.base import Answer
from obsnb.sources.prometheus_doubts import completeness
from obsnb.sources.refusals import asked, refusal, unreadable
from obsnb.sources.single import of_one_response
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Transport

__all__ = ["Of", "in_path", "look"]

#: What there is to look at. The first four are known of the present only.
Of: TypeAlias = Literal["metadata", "rules", "alerts", "targets", "series", "labels"]

_MS = 1_000_000
_SECRETS = Redactor(SECRETS_ONLY)
#: An address in a sentence: the scrape that failed is told with it, in quotes.
_ADDRESS = re.compile(r"""https?://[^\s"'<>`]+""")
_Labels = dict[str, str]
_Row = dict[str, Any]
_TIME: Any = dtype("time")


class _Entry(msgspec.Struct):
    type: str = ""
    help: str = ""
    unit: str = ""


class _Alert(msgspec.Struct, rename="camel"):
    state: str
    labels: _Labels = {}
    annotations: _Labels | None = None
    active_at: str | None = None
    value: str | None = None


class _Rule(msgspec.Struct, rename="camel"):
    name: str
    query: str
    type: str
    labels: _Labels | None = None
    annotations: _Labels | None = None
    state: str | None = None
    duration: float | None = None
    health: str | None = None
    last_error: str | None = None
    last_evaluation: str | None = None
    evaluation_time: float | None = None
    alerts: list[_Alert] | None = None


class _Group(msgspec.Struct):
    name: str
    rules: list[_Rule]
    file: str = ""


class _Target(msgspec.Struct, rename="camel"):
    scrape_url: str
    health: str
    labels: _Labels = {}
    scrape_pool: str | None = None
    last_error: str | None = None
    last_scrape: str | None = None
    last_scrape_duration: float | None = None


class _Groups(msgspec.Struct):
    groups: list[_Group] | None


class _Alerts(msgspec.Struct):
    alerts: list[_Alert] | None


class _Targets(msgspec.Struct, rename="camel"):
    active_targets: list[_Target] | None


class _Reply(msgspec.Struct):
    """Prometheus' envelope: what lies in it is read by what was asked."""

    status: Literal["success"]
    data: msgspec.Raw
    warnings: list[str] | None = None
    infos: list[str] | None = None


@dataclass(frozen=True)
class _Look:
    """How a part of the index is asked for and read: core columns, the data's type, its rows."""

    path: str
    columns: Mapping[str, Any]
    type: Any
    rows: Callable[[Any], Iterable[_Row]]


def look(
    transport: Transport,
    source: str,
    of: Of,
    *,
    window: TimeRange | None = None,
    text: str | None = None,
) -> Answer:
    """A frame of what a server says, with its record, whose kind is index.

    Parameters
    ----------
    window
        Of series and labels; the others are of now.
    text
        A metric's name (metadata), a selector (series), a label whose values are meant (labels).

    Raises
    ------
    QueryError
        A selector cannot be PromQL.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    found = _LOOKS[of]
    path, params = found.path, _params(of, text)
    if of == "labels" and text is not None:
        path = f"/api/v1/label/{in_path(text)}/values"
    at = now_ns() // _MS * _MS
    where = window or TimeRange(at, at + _MS)
    if window is not None:
        params |= {"start": _seconds(window.start_ns // _MS), "end": _seconds(-(-window.end_ns // _MS))}
    asked_text = text or of
    record = QueryRecord("index", source, asked_text, asked_text, where, {"of": of})
    with asked(text, where):
        response = transport.send(Request(path, tuple(params.items())))
    if not response.ok:
        raise refusal(response, source=source, kind="prometheus", query=text, window=where)
    try:
        reply = _read(response.body, _Reply)
        rows = _once(found.rows(_read(bytes(reply.data), found.type)))
        frame = _frame(rows, found.columns)
    except (msgspec.DecodeError, pl.exceptions.PolarsError) as error:
        raise unreadable(response, source=source, query=text, window=where, why=str(error)) from None
    said = [*(reply.warnings or ()), *(reply.infos or ())]
    whole = "all that the server's index has for the window" if window else "as the server had it when asked"
    if window is not None:
        complete, reason = completeness(record, said, whole)
    else:  # what is known of the present only is never too new
        complete, reason = ("unknown", f"the server warned: {said[0]}") if said else ("yes", whole)
    filled = replace(
        of_one_response(record, frame, response),
        warnings=tuple(dict.fromkeys(said)),
        complete=complete,
        reason=reason,
        selection="active targets: those that relabelling drops are left out" if of == "targets" else None,
    )
    return Answer(frame, filled)


def in_path(label: str) -> str:
    """A label's name in a path: one beyond letters, digits and _ in Prometheus' own escapes."""
    if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", label):
        return label
    plain = string.ascii_letters + string.digits
    return "U__" + "".join(
        "__" if char == "_" else char if char in plain else f"_{ord(char):x}_" for char in label
    )


def _params(of: Of, text: str | None) -> dict[str, str]:
    if of == "targets":
        return {"state": "active"}
    if of == "metadata" and text is not None:
        return {"metric": text}
    if of == "series":
        if not text:
            raise QueryError("metric_series() takes a selector.", hint='Give one, such as up{job="api"}.')
        promql.check(text)
        return {"match[]": text}
    return {}


def _read(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError:
        # Label values are not validated by every server: U+FFFD takes the place of what is no text.
        return msgspec.json.decode(body.decode("utf-8", "replace"), type=kind)


def _once(rows: Iterable[_Row]) -> list[_Row]:
    """The rows, each once: no rule, alert or target is there twice with all that there is to it."""
    return list({tuple(sorted(row.items())): row for row in rows}.values())


def _frame(rows: Sequence[_Row], core: Mapping[str, Any]) -> pl.DataFrame:
    """Core columns, then those of labels (Categorical) and of annotations (text), by name."""
    more = sorted({name for row in rows for name in row} - set(core))
    kinds = {name: pl.String if name.startswith("annotation.") else dtype("label") for name in more}
    columns = {**core, **kinds}
    return pl.DataFrame([[row.get(name) for name in columns] for row in rows], schema=columns, orient="row")


def _labels(labels: Mapping[str, str] | None, core: Mapping[str, Any]) -> _Row:
    return {f"label.{n}" if n in core or "." in n else n: value for n, value in (labels or {}).items()}


def _annotations(annotations: Mapping[str, str] | None) -> _Row:
    return {f"annotation.{name}": value for name, value in (annotations or {}).items()}


def _instant(text: str | None) -> int | None:
    """Nanoseconds since the epoch; None of Go's zero time, which means never, and of what is no time."""
    if text is None or text.startswith("0001-"):
        return None
    try:
        return parse_instant(text)
    except WindowError:
        return None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _without_credentials(url: str) -> str:
    """A target's address without its user, password and parameters, which may be secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _said(error: str | None) -> str | None:
    """What failed, as a server says it: with its addresses as those of targets, and without other secrets."""
    bare = _ADDRESS.sub(lambda found: _without_credentials(found[0]), error or "")
    return _SECRETS.text(bare)[0] or None


def _metadata(data: dict[str, list[_Entry]]) -> Iterable[_Row]:
    for name in sorted(data):
        for one in dict.fromkeys((entry.type, entry.unit, entry.help) for entry in data[name]):
            yield {"metric": name, "type": one[0], "unit": one[1], "help": one[2]}


def _rules(data: _Groups) -> Iterable[_Row]:
    for group in data.groups or ():
        for rule in group.rules:
            yield {
                "group": group.name,
                "file": group.file,
                "name": rule.name,
                "type": rule.type,
                "query": rule.query,
                "state": rule.state,
                "alerts": None if rule.type != "alerting" else len(rule.alerts or ()),
                "for_s": rule.duration,
                "health": rule.health,
                "last_error": _said(rule.last_error),
                "evaluated": _instant(rule.last_evaluation),
                "evaluation_s": rule.evaluation_time,
                **_labels(rule.labels, _RULES),
                **_annotations(rule.annotations),
            }


def _alerts(data: _Alerts) -> Iterable[_Row]:
    for one in data.alerts or ():
        core = {"name": one.labels.get("alertname"), "state": one.state, "since": _instant(one.active_at)}
        yield (
            core
            | {"value": _number(one.value)}
            | _labels(one.labels, _ALERTS)
            | _annotations(one.annotations)
        )


def _targets(data: _Targets) -> Iterable[_Row]:
    for one in data.active_targets or ():
        yield {
            "pool": one.scrape_pool,
            "url": _without_credentials(one.scrape_url),
            "health": one.health,
            "last_error": _said(one.last_error),
            "scraped": _instant(one.last_scrape),
            "scrape_s": one.last_scrape_duration,
            **_labels(one.labels, _TARGETS),
        }


def _series(data: list[_Labels] | None) -> Iterable[_Row]:
    # The metric's name is the core column of SERIES; a label of such a name gives way to it.
    for one in sorted({tuple(sorted(labels.items())) for labels in data or ()}):
        yield {"metric" if n == "__name__" else label_column(SERIES, n): value for n, value in one}


def _seconds(ms: int) -> str:
    return f"{ms / 1_000:.3f}"


_TEXT: Any = pl.String
_METADATA: dict[str, Any] = {"metric": _TEXT, "type": _TEXT, "unit": _TEXT, "help": _TEXT}
_RULES: dict[str, Any] = {
    **dict.fromkeys(("group", "file", "name", "type", "query", "state"), _TEXT),
    "alerts": pl.Int64,
    "for_s": pl.Float64,
    "health": _TEXT,
    "last_error": _TEXT,
    "evaluated": _TIME,
    "evaluation_s": pl.Float64,
}
_ALERTS: dict[str, Any] = {"name": _TEXT, "state": _TEXT, "since": _TIME, "value": pl.Float64}
_TARGETS: dict[str, Any] = {
    **dict.fromkeys(("pool", "url", "health", "last_error"), _TEXT),
    "scraped": _TIME,
    "scrape_s": pl.Float64,
}
_NAMES: dict[str, Any] = {"name": _TEXT}
_LOOKS: dict[Of, _Look] = {
    "metadata": _Look("/api/v1/metadata", _METADATA, dict[str, list[_Entry]], _metadata),
    "rules": _Look("/api/v1/rules", _RULES, _Groups, _rules),
    "alerts": _Look("/api/v1/alerts", _ALERTS, _Alerts, _alerts),
    "targets": _Look("/api/v1/targets", _TARGETS, _Targets, _targets),
    "series": _Look("/api/v1/series", {"metric": dtype("label")}, list[_Labels] | None, _series),
    "labels": _Look(
        "/api/v1/labels",
        _NAMES,
        list[str] | None,
        lambda data: [{"name": name} for name in sorted(set(data or ()))],
    ),
}
