"""What holds for every widget: a selection both ways, a sentence for what cannot be shown, a small state."""

from __future__ import annotations

import html
import inspect
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import obsnb
from obsnb.errors import FrameError
from obsnb.views import widgets as w
from obsnb.views.widgets.base import Widget
from tests.report.made_up import hostile_lines, script_line
from tests.views.widgets.every_widget import EVERY, FRAMED, ledger
from tests.views.widgets.made_up import trace

TEXT = script_line()
_LIMIT = 300_000  # bytes of a widget's state


def made(name: str, change: Callable[[Any], Any] = lambda frame: frame, *, text: str = TEXT) -> Any:
    kind = EVERY[name]
    return kind.make(change(kind.frame(text)))


def test_every_widget_stands_in_the_table() -> None:
    shown = {
        name
        for name in w.__all__
        if inspect.isclass(getattr(w, name)) and issubclass(getattr(w, name), Widget)
    }
    assert {*EVERY} == shown
    assert {*w.__all__} - shown == {"Board", "board_of"}


@pytest.mark.parametrize("name", EVERY)
def test_a_frame_that_is_assigned_is_the_selection_that_is_read(name: str) -> None:
    widget = made(name)
    part = EVERY[name].part(widget)
    before = widget.says()
    widget.selection = part
    chosen = widget.selection
    assert isinstance(chosen, pl.DataFrame)
    assert len(chosen) == (2 if name == "TraceTable" else len(part))  # of a trace, its spans
    assert html.escape(widget.says()) in widget.to_html()
    assert name == "QueryBox" or widget.says() != before or "selected" in widget.says()


@pytest.mark.parametrize("name", FRAMED)
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda frame: frame.to_pandas(use_pyarrow_extension_array=True), pd.DataFrame),
        (lambda frame: frame.to_pandas(), pd.DataFrame),
        (lambda frame: frame.to_arrow(), pa.Table),
        (lambda frame: frame.lazy(), pl.DataFrame),
    ],
    ids=["pandas on Arrow", "pandas", "pyarrow", "lazy"],
)
def test_the_selection_is_a_frame_of_the_kind_given(
    name: str, change: Callable[[Any], Any], kind: type
) -> None:
    widget = made(name, change)
    assert widget.trouble == ""
    part = EVERY[name].part(made(name))
    widget.selection = part
    assert isinstance(widget.selection, kind)
    assert len(widget.selection) > 0
    widget.selection = widget.selection
    assert len(widget.selection) > 0


@pytest.mark.parametrize("name", FRAMED)
def test_a_frame_without_rows_or_without_its_columns_is_a_sentence_and_chooses_nothing(name: str) -> None:
    kind = EVERY[name]
    other = pl.DataFrame({"other": [1, 2]})
    for widget, sentence in (
        (made(name, lambda frame: frame.clear()), kind.empty),
        (kind.make(other), kind.missing),
    ):
        assert widget.trouble == sentence
        assert html.escape(sentence or widget.says()) in widget.to_html()
        assert len(widget.selection) == 0
    widget.selection = kind.frame(TEXT)
    assert len(widget.selection) == 0
    with pytest.raises(obsnb.UsageError) as refused:
        widget.answer("rows", {})
    assert str(refused.value) == kind.missing
    broken = kind.make(pd.DataFrame())
    assert broken.trouble == kind.missing.replace("the frame has other", "the frame has none")
    assert isinstance(broken.selection, pd.DataFrame)


@pytest.mark.parametrize("name", FRAMED)
def test_what_is_no_frame_is_a_sentence(name: str) -> None:
    assert EVERY[name].make(7).trouble == (
        f"{name} takes a polars, pandas or pyarrow frame, not int. Hint: obs.logs(...), obs.spans(...) and "
        "the verbs of an investigation give such frames."
    )


