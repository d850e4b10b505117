"""What is put together in Grafana's search for traces, as the TraceQL that Grafana makes of it.

Such a query has no text in an address: fields with an operator and values each, all of which must hold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["older_search", "search_of"]

_SCOPES = frozenset({"event", "instrumentation", "link", "resource", "span"})
#: What a span or a trace has of itself, which is no attribute.
_INTRINSIC = re.compile(
    "duration|kind|name|rootName|rootServiceName|status|statusMessage|traceDuration"
    r"|(?:event|instrumentation|link|span|trace):\w+"
)
_WORDS = frozenset({"kind", "status", "span:kind", "span:status"})
_REGEX = frozenset({"=~", "!~"})
_NOT_PLAIN = re.compile(r"[$^*{}\[\]'+?.()|]")
#: A tag of a search of Grafana 9 and before, as logfmt writes it.
_TAG = re.compile(r'(\S+?)=(?:"((?:\\.|[^"\\])*)"|(\S+))')
#: Values that TraceQL takes without quotes.
_BARE = re.compile(r"-?\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)?|true|false|nil")


def search_of(filters: object) -> str:
    """The TraceQL of a form's fields; rows that are not filled in say nothing.

    Examples
    --------
    >>> service = {"scope": "resource", "tag": "service.name", "operator": "=", "value": ["api", "db"]}
    >>> search_of([service, {"tag": "duration", "operator": ">", "value": "100ms"}])
    '{ (resource.service.name = "api" || resource.service.name = "db") && duration > 100ms }'
    """
    rows = [row for row in filters if isinstance(row, dict)] if isinstance(filters, list) else []
    of_traces = any(row.get("id") == "duration-type" and row.get("value") == "trace" for row in rows)
    conditions = [one for row in rows if (one := _condition(row, of_traces=of_traces))]
    return "{ " + " && ".join(conditions) + " }" if conditions else "{ }"


def older_search(query: Mapping[str, Any]) -> str:
    """The TraceQL of a search of Grafana 9 and before: a service, a name, durations of traces, and tags."""
    service, name = query.get("serviceName"), query.get("spanName")
    rows: list[dict[str, Any]] = [
        {"id": "duration-type", "value": "trace"},
        _text("service.name", service and [service]) | {"scope": "resource"},
        _text("name", name and [name]),
        {"tag": "duration", "operator": ">", "value": query.get("minDuration")},
        {"tag": "duration", "operator": "<", "value": query.get("maxDuration")},
    ]
    for tag, quoted, plain in _TAG.findall(str(query.get("search") or "")):
        rows.append(_text(tag, quoted) if quoted else {"tag": tag, "operator": "=", "value": plain})
    return search_of(rows)


def _text(tag: str, value: object) -> dict[str, Any]:
    return {"tag": tag, "operator": "=", "value": value, "valueType": "string"}


def _condition(row: Mapping[str, Any], *, of_traces: bool) -> str:
    """A row as a condition; empty where it is not filled in."""
    tag, operator, value = row.get("tag"), str(row.get("operator") or ""), row.get("value")
    values = [str(one) for one in value] if isinstance(value, list) else [str(value)] if value else []
    if not (tag and operator and values):
        return ""
    name = "traceDuration" if tag == "duration" and of_traces else str(tag)
    pattern = operator in _REGEX and len(values) > 1  # one expression of them all
    quoted = pattern or row.get("valueType") == "string"
    if row.get("valueType") is None and name not in _WORDS:
        # Grafana of some ages says no type of what is typed in, and sends words without quotes.
        quoted = quoted or not all(map(_BARE.fullmatch, values))
    if isinstance(value, list) and not row.get("isCustomValue"):  # picked from a list: meant as it stands
        values = [_escaped(one, pattern=pattern) for one in values]
    if pattern:
        values = ["|".join(values)]
    field = _scoped(name, str(row.get("scope")))
    each = [f'{field} {operator} "{one}"' if quoted else f"{field} {operator} {one}" for one in values]
    # Of several values none may be it, or any of them.
    return each[0] if len(each) == 1 else f"({(' && ' if operator == '!=' else ' || ').join(each)})"


def _scoped(name: str, scope: str) -> str:
    if scope == "intrinsic" or _INTRINSIC.fullmatch(name):
        return name
    return f"{scope if scope in _SCOPES else ''}.{name}"


def _escaped(value: str, *, pattern: bool) -> str:
    """A value in quotes; in a pattern also as a regular expression that means nothing else."""
    text = re.sub(r'["\\]', r"\\\g<0>", value).replace("\n", "\\n")
    return _NOT_PLAIN.sub(r"\\\\\g<0>", text) if pattern else text
