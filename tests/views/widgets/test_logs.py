from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

import obsnb
from obsnb.views.widgets.logs import LogBrowser
from tests.report.made_up import START, hostile_lines, script_line
from tests.views.widgets.made_up import TRACE, lines

_LIMIT = 300_000  # bytes of a widget's state


def shown(browser: LogBrowser) -> list[str]:
    rows = browser.answer("rows", {"start": 0, "stop": 400})["rows"]
    return [row["line"] for row in rows]


def state_size(widget: Any) -> int:
    return len(json.dumps(widget.get_state(), default=str).encode())


def test_a_page_holds_the_rows_that_were_asked_for_and_says_how_many_there_are() -> None:
    browser = LogBrowser(lines([f"line {at}" for at in range(1_000)]))
    page = browser.answer("rows", {"start": 990, "stop": 2_000})
    assert [row["line"] for row in page["rows"]] == [f"line {at}" for at in range(990, 1_000)]
    assert (page["start"], page["total"]) == (990, 1_000)


@pytest.mark.parametrize(
    "asked", [{"start": -5, "stop": 10**9}, {"start": None}, {"start": "1", "stop": []}, {}]
)
def test_a_page_that_cannot_be_meant_is_no_error_and_no_million_rows(asked: dict[str, Any]) -> None:
    browser = LogBrowser(lines(["line"] * 1_000))
    assert len(browser.answer("rows", asked)["rows"]) <= 400


def test_lines_stand_in_the_order_of_their_time_whatever_the_frame_s() -> None:
    frame = lines([f"line {at}" for at in range(20)])
    assert shown(LogBrowser(frame.sample(fraction=1, shuffle=True, seed=1))) == frame["line"].to_list()


def test_a_line_without_a_time_comes_last() -> None:
    frame = lines(["first", "second"]).with_columns(
        timestamp=pl.Series([None, START]).cast(pl.Datetime("ns", "UTC"))
    )
    assert shown(LogBrowser(frame)) == ["second", "first"]


@st.composite
def searches(draw: DrawFn) -> tuple[list[str], str]:
    alphabet = st.sampled_from("aAbß .*[(\\<é")
    texts = draw(st.lists(st.text(alphabet, max_size=5), min_size=1, max_size=12))
    return texts, draw(st.text(alphabet, min_size=1, max_size=2))


@given(searches())
@settings(max_examples=30)
def test_a_search_finds_the_lines_that_hold_the_text_in_any_case_and_no_others(
    case: tuple[list[str], str],
) -> None:
    texts, wanted = case
    browser = LogBrowser(lines(texts))
    browser.find(wanted)
    assert shown(browser) == [text for text in texts if re.search(re.escape(wanted), text, re.IGNORECASE)]


def test_a_regular_expression_that_cannot_be_read_is_said_in_words() -> None:
    browser = LogBrowser(lines(["a"]))
    with pytest.raises(obsnb.UsageError) as caught:
        browser.find("(", regex=True)
    assert str(caught.value) == (
        "The regular expression '(' cannot be read.\n"
        "Hint: unclosed group; Rust's syntax, without look-around."
    )


def test_a_facet_counts_what_the_other_parts_of_the_query_leave() -> None:
    browser = LogBrowser(lines([f"line {at}" for at in range(12)], levels=["info", "error", None]))
    browser.find(level=("error",), service=("shop-0",))
    facets = browser.start["facets"]
    assert {one["value"]: one["count"] for one in facets["level"]} == {"info": 2, "error": 2, None: 2}
    assert {one["value"]: one["count"] for one in facets["service"]} == {"shop-0": 2, "shop-1": 2}
    assert len(shown(browser)) == 2


def test_what_is_chosen_in_the_browser_is_a_frame_of_the_same_kind_in_the_next_cell() -> None:
    frame = lines([f"line {at}" for at in range(10)])
    browser = LogBrowser(frame.to_pandas())
    browser.answer("select", {"start": 2, "stop": 5, "how": "only"})
    browser.answer("select", {"start": 3, "stop": 4, "how": "toggle"})
    assert isinstance(browser.selection, pd.DataFrame)
    assert browser.selection["line"].to_list() == ["line 2", "line 4"]
    browser.answer("select", {"how": "none"})
    assert browser.selection.empty


