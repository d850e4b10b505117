"""An archive answers what was asked, and parts of it, and says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.archive import ArchiveReader, write
from obsnb.archive.narrowing import plain_text
from obsnb.errors import NotRecordedError, QueryError
from obsnb.progress import Progress
from obsnb.schema import digest
from obsnb.sources.base import Answer, LogSource, MetricSource, TraceSource
from obsnb.timerange import TimeRange
from tests.archive.conftest import (
    CREATED,
    START,
    STEP,
    WINDOW,
    S,
    answer,
    exemplars,
    logs,
    series,
    some_answers,
    spans,
)

_NOTE = "from the archive recorded on 2026-11-24 18:13:20 UTC"


def _open(tmp_path: Path, *answers: Answer) -> ArchiveReader:
    return ArchiveReader.open(write(tmp_path / "a", answers, window=WINDOW, created_ns=CREATED))


def _part(start: float, end: float) -> TimeRange:
    return TimeRange(START + round(start * S), START + round(end * S))


def _seconds(frame: pl.DataFrame, column: str = "timestamp") -> list[float]:
    return [(ns - START) / S for ns in frame[column].to_physical()]


def _refusal(ask: Any, *words: Any, **more: Any) -> str:
    with pytest.raises(NotRecordedError) as caught:
        ask(*words, **more)
    return str(caught.value)


def test_an_archive_is_a_source_of_each_kind(frozen: Path) -> None:
    reader = ArchiveReader.open(frozen)
    as_logs: LogSource = reader
    as_metrics: MetricSource = reader
    as_traces: TraceSource = reader
    assert as_logs.logs('{namespace="shop"}', WINDOW).frame.height == 20
    assert as_metrics.series("rate(x[1m])", WINDOW, step_ns=STEP).frame.height == 5
    assert as_traces.spans("{ status = error }", WINDOW, whole=True).frame.height == 4
    assert as_logs.name == "incident"
    health = as_logs.health()
    assert (health.status, health.source) == ("archive", "incident")
    assert health.message == "recorded on 2026-11-24 18:13:20 UTC, 4 queries"


@given(a=st.integers(0, 30 * S), length=st.integers(1, 30 * S))
def test_logs_of_less_time_are_the_lines_in_it(one: ArchiveReader, a: int, length: int) -> None:
    window = TimeRange(START + a, START + a + length)
    found = one.logs('{namespace="shop"}', window)
    whole = one.logs('{namespace="shop"}', WINDOW).frame
    at = whole["timestamp"].to_physical()
    assert found.frame.equals(whole.filter((at >= window.start_ns) & (at < window.end_ns)))
    assert (found.record.rows, found.record.digest) == (found.frame.height, digest(found.frame))
    assert found.record.window == window


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> ArchiveReader:
    """An archive with an answer of each kind."""
    path = tmp_path_factory.mktemp("one") / "incident"
    return ArchiveReader.open(write(path, some_answers(), window=WINDOW, created_ns=CREATED))


def test_a_part_says_so_and_is_as_complete_as_the_whole(tmp_path: Path) -> None:
    lines = answer("logs", '{a="b"}', logs("x", "y", "z"), complete="no", reason="the server gave up")
    found = _open(tmp_path, lines).logs('{a="b"}', _part(1, 9)).record
    assert (found.complete, found.rows, found.number) == ("no", 2, 0)
    assert found.reason == (
        "the server gave up (narrowed from 2026-11-23T18:13:20Z to 2026-11-23T18:23:20Z; " + _NOTE + ")"
    )


def test_white_space_that_means_nothing_does_not_matter(one: ArchiveReader) -> None:
    assert one.logs('{ namespace = "shop" }\n', WINDOW).frame.height == 20
    assert one.spans("{status=error}", WINDOW, whole=True).frame.height == 4


@pytest.mark.parametrize(
    ("query", "plain"),
    [
        ('{ a = "b  c" } |=  " d "', '{a="b  c"}|=" d "'),
        ("sum by (a, b) (x) / on (a) y", "sum by(a,b)(x)/on(a)y"),
        ("a\n  and\tb", "a and b"),
        ("{a=~`x  \\`} |~ 'it\\'s  '", "{a=~`x  \\`}|~'it\\'s  '"),
        ("a # one\n + b", "a# one\n+b"),
    ],
)
def test_white_space_in_quotes_and_between_words_stays(query: str, plain: str) -> None:
    assert plain_text(query) == plain
    assert plain_text(plain) == plain


def test_what_the_server_was_sent_is_known_too(tmp_path: Path) -> None:
    found = answer("spans", "{ a = 1 }", spans((1, 0)), query="{ a = 1 } | select(b)")
    assert _open(tmp_path, found).spans("{ a = 1 } | select(b)", WINDOW).frame.height == 1


def test_a_series_is_given_on_its_step_and_on_multiples_of_it(one: ArchiveReader) -> None:
    ask = one.series
    every = [ns // S for ns in ask("rate(x[1m])", WINDOW, step_ns=STEP).frame["timestamp"].to_physical()]
    coarse = ask("rate(x[1m])", WINDOW, step_ns=2 * STEP)
    assert [ns // S for ns in coarse.frame["timestamp"].to_physical()] == [s for s in every if s % 30 == 0]
    assert coarse.record.params == {"step_ns": 2 * STEP}
    part = ask("rate(x[1m])", _part(15, 45), step_ns=STEP)
    assert _seconds(part.frame) == [15, 30]
    assert _refusal(ask, "rate(x[1m])", WINDOW, step_ns=10 * S) == (
        "The archive holds this metric query, but not as it is asked.\n"
        "  query:  rate(x[1m])\n"
        "  window: 2026-11-23T18:13:20Z to 2026-11-23T18:23:20Z\n"
        "Hint: It was asked\n"
        "  every 15 s, which does not give a point every 10 s"
    )


def test_traceqls_metrics_count_by_step_and_are_given_on_it_alone(tmp_path: Path) -> None:
    query = "{ status = error } | rate() by (resource.service.name)"
    reader = _open(tmp_path, answer("series", query, series(1.0, 2.0), params={"step_ns": STEP}))
    assert reader.series(query, _part(0, 30), step_ns=STEP).frame.height == 2
    assert "does not give a point every 30 s" in _refusal(reader.series, query, WINDOW, step_ns=2 * STEP)


@pytest.mark.parametrize(
    ("query", "params"), [("x @ start()", {"step_ns": STEP}), ("x - x @ end ( )", {"step_ns": STEP})]
)
def test_what_depends_on_the_windows_ends_is_given_for_exactly_it(
    tmp_path: Path, query: str, params: dict[str, Any]
) -> None:
    reader = _open(tmp_path, answer("series", query, series(1.0, 2.0), params=params))
    assert reader.series(query, WINDOW, step_ns=STEP).frame.height == 2
    assert _refusal(reader.series, query, _part(0, 30), step_ns=STEP).endswith(
        "Hint: It was asked\n"
        "  for exactly 2026-11-23T18:13:20Z to 2026-11-23T18:23:20Z: it cannot be answered for a part of that"
    )


def test_a_limit_is_given_for_exactly_its_window_limit_and_direction(tmp_path: Path) -> None:
    reader = _open(
        tmp_path, answer("logs", '{a="b"}', logs("x", "y"), params={"limit": 2, "direction": "backward"})
    )
    assert reader.logs('{a="b"}', WINDOW, limit=2, direction="backward").frame.height == 2
    for window, more, why in [
        (_part(0, 9), {"limit": 2, "direction": "backward"}, "for exactly"),
        (WINDOW, {"limit": 2}, "with direction='backward', limit=2, not with direction='forward', limit=2"),
        (WINDOW, {"limit": 1, "direction": "backward"}, "limit=2, not with direction='backward', limit=1"),
        (WINDOW, {}, "with direction='backward', limit=2, not with no limit or other parameter"),
    ]:
        assert why in _refusal(reader.logs, '{a="b"}', window, **more)


def test_the_end_that_all_lines_were_pulled_from_does_not_matter(tmp_path: Path) -> None:
    reader = _open(
        tmp_path, answer("logs", '{a="b"}', logs("x"), params={"direction": "backward", "limit": None})
    )
    assert reader.logs('{a="b"}', WINDOW).frame.height == 1


def test_spans_that_matched_are_not_whole_traces(one: ArchiveReader) -> None:
    assert "with whole=True, not with no limit or other parameter" in _refusal(
        one.spans, "{ status = error }", WINDOW
    )


def test_whole_traces_stay_whole_when_any_of_their_spans_is_in_the_window(one: ArchiveReader) -> None:
    found = one.spans("{ status = error }", _part(1, 31), whole=True).frame
    assert _seconds(found, "start") == [0, 1, 30]


def test_spans_that_matched_are_given_by_their_start(tmp_path: Path) -> None:
    reader = _open(tmp_path, answer("spans", "{ }", spans((1, 0), (1, 1), (2, 2))))
    assert _seconds(reader.spans("{ }", _part(1, 2)).frame, "start") == [1]


def test_exemplars_are_given_by_time(one: ArchiveReader) -> None:
    assert _seconds(one.exemplars("x_bucket", _part(2, 599)).frame) == [2]


def test_a_longer_window_was_not_recorded(one: ArchiveReader) -> None:
    longer = TimeRange(WINDOW.start_ns - 1, WINDOW.end_ns)
    assert _refusal(one.logs, '{namespace="shop"}', longer) == (
        "The archive holds this log query, but not as it is asked.\n"
        '  query:  {namespace="shop"}\n'
        "  window: 2026-11-23T18:13:19.999999999Z to 2026-11-23T18:23:20Z\n"
        "Hint: It was asked\n"
        "  for 2026-11-23T18:13:20Z to 2026-11-23T18:23:20Z, which does not hold all of "
        "2026-11-23T18:13:19.999999999Z to 2026-11-23T18:23:20Z"
    )


def test_what_was_never_asked_names_what_was(tmp_path: Path) -> None:
    queries = ['{namespace="shop"}', '{namespace="cart"}', '{app="web"} |= "x"', '{pod="a"}']
    reader = _open(tmp_path, *(answer("logs", query, logs("x")) for query in queries))
    assert _refusal(reader.logs, '{namespace="shops"}', WINDOW) == (
        "The archive was never asked this log query.\n"
        '  query:  {namespace="shops"}\n'
        "  window: 2026-11-23T18:13:20Z to 2026-11-23T18:23:20Z\n"
        "Hint: The closest that it was asked:\n"
        '  {namespace="shop"}\n  {namespace="cart"}\n  {pod="a"}'
    )
    assert _refusal(reader.series, "up", WINDOW, step_ns=STEP).endswith(
        "Hint: It holds no metric query at all."
    )


def test_the_shortest_recording_that_holds_the_window_answers(tmp_path: Path) -> None:
    long = answer("logs", '{a="b"}', logs("x", "y"), complete="no", reason="cut")
    short = answer("logs", '{a="b"}', logs("x", "y"), window=_part(0, 60), reason="whole")
    found = _open(tmp_path, long, short).logs('{a="b"}', _part(0, 30)).record
    assert found.reason.startswith("whole (narrowed from ")


def test_progress_is_told_that_it_is_done(one: ArchiveReader) -> None:
    told: list[Any] = []

    class Watch:
        def update(self, *, done: float, rows: int, bytes: int) -> None:
            told.append((done, rows, bytes))

        def close(self) -> None:
            told.append("closed")

    watch: Progress = Watch()
    one.logs('{namespace="shop"}', WINDOW, progress=watch)
    assert told == [(1.0, 20, 9), "closed"]


# One trace.


def test_a_trace_comes_from_whatever_brought_it_whole(one: ArchiveReader) -> None:
    found = one.trace("1")
    assert _seconds(found.frame, "start") == [0, 1]
    record = found.record
    assert (record.asked, record.query, record.params, record.role) == (
        "1",
        "1".zfill(32),
        {"trace": True},
        None,
    )
    assert (record.complete, record.reason) == ("yes", f"the trace came whole ({_NOTE})")
    assert one.trace(" 00" + "1".zfill(30).upper() + " ").frame.equals(found.frame)


def test_a_trace_of_which_only_some_spans_matched_is_not_there(tmp_path: Path) -> None:
    some = spans((1, 0), (1, 1), (2, 2)).with_columns(whole_trace=pl.lit(value=False))
    reader = _open(tmp_path, answer("spans", "{ }", some))
    assert _refusal(reader.trace, "1") == (
        f"The archive does not hold the trace {'1'.zfill(32)} whole.\n"
        "Hint: It holds 2 of its spans: those that a query matched."
    )
    assert _refusal(reader.trace, "7").endswith("Hint: It holds none of its spans.")


@pytest.mark.parametrize("text", ["", "xyz", "1" * 33])
def test_what_is_no_trace_id_is_refused_in_words(one: ArchiveReader, text: str) -> None:
    with pytest.raises(QueryError) as caught:
        one.trace(text)
    assert str(caught.value) == (
        f"{text!r} is not a trace id.\n"
        "Hint: A trace id has up to 32 hexadecimal digits; a query goes to obs.spans(...)."
    )


# By role.


def test_a_role_is_found_whatever_its_text(one: ArchiveReader) -> None:
    found = one.answer_for_role("requests.total", _part(15, 45))
    assert found is not None
    assert _seconds(found.frame) == [15, 30]
    assert found.record.role == "requests.total"
    assert one.answer_for_role("builds", WINDOW) is None


def test_a_role_without_a_window_is_its_longest_recording(tmp_path: Path) -> None:
    short = answer("logs", '{a="b"}', logs("x"), role="errors.logs", window=_part(0, 60))
    whole = answer("logs", '{a="b"}', logs("x", "y"), role="errors.logs")
    found = _open(tmp_path, short, whole).answer_for_role("errors.logs")
    assert found is not None
    assert found.record.window == WINDOW


def test_recordings_that_cover_a_window_together_are_joined(tmp_path: Path) -> None:
    lines = logs(*(f"{i}" for i in range(100)))
    first = answer(
        "logs", '{a="b"}', lines.head(60), role="errors.logs", window=_part(0, 60), warnings=("a",)
    )
    second = answer(
        "logs",
        '{a = "b"}',
        lines.slice(50).with_columns(extra=pl.lit("x")),
        role="errors.logs",
        window=_part(50, 100),
        complete="unknown",
        reason="too fresh",
        warnings=("a", "b"),
    )
    found = _open(tmp_path, second, first).answer_for_role("errors.logs", _part(10, 90))
    assert found is not None
    assert _seconds(found.frame) == list(range(10, 90))
    record = found.record
    assert (record.window, record.rows, record.digest) == (_part(10, 90), 80, digest(found.frame))
    assert (record.complete, record.warnings, record.bytes) == ("unknown", ("a", "b"), 18)
    assert record.reason.startswith("too fresh (narrowed from ")


def test_a_whole_trace_in_two_recordings_stands_once(tmp_path: Path) -> None:
    both = spans((1, 50), (1, 70), (2, 80))
    more: dict[str, Any] = {"role": "slow.spans", "params": {"whole": True}}
    reader = _open(
        tmp_path,
        answer("spans", "{ }", both.head(2), window=_part(0, 60), **more),
        answer("spans", "{ }", both, window=_part(60, 100), **more),
    )
    found = reader.answer_for_role("slow.spans", _part(0, 100))
    assert found is not None
    assert _seconds(found.frame, "start") == [50, 70, 80]


def test_a_role_recorded_for_other_windows_says_which(tmp_path: Path) -> None:
    lines = logs("x")
    reader = _open(
        tmp_path,
        answer("logs", '{a="b"}', lines, role="errors.logs", window=_part(0, 60)),
        answer("logs", '{a="b"}', lines, role="errors.logs", window=_part(61, 100)),
    )
    assert _refusal(reader.answer_for_role, "errors.logs", _part(0, 100)) == (
        "The archive holds the errors.logs query, but not for all of the window.\n"
        "  window: 2026-11-23T18:13:20Z to 2026-11-23T18:15:00Z\n"
        "Hint: It holds it for 2026-11-23T18:13:20Z to 2026-11-23T18:14:20Z; "
        "2026-11-23T18:14:21Z to 2026-11-23T18:15:00Z."
    )


def test_a_part_of_a_sample_is_a_sample_still(tmp_path: Path) -> None:
    sample = answer(
        "spans",
        "{ }",
        spans((1, 0), (2, 30)),
        role="sample.spans",
        params={"whole": True, "limit": 2},
        selection="2 traces, spread over the window",
    )
    found = _open(tmp_path, sample).answer_for_role("sample.spans", _part(10, 60))
    assert found is not None
    assert _seconds(found.frame, "start") == [30]
    assert found.record.selection == "2 traces, spread over the window: those of them in a part of it"


def test_an_exemplars_selection_is_not_made_longer_by_a_part(tmp_path: Path) -> None:
    one_ = answer("exemplars", "x", exemplars(1, 2), selection="those with a trace id")
    assert _open(tmp_path, one_).exemplars("x", _part(0, 2)).record.selection == "those with a trace id"