@pytest.mark.parametrize("name", FRAMED)
def test_one_row_all_nulls_and_every_row_thrice_are_shown_or_are_a_sentence(name: str) -> None:
    def nulls(frame: pl.DataFrame) -> pl.DataFrame:
        return pl.DataFrame(
            {key: pl.Series([None] * frame.height, dtype=kind) for key, kind in frame.schema.items()}
        )

    for change in (lambda frame: frame.head(1), nulls, lambda frame: pl.concat([frame] * 3)):
        widget = made(name, change)
        said = widget.trouble or widget.says()
        assert said
        assert html.escape(said) in widget.to_html()
        assert name == "TimePicker" or len(widget.selection) == 0  # of a picker all is picked at first
    assert widget.trouble == ""


@pytest.mark.parametrize("name", FRAMED)
def test_columns_of_other_types_are_a_sentence_and_never_an_error_of_a_library(name: str) -> None:
    for value in ("x", 3, None, [1], True, 1.5):
        widget = made(
            name, lambda frame, value=value: frame.select(pl.lit(value).alias(one) for one in frame.columns)
        )
        assert widget.trouble or widget.says()
        assert len(widget.to_html()) > 50


@pytest.mark.parametrize("name", [name for name in FRAMED if name != "TimePicker"])
def test_a_selection_that_does_not_name_rows_is_refused_with_what_does(name: str) -> None:
    with pytest.raises(FrameError) as refused:
        made(name).selection = pl.DataFrame({"other": [1]})
    assert "the frame has other." in str(refused.value)


@pytest.mark.parametrize("parents", [[1, 0], [0], [1, 2, 0, 2]], ids=["two", "itself", "three and one"])
def test_spans_on_a_cycle_stand_as_roots_each_once(parents: list[int]) -> None:
    fall = w.TraceWaterfall(trace(parents))
    assert fall.trouble == ""
    assert fall.source["span_id"].n_unique() == fall.source.height == len(parents)
    assert "without the parent" in fall.says()
    assert w.TraceTable(trace(parents)).answer("rows", {"start": 0, "stop": 5})["total"] == 1


@pytest.mark.parametrize("name", EVERY)
def test_the_static_form_says_something_without_a_script_and_hostile_text_stays_text(name: str) -> None:
    for text in (TEXT, *(line[:3_000] for line in hostile_lines())):
        widget = made(name, text=text)
        still = widget.to_html()
        assert "<script" not in still
        assert TEXT not in still
        assert "<table" in still or "<img" in still or html.escape(widget.says()) in still


@pytest.mark.parametrize("name", EVERY)
def test_the_state_is_small_however_large_the_frame_and_wide_its_letters(name: str) -> None:
    def large(frame: Any) -> Any:
        many = pl.concat([frame] * (3_000 // len(frame)))
        if name != "ServiceMap":
            return many
        return many.with_columns(callee=pl.format("{} {}", "callee", pl.int_range(pl.len()) % 900))

    change = large if name in FRAMED else lambda frame: frame
    widget = made(name, change, text="名前😀" * 500)
    assert len(json.dumps(widget.get_state(), default=str, ensure_ascii=False).encode()) < _LIMIT


def test_a_large_trace_has_a_small_state() -> None:
    fall = w.TraceWaterfall(trace([None, *(at // 3 for at in range(9_999))], name="名前😀" * 500))
    assert len(json.dumps(fall.get_state(), default=str, ensure_ascii=False).encode()) < _LIMIT


@pytest.mark.parametrize("name", w.__all__)
def test_what_is_public_is_documented(name: str) -> None:
    found = getattr(w, name)
    assert found.__doc__
    if not inspect.isclass(found):
        return
    for each in found.__mro__:
        if not each.__module__.startswith("obsnb."):
            continue
        for part, value in vars(each).items():
            is_said = inspect.isfunction(value) or isinstance(value, property)
            if is_said and not part.startswith("_"):
                assert inspect.getdoc(getattr(found, part)), f"{name}.{part}"
    traits = found.class_own_traits() if issubclass(found, Widget) else {}
    for trait in (*Widget.class_own_traits().values(), *traits.values()):
        assert trait.name.startswith("_") or trait.help, trait.name


def test_the_ledger_of_unknown_completeness_counts_as_not_known() -> None:
    asked = ledger(TEXT).with_columns(complete=pl.lit(None, pl.String))
    assert w.LedgerBoard(asked).says() == "1 query, 1 not known to be complete"
