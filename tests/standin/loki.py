"""A stand-in for Loki: recorded or made-up rows, and the server's semantics for asking them."""

import bisect
import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

Labels = tuple[tuple[str, str], ...]
Answer = tuple[int, dict[str, str], bytes]

_TEXT = {"content-type": "text/plain; charset=utf-8"}
_JSON = {"content-type": "application/json; charset=UTF-8"}
_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*("(?:\\.|[^"\\])*"|`[^`]*`)\s*,?')
_STAGE = re.compile(
    r"\s*(?:(?P<line>\|=|\|~|!=|!~)\s*(?P<text>\"(?:\\.|[^\"\\])*\"|`[^`]*`)"
    r"|\|\s*(?P<label>[a-zA-Z_]\w*)\s*(?P<op>=~|!~|!=|=)\s*(?P<value>\"(?:\\.|[^\"\\])*\"|`[^`]*`)"
    r"|\|\s*(?P<parser>json))"
)
_COUNT = re.compile(
    r"\s*(?:sum\s*\(\s*)?(count_over_time|rate)\s*\((.*)\[(\d+)(ns|s|m|h)\]\s*\)\s*\)?\s*", re.DOTALL
)
_UNIT = {"ns": 1, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9}


@dataclass(frozen=True, order=True)
class Row:
    """An entry: its time, its stream's labels, line and structured metadata."""

    ns: int
    stream: Labels
    line: str
    metadata: Labels = ()


class Refused(Exception):
    """A refusal, in the server's words."""

    def __init__(self, words: str, status: int = 400) -> None:
        super().__init__(words)
        self.words, self.status = words, status