@given(st.sets(st.integers(0, 19)))
@settings(max_examples=20)
def test_a_frame_that_is_assigned_comes_back_as_the_selection(places: set[int]) -> None:
    frame = lines([f"line {at % 3}" for at in range(20)])
    browser = LogBrowser(frame)
    wanted = frame[sorted(places)]
    browser.selection = wanted
    assert browser.selection.equals(wanted)
    flags = [row["on"] for row in browser.answer("rows", {"start": 0, "stop": 20})["rows"]]
    assert {place for place, on in enumerate(flags) if on} == places


def test_a_selection_without_row_ids_is_told_by_time_and_text() -> None:
    frame = lines(["same", "same", "other"]).drop("row_id")
    browser = LogBrowser(frame)
    browser.selection = frame[1].with_columns(pl.col("timestamp").dt.cast_time_unit("us"))
    assert browser.selection.equals(frame[1])


def test_a_selection_that_tells_no_row_says_which_columns_would() -> None:
    browser = LogBrowser(lines(["a"]))
    with pytest.raises(obsnb.FrameError) as caught:
        browser.selection = pl.DataFrame({"text": ["a"]})
    assert str(caught.value) == (
        "Rows are told by row_id or timestamp and line; the frame has text.\n"
        "Hint: Pass rows of the frame that this LogBrowser shows."
    )


def test_folded_lines_are_patterns_with_counts_and_one_opens_to_its_lines() -> None:
    texts = [f"took {at} ms" for at in range(30)] + ["disk is full"]
    browser = LogBrowser(lines(texts))
    browser.find(fold=True)
    page = browser.answer("rows", {"start": 0, "stop": 10})
    assert [(row["line"], row["count"]) for row in page["rows"]] == [("took <*> ms", 30), ("disk is full", 1)]
    browser.answer("find", {"pattern": page["rows"][1]["pattern"]})
    assert shown(browser) == ["disk is full"]


def test_a_window_from_python_leaves_the_lines_inside_it() -> None:
    frame = lines([f"line {at}" for at in range(10)])
    browser = LogBrowser(frame)
    browser.find(window=obsnb.TimeRange(START + 2_000_000_000, START + 4_000_000_000))
    assert shown(browser) == ["line 2", "line 3"]
    browser.answer("find", {"text": "3"})
    assert shown(browser) == ["line 3"]


def test_a_line_opens_to_its_parsed_fields() -> None:
    browser = LogBrowser(lines(['{"message": "slow", "level": "warning", "user_id": "u-1"}']))
    fields = dict(browser.answer("details", {"at": 0})["fields"])
    assert fields["parsed.message"] == "slow"
    assert fields["parsed.user"] == "u-1"


def test_a_jump_tells_who_listens_which_trace() -> None:
    browser = LogBrowser(lines(["a", "b"]))
    assert browser.start["jumps"] is False
    told: list[str] = []
    browser.on_jump(told.append)
    assert browser.start["jumps"] is True
    browser.answer("jump", {"at": 0})
    assert told == [browser.trace_id] == [TRACE]
    with pytest.raises(obsnb.UsageError, match=r"^This line names no trace\.$"):
        browser.answer("jump", {"at": 1})


def test_state_stays_small_whatever_the_lines() -> None:
    frame = lines(hostile_lines() * 200)
    browser = LogBrowser(frame.with_columns(service=pl.col("row_id")))
    browser.selection = frame
    assert state_size(browser) < _LIMIT


