from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.analysis.traces import self_time
from obsnb.timerange import TimeRange
from obsnb.views import charts
from obsnb.views.charts.layers import layered
from obsnb.views.charts.names import OTHERS, folded
from tests.report.made_up import CHILD, ROOT, SECOND, START, TRACE, at, lengths, spans, timeline
from tests.views.every_chart import (
    SCENE,
    buckets,
    counter,
    error_events,
    error_groups,
    every_chart,
    exemplars,
    findings,
)


def test_a_million_points_are_two_thousand_and_the_spike_is_among_them() -> None:
    many = 1_000_000
    value = np.ones(many)
    value[777_777], value[123_456] = 99.0, -5.0
    times = pl.Series(START + np.arange(many) * 10_000_000).cast(pl.Datetime("ns", "UTC"))
    figure = charts.lines(pl.DataFrame({"timestamp": times, "name": "a", "value": value}), tz="UTC")
    (line,) = figure.data
    assert len(line.y) <= 2_000
    assert (max(line.y), min(line.y)) == (99.0, -5.0)
    assert (
        "of 1,000,000 points: the first, lowest, highest and last of every"
        in figure.layout.title.subtitle.text
    )


def test_samples_that_are_not_finite_are_gaps_and_are_counted() -> None:
    frame = pl.DataFrame({"timestamp": at(1, 2, 3), "name": "a", "value": [1.0, float("inf"), 2.0]})
    figure = charts.lines(frame, tz="UTC")
    assert [value is not None and not np.isnan(value) for value in figure.data[0].y] == [True, False, True]
    assert figure.layout.title.subtitle.text == "1 samples that are not finite are gaps"


def test_the_names_that_are_kept_are_those_with_the_most_rows_not_the_first_of_the_alphabet() -> None:
    frame = pl.DataFrame(
        {"name": [letter for place, letter in enumerate("abcdefgh") for _ in range(place + 1)]}
    )
    kept = folded(frame, "name", pl.len())["name"].unique().to_list()
    assert sorted(kept) == [OTHERS, "c", "d", "e", "f", "g", "h"]


def test_an_axis_in_another_zone_shows_its_clocks_and_what_they_are_off_utc() -> None:
    frame = pl.DataFrame({"timestamp": at(0, 60), "name": "a", "value": [1.0, 2.0]})
    figure = charts.lines(frame, tz="Asia/Kolkata", during=TimeRange(START, START + 60 * SECOND))
    assert str(figure.data[0].x[0]) == "2026-11-23T23:43:19.000000"
    assert figure.layout.shapes[0].x0 == "2026-11-23T23:43:19"
    assert figure.layout.xaxis.title.text == "Asia/Kolkata (UTC+05:30)"
    assert figure.layout.xaxis.hoverformat == "%Y-%m-%d %H:%M:%S UTC+05:30"


def test_events_are_marked_by_shape_and_told_but_onset_and_recovery_are_not_events() -> None:
    frame = pl.DataFrame({"timestamp": at(0, 3_000), "name": "a", "value": [1.0, 2.0]})
    figure = charts.lines(frame, events=timeline("t"), tz="UTC")
    marks = [trace for trace in figure.data if trace.yaxis == "y9"]
    assert {trace.name: trace.marker.symbol for trace in marks} == {
        "deploy": "triangle-up",
        "alert": "square",
    }
    assert [trace.hovertext for trace in marks] == [("t",), ("t",)]


def test_an_onset_that_is_told_is_drawn_where_it_is() -> None:
    frame = pl.DataFrame({"timestamp": at(0, 3_000), "name": "a", "value": [1.0, 2.0]})
    figure = charts.lines(frame, onset="2026-11-23T18:30Z", tz="UTC")
    assert [(shape.name, shape.x0) for shape in figure.layout.shapes] == [("onset", "2026-11-23T18:30:00")]
    assert [note.text for note in figure.layout.annotations] == ["onset 18:30:00"]


def test_a_clicked_exemplar_hands_over_its_trace() -> None:
    figure = charts.latency_heatmap(buckets("shop"), exemplars("c" * 32), tz="UTC")
    points = figure.data[-1]
    assert points.name == "exemplars"
    assert list(points.customdata) == [TRACE, "b" * 32, "c" * 32]
    # Rows: up to 100 ms, up to 1 s, above. 50 ms is half way up the first, 500 ms 70 % up by its logarithm.
    np.testing.assert_allclose(points.y, [0.5, 1 + np.log10(5), 2.5])


def test_a_heat_map_keeps_every_request_also_where_services_have_other_buckets() -> None:
    both = pl.concat([buckets("shop"), buckets("search", bounds=(0.5, 1.0))])
    figure = charts.latency_heatmap(both, tz="UTC")
    assert round(float(np.nansum(np.asarray(figure.data[0].z) ** 2)), 6) == 2 * 29 * (1 + 2 + 3)
    assert "spread evenly" in figure.layout.title.subtitle.text
    assert list(figure.layout.yaxis.ticktext) == ["0 s", "100 ms", "500 ms", "1 s", "∞"]


