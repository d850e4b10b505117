from __future__ import annotations

import polars as pl
import pytest

from obsnb.errors import FrameError
from obsnb.views.tables import table
from tests.report.made_up import at, hostile_lines, lengths, script_line

FRAME = pl.DataFrame(
    {
        "since": at(0, 60.25),
        "service": ["postgres", None],
        "p95": lengths(4_813, None),
        "count": [14_495, 2],
        "score": [0.8612, float("nan")],
        "tenants": [["acme", "globex"], []],
    }
)


def test_times_durations_numbers_and_lists_are_written_for_people() -> None:
    shown = table(FRAME)
    assert shown.head == ("since", "service", "p95", "count", "score", "tenants")
    assert shown.rows == (
        ("18:13:19.000", "postgres", "4.81 s", "14,495", "0.861", "acme; globex"),
        ("18:14:19.250", "–", "–", "2", "–", "–"),
    )
    assert shown.numbers == {2, 3, 4}


def test_times_of_several_days_say_their_day() -> None:
    assert table(FRAME.select(since=at(0, 86_400))).rows[1] == ("2026-11-24 18:13:19 UTC",)


@pytest.mark.parametrize("kind", ["lazy", "pandas", "pyarrow"])
def test_every_kind_of_frame_reads_the_same(kind: str) -> None:
    plain = FRAME.select("since", "service", "count", "tenants")
    other = {
        "lazy": plain.lazy,
        "pandas": lambda: plain.to_pandas(use_pyarrow_extension_array=True),
        "pyarrow": plain.to_arrow,
    }
    assert table(other[kind]()) == table(plain)


def test_columns_are_chosen_and_further_rows_are_counted() -> None:
    shown = table(FRAME, ["count"], rows=1, caption="Errors")
    assert shown.rows == (("14,495",),)
    assert shown.left_out == 1
    assert "<caption style='text-align:left'>Errors</caption>" in shown.to_html()
    assert shown.to_html().endswith("<p>1 further row.</p>")
    assert repr(shown) == "Table(1 rows: count)"


def test_a_missing_column_is_named() -> None:
    with pytest.raises(FrameError) as caught:
        table(FRAME, ["count", "region"])
    assert str(caught.value) == (
        "The frame has no column region.\nHint: It has since, service, p95, count, score, tenants."
    )


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(FrameError) as caught:
        table([1, 2])
    assert str(caught.value) == (
        "table takes a polars, pandas or pyarrow frame, not list.\n"
        "Hint: obs.logs(...) and the verbs of an investigation give such frames."
    )


def test_every_text_is_escaped_and_a_long_one_is_cut() -> None:
    page = table(pl.DataFrame({script_line(): hostile_lines()}), caption=script_line()).to_html()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in page
    assert "nul ␀ byte" in page
    assert len(page) < 12_000


def test_a_frame_without_rows_says_so_below_its_head():
    assert "<td colspan='1'>No row.</td>" in table(pl.DataFrame({"service": []})).to_html()
