"""Tempo's JSON: what a search finds, whole traces, names of attributes.

Nothing here knows a transport: bytes in, and `msgspec.DecodeError` where the bytes are not such an
answer. Ids come in three forms: a search gives hex, trace ids without their leading zeros; a whole
trace has base64, where OTLP's own JSON has hex.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec

from obsnb.sources.wire.span_table import KINDS, STATUSES, Attribute, Kind, SpanTable, attribute

__all__ = [
    "FoundSpan",
    "FoundTrace",
    "TraceJson",
    "add_json",
    "plain_json",
    "read_json_attribute",
    "read_json_pair",
    "read_names",
    "read_search",
    "read_tag_values",
    "read_trace_json",
]

_T = TypeVar("_T")

_KINDS: Mapping[str, Kind] = {
    "stringValue": "string",
    "intValue": "int",
    "doubleValue": "double",
    "boolValue": "bool",
    "arrayValue": "array",
    "kvlistValue": "kvlist",
    "bytesValue": "bytes",
}


class FoundSpan(msgspec.Struct, gc=False):
    """A span that a search found.

    Attributes
    ----------
    span_id
        As it came: hex.
    name
        Where the query selects it.
    start, duration
        Nanoseconds.
    attributes
        What the query names and selects, intrinsics among them, as JSON.
    """

    span_id: str = msgspec.field(name="spanID", default="")
    name: str = ""
    start: int = msgspec.field(name="startTimeUnixNano", default=0)
    duration: int = msgspec.field(name="durationNanos", default=0)
    attributes: list[msgspec.Raw] = []

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells it from others of its trace: two may share an id, as Zipkin's do."""
        return self.span_id, self.start, self.duration


class _SpanSet(msgspec.Struct, gc=False):
    spans: list[FoundSpan] = []
    matched: int = 0


_SPAN_SET = msgspec.json.Decoder(_SpanSet, strict=False)


class FoundTrace(msgspec.Struct, gc=False):
    """A trace that a search found.

    Attributes
    ----------
    trace_id
        32 lower-case hex digits.
    start, duration_ms
        Of the trace, as far as the searched blocks hold it; the duration is rounded down.
    sets
        The spans that match, in one set or in one for each group of the query.
    only
        One of these sets once more, not read.
    """

    trace_id: str = msgspec.field(name="traceID")
    start: int = msgspec.field(name="startTimeUnixNano", default=0)
    duration_ms: int = msgspec.field(name="durationMs", default=0)
    sets: list[_SpanSet] = msgspec.field(name="spanSets", default_factory=list)
    only: msgspec.Raw = msgspec.field(name="spanSet", default=msgspec.Raw(b""))

    def __post_init__(self) -> None:
        self.trace_id = self.trace_id.lower().zfill(32)
        if not self.sets and bytes(self.only):  # old servers have no other; new ones repeat one here
            self.sets = [_SPAN_SET.decode(self.only)]

    @property
    def matched(self) -> int:
        """How many spans match, whether they are all here or not."""
        return sum(max(one.matched, len(one.spans)) for one in self.sets)


class _Search(msgspec.Struct):
    traces: list[FoundTrace] | None = None
    metrics: msgspec.Raw = msgspec.Raw(b"")  # what it cost, which Tempo always says


class _Status(msgspec.Struct, frozen=True, gc=False):
    code: str | int = 0
    message: str = ""


#: A time that 64 bits with a sign can tell, as frames have it.
_Nanoseconds = Annotated[int, msgspec.Meta(le=2**63 - 1)]


class _Event(msgspec.Struct, gc=False, rename="camel"):
    time_unix_nano: _Nanoseconds = 0
    name: str = ""
    attributes: list[msgspec.Raw] = []


