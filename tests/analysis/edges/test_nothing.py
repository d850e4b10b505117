"""Frames that hold nothing, hardly anything, or only the columns that are needed."""

import polars as pl
import pytest

import obsnb
from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError, UsageError
from obsnb.schema import EXEMPLARS, LOGS, SERIES, SPANS
from tests.analysis.edges import samples
from tests.analysis.edges.calls import CALLS, IDS, NEEDED
from tests.analysis.edges.kinds import KINDS, as_kind, as_polars, is_kind, same_numbers
from tests.analysis.made_up import MS, lines, spans

_EVERY = pytest.mark.parametrize("call", CALLS, ids=IDS)
_HISTOGRAMS = ("heat_map", "histogram_average", "histogram_count", "histogram_fraction", "histogram_quantile",
               "histogram_sum")  # fmt: skip
#: What is said of no rows at all: the window is known, and that nothing else is.
_SAID_ANYWAY = {"impact": ["duration", "error budget used"], "timeline": ["onset", "recovery"]}


def _needed(frame, schema):
    """The columns without which a function refuses the frame; what it is about besides has labels."""
    further = ["le", "histogram", "result"] if schema is SERIES else []
    return frame.select(name for name in [*NEEDED[schema.name], *further] if name in frame.columns)


def _emptied(frame, schema):
    return frame.clear()


def _core(frame, schema):
    return frame.clear() if schema is None else schema.empty()


def _needed_empty(frame, schema):
    return frame.clear() if schema is None else _needed(schema.empty(), schema)


def _nulls(frame, schema):
    return frame.clear(1)


def _asked_of_nothing(call, how):
    given = [frame.clear() if isinstance(frame, pl.Series) else frame for frame in call.changed(how)]
    if call.name == "series_lag":
        with pytest.raises(UsageError) as caught:
            call(*given)
        assert str(caught.value) == (
            "series_lag compares with one series; the target has 0.\n"
            'Hint: Choose one: series.filter(pl.col("series_id") == "...").'
        )
        return None
    return as_polars(call(*given))


@_EVERY
@pytest.mark.parametrize("how", [_emptied, _core, _needed_empty], ids=["emptied", "core", "needed"])
def test_nothing_in_gives_nothing_out_with_the_same_columns(call, how):
    answer = _asked_of_nothing(call, how)
    if answer is None:
        return
    if call.name in _SAID_ANYWAY:
        assert answer["measure" if call.name == "impact" else "kind"].to_list() == _SAID_ANYWAY[call.name]
    else:
        kept = answer.filter(pl.col("kind") != "set aside") if call.name == "contrast" else answer
        assert kept.height == 0
    whole = as_polars(call(*call.given()))
    if how is _emptied:
        assert answer.schema == whole.schema
    else:  # labels and attributes go with the columns that had them
        assert [name for name in whole.columns if name in answer.columns] == answer.columns or set(
            answer.columns
        ) <= set(whole.columns) | set(SPANS.names)


@_EVERY
def test_one_row_of_nulls_is_of_nothing_or_is_a_row_of_nulls(call):
    answer = _asked_of_nothing(call, _nulls)
    if answer is None or call.name in ("contrast", "compare_cohorts", "trace_quality"):
        return  # the first refuses, the others have tests of their own
    if call.name in _SAID_ANYWAY:
        assert answer["measure" if call.name == "impact" else "kind"].to_list() == _SAID_ANYWAY[call.name]
    elif call.row_by_row and call.name != "mine_patterns":
        said = {"by", "sure", "candidates", "series_ids", "parsed.format"} & set(answer.columns)
        told = answer.select(pl.exclude(said)).row(0, named=True)
        assert {name: value for name, value in told.items() if value not in (None, [], "")} == {}
    else:
        assert answer.height == 0


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("schema", [LOGS, SERIES, SPANS], ids=lambda schema: schema.name)
def test_an_empty_frame_of_another_kind_is_taken_and_its_kind_comes_back(schema, kind):
    ask = {"LOGS": obsnb.error_groups, "SERIES": obsnb.change_points, "SPANS": obsnb.self_time}[schema.name]
    answer = ask(as_kind(schema.empty(), kind))
    assert is_kind(answer, kind)
    assert len(as_polars(answer)) == 0


#: What of each answer does not hang on any column that a frame need not have.
_BY_NEEDED = {
    "clock_skew": None,
    "critical_path": None,
    "database_waits": ["timestamp", "kind", "outcome", "duration", "message", "source"],
    "debug_sessions": ["session", "start", "end", "duration", "ended", "user", "lines", "commands"],
    "health_snapshots": ["timestamp", "component", "status", "healthy", "latency", "before", "changed"],
    "heat_map": None,
    "memory_snapshots": ["timestamp", "kind", "location", "size", "count", "size_diff", "count_diff"],
    "mine_patterns": None,
    "patterns": ["pattern_id", "pattern", "count", "share", "first_seen", "last_seen", "change", "example"],
    "self_time": ["trace_id", "span_id", "duration", "self_time"],
    "service_graph": ["caller", "callee", "count", "p50", "p95"],
    "timeline": ["timestamp", "kind", "title"],
}


