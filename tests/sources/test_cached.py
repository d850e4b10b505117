"""What is kept on disk: the same rows as without, and the servers are asked only for what is not there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.errors import LimitError, RejectedError
from obsnb.sources.base import Answer
from obsnb.sources.cached import Cached
from obsnb.sources.loki import Loki
from obsnb.sources.prometheus import Prometheus
from obsnb.sources.slices import covering
from obsnb.sources.tempo import Tempo
from obsnb.store.answers import AnswerStore
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import ERRORS, HOUR, trace
from tests.standin.direct import DirectTransport
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.tempo import TempoStandIn

S = 10**9
T0 = 1_600_000_000
LATER = (T0 + 10**6) * S
MINUTE = TimeRange(T0 * S, (T0 + 60) * S)
ALL = '{app=~".+"}'


def part(start: float, end: float) -> TimeRange:
    """From so many seconds after the beginning to so many."""
    return TimeRange(round((T0 + start) * S), round((T0 + end) * S))


@dataclass
class Heard:
    """A progress that remembers."""

    told: list[tuple[float, int]] = field(default_factory=list)
    closed: int = 0

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        self.told.append((done, rows))

    def close(self) -> None:
        self.closed += 1


@contextmanager
def keeping(inner: Any, *, kind: Any, now_ns: int = LATER, margin_s: float = 0) -> Iterator[Cached]:
    with tempfile.TemporaryDirectory() as folder:
        store = AnswerStore(Path(folder), most_bytes=10**8)
        yield Cached(inner, store, "who", kind, DEFAULT, round(margin_s * S), clock=lambda: now_ns)


def loki(rows: list[Row], **settings: Any) -> tuple[Loki, LokiStandIn]:
    backend = LokiStandIn(rows)
    return Loki(DirectTransport(backend), conventions=DEFAULT, **settings), backend


def line(second: float, text: str = "x", **labels: str) -> Row:
    return Row(round((T0 + second) * S), tuple(sorted({"app": "a", **labels}.items())), text)


def same(one: Answer, other: Answer) -> None:
    """The same rows in the same order, under the same columns, and as complete."""
    assert_frame_equal(one.frame, other.frame)
    assert one.record.digest == other.record.digest
    assert (one.record.rows, one.record.complete) == (other.record.rows, other.record.complete)
    assert (one.record.window, one.record.query) == (other.record.window, other.record.query)


# The same rows, whatever was asked before

SECONDS = st.integers(0, 600).map(lambda tenth: tenth / 10)
WINDOWS = st.lists(
    st.tuples(SECONDS, st.integers(1, 300)).map(lambda one: part(one[0], one[0] + one[1] / 10)),
    min_size=1,
    max_size=4,
)
ROWS = st.lists(
    st.builds(
        Row,
        SECONDS.map(lambda second: round((T0 + second) * S)),
        st.dictionaries(
            st.sampled_from(["app", "level", "label", "row_id", "Pod"]), st.sampled_from(["a", "b", "1"])
        ).map(lambda labels: tuple(sorted({"app": "z", **labels}.items()))),
        st.sampled_from(["x", "y", '{"user": 5}']),
        st.dictionaries(st.sampled_from(["trace_id", "k"]), st.sampled_from(["0a", "b"])).map(
            lambda metadata: tuple(sorted(metadata.items()))
        ),
    ),
    max_size=40,
)


@settings(max_examples=25)
@given(ROWS, WINDOWS, st.sampled_from([ALL, f'{ALL} |= "x"', f"{ALL} | json"]))
def test_lines_are_the_same_whatever_windows_were_asked_before(
    rows: list[Row], windows: list[TimeRange], query: str
) -> None:
    source, _ = loki(rows)
    with keeping(source, kind="loki") as cached:
        for window in windows:
            same(cached.logs(query, window), source.logs(query, window))
        for window in windows:
            again = cached.logs(query, window)
            same(again, source.logs(query, window))
            assert again.record.requests == 0


LABELS = st.dictionaries(st.sampled_from(["job", "le", "value", "Zone"]), st.sampled_from("ab"))
POINTS = st.dictionaries(st.integers(0, 60), st.sampled_from(["1", "NaN", "-Inf", "0.1"]), max_size=20)


@st.composite
def recorded(draw: st.DrawFn) -> list[Recorded]:
    found = {}
    for name, labels, points in draw(st.lists(st.tuples(st.sampled_from(["", "up", "b"]), LABELS, POINTS))):
        own = {**({"__name__": name} if name else {}), **labels, "all": "yes"}
        values = {(T0 + second) * 1_000: value for second, value in points.items()}
        found[tuple(sorted(own.items()))] = Recorded(own, T0 * 1_000, 1_000, values)
    return list(found.values())


@settings(max_examples=25)
@given(recorded(), WINDOWS, st.sampled_from([500, 1_000, 7_000]))
def test_series_are_the_same_whatever_windows_were_asked_before(
    series: list[Recorded], windows: list[TimeRange], step_ms: int
) -> None:
    source = Prometheus(DirectTransport(PrometheusStandIn(series)), conventions=DEFAULT)
    query = '{all="yes"}'
    with keeping(source, kind="prometheus") as cached:
        for window in [*windows, *windows]:
            asked: dict[str, Any] = {"step_ns": step_ms * 10**6}
            same(cached.series(query, window, **asked), source.series(query, window, **asked))
            same(cached.samples(query, window), source.samples(query, window))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30))), st.integers(0, 50), st.integers(1, 40))
def test_parts_follow_one_another_and_each_is_cut_from_what_covers_it(
    there: list[tuple[int, int]], start: int, length: int
) -> None:
    window = TimeRange(start, start + length)
    known = sorted(TimeRange(at, at + long) for at, long in there)
    parts = covering(window, known)
    assert parts[0][0].start_ns == window.start_ns
    assert parts[-1][0].end_ns == window.end_ns
    assert all(one.end_ns == after.start_ns for (one, _), (after, _) in pairwise(parts))
    for one, kept in parts:
        assert kept is None or (kept in known and kept.covers(one))
        assert kept is not None or not any(one.overlap(other) for other in known)


# What is asked for


def test_only_what_is_not_there_is_asked_for_and_the_record_says_which_is_which() -> None:
    source, backend = loki([line(second, level="error") for second in range(60)])
    with keeping(source, kind="loki") as cached:
        first = cached.logs(ALL, part(10, 30), role="scope.logs")
        del backend.seen[:]
        answer = cached.logs(ALL, part(0, 45))
        asked = {(p["start"][0], p["end"][0]) for path, p in backend.seen if path.endswith("query_range")}
        bounds = [int(one) for pair in asked for one in pair]
        assert not [at for at in bounds if at in range(round((T0 + 10.1) * S), (T0 + 30) * S)]
        assert answer.frame.height == 45
        assert answer.record.role is None
        came = "2026" if first.record.asked_at_ns < 1_798_761_600 * S else ""
        kept, how = (
            "from cache, asked at ",
            "every page ended before its limit, or was followed from its last",
        )
        assert answer.record.reason.count(kept) == 1
        assert f"{part(10, 30)}: {kept}{came}" in answer.record.reason
        assert answer.record.reason.startswith(f"{part(0, 10)}: {how}")
        assert answer.record.asked_at_ns == first.record.asked_at_ns


def test_an_answer_from_disk_alone_costs_nothing_and_keeps_what_is_known_of_it() -> None:
    source, backend = loki([line(second) for second in range(60)])
    with keeping(source, kind="loki") as cached:
        first = cached.logs(ALL, MINUTE)
        del backend.seen[:]
        whole = cached.logs(ALL, MINUTE, role="scope.logs")
        cut = cached.logs(ALL, part(20, 25))
        assert backend.seen == []
        assert (whole.record.requests, whole.record.bytes, whole.record.role) == (0, 0, "scope.logs")
        assert whole.record.digest == first.record.digest
        assert " for " not in whole.record.reason.partition(":")[0]
        assert f" for {MINUTE}: every page" in cut.record.reason
        assert cut.frame.height == 5


def test_the_newest_minutes_are_asked_for_each_time_and_never_kept() -> None:
    source, backend = loki([line(second) for second in range(60)])
    with keeping(source, kind="loki", now_ns=(T0 + 60) * S, margin_s=20) as cached:
        assert cached.logs(ALL, MINUTE).frame.height == 60
        assert cached.store.windows(cached._question("logs", ALL, {})) == [part(0, 40)]
        backend.rows = [*backend.rows, line(59.5, "late")]
        backend.__post_init__()
        answer = cached.logs(ALL, MINUTE)
        assert answer.frame["line"].to_list()[-1] == "late"
        assert answer.record.reason.count("from cache") == 1
        assert cached.logs(ALL, part(45, 60)).frame.height == 16
        assert cached.logs(ALL, part(45, 60), limit=3).record.requests > 0
        assert cached.logs(ALL, part(45, 60), limit=3).record.requests > 0


def test_what_is_not_known_to_be_complete_is_not_kept() -> None:
    source, backend = loki([line(second) for second in range(60)])

    def warned(path: str, params: Any) -> Any:
        backend.before = lambda *_: None
        status, headers, body = backend.answer("GET", path, params, {})
        backend.before = warned
        return status, headers, body.replace(b'{"status"', b'{"warnings":["a part is missing"],"status"', 1)

    backend.before = warned
    with keeping(source, kind="loki") as cached:
        first = cached.logs(ALL, MINUTE)
        assert first.record.complete == "unknown"
        assert cached.logs(ALL, MINUTE).record.requests == first.record.requests
        backend.before = lambda *_: None
        assert cached.logs(ALL, MINUTE).record.complete == "yes"
        assert cached.logs(ALL, MINUTE).record.requests == 0


def test_a_damaged_answer_is_asked_for_anew_with_a_word() -> None:
    source, _ = loki([line(second) for second in range(60)])
    with keeping(source, kind="loki") as cached:
        first = cached.logs(ALL, MINUTE)
        (path,) = Path(cached.store._folder).rglob("*.answer")
        path.write_bytes(path.read_bytes()[:-1])
        again = cached.logs(ALL, MINUTE)
        same(again, first)
        assert again.record.requests > 0
        assert again.record.warnings == ("obsnb: what the cache had was damaged, and was asked for anew",)
        assert cached.logs(ALL, MINUTE).record.requests == 0


def test_an_answer_that_cannot_be_kept_comes_all_the_same_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    source, _ = loki([line(1)])
    store = AnswerStore(tmp_path / "file" / "below", most_bytes=10**8)
    cached = Cached(source, store, "who", "loki", DEFAULT, 0, clock=lambda: LATER)
    answer = cached.logs(ALL, MINUTE)
    assert answer.frame.height == 1
    assert answer.record.warnings == ("obsnb: it could not be kept in the cache: Not a directory",)


def test_an_error_half_way_loses_nothing_that_came() -> None:
    source, backend = loki([line(second) for second in range(60)])

    def broken(path: str, params: Any) -> Any:
        if int(params["start"][0]) >= (T0 + 40) * S:
            return 400, {"content-type": "text/plain"}, b"broken"
        return None

    with keeping(source, kind="loki") as cached:
        cached.logs(ALL, part(20, 40))
        backend.before = broken
        with pytest.raises(RejectedError):
            cached.logs(ALL, MINUTE)
        assert cached.logs(ALL, part(0, 40)).record.requests == 0


def test_more_lines_than_memory_is_to_hold_are_refused_as_without() -> None:
    source, _ = loki([line(second) for second in range(60)], max_rows=40)
    with keeping(source, kind="loki") as cached:
        cached.logs(ALL, part(0, 30))
        cached.logs(ALL, part(30, 60))
        with pytest.raises(LimitError, match="loki has 60 lines for this query, and max_rows is 40"):
            cached.logs(ALL, MINUTE)


def test_progress_grows_over_all_parts_and_closes_once() -> None:
    source, _ = loki([line(second) for second in range(60)])
    heard = Heard()
    with keeping(source, kind="loki") as cached:
        cached.logs(ALL, part(20, 30))
        cached.logs(ALL, MINUTE, progress=heard)
    assert heard.told == sorted(heard.told)
    assert heard.told[-1] == (1.0, 60)
    assert heard.closed == 1


def test_another_question_tenant_or_shape_has_answers_of_its_own() -> None:
    source, _ = loki([line(second, level="error") for second in range(60)])
    with keeping(source, kind="loki") as cached:
        cached.logs(ALL, MINUTE)
        names = DEFAULT.override({"level_labels": ["app"]})
        other = Loki(source.transport, conventions=names)
        own = [
            Cached(source, cached.store, "else", "loki", DEFAULT, 0, clock=lambda: LATER),
            Cached(other, cached.store, "who", "loki", names, 0, clock=lambda: LATER),
        ]
        for one in own:
            assert one.logs(ALL, MINUTE).record.requests > 0
        assert own[1].logs(ALL, MINUTE).frame["level"].unique().to_list() == ["a"]
        assert cached.logs(f"{ALL} ", MINUTE).record.requests > 0
        assert cached.logs(ALL, MINUTE, limit=5).frame.height == 5
        assert cached.logs(ALL, MINUTE, limit=5, direction="backward").record.requests > 0
        assert cached.logs(ALL, MINUTE, limit=5).record.requests == 0


@pytest.mark.parametrize("kind", ["prometheus", "loki", "tempo"])
def test_an_instant_is_kept_once_it_is_settled_and_is_no_part_of_a_range(kind: str) -> None:
    query = {"prometheus": "up", "loki": f"count_over_time({ALL}[1m])", "tempo": "{} | count_over_time()"}[
        kind
    ]
    at, told = (T0 + 60) * S, {"series": [{"labels": [], "value": 7}]}
    since = {(query, str(T0 + 60 - over)): told for over in (60, 3_600)}
    up = Recorded({"__name__": "up"}, T0 * 1_000, 1_000, {(T0 + 60) * 1_000: "1"})
    backends: dict[str, Any] = {
        "prometheus": PrometheusStandIn([up]),
        "loki": LokiStandIn([line(30)]),
        "tempo": TempoStandIn({}, instants={(*one, str(T0 + 60)): reply for one, reply in since.items()}),
    }
    make = {"prometheus": Prometheus, "loki": Loki, "tempo": Tempo}[kind]
    source = make(DirectTransport(backends[kind]), conventions=DEFAULT)  # type: ignore[operator]  # one of three
    with keeping(source, kind=kind) as cached:
        first = cached.instant(query, at_ns=at)
        assert first.frame.height == 1
        again = cached.instant(query, at_ns=at)
        same(again, first)
        assert again.record.params == first.record.params
        assert (first.record.requests, again.record.requests) == (1, 0)
        assert again.record.reason.startswith("from cache, asked at ")
        if kind == "tempo":
            assert cached.instant(query, at_ns=at, over_ns=60 * S).record.requests == 1
        else:
            assert cached.series(query, part(60, 60.001), step_ns=10**6).record.requests == 1
    with keeping(source, kind=kind, now_ns=at + 5 * S, margin_s=10) as cached:
        assert [cached.instant(query, at_ns=at).record.requests for _ in range(2)] == [1, 1]


def test_what_looks_at_the_ends_of_its_window_is_kept_for_just_that_window() -> None:
    values = {(T0 + second) * 1_000: str(second) for second in range(60)}
    query = "up @ end()"
    held = [Recorded({"__name__": "up"}, T0 * 1_000, 1_000, values)]
    backend = PrometheusStandIn(derived={f"up @ {T0 + 59}": held, f"up @ {T0 + 29}": held})
    source = Prometheus(DirectTransport(backend), conventions=DEFAULT)
    with keeping(source, kind="prometheus") as cached:
        cached.series(query, MINUTE, step_ns=S)
        assert cached.series(query, MINUTE, step_ns=S).record.requests == 0
        assert cached.series(query, part(0, 30), step_ns=S).record.requests == 1
        assert cached.exemplars("up", MINUTE).record.requests == 1
        assert cached.exemplars("up", MINUTE).record.requests == 0


def test_a_function_that_looks_at_its_whole_window_is_not_cut_from_another() -> None:
    values = {(T0 + second) * 1_000: str(second) for second in range(60)}
    query = "range_median(up)"
    backend = PrometheusStandIn(derived={query: [Recorded({"a": "b"}, T0 * 1_000, 1_000, values)]})
    source = Prometheus(DirectTransport(backend), conventions=DEFAULT)
    with keeping(source, kind="prometheus") as cached:
        cached.series(query, MINUTE, step_ns=S)
        assert cached.series(query, part(0, 30), step_ns=S).record.requests == 1
        assert cached.series(query, part(0, 30), step_ns=S).record.requests == 0


def test_spans_are_kept_for_just_their_window_with_all_that_is_in_them() -> None:
    source = Tempo(
        DirectTransport(TempoStandIn.of(trace(1, (0, 1_000, True), (5, 10, False)))), conventions=DEFAULT
    )
    with keeping(source, kind="tempo", now_ns=HOUR.end_ns) as cached:
        for more in ({}, {"whole": True}, {"limit": 1}):
            first = cached.spans(ERRORS, HOUR, **more)
            again = cached.spans(ERRORS, HOUR, **more)
            same(again, first)
            assert first.record.requests > 0
            assert again.record.requests == 0
        assert cached.spans(ERRORS, TimeRange(HOUR.start_ns, HOUR.end_ns - S)).record.requests > 0


def test_it_is_otherwise_what_it_was() -> None:
    source, _ = loki([line(1)])
    with keeping(source, kind="loki") as cached:
        assert cached.labels(MINUTE) == ["app"]
        assert cached.verified(cached.logs(ALL, MINUTE)).frame.height == 1
        assert (cached.name, cached.max_rows, repr(cached)) == ("loki", 5_000_000, "Cached(Loki('loki'))")
        assert cached.health().status == "ok"
        assert isinstance(cached.logs(ALL, MINUTE).frame["app"].dtype, pl.Categorical)
