"""A Prometheus that holds recorded or made-up series and answers as the real one does.

It evaluates selectors, and queries that it has an answer to by their exact text; it says so of every
other query. A recorded series is known at the points of its recording's grid: each holds until the
next, and where the recording has none, the series is stale.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tests.standin.promql import Selector, duration_ms, parse

Labels = Mapping[str, str]
Params = Mapping[str, Sequence[str]]
Reply = tuple[int, dict[str, str], bytes]

_PARSING = 'invalid parameter "query": '


@dataclass(frozen=True)
class Recorded:
    """A series as it was recorded: what it was at the points of a grid (milliseconds)."""

    labels: Labels
    start_ms: int
    step_ms: int
    values: Mapping[int, str] = field(default_factory=dict)
    histograms: Mapping[int, Any] = field(default_factory=dict)

    def point(self, ms: int) -> int:
        """The grid's latest point at or before an instant."""
        return self.start_ms + (ms - self.start_ms) // self.step_ms * self.step_ms

    def inside(self, start_ms: float, end_ms: float) -> Recorded:
        """What it was between two instants, both included."""

        def cut(points: Mapping[int, Any]) -> dict[int, Any]:
            return {ms: point for ms, point in points.items() if start_ms <= ms <= end_ms}

        return Recorded(self.labels, self.start_ms, self.step_ms, cut(self.values), cut(self.histograms))

    def on(self, grid: Iterable[int]) -> Recorded:
        """What it was at each instant of another grid."""
        at = [(ms, self.point(ms)) for ms in grid]
        return Recorded(
            self.labels,
            self.start_ms,
            self.step_ms,
            {ms: self.values[point] for ms, point in at if point in self.values},
            {ms: self.histograms[point] for ms, point in at if point in self.histograms},
        )