@pytest.mark.parametrize("call", [call for call in CALLS if call.name in _BY_NEEDED], ids=lambda one: one.id)
def test_what_hangs_on_the_needed_columns_alone_is_the_same_without_the_others(call):
    bare = as_polars(call(*call.changed(_needed)))
    whole = as_polars(call(*call.given()))
    columns = _BY_NEEDED[call.name] or whole.columns
    if call.name == "service_graph":  # databases have no spans of their own: attributes alone name them
        whole = whole.filter(~pl.col("peer"))
    same_numbers(bare.select(columns), whole.select(columns), any_order=call.name == "service_graph")


@pytest.mark.parametrize(
    "call",
    [call for call in CALLS if call.name not in _BY_NEEDED and all(one for _, one in call.data)],
    ids=lambda one: one.id,
)
def test_without_the_other_columns_there_is_an_answer_without_what_they_would_have_told(call):
    if call.name == "correlate_exemplars":
        return  # see the next test
    bare, whole = as_polars(call(*call.changed(_needed))), as_polars(call(*call.given()))
    labels = {"le", "result"}  # instead of ids they tell series apart
    assert set(bare.columns) - labels <= set(whole.columns)
    if call.row_by_row:
        assert bare.height == whole.height


def test_exemplars_need_the_ids_of_their_series_and_say_so():
    series = samples.histograms().drop("series_id")
    with pytest.raises(FrameError) as caught:
        obsnb.correlate_exemplars(samples.exemplars(), series=series)
    assert str(caught.value) == (
        "correlate_exemplars needs the column series_id of SERIES; "
        f"the frame has {', '.join(series.columns)}.\n"
        "Hint: obsnb.schema.SERIES lists what each column means; rename yours to match."
    )
    alone = obsnb.correlate_exemplars(_needed(samples.exemplars(), EXEMPLARS), samples.spans())
    assert alone["trace_id"].to_list() == samples.exemplars()["trace_id"].to_list()


def test_one_ordinary_span():
    one = spans({"is": "t 1 - web GET", "at": (0, 50)})
    assert obsnb.self_time(one)["self_time"].to_physical().to_list() == [50 * MS]
    assert obsnb.critical_path(one).select("span_id", pl.col("duration").to_physical(), "depth").rows() == [
        ("1", 50 * MS, 0)
    ]
    (path,) = obsnb.compare_cohorts(one, one.clear()).rows(named=True)
    assert (path["path"], path["count"], path["baseline_count"], path["changed"]) == (["web: GET"], 1, 0, [])
    (trace,) = obsnb.notable_traces(one).rows(named=True)
    assert (trace["kind"], trace["why"]) == ("slowest", "The slowest of 1 trace: 50 ms.")
    for ask in (obsnb.service_graph, obsnb.clock_skew, obsnb.trace_quality, obsnb.slow_queries):
        assert ask(one).height == 0
    assert obsnb.error_groups(None, one).height == 0
    assert obsnb.attribute(one, "http.route").to_list() == [None]


def test_one_ordinary_line():
    one = lines((5, "web", "took 12 ms"))
    (pattern,) = obsnb.patterns(one).rows(named=True)
    assert (pattern["pattern"], pattern["count"], pattern["share"]) == ("took <*> ms", 1, 1.0)
    assert pattern["first_seen"] == pattern["last_seen"] == one["timestamp"][0]
    assert obsnb.parse_logs(one).select("service", "parsed.format", "parsed.message").rows() == [
        ("web", "text", "took 12 ms")
    ]
    span = spans({"is": "t 1 - web GET", "at": (4_990, 50)})
    assert obsnb.correlate_logs(one, span).select("by", "sure", "span_id").rows() == [
        ("service_time", "possible", "1")
    ]
    assert obsnb.error_groups(one).height == obsnb.frontend_events(one).height == 0


def test_one_sample_counts_nothing_and_changes_nothing():
    one = samples.one_series().head(1)
    assert obsnb.request_counts(one)["count"].to_list() == [0.0]
    for ask in (obsnb.change_points, obsnb.cache_hit_rates):
        assert ask(one).height == 0
    with pytest.raises(UsageError) as caught:
        obsnb.series_lag(samples.requests(), one)
    assert str(caught.value) == (
        "The target of series_lag has a single sample.\nHint: Ask for a longer window."
    )
    bucket = samples.histograms().filter(pl.col("timestamp") == pl.col("timestamp").min())
    assert obsnb.histogram_count(bucket).height == 0
    assert obsnb.histogram_count(bucket, counters=False)["value"].min() >= 0


def test_the_conventions_counters_alone_are_requests():
    other = samples.series().filter(~pl.col("metric").cast(pl.String).is_in(DEFAULT.request_counters))
    assert other.height
    assert obsnb.request_counts(other).height == 0