class _Link(msgspec.Struct, gc=False, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    attributes: list[msgspec.Raw] = []


class _Span(msgspec.Struct, gc=False, rename="camel"):
    trace_id: str = ""
    span_id: str = ""
    parent_span_id: str = ""
    name: str = ""
    kind: str | int = 0
    start_time_unix_nano: _Nanoseconds = 0
    end_time_unix_nano: _Nanoseconds = 0
    attributes: list[msgspec.Raw] = []
    events: list[_Event] = []
    links: list[_Link] = []
    status: _Status = _Status()


class _Scope(msgspec.Struct, gc=False):
    spans: list[_Span] = []


class _Resource(msgspec.Struct, frozen=True, gc=False):
    attributes: list[msgspec.Raw] = []


class _Batch(msgspec.Struct, gc=False, rename="camel"):
    resource: _Resource = _Resource()
    scope_spans: list[_Scope] = []


class _Trace(msgspec.Struct, rename="camel"):
    resource_spans: list[_Batch] = []
    batches: list[_Batch] = []


class TraceJson(_Trace, rename="camel"):
    """A whole trace: ``/api/traces/{id}`` or ``/api/v2/traces/{id}``.

    Attributes
    ----------
    trace
        Where it came in the second version's envelope; else its batches are here themselves.
    status, message
        ``PARTIAL``, and what the server says of that.
    """

    trace: _Trace | None = None
    status: str = ""
    message: str = ""

    @property
    def partial(self) -> bool:
        """Whether the server says that spans are missing."""
        return self.status == "PARTIAL"


class _TagScope(msgspec.Struct):
    name: str = ""
    tags: list[str] = []


class _Tags(msgspec.Struct):
    scopes: list[_TagScope] = []


class _TagValue(msgspec.Struct):
    value: str = ""


class _TagValues(msgspec.Struct, rename="camel"):
    tag_values: list[_TagValue] | None = None


# Not strict: protobuf's JSON writes 64-bit integers as text.
_SEARCH = msgspec.json.Decoder(_Search, strict=False)
_TRACE = msgspec.json.Decoder(TraceJson, strict=False)
_TAGS = msgspec.json.Decoder(_Tags)
_TAG_VALUES = msgspec.json.Decoder(_TagValues, strict=False)


def read_search(body: bytes) -> list[FoundTrace]:
    """What a search found, in its order. Raises `msgspec.DecodeError`."""
    search = _decode(_SEARCH, body)
    if search.traces is None and not bytes(search.metrics):
        raise msgspec.ValidationError("it is not what a search says that found nothing")
    return search.traces or []


def read_trace_json(body: bytes) -> TraceJson:
    """A whole trace, either version's. Raises `msgspec.DecodeError`."""
    return _decode(_TRACE, body)


def read_names(body: bytes) -> list[str]:
    """The attributes that a server has, by scope (``resource.service.name``), without intrinsics.

    Raises `msgspec.DecodeError`.
    """
    scopes = _decode(_TAGS, body).scopes
    return [f"{scope.name}.{tag}" for scope in scopes if scope.name != "intrinsic" for tag in scope.tags]


def read_tag_values(body: bytes) -> list[str]:
    """The values of an attribute that a server tells, as text. Raises `msgspec.DecodeError`."""
    return [one.value for one in _decode(_TAG_VALUES, body).tag_values or ()]


def add_json(table: SpanTable, reply: TraceJson, *, whole: bool) -> int:
    """Enter the spans of a trace into a table that was made with `read_json_attribute`.

    Returns
    -------
    int
        How many there were.

    Raises
    ------
    msgspec.DecodeError
        An id or an attribute is not of this form.
    """
    before = len(table)
    trace = reply.trace or reply
    for batch in (*trace.resource_spans, *trace.batches):
        resource = table.resource(_raw(batch.resource.attributes))
        for scope in batch.scope_spans:
            for span in scope.spans:
                _add_span(table, span, resource, whole)
    return len(table) - before


def _add_span(table: SpanTable, span: _Span, resource: int, whole: bool) -> None:
    table.span(
        _id(span.trace_id, 32),
        _id(span.span_id, 16),
        _id(span.parent_span_id, 16),
        name=span.name,
        kind=_word(span.kind, KINDS, "SPAN_KIND_"),
        status=_word(span.status.code, STATUSES, "STATUS_CODE_"),
        message=span.status.message,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        resource=resource,
        attributes=_raw(span.attributes),
        whole=whole,
    )
    for event in span.events:
        table.event(event.time_unix_nano, event.name, _raw(event.attributes))
    for link in span.links:
        table.link(_id(link.trace_id, 32), _id(link.span_id, 16), _raw(link.attributes))


def read_json_attribute(raw: bytes) -> Attribute:
    """An attribute from OTLP's JSON. Raises `msgspec.DecodeError`."""
    return attribute(*read_json_pair(raw))


def read_json_pair(raw: bytes) -> tuple[str, Kind | None, Any]:
    """The key, the type and the plain value of an attribute in OTLP's JSON. Raises `msgspec.DecodeError`."""
    pair = msgspec.json.decode(raw)
    if not isinstance(pair, dict) or not isinstance(pair.get("key", ""), str):
        raise msgspec.ValidationError("an attribute is no key and value")
    return pair.get("key", ""), *plain_json(pair.get("value") or {})


def plain_json(value: Any) -> tuple[Kind | None, Any]:
    """The type of a value, and the value as Python has it."""
    found = next(((kind, value[field]) for field, kind in _KINDS.items() if field in value), None)
    if found is None:
        return None, None
    kind, plain = found
    try:
        if kind == "int":
            plain = int(plain)
        elif kind == "double":
            plain = float(plain)
        elif kind == "bytes":
            plain = binascii.a2b_base64(plain, strict_mode=True)
        elif kind == "array":
            plain = [plain_json(one)[1] for one in plain.get("values", ())]
        elif kind == "kvlist":
            plain = {
                one.get("key", ""): plain_json(one.get("value") or {})[1] for one in plain.get("values", ())
            }
        elif kind == "string" and not isinstance(plain, str):
            raise ValueError("no text")
    except (ValueError, TypeError, AttributeError) as error:
        raise msgspec.ValidationError(f"an attribute's {kind} cannot be read: {error}") from None
    return kind, plain


def _raw(attributes: Iterable[msgspec.Raw]) -> Sequence[bytes]:
    return [bytes(one) for one in attributes]


def _id(text: str, digits: int) -> bytes:
    """An id's bytes from base64, or from hex where it is as long as that."""
    try:
        if len(text) == digits:
            return bytes.fromhex(text)
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise msgspec.ValidationError(f"{text!r} is no id: {error}") from None


def _word(value: str | int, words: tuple[Any, ...], prefix: str) -> Any:
    """What an enumeration's number or name means; null where it is not known."""
    if isinstance(value, int):
        return words[value] if 0 <= value < len(words) else None
    word = value.removeprefix(prefix).lower()
    return word if word in words else None


def _decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except UnicodeDecodeError:
        # Tempo does not validate attributes: U+FFFD takes the place of what is no text.
        return decoder.decode(body.decode("utf-8", "replace"))