def test_error_groups_stand_in_the_order_of_their_beginning_and_say_what_is_new() -> None:
    figure = charts.error_groups(error_events("boom"), error_groups("boom"), tz="UTC")
    assert list(figure.layout.yaxis.ticktext) == ["passed on: boom: boom", "new: boom: boom"]
    assert list(figure.data[-1].customdata) == ["b", "a"]
    assert round(float(np.nansum(np.asarray(figure.data[0].z) ** 2)), 6) == 30


def test_more_than_forty_events_have_a_lane_a_kind() -> None:
    events = pl.DataFrame({"timestamp": at(*range(50)), "kind": ["deploy", "alert"] * 25, "title": "t"})
    figure = charts.timeline(events, tz="UTC")
    assert list(figure.layout.yaxis.ticktext) == ["deploy", "alert"]
    assert figure.layout.title.subtitle.text == "50 events, a lane for each kind"
    start, end = (np.datetime64(edge) for edge in figure.layout.xaxis.range)
    marks = np.concatenate([np.asarray(trace.x) for trace in figure.data])
    assert start < marks.min() <= marks.max() < end, "a mark on the edge would be cut in two"


def test_a_trace_with_a_cycle_is_drawn_by_every_chart_of_traces() -> None:
    looped = spans("shop").with_columns(parent_span_id=pl.Series([CHILD, ROOT]))
    assert len(charts.waterfall(looped).data[0].y) == 2
    assert sum(len(trace.y) for trace in charts.flame(looped).data) == 1
    assert charts.cohorts(self_time(looped), self_time(looped)).data


def test_one_span_is_enough() -> None:
    assert list(charts.waterfall(spans("shop").head(1)).data[0].x) == [2_000.0]
    assert list(charts.flame(spans("shop").head(1)).data[0].x) == [2.0]


def test_a_flame_is_as_wide_as_the_self_time_below_it() -> None:
    (bars,) = charts.flame(spans("shop")).data
    assert [(y, base, round(x, 9)) for y, base, x in zip(bars.y, bars.base, bars.x, strict=True)] == [
        (0, 0.0, 2.0),
        (1, 0.0, 1.9),
    ]


def test_slow_queries_lead_from_the_baseline_to_the_incident() -> None:
    statements = pl.DataFrame({"statement": ["SELECT 1"], "count": [7], "fingerprint": ["f"]}).with_columns(
        total=lengths(9_000), p95=lengths(800), before_p95=lengths(10), within_p95=lengths(1_000)
    )
    shift, point = charts.slow_queries(statements).data
    assert (list(shift.x[:2]), list(shift.y[:2])) == ([10.0, 1_000.0], [9.0, 9.0])
    assert (list(point.x), list(point.y), list(point.customdata)) == ([1_000.0], [9.0], ["f"])


CALLS = pl.DataFrame(
    {"caller": ["a", "b", "b"], "callee": ["b", "a", "b"], "count": [120, 6, 1], "errors": [12, 0, 0]}
).with_columns(p95=lengths(250, 1, 1))


def texts_of(figure: Any) -> list[str]:
    return [note.text for note in figure.layout.annotations if note.text]


def test_a_graph_writes_counts_and_rates_only_where_the_window_of_all_calls_is_given() -> None:
    counts, rates = charts.service_graph(CALLS), charts.service_graph(CALLS, over=TimeRange(0, 60 * SECOND))
    words = [next(iter(texts_of(figure))) for figure in (counts, rates)]
    assert words == ["120 calls, ✕ 12, p95 250 ms", "2/s, ✕ 10 %, p95 250 ms"]


def test_a_service_that_calls_itself_or_back_is_drawn() -> None:
    texts = texts_of(charts.service_graph(CALLS))
    assert "calls itself: 1 call<br>p95 1 ms" in texts
    assert {"a", "b"} <= set(texts)


def test_only_suspects_with_a_score_above_that_of_quiet_hours_are_marked() -> None:
    suspects = pl.DataFrame({"service": ["b", "a"], "rank": [1, 2], "score": [0.9, 0.2]})
    texts = texts_of(charts.service_graph(CALLS, suspects))
    assert "b<br>suspect 1, 0.9" in texts
    assert "a" in texts


NAMES = st.sampled_from("abcdefg")


@settings(max_examples=60)
@given(st.lists(st.tuples(NAMES, NAMES), max_size=20))
def test_every_service_has_a_place_of_its_own_whatever_calls_whom(edges: list[tuple[str, str]]) -> None:
    places = layered(edges)
    assert set(places) == {name for edge in edges for name in edge}
    assert len(set(places.values())) == len(places)


def test_callers_stand_left_of_those_they_call_where_nothing_goes_round() -> None:
    edges = [("web", "api"), ("api", "db"), ("web", "db"), ("api", "cache")]
    places = layered(edges)
    assert all(places[caller][0] < places[callee][0] for caller, callee in edges)