@dataclass
class LokiStandIn:
    """Rows that are asked as Loki is asked.

    `most` is the largest page it allows; `tenants` are those it knows, or none where it does not ask;
    `recorded` are answers to metric queries by their text; `before` may answer in its stead.
    """

    rows: list[Row]
    most: int = 5_000
    tenants: frozenset[str] = frozenset()
    recorded: dict[str, bytes] = field(default_factory=dict)
    before: Callable[[str, dict[str, list[str]]], Answer | None] = lambda path, params: None
    seen: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Loki keeps one of several entries that are equal in stream, time, line and metadata.
        self.rows = sorted(dict.fromkeys(self.rows), key=lambda row: (row.ns, row.stream))
        self._times = [row.ns for row in self.rows]

    @classmethod
    def from_recordings(cls, folder: Path) -> "LokiStandIn":
        """The rows of every recorded page of an incident, and of the edge cases beside it."""
        rows = [
            row
            for name in ("all-page-*", "edge-*")
            for path in sorted(folder.glob(f"{name}.body*"))
            for row in rows_of(body_of(path))
        ]
        recorded = {}
        for path in sorted(folder.glob("*.json")):
            asked = json.loads(path.read_text("utf-8"))
            if asked["status"] == 200 and asked["path"].endswith("/query_range"):
                body = body_of(next(folder.glob(f"{path.stem}.body*")))
                if b'"resultType":"matrix"' in body[:200]:
                    recorded[asked["params"]["query"]] = body
        return cls(rows, recorded=recorded)

    def answer(self, method: str, path: str, params: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        """What Loki would say."""
        self.seen.append((path, params))
        own = self.before(path, params)
        if own is not None:
            return own
        try:
            self._check_tenant(headers)
            return self._route(path, params, headers)
        except Refused as refused:
            return refused.status, _TEXT, refused.words.encode()

    def _check_tenant(self, headers: dict[str, str]) -> None:
        if self.tenants and not headers.get("x-scope-orgid"):
            raise Refused("no org id\n", 401)

    def _route(self, path: str, params: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        if path == "/ready":
            return 200, _TEXT, b"ready\n"
        if path == "/loki/api/v1/status/buildinfo":
            return 200, _JSON, b'{"version":"3.8.0","revision":"stand-in","goVersion":"none"}'
        api = path.removeprefix("/loki/api/v1/")
        if api == "query_range":
            query = _one(params, "query")
            if not query.lstrip().startswith("{"):
                return self._matrix(query, *_window(params))
            categorized = "categorize-labels" in headers.get("x-loki-response-encoding-flags", "")
            return self._lines(query, params, categorized=categorized)
        if api == "query":
            return self._instant(_one(params, "query"), _time(_one(params, "time")))
        if api in {"labels", "series", "index/stats"} or re.fullmatch(r"label/[^/]+/values", api):
            return self._index(api, params)
        return 404, _TEXT, b"404 page not found\n"

    def _lines(self, query: str, params: dict[str, list[str]], *, categorized: bool) -> Answer:
        limit = int(params.get("limit", ["100"])[0])
        if limit > self.most:
            raise Refused(
                "max entries limit per query exceeded, limit > max_entries_limit_per_query "
                f"({limit} > {self.most})"
            )
        backward = params.get("direction", ["backward"])[0] == "backward"
        found = self.matching(query, *_window(params), backward=backward)
        taken: dict[Labels, list[list[object]]] = {}
        for _, (row, parsed) in zip(range(limit), found, strict=False):
            if categorized:
                extra = {
                    key: dict(pairs)
                    for key, pairs in (("structuredMetadata", row.metadata), ("parsed", parsed))
                    if pairs
                }
                taken.setdefault(row.stream, []).append([str(row.ns), row.line, extra])
            else:
                merged = tuple(sorted({**dict(row.stream), **dict(row.metadata), **dict(parsed)}.items()))
                taken.setdefault(merged, []).append([str(row.ns), row.line])
        data = {
            "resultType": "streams",
            **({"encodingFlags": ["categorize-labels"]} if categorized else {}),
            "result": [
                {"stream": dict(stream), "values": values} for stream, values in sorted(taken.items())
            ],
            "stats": {},
        }
        body = json.dumps({"status": "success", "data": data}, ensure_ascii=False, separators=(",", ":"))
        return 200, _JSON, body.encode("utf-8", "surrogatepass")

    def matching(
        self, query: str, start: int, end: int, *, backward: bool = False
    ) -> Iterator[tuple[Row, Labels]]:
        """The rows of a log query with their parsed labels, start inclusive, end exclusive."""
        keeps = _compiled(query)
        places = range(bisect.bisect_left(self._times, start), bisect.bisect_left(self._times, end))
        for place in reversed(places) if backward else places:
            parsed = keeps(self.rows[place])
            if parsed is not None:
                yield self.rows[place], parsed

    def _matrix(self, query: str, start: int, end: int) -> Answer:
        if query not in self.recorded:
            raise Refused("this stand-in answers just the recorded metric queries", 400)
        told = json.loads(self.recorded[query])
        for series in told["data"]["result"]:
            series["values"] = [point for point in series["values"] if start <= point[0] * 10**9 <= end]
        told["data"]["result"] = [series for series in told["data"]["result"] if series["values"]]
        return 200, _JSON, json.dumps(told, separators=(",", ":")).encode()

    def _instant(self, query: str, at: int) -> Answer:
        if query.lstrip().startswith("{"):
            raise Refused(
                "log queries are not supported as an instant query type, "
                "please change your query to a range query type"
            )
        asked = _COUNT.fullmatch(query)
        if asked is None:
            raise Refused("this stand-in counts, and no more", 400)
        length = int(asked[3]) * _UNIT[asked[4]]
        # A range is left-open: (at - length, at].
        count = sum(1 for _ in self.matching(asked[2], at - length + 1, at + 1))
        value = count if asked[1] == "count_over_time" else count / (length / 1e9)
        result = [{"metric": {}, "value": [at / 1e9, str(value)]}] if count else []
        data = {"resultType": "vector", "result": result}
        return 200, _JSON, json.dumps({"status": "success", "data": data}).encode()

    def _index(self, api: str, params: dict[str, list[str]]) -> Answer:
        start, end = _window(params)
        query = params.get("match[]", params.get("query", [""]))[0]
        if query:
            rows = [row for row, _ in self.matching(query, start, end)]
        else:
            rows = self.rows[bisect.bisect_left(self._times, start) : bisect.bisect_left(self._times, end)]
        streams = [dict(stream) for stream in sorted({row.stream for row in rows})]
        if api == "index/stats":
            size = sum(len(row.line) for row in rows)
            told: object = {"streams": len(streams), "chunks": 1, "bytes": size, "entries": len(rows)}
            return 200, _JSON, json.dumps(told).encode()
        if api == "series":
            told = streams
        elif api == "labels":
            told = sorted({name for stream in streams for name in stream})
        else:
            label = api.split("/")[1]
            told = sorted({stream[label] for stream in streams if label in stream})
        return 200, _JSON, json.dumps({"status": "success", "data": told}).encode()


def body_of(path: Path) -> bytes:
    """A recorded body, gzipped or not."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def rows_of(body: bytes) -> Iterable[Row]:
    """The entries of a recorded answer that kept metadata apart."""
    for stream in json.loads(body)["data"]["result"]:
        labels = tuple(sorted(stream["stream"].items()))
        for ns, line, *extra in stream["values"]:
            metadata = extra[0].get("structuredMetadata", {}) if extra else {}
            yield Row(int(ns), labels, line, tuple(sorted(metadata.items())))


def _one(params: dict[str, list[str]], name: str) -> str:
    return params.get(name, [""])[0]


def _time(text: str) -> int:
    """Up to ten digits are seconds, more are nanoseconds, a float is seconds to the millisecond."""
    if "." in text:
        return round(float(text) * 1_000) * 1_000_000
    return int(text) * 10**9 if len(text) <= 10 else int(text)


def _window(params: dict[str, list[str]]) -> tuple[int, int]:
    if "start" not in params or "end" not in params:
        raise Refused("this stand-in has no clock: say start and end")
    start, end = _time(_one(params, "start")), _time(_one(params, "end"))
    if end < start:
        raise Refused("end timestamp must not be before or equal to start time")
    return start, end


def _unquote(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    return json.loads(re.sub(r"\\x([0-9a-f]{2})", r"\\u00\1", text))


def _compiled(query: str) -> Callable[[Row], Labels | None]:
    """Whether a row passes, and with which parsed labels; None where it does not."""
    text = query.strip()
    close = _end_of_selector(text)
    matchers = [(m[1], m[2], _unquote(m[3])) for m in _MATCHER.finditer(text[1:close])]
    if not matchers:
        raise Refused("parse error : queries require at least one regexp or equality matcher")
    tests = [_label_test(name, op, value) for name, op, value in matchers]
    stages, place = [], close + 1
    while place < len(text):
        found = _STAGE.match(text, place)
        if found is None:
            raise Refused(f"parse error at line 1, col {place + 1}: syntax error: unexpected IDENTIFIER")
        stages.append(_stage(found))
        place = found.end()

    def passes(row: Row) -> Labels | None:
        labels = dict(row.stream)
        if not all(test(labels) for test in tests):
            return None
        parsed: dict[str, str] = {}
        known = {**labels, **dict(row.metadata)}
        for stage in stages:
            if not stage(row, known, parsed):
                return None
        return tuple(sorted(parsed.items()))

    return passes


def _end_of_selector(text: str) -> int:
    if not text.startswith("{"):
        raise Refused("parse error at line 1, col 1: syntax error: unexpected IDENTIFIER")
    place = 1
    while place < len(text) and text[place] != "}":
        found = _MATCHER.match(text, place)
        if found is None:
            what = "syntax error: unexpected IDENTIFIER, expecting STRING"
            raise Refused(f"parse error at line 1, col {place + 1}: {what}")
        place = found.end()
        while place < len(text) and text[place] == " ":
            place += 1
    if place >= len(text):
        raise Refused("parse error : syntax error: unexpected $end")
    return place


def _label_test(name: str, op: str, value: str) -> Callable[[dict[str, str]], bool]:
    if op in {"=", "!="}:
        return lambda labels: (labels.get(name, "") == value) == (op == "=")
    pattern = re.compile(value)
    return lambda labels: (pattern.fullmatch(labels.get(name, "")) is not None) == (op == "=~")


def _stage(found: re.Match[str]) -> Callable[[Row, dict[str, str], dict[str, str]], bool]:
    if found["parser"]:
        return _json_stage
    if found["label"]:
        test = _label_test(found["label"], found["op"], _unquote(found["value"]))
        return lambda row, known, parsed: test({**known, **parsed})
    text, op = _unquote(found["text"]), found["line"]
    if op in {"|=", "!="}:
        return lambda row, known, parsed: (text in row.line) == (op == "|=")
    pattern = re.compile(text)
    return lambda row, known, parsed: (pattern.search(row.line) is not None) == (op == "|~")


def _json_stage(row: Row, known: dict[str, str], parsed: dict[str, str]) -> bool:
    """Top-level fields of a JSON line; a name that is known already gets ``_extracted``."""
    try:
        fields = json.loads(row.line)
    except ValueError:
        parsed["__error__"] = "JSONParserErr"
        return True
    for name, value in (fields if isinstance(fields, dict) else {}).items():
        if isinstance(value, str | int | float):
            parsed[f"{name}_extracted" if name in known else name] = str(value)
    return True
