"""Frames as CSV: nothing lost, nothing run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.errors import FrameError, ObsnbError
from obsnb.schema import dtype
from obsnb.store.csv import write_csv


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_times_keep_their_nanoseconds_and_durations_say_their_unit(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "start": pl.Series([1_795_457_599_000_000_001, None], dtype=pl.Datetime("ns", "UTC")),
            "duration": pl.Series([1_500, None], dtype=pl.Duration("ns")),
            "there": pl.Series(
                [1_795_457_599_000_000], dtype=pl.Datetime("us", "Europe/Berlin")
            ).extend_constant(None, 1),
        }
    )
    assert _read(write_csv(frame, tmp_path / "x.csv")) == [
        {
            "start": "2026-11-23T18:13:19.000000001Z",
            "duration_ns": "1500",
            "there": "2026-11-23T18:13:19.000000000Z",
        },
        {"start": "", "duration_ns": "", "there": ""},
    ]


def test_lists_and_structs_become_json(tmp_path: Path) -> None:
    attribute = {"key": "http.route", "type": "string", "value": '/a "b", c'}
    attributes = pl.Series([[attribute], [], None], dtype=dtype("attributes"))
    frame = pl.DataFrame({"attributes": attributes, "n": [1, 2, 3]})
    cells = [row["attributes"] for row in _read(write_csv(frame, tmp_path / "x.csv"))]
    assert [json.loads(cell) if cell else None for cell in cells] == [[attribute], [], None]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_text_that_begins_like_a_formula_is_calmed(tmp_path: Path, begin: str) -> None:
    text = f"{begin}cmd|' /C calc'!A0"
    frame = pl.DataFrame(
        {text: [text, "a" + text, None], "label": pl.Series([text] * 3, dtype=pl.Categorical)}
    )
    rows = _read(write_csv(frame, tmp_path / "x.csv"))
    assert [row["'" + text] for row in rows] == ["'" + text, "a" + text, ""]
    assert [row["label"] for row in rows] == ["'" + text] * 3


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame({"value": [-1.5, None, 2.0], "n": [-3, 4, None], "yes": [True, None, False]})
    assert _read(write_csv(frame, tmp_path / "x.csv")) == [
        {"value": "-1.5", "n": "-3", "yes": "true"},
        {"value": "", "n": "4", "yes": ""},
        {"value": "2.0", "n": "", "yes": "false"},
    ]


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), min_size=1)


@given(st.lists(_texts, min_size=1))
def test_any_text_comes_back_but_for_the_apostrophe(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = write_csv(pl.DataFrame({"line": texts}), tmp_path_factory.mktemp("csv") / "x.csv")
    for cell, text in zip([row["line"] for row in _read(path)], texts, strict=True):
        assert cell in {text, "'" + text}
        assert cell[0] not in "=+-@\t\n"


@pytest.mark.parametrize("kind", ["lazy", "pandas", "pyarrow"])
def test_every_kind_of_frame_is_taken(tmp_path: Path, kind: str) -> None:
    frame = pl.DataFrame({"line": ["a"], "n": [1]})
    given_: dict[str, Any] = {"lazy": frame.lazy(), "pandas": frame.to_pandas(), "pyarrow": frame.to_arrow()}
    assert _read(write_csv(given_[kind], tmp_path / "x.csv")) == [{"line": "a", "n": "1"}]


def test_what_is_no_frame_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(FrameError) as caught:
        write_csv([1, 2], tmp_path / "x.csv")
    assert str(caught.value) == (
        "write_csv takes a polars, pandas or pyarrow frame, not list.\n"
        "Hint: obs.logs(...), obs.metrics(...) and obs.spans(...) give such frames."
    )


def test_a_failure_leaves_the_old_file_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_csv(pl.DataFrame({"n": [1]}), tmp_path / "x.csv")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_csv", full)
    with pytest.raises(ObsnbError) as caught:
        write_csv(pl.DataFrame({"n": [2]}), path)
    assert str(caught.value) == (
        f"{path} cannot be written: No space left on device.\n"
        "Hint: Look at the folder's permissions and at the room on its disk, or choose another path."
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.csv"]
    assert _read(path) == [{"n": "1"}]
