"""A Loki that holds recorded or made-up rows and answers as the real one does.

It evaluates log queries of filters and `json`, their counts and rates, and what the index knows; metric
queries beyond that are answered by their exact text, where a recording has one.
"""

import bisect
import gzip
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.standin import looking
from tests.standin.logql import Counting, Refused, counting, duration_ns, log_query

__all__ = ["LokiStandIn", "Row", "body_of", "rows_of"]

Labels = tuple[tuple[str, str], ...]
Params = Mapping[str, Sequence[str]]
Reply = tuple[int, dict[str, str], bytes]

_TEXT = {"content-type": "text/plain; charset=utf-8"}
_JSON = {"content-type": "application/json; charset=UTF-8"}
_HOUR = 3_600 * 10**9
_MOST_POINTS = 11_000


@dataclass(frozen=True, order=True)
class Row:
    """An entry: its time, its stream's labels, its line and structured metadata."""

    ns: int
    stream: Labels
    line: str
    metadata: Labels = ()


def _nothing(path: str, params: Params) -> Reply | None:
    return None


@dataclass
class LokiStandIn:
    """Rows that are asked as Loki is asked.

    Parameters
    ----------
    rows
        What it holds. Of several that are equal in all, it keeps one, as Loki does.
    most
        The largest page that it allows.
    longest
        The longest window that it allows, as Loki writes it, such as ``30d1h``.
    tenants
        Tenant → its rows. Where there are some, requests must name one, or several with ``|`` between.
    recorded
        Metric query → the series of a recorded matrix.
    instants
        Metric query and nanosecond → the data of a recorded answer at that instant.
    overcount
        How often the index counts a line: Loki's counts whole chunks, and those of several ingesters.
    patterns
        What ``patterns`` answers for any selector, one a mapping; None where it keeps none (404).
    limits
        What ``drilldown-limits`` reveals.
    before
        Asked first, with path and parameters; what it answers goes out instead. It makes the server hostile.
    seen
        Path and parameters of every request.
    """

    rows: Sequence[Row] = ()
    most: int = 5_000
    longest: str = "30d1h"
    tenants: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    recorded: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict)
    instants: Mapping[tuple[str, int], object] = field(default_factory=dict)
    overcount: int = 1
    patterns: Sequence[Mapping[str, object]] | None = None
    limits: Mapping[str, object] = field(default_factory=dict)
    before: Callable[[str, Params], Reply | None] = _nothing
    seen: list[tuple[str, Params]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = _kept(self.rows)
        self.tenants = {tenant: _kept(rows) for tenant, rows in self.tenants.items()}
        self._times = [row.ns for row in self.rows]

    @classmethod
    def from_recordings(cls, folder: Path) -> "LokiStandIn":
        """The rows of every recorded page of an incident and its edge cases, and its matrices."""
        names = ("all-page-*", "edge-*")
        paths = [path for name in names for path in sorted(folder.glob(f"{name}.body*"))]
        recorded, instants = {}, {}
        for note in sorted(folder.glob("*.json")):
            asked = json.loads(note.read_text("utf-8"))
            is_json = asked["response_headers"].get("content-type", "").startswith("application/json")
            if asked["status"] == 200 and is_json and asked["path"].endswith("/api/v1/query"):
                params = asked["params"]
                data = json.loads(body_of(folder / asked["body"]))["data"]
                instants[params["query"], int(params["time"])] = data
            if asked["status"] == 200 and is_json and asked["path"].endswith("/query_range"):
                data = json.loads(body_of(folder / asked["body"]))["data"]
                if data["resultType"] == "matrix":
                    recorded[asked["params"]["query"]] = data["result"]
        rows = [row for path in paths for row in rows_of(body_of(path))]
        mined = folder / "patterns.body"
        patterns = json.loads(body_of(mined))["data"] if mined.exists() else None
        return cls(rows, recorded=recorded, instants=instants, patterns=patterns)

    def answer(self, method: str, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
        """What Loki would say."""
        self.seen.append((path, params))
        instead = self.before(path, params)
        if instead is not None:
            return instead
        try:
            return self._answer(path, params, headers)
        except Refused as refused:
            return refused.status, _TEXT, refused.words.encode()

    def _answer(self, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
        api = path.removeprefix("/loki/api/v1/")
        if path == "/ready":
            return 200, _TEXT, b"ready\n"
        if api == "status/buildinfo":
            return 200, _JSON, b'{"version":"3.8.0","revision":"stand-in","goVersion":"none"}'
        tenant = headers.get("x-scope-orgid", "")
        if (self.tenants or api == "drilldown-limits") and not tenant:
            raise Refused("no org id\n", 401)
        if self.tenants:
            return _of_tenants(self.tenants, tenant)._answer(path, params, {**headers, "x-scope-orgid": ""})
        query = _one(params, "query")
        if api == "drilldown-limits":
            return 200, _JSON, json.dumps({"limits": dict(self.limits), "version": "3.8.0"}).encode()
        if api == "query_range" and query.lstrip().startswith("{"):
            categorized = "categorize-labels" in headers.get("x-loki-response-encoding-flags", "")
            return self._lines(query, params, categorized=categorized)
        if api == "query_range":
            return self._matrix(query, params)
        if api == "query":
            return self._vector(query, _ns(_one(params, "time")))
        if api in {"labels", "series", "index/stats"} or (
            api.startswith("label/") and api.endswith("/values")
        ):
            return self._index(api, params)
        if api in {"index/volume", "index/volume_range", "detected_fields"}:
            return self._looking(api, params)
        if api == "patterns" and self.patterns is not None:
            log_query(query)
            return _success(list(self.patterns))
        return 404, _TEXT, b"404 page not found\n"

    def matching(
        self, query: str, start: int, end: int, *, backward: bool = False
    ) -> Iterator[tuple[Row, Labels]]:
        """The rows of a log query with their parsed labels, start inclusive, end exclusive."""
        asked = log_query(query)
        chosen: dict[Labels, bool] = {}
        places = range(bisect.bisect_left(self._times, start), bisect.bisect_left(self._times, end))
        for place in reversed(places) if backward else places:
            row = self.rows[place]
            if row.stream not in chosen:
                chosen[row.stream] = asked.chooses(dict(row.stream))
            if chosen[row.stream]:
                parsed = asked.parsed(row.line, {**dict(row.stream), **dict(row.metadata)})
                if parsed is not None:
                    yield row, tuple(parsed.items())

    def _lines(self, query: str, params: Params, *, categorized: bool) -> Reply:
        limit = int(_one(params, "limit") or 100)
        if limit > self.most:
            raise Refused(
                "max entries limit per query exceeded, limit > max_entries_limit_per_query "
                f"({limit} > {self.most})"
            )
        start, end = self._window(params)
        backward = _one(params, "direction") != "forward"
        streams: dict[Labels, list[object]] = {}
        found = self.matching(query, start, end, backward=backward)
        for _, (row, parsed) in zip(range(limit), found, strict=False):
            if categorized:
                parts = (("structuredMetadata", row.metadata), ("parsed", parsed))
                extra = {key: dict(pairs) for key, pairs in parts if pairs}
                streams.setdefault(row.stream, []).append([str(row.ns), row.line, extra])
            else:
                merged = {**dict(row.stream), **dict(row.metadata), **dict(parsed)}
                streams.setdefault(tuple(sorted(merged.items())), []).append([str(row.ns), row.line])
        flags = {"encodingFlags": ["categorize-labels"]} if categorized else {}
        result = [{"stream": dict(stream), "values": values} for stream, values in sorted(streams.items())]
        return _success({"resultType": "streams", **flags, "result": result, "stats": {}})

    def _matrix(self, query: str, params: Params) -> Reply:
        start, end = self._window(params)
        text = _one(params, "step") or "1"
        step = round(float(text) * 10**9) if text.replace(".", "", 1).isdigit() else duration_ns(text)
        if (end - start) // step > _MOST_POINTS:
            raise Refused(
                "exceeded maximum resolution of 11,000 points per time series. "
                "Try increasing the value of the step parameter"
            )
        asked = counting(query)
        # Loki moves the start down and the end up to multiples of the step.
        grid = range(start // step * step, end + step, step)
        if asked is None:
            return _success({"resultType": "matrix", "result": self._recorded(query, grid)})
        series: dict[Labels, list[object]] = {}
        for at in grid:
            for labels, value in self._counted(asked, at).items():
                series.setdefault(labels, []).append([_seconds(at), value])
        result = [{"metric": dict(labels), "values": values} for labels, values in sorted(series.items())]
        return _success({"resultType": "matrix", "result": result})

    def _recorded(self, query: str, grid: range) -> list[object]:
        if query not in self.recorded:
            raise Refused("this stand-in answers counts, rates and the recorded metric queries")
        out = []
        for series in self.recorded[query]:
            values = [pair for pair in series["values"] if round(pair[0] * 1_000) * 10**6 in grid]
            if values:
                out.append({**series, "values": values})
        return out

    def _vector(self, query: str, at: int) -> Reply:
        if query.lstrip().startswith("{"):
            log_query(query)
            raise Refused(
                "log queries are not supported as an instant query type, "
                "please change your query to a range query type"
            )
        if (query, at) in self.instants:
            return _success(self.instants[query, at])
        asked = counting(query)
        if asked is None:
            raise Refused("this stand-in answers counts and rates")
        found = sorted(self._counted(asked, at).items())
        result = [{"metric": dict(labels), "value": [_seconds(at), value]} for labels, value in found]
        return _success({"resultType": "vector", "result": result})

    def _counted(self, asked: Counting, at: int) -> dict[Labels, str]:
        """What it evaluates to at a moment, by labels: a range is left-open."""
        counts: dict[Labels, int] = {}
        for row, parsed in self.matching(asked.query, at - asked.range_ns + 1, at + 1):
            known = {**dict(row.stream), **dict(row.metadata), **dict(parsed)}
            kept = {name: known[name] for name in asked.by if name in known} if asked.summed else known
            labels = tuple(sorted(kept.items()))
            counts[labels] = counts.get(labels, 0) + 1
        per = asked.range_ns / 10**9 if asked.rate else 1
        return {labels: repr(count / per).removesuffix(".0") for labels, count in counts.items()}

    def _index(self, api: str, params: Params) -> Reply:
        start, end = self._window(params)
        query = _one(params, "match[]") or _one(params, "query")
        places = slice(bisect.bisect_left(self._times, start), bisect.bisect_left(self._times, end))
        rows = [row for row, _ in self.matching(query, start, end)] if query else self.rows[places]
        streams = [dict(stream) for stream in sorted({row.stream for row in rows})]
        if api == "index/stats":
            stats = {"streams": len(streams), "chunks": len(streams), "bytes": sum(len(r.line) for r in rows)}
            return 200, _JSON, json.dumps({**stats, "entries": self.overcount * len(rows)}).encode()
        if api == "series":
            return _success(streams)
        if api == "labels":
            return _success(sorted({name for stream in streams for name in stream}))
        label = api.split("/")[1]
        return _success(sorted({stream[label] for stream in streams if label in stream}))

    def _looking(self, api: str, params: Params) -> Reply:
        start, end = self._window(params)
        query = _one(params, "query")
        if api == "detected_fields":
            found = self.matching(query, start, end, backward=True)
            lines = [row for row, _ in itertools.islice(found, int(_one(params, "line_limit") or 100))]
            most = int(_one(params, "limit") or 1_000)
            told = {"fields": looking.detected_fields(lines, most), "limit": most}
            return 200, _JSON, json.dumps(told).encode()
        if log_query(query).stages:
            raise Refused("parse error : only label matchers are supported")
        by = [name for name in _one(params, "targetLabels").split(",") if name]
        by = by or re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", query)
        if api == "index/volume_range":
            return self._volumes(query, by, params)
        rows = (row for row, _ in self.matching(query, start, end))
        sizes = looking.volume(rows, by, int(_one(params, "limit") or 100))
        result = [
            {"metric": labels, "value": [_seconds(end), str(self.overcount * size)]} for labels, size in sizes
        ]
        return _success({"resultType": "vector", "result": result})

    def _volumes(self, query: str, by: list[str], params: Params) -> Reply:
        """A volume a step, named by the millisecond before its end; the last one by the window's end."""
        (start, end), step = self._window(params), duration_ns(_one(params, "step"))
        found: dict[tuple[tuple[str, str], ...], list[list[object]]] = {}
        for at in range(start // step * step, end, step):
            rows = (row for row, _ in self.matching(query, max(at, start), min(at + step, end)))
            named = _seconds(end if at + step >= end else at + step - 10**6)
            for labels, size in looking.volume(rows, by, int(_one(params, "limit") or 100)):
                group = found.setdefault(tuple(sorted(labels.items())), [])
                group.append([named, str(self.overcount * size)])
        many = any(len(values) > 1 for values in found.values())
        result = [
            {"metric": dict(labels), **({"values": values} if many else {"value": values[0]})}
            for labels, values in found.items()
        ]
        return _success({"resultType": "matrix" if many else "vector", "result": result})

    def _window(self, params: Params) -> tuple[int, int]:
        """Start and end; without them, the last hour."""
        end = _ns(_one(params, "end")) if "end" in params else time.time_ns()
        start = _ns(_one(params, "start")) if "start" in params else end - _HOUR
        if end < start:
            raise Refused("end timestamp must not be before or equal to start time")
        if end - start > duration_ns(self.longest):
            length = _go_duration(end - start)
            words = f"the query time range exceeds the limit (query length: {length}, limit: {self.longest})"
            raise Refused(words)
        return start, end


def body_of(path: Path) -> bytes:
    """A recorded body, gzipped or not."""
    if not path.exists():
        path = path.with_name(f"{path.name}.gz")
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def rows_of(body: bytes) -> Iterable[Row]:
    """The entries of a recorded answer that kept metadata apart."""
    for stream in json.loads(body)["data"]["result"]:
        labels = tuple(sorted(stream["stream"].items()))
        for ns, line, *extra in stream["values"]:
            metadata = extra[0].get("structuredMetadata", {}) if extra else {}
            yield Row(int(ns), labels, line, tuple(sorted(metadata.items())))


def _kept(rows: Iterable[Row]) -> list[Row]:
    """Each row once, by time; rows of one time and stream stay in their order."""
    return sorted(dict.fromkeys(rows), key=lambda row: (row.ns, row.stream))


def _of_tenants(known: Mapping[str, Sequence[Row]], header: str) -> LokiStandIn:
    """What the named tenants see: with several of them, each stream bears its tenant."""
    names = header.split("|")
    if len(names) == 1:
        return LokiStandIn(known.get(header, ()))
    return LokiStandIn(
        [
            Row(row.ns, tuple(sorted((*row.stream, ("__tenant_id__", name)))), row.line, row.metadata)
            for name in names
            for row in known.get(name, ())
        ]
    )


def _success(data: object) -> Reply:
    text = json.dumps({"status": "success", "data": data}, ensure_ascii=False, separators=(",", ":"))
    return 200, _JSON, text.encode()


def _one(params: Params, name: str) -> str:
    return next(iter(params.get(name, ())), "")


def _ns(text: str) -> int:
    """Up to ten digits are seconds, more are nanoseconds, a float is seconds to the millisecond."""
    if "." in text:
        return round(float(text) * 1_000) * 10**6
    return int(text) * 10**9 if len(text) <= 10 else int(text)


def _seconds(ns: int) -> float | int:
    """A sample's time, in seconds to the millisecond."""
    ms = ns // 10**6
    return ms // 1_000 if ms % 1_000 == 0 else ms / 1_000


def _go_duration(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{seconds // 3_600}h{seconds // 60 % 60}m{f'{seconds % 60}.{rest:09d}'.rstrip('0').rstrip('.')}s"
