"""A chart whose brush and clicks choose rows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

import obsnb
from obsnb.views import charts
from obsnb.views.theme import DARK, LIGHT
from obsnb.views.widgets.brushing import Brushable
from obsnb.views.widgets.chart import Chart
from obsnb.views.widgets.contrasting import ContrastPanel
from obsnb.views.zones import zone_of
from tests.report.made_up import SECOND, START, script_line, service_graph, slow_queries
from tests.views.every_chart import CHARTS, buckets, every_chart, exemplars, findings
from tests.views.widgets.made_up import TRACE, lines, trace
from tests.views.widgets.test_logs import _LIMIT, state_size

LINES = lines([f"line {at}" for at in range(600)], levels=["info", "error"])
NAIVE = LINES["timestamp"].dt.replace_time_zone(None)[0]
SPANS = trace([None, 0, 0])


def volume(tz: str = "UTC", frame: Any = LINES) -> Chart:
    return Chart(charts.log_volume(LINES, every="1m", tz=tz), frame)


def wall(chart: Chart, seconds: float) -> str:
    """A moment of the frame as the axis of the chart shows it, written as plotly writes ends of a brush."""
    return chart._plot.text(START + round(seconds * SECOND)).replace("T", " ")


def brush(chart: Chart, first: float, last: float, **more: Any) -> Any:
    return chart.answer("brush", {"x": [wall(chart, first), wall(chart, last)], **more})


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York"]),
    st.integers(0, 599_000),
    st.integers(1, 600_000),
)
def test_a_brush_on_an_axis_of_any_zone_chooses_the_rows_of_its_window(
    tz: str, first: int, long: int
) -> None:
    offset = zone_of(tz, START, START).offset_ns
    figure = go.Figure(layout={"meta": {"utc_offset_ns": offset}})
    figure.add_scatter(x=[NAIVE], y=[0])
    plot = Brushable.of(figure)
    start, end = START + first * 10**6, START + (first + long) * 10**6
    assert plot.window([plot.text(end), plot.text(start)]) == obsnb.TimeRange(start, end)


def test_a_brush_chooses_a_window_and_its_rows_are_a_frame() -> None:
    chart = volume("Asia/Kolkata")
    told = brush(chart, 20, 10)
    assert chart.window == obsnb.TimeRange(START + 10 * SECOND, START + 20 * SECOND)
    assert chart.selection["line"].to_list() == [f"line {at}" for at in range(10, 20)]
    assert chart.rest.height == 590
    assert told["says"] == "2026-11-23 18:13:29 to 18:13:39 UTC (10 s): 10 of 600 rows"


def test_a_brush_with_shift_adds_to_what_is_chosen() -> None:
    chart = volume()
    brush(chart, 10, 12)
    brush(chart, 20, 22, add=True)
    assert chart.selection["line"].to_list() == ["line 10", "line 11", "line 20", "line 21"]
    assert chart.window == obsnb.TimeRange(START + 10 * SECOND, START + 22 * SECOND)


def test_a_bar_that_is_clicked_is_its_interval() -> None:
    chart = volume("Europe/Berlin")
    chart.answer("click", {"curve": 0, "place": 1})
    assert chart.window is not None
    assert (chart.window.start_ns % (60 * SECOND), chart.window.duration_s) == (0, 60)
    assert chart.selection.height == 60


def test_the_selection_is_of_the_kind_that_was_given() -> None:
    chart = volume(frame=LINES.to_pandas())
    brush(chart, 0, 5)
    assert isinstance(chart.selection, pd.DataFrame)
    assert len(chart.selection) == 5


def test_a_frame_from_python_is_the_selection_and_the_window_is_what_it_spans() -> None:
    chart = volume()
    chart.selection = LINES[[3, 7]]
    assert chart.selection["line"].to_list() == ["line 3", "line 7"]
    assert chart.window == obsnb.TimeRange(START + 3 * SECOND, START + 7 * SECOND + 1)
    assert chart.start["range"] == ["2026-11-23T18:13:22.000000", "2026-11-23T18:13:26.000000"]


def test_a_window_from_python_shows_and_whoever_listens_is_told() -> None:
    chart = volume()
    told: list[Any] = []
    chart.on_pick(told.append)
    chart.on_select(lambda one: told.append(one.selection.height))
    chart.window = obsnb.TimeRange(START, START + 3 * SECOND)
    assert told == [3, chart.window]
    assert (chart.start["from"], chart.start["to"]) == ("2026-11-23T18:13:19Z", "2026-11-23T18:13:22Z")
    chart.look_at(obsnb.TimeRange(START, START + 9 * SECOND))
    assert (chart.selection.height, len(told)) == (9, 2)
    chart.answer("clear", {})
    assert chart.selection.height == 0
    assert chart.window == chart._plot.overview


def test_times_can_be_typed_and_what_cannot_be_read_is_said() -> None:
    chart = volume()
    chart.answer("type", {"from": "2026-11-23T18:13:29Z", "to": " 2026-11-23T18:13:39 "})
    assert chart.selection.height == 10
    with pytest.raises(obsnb.WindowError, match="'noon'"):
        chart.answer("type", {"from": "noon", "to": "2026-11-23T18:13:39Z"})
    with pytest.raises(obsnb.WindowError) as caught:
        chart.answer("type", {"from": "2026-11-23T18:13:39Z", "to": "2026-11-23T18:13:29Z"})
    assert str(caught.value) == (
        "The window ends before it starts.\nHint: The first time is its start, the second its end."
    )
    assert chart.selection.height == 10


def heat(frame: Any) -> Chart:
    figure = charts.latency_heatmap(buckets("shop"), exemplars("no trace").head(2), tz="UTC")
    return Chart(figure, frame)


def test_a_box_in_a_heat_map_chooses_by_time_and_by_duration() -> None:
    took = pl.Series([0.05, 0.5, 7.0]) * 1e9
    moved = pl.col("start") + pl.duration(seconds=90)
    spans = SPANS.with_columns(moved, duration=took.cast(pl.Int64).cast(pl.Duration("ns")))
    chart = heat(spans)
    brush(chart, -60, 600, y=[1.2, 1.8])
    assert chart.selection["span_id"].to_list() == [spans["span_id"][1]]
    assert "100 ms to 1 s" in chart.says()
    assert chart.start["rows"] == [1, 2]
    brush(chart, -60, 600, y=[1.2, 2.9])
    assert chart.selection.height == 2
    chart.answer("click", {"curve": 0, "place": [0, 0]})
    assert chart.selection["span_id"].to_list() == [spans["span_id"][0]]


def test_a_box_over_the_height_of_the_heat_map_chooses_by_time_alone() -> None:
    chart = heat(SPANS)
    brush(chart, -60, 600, y=[-0.2, 3])
    assert chart.selection.height == 3
    assert chart.start["rows"] is None


def test_an_exemplar_that_is_clicked_is_followed_to_its_trace() -> None:
    chart = heat(SPANS)
    followed: list[str] = []
    chart.on_follow(followed.append)
    chart.answer("click", {"curve": 1, "place": 0})
    assert followed == [TRACE]
    assert chart.selection.height == 3
    assert chart.start["points"] == {"1": [0]}
    chart.answer("click", {"curve": 1, "place": 1})  # its trace was not fetched: it is followed all the same
    assert followed == [TRACE, "b" * 32]
    assert chart.selection.height == 0


def test_points_of_any_other_axis_are_told_by_their_ids() -> None:
    frame = slow_queries("select")
    chart = Chart(charts.slow_queries(frame), frame)
    curve, place, _ = chart._plot.points()[0]
    chart.answer("brush", {"x": [0, 10], "y": [0, 10], "points": [[curve, place]]})
    assert chart.selection["fingerprint"].to_list() == [chart._plot.id_of(curve, place)]
    assert chart.window is None
    with pytest.raises(obsnb.UsageError) as caught:
        chart.answer("brush", {"points": []})
    assert str(caught.value) == "No row of the frame lies under the brush: it holds no point that has an id."
    with pytest.raises(obsnb.UsageError) as caught:
        chart.window = obsnb.TimeRange(START, START + SECOND)
    assert str(caught.value) == "This chart has no axis of time, so no window can be picked in it."


def test_a_call_of_a_graph_chooses_its_row_and_a_value_of_a_contrast_its_rows() -> None:
    graph = service_graph("shop").with_columns(caller=pl.lit("other"))
    calls = Chart(charts.service_graph(graph), graph)
    call = next(
        (curve, place) for curve, place, said in calls._plot.points() if said.startswith("other → shop")
    )
    calls.answer("click", {"curve": call[0], "place": call[1]})
    assert calls.selection.select("caller", "callee").rows() == [("other", "shop")]
    found = findings("error").with_columns(column=pl.lit("level"))
    bars = Chart(charts.contrast(found), LINES)
    bars.answer("click", {"curve": 0, "place": 0})
    assert bars.selection["level"].unique().to_list() == ["error"]


@pytest.mark.parametrize("place", [None, -1, 999, [0], [0, 999], "x", 1.5])
def test_a_place_that_no_point_has_is_said(place: Any) -> None:
    for curve in (0, 99, None):
        with pytest.raises(obsnb.UsageError) as caught:
            Chart(charts.slow_queries(slow_queries("a")), slow_queries("a")).answer(
                "click", {"curve": curve, "place": place}
            )
        assert str(caught.value) == "The frame has no row for this point: the point has no id."


def test_a_brush_feeds_the_contrast_panel() -> None:
    chart, panel = volume(), ContrastPanel()
    panel.watch(chart)
    assert panel.says() == "nothing is compared yet"
    brush(chart, 0, 300)
    assert panel.says().endswith("300 chosen rows against 300")


def test_the_figure_is_asked_for_and_dark_on_a_dark_page_whatever_a_server_wrote() -> None:
    frame = slow_queries(LIGHT.paper)
    chart = Chart(charts.slow_queries(frame), frame)
    light, dark = (chart.answer("figure", {"dark": dark}) for dark in (False, True))
    assert (light["layout"]["paper_bgcolor"], dark["layout"]["paper_bgcolor"]) == (LIGHT.paper, DARK.paper)
    assert LIGHT.paper in json.dumps(dark["data"])
    assert dark["choices"] == light["choices"]


def test_plotly_comes_packed_beside_the_answer_and_is_that_of_the_installed_package() -> None:
    (packed,) = volume().answer("library", {})["buffers"]
    assert gzip.decompress(packed).decode() == get_plotlyjs()


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_has_a_still_form_a_small_state_and_hostile_text_stays_text(name: str) -> None:
    figure = every_chart(script_line())[name]
    chart = Chart(figure, LINES.with_columns(name=pl.lit("x"), path=pl.lit("y")))
    if "trouble" in chart.start:
        assert chart.start["trouble"].startswith("Chart cannot tell which rows a brush means")
        return
    still = chart.to_html()
    assert "<script" not in still
    assert '<img alt="' in still
    assert state_size(chart) < _LIMIT


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Chart(charts.log_volume(LINES), pl.DataFrame({"line": ["a"]})),
            "Chart cannot tell which rows a brush means: that takes an axis of time and a column timestamp "
            "or start, or points whose customdata stands in a column of the frame.",
        ),
        (
            lambda: Chart(charts.log_volume(lines([])), LINES),
            "There is nothing to draw: the frame has no lines.",
        ),
        (lambda: Chart(go.Figure(), LINES), "There is nothing to draw: the figure has no trace."),
        (
            lambda: Chart("a picture", LINES),
            "Chart shows a figure of plotly, not str. Hint: obsnb.charts and inv.charts give such figures.",
        ),
        (
            lambda: Chart(charts.log_volume(LINES), LINES.head(1).select("line"), by="id"),
            "Chart: the frame has no column 'id'; it has line.",
        ),
    ],
)
def test_what_cannot_be_brushed_is_a_sentence_in_the_widget_s_place(
    make: Callable[[], Chart], said: str
) -> None:
    chart = make()
    assert chart.start == {"trouble": said, "version": chart.version}
    assert said[:20] in chart.to_html()
    chart.look_at(None)


def test_a_figure_that_has_no_twin_for_paper_is_told_as_a_table() -> None:
    figure = go.Figure([go.Scattergl(x=LINES["timestamp"].to_numpy(), y=[1] * 600, name="<b>drawn</b>")])
    chart = Chart(figure, LINES)
    assert "&lt;b&gt;drawn" in chart.to_html()
    brush(chart, 0, 2)
    assert chart.selection.height == 2
    assert "line 1" in chart.to_html()
