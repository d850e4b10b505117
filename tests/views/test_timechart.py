from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from obsnb.timerange import TimeRange
from obsnb.views.timechart import (
    NARROW,
    WIDE,
    Mark,
    Stage,
    draw_axis,
    draw_lane,
    draw_panel,
    hover_data,
    panels,
)
from tests.report.made_up import BASELINE, DURING, SECOND, START, WINDOW, at, series

STAGE = Stage(WINDOW, DURING, BASELINE)


def frame(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({"timestamp": at(0, 60, 120), "name": ["a"] * 3, "unit": ["1/s"] * 3, **columns})


def mark(letter: str, second: float, end: float | None = None, kind: str = "alert") -> Mark:
    end_ns = None if end is None else START + int(end * SECOND)
    return Mark(letter, START + int(second * SECOND), end_ns, kind, f"mark {letter}")


def drawn(svg: str, kind: str) -> list[ET.Element]:
    return [one for one in ET.fromstring(svg).iter() if kind in one.get("class", "").split()]


def test_each_unit_has_a_panel_of_its_own() -> None:
    both = pl.concat([series("rate"), series("p95", unit="s")])
    assert [(panel.title, panel.unit) for panel in panels("Load", both)] == [("Load", "1/s"), ("Load", "s")]


def test_a_frame_without_units_is_one_panel() -> None:
    (panel,) = panels("Load", series("rate").drop("unit"))
    assert panel.unit == ""


def test_of_many_names_the_largest_are_drawn_and_that_is_said() -> None:
    many = pl.concat([series(f"s{n}").with_columns(pl.col("value") * n) for n in range(9)])
    (panel,) = panels("Load", many, how="counted")
    assert [line.name for line in panel.lines] == ["s3", "s4", "s5", "s6", "s7", "s8"]
    assert panel.how == "counted; the 6 largest of 9 series"


def test_of_many_times_the_peaks_are_kept_and_that_is_said() -> None:
    times = 10_000
    peak = pl.DataFrame(
        {"timestamp": at(*(n * 0.3 for n in range(times))), "name": "a", "unit": "s"}
    ).with_columns(value=pl.when(pl.int_range(times) == 7_777).then(99.0).otherwise(1.0))
    (panel,) = panels("Load", peak)
    assert len(panel.times) <= 720
    assert max(value for value in panel.lines[0].values if value) == 99
    assert panel.how == "each point the highest of 4.17 s"


def test_a_line_breaks_where_a_value_is_missing_and_a_lone_point_is_a_dot() -> None:
    (panel,) = panels("Load", frame(value=[1.0, None, 2.0]))
    svg = draw_panel(panel, STAGE)
    (line,) = drawn(svg, "line")
    assert line.get("d", "").count("M") == 2
    assert "L" not in line.get("d", "")
    assert len(drawn(svg, "dot")) == 2


def test_not_a_number_counts_as_missing() -> None:
    (panel,) = panels("Load", frame(value=[1.0, float("nan"), 2.0]))
    assert panel.lines[0].values == (1.0, None, 2.0)


def test_the_incident_is_shaded_where_it_is_with_an_edge_at_either_end() -> None:
    (panel,) = panels("Load", series("rate"))
    svg = draw_panel(panel, STAGE)
    (shade,) = drawn(svg, "shade-bad")
    left, right = 62 + (980 - 14 - 62) * 0.4, 62 + (980 - 14 - 62) * 0.8
    assert float(shade.get("x", 0)) == pytest.approx(left, abs=0.1)
    assert float(shade.get("width", 0)) == pytest.approx(right - left, abs=0.1)
    assert len(drawn(svg, "edge")) == 2
    assert len(drawn(svg, "shade-calm")) == 1


def test_an_incident_that_is_not_over_has_no_right_edge() -> None:
    (panel,) = panels("Load", series("rate"))
    lasting = replace(STAGE, during=replace(DURING, end_ns=WINDOW.end_ns))
    assert len(drawn(draw_panel(panel, lasting), "edge")) == 1


def test_what_is_shaded_is_named_and_so_told_by_more_than_colour() -> None:
    words = [one.text for one in ET.fromstring(draw_lane(STAGE)).iter("text")]
    assert words == ["baseline, 24 min", "incident, 24 min"]


def test_a_length_that_has_no_room_is_left_out_and_never_cut() -> None:
    short = TimeRange(DURING.start_ns, DURING.start_ns + 156 * SECOND)  # 2 min 36 s of an hour
    words = [one.text for one in ET.fromstring(draw_lane(replace(STAGE, during=short), NARROW)).iter("text")]
    assert words == ["baseline, 24 min", "incident"]


def test_marks_never_lie_on_each_other_nor_on_a_line_that_lasts() -> None:
    marks = (mark("A", 1_500, 2_500), mark("B", 1_501), mark("C", 2_000), mark("D", 2_600))
    svg = draw_lane(replace(STAGE, marks=marks))
    places = {}
    for group in drawn(svg, "mark"):
        letter = next(one for one in group if "letter" in one.get("class", ""))
        places[letter.text] = float(letter.get("y", 0))
    assert places["A"] == places["D"]
    assert places["B"] == places["C"] != places["A"]


def test_kinds_of_marks_differ_in_shape() -> None:
    marks = (mark("A", 100, kind="deploy"), mark("B", 900, kind="alert"), mark("C", 1_900, kind="note"))
    shapes = [one.tag for one in drawn(draw_lane(replace(STAGE, marks=marks)), "badge")]
    assert shapes == ["path", "rect", "circle"]


def test_marks_outside_the_window_are_not_drawn() -> None:
    assert drawn(draw_lane(replace(STAGE, marks=(mark("A", -5), mark("B", 3_600)))), "mark") == []


def test_times_are_told_in_utc_with_their_day_where_there_are_several() -> None:
    words = [one.text for one in ET.fromstring(draw_axis(STAGE)).iter("text")]
    assert words == ["UTC", "18:20", "18:30", "18:40", "18:50", "19:00", "19:10"]
    days = replace(STAGE, window=replace(WINDOW, end_ns=START + 2 * 86_400 * SECOND))
    assert [one.text for one in ET.fromstring(draw_axis(days, NARROW)).iter("text")][:2] == [
        "UTC",
        "11-24 00:00",
    ]


def test_both_widths_show_the_same_lines() -> None:
    (panel,) = panels("Load", series("rate"))
    wide, narrow = (ET.fromstring(draw_panel(panel, STAGE, width)) for width in (WIDE, NARROW))
    assert wide.get("class") == "panel wide"
    assert narrow.get("class") == "panel narrow"
    assert wide.get("aria-label") == narrow.get("aria-label") == "Load over time, at most 6 1/s"


def test_the_pointer_is_told_words_at_parts_of_the_window() -> None:
    (panel,) = panels("Latency", frame(value=[0.25, None, 2.0], unit=["s"] * 3))
    assert hover_data(panel, STAGE) == {
        "x": [0.0, 0.01667, 0.03333],
        "time": ["18:13:19", "18:14:19", "18:15:19"],
        "title": "Latency",
        "lines": [{"name": "a", "slot": 0, "text": ["250 ms", "–", "2 s"]}],
    }