def test_hostile_lines_are_drawn_as_pictures_of_themselves_and_escaped_in_the_static_form() -> None:
    browser = LogBrowser(lines(hostile_lines()))
    page = browser.answer("rows", {"start": 0, "stop": 100})
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", "".join(row["line"] for row in page["rows"]))
    assert script_line() not in browser.to_html()
    assert script_line().replace("<", "&lt;").replace(">", "&gt;")[:20] in browser.to_html()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (lines([]), "There is no line to show: the frame is empty."),
        (
            pl.DataFrame({"line": ["a"]}),
            "LogBrowser needs the column timestamp of LOGS; the frame has line. "
            "Hint: obsnb.schema.LOGS lists what each column means; rename yours to match.",
        ),
        (
            "text",
            "LogBrowser takes a polars, pandas or pyarrow frame, not str. Hint: obs.logs(...), "
            "obs.spans(...) and the verbs of an investigation give such frames.",
        ),
        (
            pl.DataFrame({"timestamp": ["now"], "line": ["a"]}),
            "LogBrowser needs times in timestamp, not String.",
        ),
    ],
)
def test_what_cannot_be_shown_is_a_sentence_in_the_widget_s_place(frame: Any, said: str) -> None:
    browser = LogBrowser(frame)
    assert browser.start == {"trouble": said, "version": browser.version}
    assert said.split(",", maxsplit=1)[0] in browser.to_html()


def test_one_line_is_enough() -> None:
    assert shown(LogBrowser(lines(["only"]))) == ["only"]


def test_the_bundle_holds_the_live_view_and_the_static_form() -> None:
    browser = LogBrowser(lines(["a line"]))
    bundle = browser._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == browser.model_id
    assert "a line" in bundle["text/html"]
    assert "pip install anywidget jupyterlab_widgets" in bundle["text/html"]
    assert "<script" not in bundle["text/html"]
    assert bundle["text/plain"] == "LogBrowser(1 line)"


def test_the_static_form_follows_the_view() -> None:
    browser = LogBrowser(lines(["alpha", "beta"]))
    browser.answer("find", {"text": "bet"})
    assert "alpha" not in browser.to_html()
    assert "beta" in browser.to_html()


def test_what_goes_wrong_in_the_kernel_is_told_to_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = LogBrowser(lines(["a"]))
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(browser, "send", sent.append)
    browser._heard(
        None, {"kind": "ask", "id": "1", "what": "find", "given": {"text": "(", "regex": True}}, []
    )
    browser._heard(None, {"kind": "ask", "id": "2", "what": "find", "given": {"level": 7}}, [])
    browser._heard(None, {"kind": "ask", "id": "3", "what": "format the disk"}, [])
    browser._heard(None, "nonsense", [])
    troubles = [message["trouble"] for message in sent]
    assert troubles[0].startswith("The regular expression '(' cannot be read.")
    assert troubles[1] == "find failed: TypeError: 'int' object is not iterable"
    assert troubles[2].startswith("LogBrowser is not asked 'format the disk'; it knows rows, select, find")
    assert len(sent) == 3


def test_levels_that_mean_the_same_are_one_facet_and_a_line_keeps_its_own() -> None:
    levels = ["warn", "WARNING", "W", "error", "err"]
    browser = LogBrowser(lines(["a", "b", "c", "d", "e"], levels=levels))
    counts = {one["value"]: one["count"] for one in browser.start["facets"]["level"]}
    assert counts == {"warn": 3, "error": 2}
    for asked in ("warn", "warning"):
        browser.find(level=(asked,))
        assert [row["level"] for row in browser.start["rows"]] == ["warn"] * 3
    assert ["level", "WARNING"] in browser.answer("details", {"at": 1})["fields"]
    browser.answer("select", {"start": 0, "stop": 3, "how": "only"})
    assert browser.selection["level"].to_list() == ["warn", "WARNING", "W"]


def test_the_levels_of_real_lines_are_one_facet_each() -> None:
    for name in ("slow-query", "lab-slow-query", "datasource"):
        obs = obsnb.open_archive(name)
        browser = LogBrowser(obsnb.investigate(obs).logs(obs.window))
        shown = [one["value"] for one in browser.start["facets"]["level"]]
        assert not {"warn", "warning"} <= {*shown}, name
        assert sum(one["count"] for one in browser.start["facets"]["level"]) == browser.source.height
