"""All of some OTLP files as frames, and what of them could not be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl
from google.protobuf.message import DecodeError

from obsnb.collector import paused_collector
from obsnb.conventions import Conventions
from obsnb.errors import AnswerError
from obsnb.schema import SPANS
from obsnb.sources.otlp_files import Damage, Message, messages
from obsnb.sources.wire.otlp_logs import LogTable, all_logs, read_json_logs, read_logs
from obsnb.sources.wire.otlp_messages import Signal, signal_of
from obsnb.sources.wire.otlp_metrics import MetricTable, Samples
from obsnb.sources.wire.otlp_names import Pair
from obsnb.sources.wire.otlp_points import read_json_metrics, read_metrics
from obsnb.sources.wire.otlp_spans import add_traces, read_pair, read_trace
from obsnb.sources.wire.span_table import Attribute, SpanTable, attribute
from obsnb.sources.wire.tempo_json import add_json, read_json_pair, read_trace_json

__all__ = ["Contents", "Gap", "read_files"]

_LATEST = 2**63 - 1
_SAME_SPAN = ["trace_id", "span_id", "parent_span_id", "name", "kind", "start", "duration"]


class Gap(NamedTuple):
    """What could not be read: of which signal (None where that is not known), where, and why."""

    signal: Signal | None
    place: str
    why: str


@dataclass(frozen=True)
class Contents:
    """What the files hold.

    Attributes
    ----------
    logs, samples, spans
        LOGS sorted by time; series and exemplars; SPANS sorted by start and ids.
    files, messages, bytes
        How many files, messages in them, and bytes of these, uncompressed.
    gaps
        What could not be read.
    repeated
        Signal → how many rows are left out because an equal one is there.
    """

    logs: pl.DataFrame
    samples: Samples
    spans: pl.DataFrame
    files: int
    messages: int
    bytes: int
    gaps: tuple[Gap, ...]
    repeated: dict[Signal, int]

    def __repr__(self) -> str:
        rows = f"{self.logs.height} lines, {self.samples.series.height} samples, {self.spans.height} spans"
        return f"Contents({rows} of {self.files} files)"


class _Envelope(msgspec.Struct, rename="camel"):
    """Which signals a line of JSON holds."""

    resource_logs: msgspec.Raw = msgspec.Raw(b"")
    resource_metrics: msgspec.Raw = msgspec.Raw(b"")
    resource_spans: msgspec.Raw = msgspec.Raw(b"")

    @property
    def signals(self) -> list[Signal]:
        held: dict[Signal, msgspec.Raw] = {
            "logs": self.resource_logs,
            "metrics": self.resource_metrics,
            "traces": self.resource_spans,
        }
        return [signal for signal, raw in held.items() if bytes(raw) not in {b"", b"null"}]


_ENVELOPE = msgspec.json.Decoder(_Envelope)


@dataclass
class _Encoding:
    """How one encoding's attributes are read, each once. Those that cannot be are counted."""

    read: Callable[[bytes], Pair]
    unread: int = 0
    known: dict[bytes, Pair] = field(default_factory=dict)

    def pairs(self, raws: Iterable[bytes]) -> list[Pair]:
        return [self._pair(bytes(raw)) for raw in raws]

    def attribute(self, raw: bytes) -> Attribute:
        key, kind, value = self._pair(raw)
        return attribute(key, kind, value)  # type: ignore[arg-type]  # kinds are those that the readers give

    def _pair(self, raw: bytes) -> Pair:
        found = self.known.get(raw)
        if found is None:
            try:
                found = self.read(raw)
            except (DecodeError, msgspec.DecodeError):
                self.unread += 1
                return "", None, None
            self.known[raw] = found
        return found