class Refused(Exception):
    """The stand-in's answer is an error, in the form of Prometheus."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status, self.kind = status, kind


@dataclass(frozen=True)
class PrometheusStandIn:
    """Answers from series.

    Parameters
    ----------
    series
        What selectors choose from.
    derived
        Query → its series, for queries that are answered by their exact text.
    instants
        (query, milliseconds) → the ``data`` of an instant query that was recorded.
    refusals
        Query → (status, kind, words) of a query that is refused.
    exemplars
        As the endpoint gives them: ``seriesLabels`` and ``exemplars``.
    buildinfo
        The ``data`` of that endpoint.
    max_points, max_samples
        The most points a series of a range query, and the most samples of a range selector.
    speaks
        Whose words and rule the limit of points follows.
    left_open
        Whether range selectors leave their start out, as they do since Prometheus 3.
    answers_from_ms
        The start of a query is moved up to it without a word, as Mimir does to what a tenant may see.
    beside
        What stands beside the data: ``warnings``, ``infos``, ``isPartial``.
    """

    series: Sequence[Recorded] = ()
    derived: Mapping[str, Sequence[Recorded]] = field(default_factory=dict)
    instants: Mapping[tuple[str, int], Any] = field(default_factory=dict)
    refusals: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)
    exemplars: Sequence[Mapping[str, Any]] = ()
    buildinfo: Mapping[str, str] = field(default_factory=lambda: {"version": "2.42.0"})
    max_points: int = 11_000
    max_samples: int = 50_000_000
    speaks: Literal["prometheus", "victoriametrics"] = "prometheus"
    left_open: bool = False
    answers_from_ms: int | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    index: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_recordings(cls, folder: Path, **settings: Any) -> PrometheusStandIn:
        """The series, exemplars, refusals and derived queries of a folder of recorded answers."""
        raw: dict[tuple[tuple[str, str], ...], Recorded] = {}
        held: dict[str, Any] = {"derived": {}, "instants": {}, "refusals": {}}
        for note in sorted(folder.glob("*.json")):
            asked = json.loads(note.read_text("utf-8"))
            query, path = str(asked["params"].get("query")), asked["path"]
            body = _body(folder / asked["body"])
            if path.endswith("query_range") and asked["status"] == 200:
                found = list(_recorded(json.loads(body)["data"]["result"], asked["params"]))
                if parse(query) is None:
                    held["derived"][query] = found
                    continue
                for one in found:
                    key = tuple(sorted(one.labels.items()))
                    if key not in raw or one.step_ms < raw[key].step_ms:
                        raw[key] = one
            elif path.endswith("/query") and asked["status"] == 200:
                held["instants"][query, _ms(str(asked["params"]["time"]))] = json.loads(body)["data"]
            elif path.endswith("/query"):
                said = json.loads(body)
                text = said["error"].removeprefix(_PARSING)
                held["refusals"][query] = (asked["status"], said["errorType"], text)
            elif path.endswith(("query_exemplars", "buildinfo")):
                name = "exemplars" if path.endswith("exemplars") else "buildinfo"
                held[name] = json.loads(body)["data"]
        return cls(tuple(raw.values()), **held, **settings)

    def answer(self, method: str, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
        """The status, the headers and the body of an answer."""
        if path == "/-/ready":
            return 200, {"content-type": "text/plain; charset=utf-8"}, b"Prometheus Server is Ready.\n"
        handlers: dict[str, Callable[[Params], Any]] = {
            "/api/v1/query_range": self._query_range,
            "/api/v1/query": self._query,
            "/api/v1/query_exemplars": self._query_exemplars,
            "/api/v1/series": lambda p: [dict(one.labels) for one in self._known(p)],
            "/api/v1/labels": lambda p: sorted({name for one in self._known(p) for name in one.labels}),
            "/api/v1/status/buildinfo": lambda _: dict(self.buildinfo),
        }
        handlers |= {f"/api/v1/{name}": lambda _, data=data: data for name, data in self.index.items()}
        label = re.fullmatch(r"/api/v1/label/([^/]+)/values", path)
        handler = partial(self._label_values, label[1]) if label else handlers.get(path)
        if handler is None or method not in {"GET", "POST"}:
            return 404, {"content-type": "text/plain; charset=utf-8"}, b"404 page not found\n"
        kind = {"content-type": "application/json"}
        try:
            reply = {"status": "success", "data": handler(params), **self.beside}
        except Refused as error:
            said = {"status": "error", "errorType": error.kind, "error": str(error)}
            return error.status, kind, _compact(said)
        return 200, kind, _compact(reply)

    def _query_range(self, params: Params) -> Any:
        start, end = _time(params, "start"), _time(params, "end")
        if end < start:
            raise _bad('invalid parameter "end": end timestamp must not be before start time')
        step = _step(params.get("step", [""])[0])
        query = params.get("query", [""])[0]
        start = max(start, self.answers_from_ms or start)
        self._check_points(start, end, step)
        grid = range(start, end + 1, step)
        found = [one.on(grid) for one in self._evaluate(query, grid)]
        return {"resultType": "matrix", "result": _matrix(found)}

    def _query(self, params: Params) -> Any:
        query, at = params.get("query", [""])[0], _time(params, "time")
        if (query, at) in self.instants:
            return self.instants[query, at]
        selector = parse(query)
        if self.answers_from_ms is not None and at < self.answers_from_ms:
            return {"resultType": "vector", "result": []}
        if selector is not None and selector.range_ms is not None:
            first = at - selector.range_ms + (1 if self.left_open else 0)
            first = max(first, self.answers_from_ms or first)
            samples = [one.inside(first, at) for one in self._chosen(selector)]
            if sum(len(one.values) + len(one.histograms) for one in samples) > self.max_samples:
                raise Refused(
                    422,
                    "execution",
                    "query processing would load too many samples into memory in query execution",
                )
            return {"resultType": "matrix", "result": _matrix(samples)}
        try:
            found = _matrix(one.on([at]) for one in self._evaluate(query))
        except Refused as error:
            # This endpoint names the parameter that it cannot parse; the others do not.
            raise Refused(error.status, error.kind, f"{_PARSING * (error.status == 400)}{error}") from None
        vector = [
            {
                "metric": one["metric"],
                **{name[:-1]: points[0] for name, points in one.items() if name != "metric"},
            }
            for one in found
        ]
        return {"resultType": "vector", "result": vector}

    def _query_exemplars(self, params: Params) -> Any:
        query = params.get("query", [""])[0]
        selector = parse(query)
        if selector is None:
            raise _unknown(query)
        start, end = _time(params, "start") / 1_000, _time(params, "end") / 1_000
        found = []
        for one in self.exemplars:
            inside = [e for e in one["exemplars"] if start <= e["timestamp"] <= end]
            if inside and selector.chooses(one["seriesLabels"]):
                found.append({"seriesLabels": one["seriesLabels"], "exemplars": inside})
        return found

    def _label_values(self, name: str, params: Params) -> list[str]:
        return sorted({one.labels[name] for one in self._known(params) if name in one.labels})

    def _evaluate(self, query: str, grid: Iterable[int] = ()) -> Iterable[Recorded]:
        if query == "vector(1)":
            return [Recorded({}, 0, 1, dict.fromkeys(grid, "1"))]
        if query in self.refusals:
            raise Refused(*self.refusals[query])
        if query in self.derived:
            return self.derived[query]
        selector = parse(query)
        if selector is None:
            raise _unknown(query)
        if selector.range_ms is not None:
            raise _bad(
                'invalid expression type "range vector" for range query, must be Scalar or instant Vector'
            )
        return self._chosen(selector)

    def _chosen(self, selector: Selector) -> list[Recorded]:
        if selector.chooses({}):
            raise _bad("1:1: parse error: vector selector must contain at least one non-empty matcher")
        return [one for one in self.series if selector.chooses(one.labels)]

    def _known(self, params: Params) -> Iterator[Recorded]:
        start = _time(params, "start") if params.get("start") else float("-inf")
        end = _time(params, "end") if params.get("end") else float("inf")
        matches = [parse(text) for text in params.get("match[]", [])]
        for one in self.series:
            there = one.inside(start, end)
            chosen = not matches or any(match is not None and match.chooses(one.labels) for match in matches)
            if chosen and (there.values or there.histograms):
                yield one

    def _check_points(self, start: int, end: int, step: int) -> None:
        if self.speaks == "victoriametrics":
            points = (end - start) // step + 1
            if points > self.max_points:
                raise Refused(
                    422,
                    "422",
                    f"too many points for the given step={step}, start={start} and end={end}: {points}; "
                    f"cannot exceed -search.maxPointsPerTimeseries={self.max_points}",
                )
        elif (end - start) // step > self.max_points:
            raise _bad(
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )


def _recorded(result: Iterable[Mapping[str, Any]], params: Mapping[str, Any]) -> Iterator[Recorded]:
    start, step = _ms(str(params["start"])), _step(str(params["step"]))
    for one in result:
        yield Recorded(
            one["metric"],
            start,
            step,
            {round(time * 1_000): value for time, value in one.get("values", ())},
            {round(time * 1_000): value for time, value in one.get("histograms", ())},
        )


def _matrix(series: Iterable[Recorded]) -> list[dict[str, Any]]:
    """The series that have a point, in Prometheus' order, in its form."""
    out = []
    for one in sorted(series, key=lambda one: sorted(one.labels.items())):
        shown: dict[str, Any] = {"metric": dict(sorted(one.labels.items()))}
        for name, points in (("values", one.values), ("histograms", one.histograms)):
            if points:
                shown[name] = [[_shown(ms), points[ms]] for ms in sorted(points)]
        if len(shown) > 1:
            out.append(shown)
    return out


def _shown(ms: int) -> int | float:
    return ms // 1_000 if ms % 1_000 == 0 else ms / 1_000


def _compact(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def _body(path: Path) -> bytes:
    body = path.read_bytes()
    return gzip.decompress(body) if path.suffix == ".gz" else body


def _time(params: Params, name: str) -> int:
    try:
        return _ms(params[name][0])
    except (KeyError, IndexError, ValueError):
        text = (params.get(name) or [""])[0]
        raise _bad(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp') from None


def _ms(text: str) -> int:
    if "T" in text:
        return round(datetime.fromisoformat(text).timestamp() * 1_000)
    return round(float(text) * 1_000)


def _step(text: str) -> int:
    try:
        step = int(float(text) * 1e9) // 1_000_000  # as the server does: what is lost in a float stays lost
    except ValueError:
        try:
            step = duration_ms(text)
        except ValueError:
            raise _bad(f'invalid parameter "step": cannot parse "{text}" to a valid duration') from None
    if step <= 0:
        raise _bad(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
            "Try a positive integer"
        )
    return step


def _bad(text: str) -> Refused:
    return Refused(400, "bad_data", text)


def _unknown(query: str) -> Refused:
    return Refused(422, "execution", f"this stand-in holds no answer to {query}")
