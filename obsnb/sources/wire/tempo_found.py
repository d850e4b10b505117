"""What Tempo's searches found, as SPANS: the spans that match, with what the query selected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.sources.wire.span_table import KINDS, STATUSES, Attribute, SpanTable
from obsnb.sources.wire.tempo_json import FoundSpan, read_json_attribute

__all__ = ["found_spans"]

_NIL = "nil"  # what Tempo says of an attribute that was selected and is not there
#: What fills a core column, and the words that it may say; None where any text will do.
_INTRINSICS = {
    "kind": (*KINDS, "unspecified"),
    "status": STATUSES,
    "statusMessage": None,
    "span:parentID": None,
}
_MENTION = re.compile(
    r"(?<![\w.])(?P<scope>resource|span|event|link|instrumentation|)\."
    r'(?:"(?P<quoted>(?:\\.|[^"\\])+)"|(?P<plain>[^\s(){}=!<>~,|&"]+))'
)


class _Field(NamedTuple):
    """Where an attribute of an answer belongs."""

    place: str
    attribute: Attribute


class _Fields(dict[bytes, _Field]):
    """Attributes by the bytes that they came as.

    An answer does not say whether an attribute is the span's or its resource's: the query does. One
    that the query names in both is taken for the span's.
    """

    def __init__(self, query: str) -> None:
        super().__init__()
        self._scopes: dict[str, set[str]] = {}
        for found in _MENTION.finditer(query):
            key = found["plain"] or re.sub(r"\\(.)", r"\1", found["quoted"])
            self._scopes.setdefault(key, set()).add(found["scope"])

    def __missing__(self, raw: bytes) -> _Field:
        field = self._classify(read_json_attribute(raw))
        self[raw] = field
        return field

    def read(self, raw: bytes) -> Attribute:
        return self[raw].attribute

    def _classify(self, attribute: Attribute) -> _Field:
        key, value = attribute.key, attribute.value
        if attribute.type == "string" and value == _NIL:
            return _Field("nothing", attribute)
        if key in _INTRINSICS and ((words := _INTRINSICS[key]) is None or value in words):
            return _Field(key, attribute)
        scopes = self._scopes.get(key, {""})
        if scopes == {"resource"}:
            return _Field("resource", attribute)
        if len(scopes) == 1 and scopes.isdisjoint({"", "span"}):  # an event's, a link's, a library's
            attribute = attribute._replace(key=f"{min(scopes)}.{key}")
        return _Field("span", attribute)


def found_spans(
    found: Mapping[str, Iterable[FoundSpan]], *, query: str, conventions: Conventions
) -> pl.DataFrame:
    """SPANS of what searches found.

    Parameters
    ----------
    found
        Trace id → its spans.
    query
        As it was sent: it tells the span's attributes from its resource's.
    conventions
        Which attributes get a column, and which names mean one service.

    Returns
    -------
    polars.DataFrame
        SPANS, then promoted attributes. ``attributes`` and ``resource`` hold what the query names and
        selects, events and links are null, ``whole_trace`` is false.

    Raises
    ------
    msgspec.DecodeError
        An id or an attribute is not of Tempo's form.
    """
    fields = _Fields(query)
    table = SpanTable(fields.read)
    for trace_id, spans in found.items():
        trace = _bytes(trace_id, 32)
        for span in spans:
            _add(table, fields, trace, span)
    return table.frame(conventions, nested=False)


def _add(table: SpanTable, fields: _Fields, trace: bytes, span: FoundSpan) -> None:
    core: dict[str, str] = {}
    own, shared = [], []
    for raw in sorted(bytes(one) for one in span.attributes):  # they come in a different order each time
        place, attribute = fields[raw]
        if place == "span":
            own.append(raw)
        elif place == "resource":
            shared.append(raw)
        elif place != "nothing":
            core[place] = attribute.value or ""
    kind = core.get("kind")
    table.span(
        trace,
        _bytes(span.span_id, 16),
        _bytes(core.get("span:parentID", ""), 16),
        name=span.name,
        kind=kind if kind in KINDS else None,
        status=core.get("status"),
        message=core.get("statusMessage", ""),
        start=span.start,
        end=span.start + span.duration,
        resource=table.resource(shared),
        attributes=own,
        whole=False,
    )


def _bytes(text: str, digits: int) -> bytes:
    try:
        return bytes.fromhex(text.zfill(digits))
    except ValueError as error:
        raise msgspec.ValidationError(f"{text!r} is no id: {error}") from None