def test_a_contrast_draws_shares_in_per_cent_and_names_numbers_that_shifted() -> None:
    found = pl.DataFrame(
        {
            "column": ["route", "duration"],
            "value": ["/search", None],
            "share": [0.9, None],
            "baseline_share": [None, None],
            "median": [None, 4.0],
            "baseline_median": [None, 0.5],
        },
        schema_overrides={"baseline_share": pl.Float64},
    )
    figure = charts.contrast(found)
    assert [list(trace.x) for trace in figure.data] == [[90.0], [0.0]]
    assert figure.layout.title.subtitle.text == "the median of duration went from 0.5 to 4"


def test_cohorts_show_the_operations_that_differ_most_first() -> None:
    rows = {"operation": ["same", "slower"], "self_time": [10.0, 50.0]}
    figure = charts.cohorts(pl.DataFrame(rows), pl.DataFrame({**rows, "self_time": [10.0, 5.0]}))
    assert list(figure.layout.yaxis.ticktext) == ["slower", "same"]
    assert [list(trace.x) for trace in figure.data] == [[50.0, 10.0], [5.0, 10.0]]


def test_of_many_series_the_highest_have_a_line_each_and_the_others_keep_their_extremes() -> None:
    steps, many = 40, 300
    frame = pl.DataFrame(
        {
            "timestamp": pl.concat([at(*(15 * step for step in range(steps)))] * many),
            "name": [f"series {one:03}" for one in range(many) for _ in range(steps)],
            "metric": ["m"] * (steps * many),
            "value": [one + step / steps for one in range(many) for step in range(steps)],
        }
    )
    figure = charts.lines(frame)
    lines = {trace.name: trace.y for trace in figure.data}
    assert [*lines][:5] == [f"series {one}" for one in (299, 298, 297, 296, 295)]
    assert max(lines["highest of 295 others"]) == 294 + (steps - 1) / steps
    assert min(lines["lowest of 295 others"]) == 0
    assert len(lines) == 7
    assert "of 300 series, the 5 with the highest values by name" in figure.layout.title.subtitle.text


def test_the_windows_lie_below_the_marks_of_events() -> None:
    figure = charts.rates(counter("x"), **SCENE, events=timeline("deploy"))
    names = [shape.name for shape in figure.layout.shapes]
    assert names.index("event") > names.index("incident")


def test_a_name_as_long_as_a_book_does_not_make_a_figure_as_long_as_one() -> None:
    figure = charts.contrast(findings("a" * 10_000))
    assert figure.layout.height < 700


@pytest.mark.parametrize("name", ["latency_heatmap", "error_groups", "timeline", "slow_queries", "flame"])
def test_where_points_can_be_clicked_the_pointer_is_told_of_the_nearest_alone(name: str) -> None:
    assert every_chart("shop")[name].layout.hovermode == "closest"


def test_of_many_services_the_suspects_with_their_neighbours_are_drawn_and_what_is_left_out_is_said() -> None:
    names = [f"service-{at:02}" for at in range(40)]
    calls = pl.DataFrame(
        {
            "caller": names[:-1],
            "callee": names[1:],
            "count": list(range(100, 139)),
            "errors": [0] * 30 + [5] + [0] * 8,
        }
    )
    suspects = pl.DataFrame({"service": ["service-03"], "rank": [1], "score": [0.9]})
    figure = charts.service_graph(calls, suspects, most=5)
    texts = [text.replace("<br>", "") for text in texts_of(figure)]
    assert "service-03suspect 1, 0.9" in texts
    assert {"service-02", "service-04", "service-30", "service-31"} <= set(texts)
    assert "left out: 35 of 40 services and 36 of 39 edges, which the frame has" in " ".join(
        figure.layout.title.subtitle.text.split("<br>")
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=20, unique=True), st.integers(1, 4))
def test_no_words_of_a_graph_lie_on_others_or_on_a_mark_in_a_narrow_notebook(
    edges: list[tuple[str, str]], long: int
) -> None:
    calls = pl.DataFrame(
        {"caller": [caller * long for caller, _ in edges], "callee": [callee * long for _, callee in edges]}
    ).with_columns(count=pl.int_range(pl.len()) + 1)
    figure = charts.service_graph(calls)
    across, up = figure.layout.xaxis.range, figure.layout.yaxis.range
    wide, tall = 456, figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    boxes = []
    for note in figure.layout.annotations:
        if note.text:
            lines = note.text.split("<br>")
            x = (note.x - across[0]) / (across[1] - across[0]) * wide
            y = (note.y - up[0]) / (up[1] - up[0]) * tall + note.yshift
            half = max(map(len, lines)) * note.font.size * 0.27, len(lines) * note.font.size * 0.6
            boxes.append((x - half[0], y - half[1], x + half[0], y + half[1]))
    assert [
        (one, other)
        for place, one in enumerate(boxes)
        for other in boxes[:place]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ] == []


def test_names_of_an_axis_that_differ_only_where_they_are_cut_read_differently() -> None:
    carts = [f"frontend: GET / › shop-api: POST /cart/{what} › payments: charge" for what in "abc"]
    frame = pl.DataFrame({"operation": carts, "self_time": [3.0, 2.0, 1.0]})
    shown = charts.cohorts(frame, frame.with_columns(pl.col("self_time") / 2)).layout.yaxis.ticktext
    assert len({*shown}) == 3
    assert all(len(name) <= 40 for name in shown)
