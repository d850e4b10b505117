"""A Tempo that holds recorded or made-up traces and answers as the real one does.

What it does of TraceQL is in `tests.standin.traceql`; metrics it answers by the exact text that was
recorded. Seen only here, never recorded: refused ranges and limits, ``PARTIAL``, links, array
attributes, servers that know neither the second version's path nor the parents of spans.
"""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.standin import traceql
from tests.standin.traces import HeldSpan, HeldTrace, any_value, found, key_value, shuffled

__all__ = ["Refused", "TempoStandIn", "any_value", "key_value", "recorded_body"]

Reply = tuple[int, dict[str, str], bytes]
Params = Mapping[str, Sequence[str]]

_TEXT = {"content-type": "text/plain; charset=utf-8"}
_JSON = {"content-type": "application/json"}
_PROTOBUF = {"content-type": "application/protobuf"}
_BUILD = b'{"version":"3.0.3","revision":"","branch":"","buildUser":"","buildDate":"","goVersion":"go1.27.3"}'


class Refused(Exception):
    """The stand-in refuses, in Tempo's words."""


def _in_one_block(query: str) -> None:
    """Refuse a query in which a block of 1,024 bytes ends in a word: the real one may lose what follows."""
    text = query.encode()
    for edge in range(1024, len(text), 1024):
        if text[edge - 1 : edge + 1] != b"  ":
            raise Refused(
                f"invalid TraceQL query: parse error at line 1, col {edge + 1}: "
                "syntax error: unexpected $end, expecting ) or ,"
            )