class _Reading:
    """The tables that messages of both encodings go into."""

    def __init__(self) -> None:
        self.json, self.protobuf = _Encoding(read_json_pair), _Encoding(read_pair)
        self.logs = {True: LogTable(self.json.pairs), False: LogTable(self.protobuf.pairs)}
        self.spans = {True: SpanTable(self.json.attribute), False: SpanTable(self.protobuf.attribute)}
        self.metrics = MetricTable()
        self.gaps: list[Gap] = []
        self.messages = self.bytes = 0

    def file(self, path: Path) -> None:
        try:
            for one in messages(path):
                if isinstance(one, Damage):
                    self.gaps.append(Gap(None, f"{path.name} {one.place}", one.why))
                else:
                    self.message(f"{path.name} {one.place}", one)
        except OSError as error:
            self.gaps.append(Gap(None, path.name, error.strerror or str(error)))

    def message(self, place: str, one: Message) -> None:
        is_json = one.is_json
        if is_json:  # what is no text becomes U+FFFD
            one = one._replace(body=one.body.decode("utf-8", "replace").encode())
        try:
            signals = _ENVELOPE.decode(one.body).signals if is_json else [signal_of(one.body)]
        except (ValueError, msgspec.DecodeError) as error:
            self.gaps.append(Gap(None, place, _words(error)))
            return
        if not signals:
            self.gaps.append(Gap(None, place, "it holds neither logs nor metrics nor spans"))
            return
        self.messages += 1
        self.bytes += len(one.body)
        encoding = self.json if is_json else self.protobuf
        for signal in signals:
            before = encoding.unread
            try:
                if signal is not None:
                    self._enter(signal, one.body, is_json, encoding)
            except (DecodeError, msgspec.DecodeError, UnicodeDecodeError) as error:
                self.gaps.append(Gap(signal, place, _words(error)))
            if encoding.unread > before:
                lost = encoding.unread - before
                self.gaps.append(Gap(signal, place, f"{lost:,} attributes cannot be read"))

    def _enter(self, signal: Signal, body: bytes, is_json: bool, encoding: _Encoding) -> None:
        if signal == "logs":
            self.logs[is_json].add(read_json_logs(body) if is_json else read_logs(body))
        elif signal == "metrics":
            self.metrics.add(read_json_metrics(body) if is_json else read_metrics(body), encoding.pairs)
        elif is_json:
            told = read_trace_json(body)
            _check_times(told.resource_spans)
            add_json(self.spans[True], told, whole=True)
        else:
            trace = read_trace(body).trace
            _check_times(trace.resource_spans)
            add_traces(self.spans[False], trace, whole=True)

    def contents(self, conventions: Conventions, files: int) -> Contents:
        logs, repeated_logs = all_logs(self.logs.values(), conventions)
        spans, repeated_spans = _all_spans(self.spans.values(), conventions)
        samples = self.metrics.samples(conventions)
        timeless: dict[Signal, int] = {
            "logs": sum(table.timeless for table in self.logs.values()),
            "metrics": self.metrics.timeless,
        }
        for signal, count in timeless.items():
            if count:
                self.gaps.append(Gap(signal, f"{count:,} rows", "they have no time, and stand at 1970"))
        if self.metrics.clashing:
            place = f"{self.metrics.clashing:,} samples"
            why = "others have their series and time, and another value (of another scope?): these came last"
            self.gaps.append(Gap("metrics", place, why))
        repeated: dict[Signal, int] = {
            "logs": repeated_logs,
            "metrics": samples.repeated,
            "traces": repeated_spans,
        }
        return Contents(logs, samples, spans, files, self.messages, self.bytes, tuple(self.gaps), repeated)


def read_files(files: Iterable[Path], *, conventions: Conventions) -> Contents:
    """Everything in the files.

    Raises
    ------
    AnswerError
        None of them holds a message of OTLP.
    """
    reading, paths = _Reading(), list(files)
    with paused_collector():
        for path in paths:
            reading.file(path)
        if not reading.messages:
            why = f" {reading.gaps[0].place}: {reading.gaps[0].why}." if reading.gaps else ""
            raise AnswerError(
                f"There is no OTLP in {', '.join(path.name for path in paths[:3])}.{why}",
                hint="read_otlp takes what the OpenTelemetry Collector's file exporter writes: JSON lines "
                "or protobuf, plain or compressed.",
            )
        return reading.contents(conventions, len(paths))


def _all_spans(tables: Iterable[SpanTable], conventions: Conventions) -> tuple[pl.DataFrame, int]:
    """SPANS in order, and how many are left out because an equal one is there."""
    frames = [table.frame(conventions) for table in tables if len(table)]
    frame = pl.concat(frames, how="diagonal") if frames else SPANS.empty()
    once = frame.unique(_SAME_SPAN, keep="first", maintain_order=True)
    ordered = once.sort("start", "trace_id", "span_id", maintain_order=True)
    return ordered, frame.height - once.height


def _check_times(batches: Iterable[Any]) -> None:
    spans = (span for batch in batches for scope in batch.scope_spans for span in scope.spans)
    for span in spans:
        times = (span.start_time_unix_nano, span.end_time_unix_nano, *(e.time_unix_nano for e in span.events))
        if max(times) > _LATEST or min(times) < 0:
            raise msgspec.ValidationError("the time of a span is not one of this age")


def _words(error: Exception) -> str:
    return "it is not protobuf" if isinstance(error, DecodeError) else str(error)
