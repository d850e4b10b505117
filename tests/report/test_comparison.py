"""A comparison reads the same in every form, and nothing in it acts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from obsnb.analysis.comparison import COMPARED
from obsnb.errors import UsageError
from obsnb.report.comparison import Comparison, parts
from tests.pages import words_of
from tests.report.made_up import BASELINE, DURING, script_line

_SECOND = 10**9


def made(name: str = "TimeoutError: pool is empty") -> Comparison:
    """Two incidents in which a row of each part has that name."""
    rows = [
        {"what": "suspect", "change": "new", "name": name, "service": "db", "b_score": 0.9},
        {
            "what": "error",
            "change": "gone",
            "name": name,
            "service": "shop",
            "a_count": 9,
            "a_per_minute": 0.375,
        },
        *(
            {
                "what": "statement",
                "change": "same",
                "name": f"SELECT {n}",
                "service": "shop",
                "a_count": 10,
                "b_count": 25,
                "a_per_minute": 1.0,
                "b_per_minute": 2.5,
                "times": 2.5,
                "a_p95": 20_000_000,
                "b_p95": 5 * _SECOND,
            }
            for n in range(12)
        ),
    ]
    frame = pl.DataFrame(rows, schema={**COMPARED, "a_p95": pl.Int64, "b_p95": pl.Int64}).cast(COMPARED)
    return Comparison("calm", "storm", BASELINE, DURING, frame, {})


def test_it_says_in_a_line_how_much_is_new_gone_and_the_same() -> None:
    assert repr(made()) == "Comparison(calm with storm: 1 new, 1 gone, 12 same)"


def test_each_part_counts_and_shows_the_ten_same_that_differ_most() -> None:
    told = {part.heading: part for part in parts(made())}
    assert list(told) == ["Suspects", "Errors", "Statements and calls", "Patterns of log lines"]
    assert told["Suspects"].rows[0].b == "score 0.90"
    assert told["Errors"].counts == "0 new, 1 gone, 0 same"
    assert told["Errors"].rows[0].a == "0.375/min"
    statements = told["Statements and calls"]
    assert (len(statements.rows), statements.left_out) == (10, 2)
    assert (statements.rows[0].a, statements.rows[0].b) == ("p95 20 ms", "p95 5 s")
    assert statements.rows[0].times == "250×"  # of its time: how often it was traced is no rate
    assert statements.counts == "0 new, 0 gone, 12 same, 12 of them twice as slow or more"


def _statement(**columns: object) -> list[str]:
    frame = made().frame.filter(pl.col("what") == "statement").head(1)
    frame = frame.with_columns(
        pl.lit(value).cast(COMPARED[name]).alias(name) for name, value in columns.items()
    )
    shown = replace(made(), frame=frame)
    return [row.times for part in parts(shown) for row in part.rows]


def test_a_ratio_below_one_has_its_digits_and_of_a_few_calls_none_is_told() -> None:
    assert _statement(b_p95=93_200) == ["0.00466×"]
    assert _statement(b_p95=30_000_000) == ["1.5×"]
    assert _statement(b_count=9) == ["–"]


def test_it_says_whether_it_is_an_incident_that_is_compared_and_how_many_more_are_the_same() -> None:
    told = replace(made(), a_found=False)
    for text in (told.to_markdown(), words_of(told.to_html())):
        assert "calm, no incident, 2026-11-23 18:13:19 to 18:37:19 UTC" in text
        assert "storm, the incident, 2026-11-23 18:37:19 to 19:01:19 UTC" in text
        assert "2 further ones are the same." in text
        assert "A and B are the score of a suspect, " in text.replace("\n", " ")
        assert "New says that it was not seen in A, " in text.replace("\n", " ")


def test_hostile_names_are_text_in_the_page_and_in_markdown() -> None:
    line = script_line()
    page, text = made(line).to_html(), made(line).to_markdown()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src &#39;none&#39;" in page
    assert "<script" not in text


def test_json_has_every_row_and_durations_in_seconds() -> None:
    told = json.loads(json.dumps(made().to_dict()))
    assert len(told["rows"]) == 14
    assert told["rows"][2]["b_p95"] == 5.0


@pytest.mark.parametrize(("name", "start"), [("c.html", "<!doctype html>"), ("c.md", "# calm and storm\n")])
def test_it_is_saved_by_suffix(tmp_path: Path, name: str, start: str) -> None:
    assert made().save(tmp_path / name).read_text("utf-8").startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        made().save(tmp_path / "c.docx")
    assert str(refused.value) == (
        "A comparison cannot be saved as 'c.docx': the suffix says the format.\n"
        "Hint: Save it as .html or .md, for example comparison.html."
    )