@dataclass(frozen=True)
class TempoStandIn:
    """Answers from traces.

    Parameters
    ----------
    traces
        What it holds.
    metrics
        Query → (step in ms, the recorded answer).
    instants
        Query, start and end as they are asked → the recorded answer at an instant.
    newest_first
        Whether it knows ``most_recent``; else an answer holds any so many traces.
    max_limit, max_spss, max_search_s, max_metrics_s
        What it allows; more is refused.
    versions
        Which paths of whole traces it knows.
    knows_parents
        Whether a query may name ``span:parentID``.
    takes_stages
        Whether a filter may follow another.
    speaks_protobuf
        Whether it heeds the Accept header.
    partial
        Id → what it says of a trace that it gives a part of.
    lost
        Ids that a search finds and that are then not there.
    block_s
        Spans lie in blocks by the time they end, so many seconds each; what comes is of the blocks
        that the request's range overlaps. Of a trace in several blocks, a search shows the matching
        spans of the block that has most of them, as Tempo's combineSpansets does. 0 is one block.
    """

    traces: Mapping[str, HeldTrace]
    metrics: Mapping[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)
    instants: Mapping[tuple[str, str, str], Mapping[str, Any]] = field(default_factory=dict)
    newest_first: bool = True
    max_limit: int = 262_144
    max_spss: int = 100
    max_search_s: int = 168 * 3_600
    max_metrics_s: int = 24 * 3_600
    versions: frozenset[int] = frozenset({1, 2})
    knows_parents: bool = True
    takes_stages: bool = True
    speaks_protobuf: bool = True
    partial: Mapping[str, str] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    block_s: int = 0
    _matched: dict[tuple[str, ...], dict[str, Sequence[HeldSpan]]] = field(default_factory=dict)

    @classmethod
    def from_recordings(cls, folder: Path, **settings: Any) -> TempoStandIn:
        """The whole traces and the metrics of a folder of recorded answers."""
        traces = {}
        with zipfile.ZipFile(folder / "traces-v2-protobuf.zip") as members:
            for name in members.namelist():
                trace_id = name.removesuffix(".pb")
                reply = members.read(name)
                traces[trace_id] = HeldTrace(trace_id, TracesData.FromString(_first_field(reply)), reply)
        metrics, instants = {}, {}
        for note in sorted(folder.glob("metrics-*.json")):
            asked = json.loads(note.read_text("utf-8"))
            if asked["path"].endswith("query_range"):
                step = int(asked["params"]["step"].removesuffix("s")) * 1_000
                metrics[asked["params"]["q"]] = (step, json.loads(recorded_body(note)))
            else:
                between = (asked["params"]["q"], str(asked["params"]["start"]), str(asked["params"]["end"]))
                instants[between] = json.loads(recorded_body(note))
        return cls(traces, metrics, instants, **settings)

    @classmethod
    def of(cls, *made: TracesData, **settings: Any) -> TempoStandIn:
        """Made-up traces, one in each."""
        traces = {}
        for data in made:
            trace_id = data.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
            body = data.SerializeToString()
            traces[trace_id] = HeldTrace(trace_id, data, b"\x0a" + _varint(len(body)) + body + b"\x12\x00")
        return cls(traces, **settings)

    def answer(self, method: str, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
        """As the server would; header names in lower case."""
        accept = {name.lower(): value for name, value in headers.items()}.get("accept", "")
        try:
            _in_one_block(params.get("q", [""])[0])
            if path == "/api/search":
                return 200, _JSON, self._search(params)
            if path == "/api/v2/search/tags":
                return 200, _JSON, self._tags(params)
            if values := re.fullmatch(r"/api/v2/search/tag/(.+)/values", path):
                return 200, _JSON, self._tag_values(values[1], params)
            if path == "/api/metrics/query":
                asked = (_one(params, "q", ""), _one(params, "start", ""), _one(params, "end", ""))
                if asked not in self.instants:
                    raise Refused(f"the stand-in has no answer to {asked}")
                return 200, _JSON, _dumped(self.instants[asked])
            if path == "/api/metrics/query_range":
                return 200, _JSON, self._series(params)
            if path.startswith("/api/traces/") and 1 in self.versions:
                return self._trace(path.rsplit("/", 1)[1], params, accept, version=1)
            if path.startswith("/api/v2/traces/") and 2 in self.versions:
                return self._trace(path.rsplit("/", 1)[1], params, accept, version=2)
        except (Refused, traceql.ParseError) as refused:
            return 400, _TEXT, str(refused).encode()
        fixed = {
            "/api/status/buildinfo": (_JSON, _BUILD),
            "/ready": (_TEXT, b"ready\n"),
            "/api/echo": (_TEXT, b"echo\n"),
        }
        if path in fixed:
            return 200, *fixed[path]
        return 404, _TEXT, b"404 page not found\n"

    # Searching.

    def _search(self, params: Params) -> bytes:
        start, end = self._range(params)
        if self.max_search_s and end - start > self.max_search_s:
            hours = self.max_search_s // 3_600
            raise Refused(
                f"range specified by start and end exceeds {hours}h0m0s. received start={start} end={end}"
            )
        limit, spss = int(_one(params, "limit", "20")), int(_one(params, "spss", "3"))
        if limit == 0:
            raise Refused("invalid limit: must be a positive number")
        if limit > self.max_limit:
            raise Refused(f"limit {limit} exceeds max limit {self.max_limit}")
        if spss > self.max_spss:
            raise Refused(f"spans per span set exceeds {self.max_spss}. received {spss}")
        query = self._parsed(_one(params, "q", "{}"))
        each = [
            (trace, self._of_a_block(spans, start, end))
            for trace, spans in self._matching(query)
            if trace.start <= end * 10**9 and trace.end >= start * 10**9 and start != end
        ]
        each = [(trace, spans) for trace, spans in each if spans]
        recent = query.hints.get("most_recent") == "true" and self.newest_first
        each.sort(key=lambda one: (-one[0].start if recent else 0, shuffled(one[0].trace_id)))
        each = sorted(each[:limit], key=lambda one: -one[0].start)
        traces = [found(trace, spans, spss, query.named) for trace, spans in each]
        return json.dumps({"traces": traces, "metrics": {"inspectedBytes": "1", "totalJobs": 1}}).encode()

    def _parsed(self, text: str) -> traceql.Query:
        if not self.knows_parents and (at := text.find("span:parentID")) >= 0:
            raise traceql.ParseError(at + 6, "IDENTIFIER")
        query = traceql.parse(text)
        if not self.takes_stages and re.search(r"\}\s*\|\s*\{", text):
            raise Refused("invalid TraceQL query: one filter after another")
        return query

    def _matching(self, query: traceql.Query) -> list[tuple[HeldTrace, Sequence[HeldSpan]]]:
        """The traces with matching spans; what stages leave is kept for queries that begin alike."""
        left: dict[str, Sequence[HeldSpan]] = {key: held.spans for key, held in self.traces.items()}
        done: tuple[str, ...] = ()
        for text, stage in query.stages:
            done = (*done, text)
            if not text.startswith("select") and done not in self._matched:
                each = {trace_id: stage(spans) for trace_id, spans in left.items()}
                self._matched[done] = {trace_id: spans for trace_id, spans in each.items() if spans}
            left = self._matched.get(done, left)
        return [(self.traces[trace_id], spans) for trace_id, spans in left.items()]

    def _of_a_block(self, spans: Sequence[HeldSpan], start: int, end: int) -> Sequence[HeldSpan]:
        """The matching spans of the block that has most of them, of the blocks that are searched."""
        if not self.block_s:
            return spans
        blocks: dict[int, list[HeldSpan]] = {}
        for span in spans:
            block = span.end // 10**9 // self.block_s
            if block * self.block_s <= end and (block + 1) * self.block_s >= start:
                blocks.setdefault(block, []).append(span)
        return max(blocks.values(), key=len, default=[])

    def _range(self, params: Params) -> tuple[int, int]:
        start, end = int(_one(params, "start", "0")), int(_one(params, "end", "0"))
        if (start or end) and end <= start:
            raise Refused(f"http parameter start must be before end. received start={start} end={end}")
        return start, end

    def _tags(self, params: Params) -> bytes:
        self._range(params)
        held = [span for trace in self.traces.values() for span in trace.spans]
        scopes = [
            {"name": "resource", "tags": sorted({key for span in held for key in span.resource})},
            {"name": "span", "tags": sorted({key for span in held for key in span.attributes})},
            {"name": "intrinsic", "tags": ["duration", "kind", "name", "span:id", "status"]},
        ]
        return json.dumps({"scopes": scopes, "metrics": {"inspectedBytes": "1"}}).encode()

    def _tag_values(self, name: str, params: Params) -> bytes:
        self._range(params)
        scope, _, key = name.partition(".")
        held = [span for trace in self.traces.values() for span in trace.spans]
        owners = [span.resource if scope == "resource" else span.attributes for span in held]
        values = sorted(
            {str(getattr(one[key], one[key].WhichOneof("value"))) for one in owners if key in one}
        )
        told = [{"type": "string", "value": value} for value in values]
        return json.dumps({"tagValues": told, "metrics": {"inspectedBytes": "1"}}).encode()

    # Whole traces.

    def _trace(self, text: str, params: Params, accept: str, *, version: int) -> Reply:
        for place, char in enumerate(text, 1):
            if char not in "0123456789abcdefABCDEF":
                what = f"invalid character '{char}' at position {place}"
                raise Refused(f"trace IDs can only contain hex characters: {what}")
        start, end = self._range(params)
        held = self.traces.get(text.lower().zfill(32))
        data = None if held is None or held.trace_id in self.lost else self._from_blocks(held, start, end)
        binary = "application/protobuf" in accept and self.speaks_protobuf
        if data is None and version == 1:
            return 404, {}, b""
        if data is None:
            return (
                (200, _PROTOBUF, b"\x0a\x00\x12\x00")
                if binary
                else (200, _JSON, b'{"trace":{},"metrics":{}}')
            )
        message = self.partial.get(held.trace_id) if held else None
        if version == 1:
            batches = {"batches": MessageToDict(data)["resourceSpans"]}
            return (200, _PROTOBUF, data.SerializeToString()) if binary else (200, _JSON, _dumped(batches))
        if binary:
            body = data.SerializeToString()
            said = b"" if message is None else b"\x18\x01\x22" + _varint(len(message)) + message.encode()
            return 200, _PROTOBUF, b"\x0a" + _varint(len(body)) + body + b"\x12\x00" + said
        told: dict[str, Any] = {"trace": MessageToDict(data), "metrics": {}}
        return 200, _JSON, _dumped(told | ({"status": "PARTIAL", "message": message} if message else {}))

    def _from_blocks(self, held: HeldTrace, start: int, end: int) -> TracesData | None:
        """The spans in the blocks that a range overlaps; None where there is none."""
        if not start or not self.block_s:
            return held.data if not start or (held.start < end * 10**9 and held.end > start * 10**9) else None
        data, kept = TracesData.FromString(held.data.SerializeToString()), 0
        for batch in data.resource_spans:
            for scope in batch.scope_spans:
                inside = [
                    span
                    for span in scope.spans
                    for block in [span.end_time_unix_nano // 10**9 // self.block_s]
                    if block * self.block_s < end and (block + 1) * self.block_s > start
                ]
                del scope.spans[:]
                scope.spans.extend(inside)
                kept += len(inside)
        return data if kept else None

    # Metrics.

    def _series(self, params: Params) -> bytes:
        query = _one(params, "q", "")
        if query not in self.metrics:
            raise Refused(f"the stand-in has no answer to {query}")
        step_ms, recorded = self.metrics[query]
        start, end, step = (
            _ms(_one(params, "start", "")),
            _ms(_one(params, "end", "")),
            _one(params, "step", ""),
        )
        asked = int(step.removesuffix("ms")) if step.endswith("ms") else int(step.removesuffix("s")) * 1_000
        if start > end:
            raise Refused("end must be greater than start")
        if asked != step_ms:
            raise Refused(f"step of {step} is too small, minimum step for given range is {step_ms // 1_000}s")
        if end - start == step_ms:
            grid = [end]  # an instant: one value for the whole of the range
        else:
            grid = list(range(start // step_ms * step_ms, -(-end // step_ms) * step_ms + 1, step_ms))
            if self.max_metrics_s and (grid[-1] - grid[0] + step_ms) > self.max_metrics_s * 1_000:
                hours = self.max_metrics_s // 3_600
                raise Refused(
                    f"metrics query time range exceeds the maximum allowed duration of {hours}h0m0s"
                )
        series = []
        for one in recorded["series"]:
            known = {int(sample["timestampMs"]): sample.get("value") for sample in one["samples"]}
            samples = [
                {"timestampMs": str(ms)} | ({"value": known[ms]} if known.get(ms) is not None else {})
                for ms in grid
            ]
            told = {"labels": one["labels"], "samples": samples}
            if params.get("exemplars"):
                inside = [e for e in one.get("exemplars", ()) if start <= int(e["timestampMs"]) <= end]
                told["exemplars"] = inside[: int(params["exemplars"][0])]
            series.append(told)
        return json.dumps({**recorded, "series": series}).encode()


def recorded_body(note: Path) -> bytes:
    """The body beside a recording's note."""
    body = note.with_name(json.loads(note.read_text("utf-8"))["body"])
    return gzip.decompress(body.read_bytes()) if body.suffix == ".gz" else body.read_bytes()


def _one(params: Params, name: str, default: str) -> str:
    return params[name][0] if params.get(name) else default


def _ms(text: str) -> int:
    return int(text) * 1_000 if len(text) <= 10 else int(text) // 10**6


def _dumped(told: Any) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _first_field(reply: bytes) -> bytes:
    """The trace in a ``TraceByIDResponse``, by hand: length-delimited field 1 comes first."""
    assert reply[0] == 0x0A
    length, shift, at = 0, 0, 1
    while True:
        byte = reply[at]
        length |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return reply[at : at + length]
