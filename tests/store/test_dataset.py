"""A dataset on disk: whole or not there, and refused where it is not what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from obsnb.errors import DatasetError
from obsnb.ledger import QueryRecord
from obsnb.schema import LOGS, SERIES, digest, dtype
from obsnb.store.dataset import Dataset, Missing
from obsnb.store.manifest import Question
from obsnb.store.whole import beside
from obsnb.timerange import TimeRange

WINDOW = TimeRange(1_000, 2_000)
QUESTION = Question("logs", "loki", '{a="b"}', WINDOW)
ANOTHER = "Hint: Choose another folder, or delete this one."


def logs(*times: int, **columns: str) -> pl.DataFrame:
    """Lines at these nanoseconds, and further columns of one text each."""
    frame = pl.DataFrame({"timestamp": times, "line": [f"at {time}" for time in times]})
    frame = frame.with_columns(pl.col("timestamp").cast(dtype("time")))
    return LOGS.conform(frame).with_columns(pl.lit(text).alias(name) for name, text in columns.items())


def record(window: TimeRange, frame: pl.DataFrame, **more: Any) -> QueryRecord:
    """As a source would say that it asked for a slice."""
    said: dict[str, Any] = {"complete": "yes", "reason": "every page ended", "asked_at_ns": 10_000} | more
    rows, of = frame.height, digest(frame)
    return QueryRecord("logs", "loki", '{a="b"}', '{a="b"}', window, rows=rows, digest=of, bytes=7, **said)


def added(dataset: Dataset, start: int, end: int, *times: int, **more: Any) -> None:
    """Add a slice with lines at these nanoseconds."""
    frame = logs(*times, **more.pop("columns", {}))
    window = TimeRange(start, end)
    dataset.add(frame, record(window, frame, **more))


def missing(dataset: Dataset, **changed: Any) -> list[Missing]:
    asked: dict[str, Any] = {"until_ns": 10_000, "late_ns": 100} | changed
    return dataset.missing(**asked)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two slices of a window, and nothing between them."""
    dataset = Dataset.open(tmp_path / "x", QUESTION, page_limit=5_000)
    added(dataset, 1_000, 1_200, 1_000, 1_100)
    added(dataset, 1_500, 2_000, 1_500, columns={"namespace": "prod"})
    return tmp_path / "x"


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a manifest as somebody would who also knows how its digest is made."""
    values = json.loads((folder / "manifest.json").read_text())
    del values["dataset"]
    change(values)
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    values["dataset"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(values))


def refusal(folder: Path, question: Question = QUESTION) -> str:
    with pytest.raises(DatasetError) as caught:
        Dataset.open(folder, question)
    return str(caught.value)


def test_opening_writes_nothing(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x", QUESTION)
    assert not (tmp_path / "x").exists()
    assert missing(dataset) == [Missing(WINDOW)]
    assert_frame_equal(dataset.scan().collect(), LOGS.empty())


def test_what_lies_between_the_slices_is_missing_and_nothing_else(folder: Path) -> None:
    assert missing(Dataset.open(folder, QUESTION)) == [Missing(TimeRange(1_200, 1_500))]


def test_a_slice_is_asked_for_again_while_rows_may_come_in_late_or_where_it_is_known_not_to_be_whole(
    tmp_path: Path,
) -> None:
    dataset = Dataset.open(tmp_path / "x", QUESTION)
    added(dataset, 1_000, 1_200, 1_000, asked_at_ns=1_300)
    added(dataset, 1_200, 1_400, 1_200, asked_at_ns=1_499)
    added(dataset, 1_400, 2_000, 1_400, asked_at_ns=9_000, complete="no", reason="cut")
    first, second, third = dataset.slices
    assert missing(dataset) == [Missing(second.window, second), Missing(third.window, third)]
    assert missing(dataset, late_ns=101)[0] == Missing(first.window, first)
    assert missing(dataset, late_ns=None) == [Missing(third.window, third)]


def test_what_has_not_happened_yet_is_not_missing(folder: Path) -> None:
    dataset = Dataset.open(folder.parent / "y", QUESTION)
    assert missing(dataset, until_ns=1_300) == [Missing(TimeRange(1_000, 1_300))]
    assert missing(dataset, until_ns=900) == []


def test_rows_come_in_order_of_time_whatever_order_the_slices_were_written_in(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x", QUESTION)
    added(dataset, 1_500, 2_000, 1_600, columns={"metadata.user": "u", "zone": "z"})
    added(dataset, 1_000, 1_500, 1_400, columns={"app": "a"})
    frame = dataset.scan().collect()
    assert frame.columns == [*LOGS.names, "app", "zone", "metadata.user"]
    assert frame["timestamp"].to_physical().to_list() == [1_400, 1_600]
    assert frame.select("app", "zone").rows() == [("a", None), (None, "z")]


def test_rows_that_a_source_gives_by_series_are_sorted_by_time(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x", Question("series", "prometheus", "up", WINDOW))
    frame = pl.DataFrame({"timestamp": [1_000, 1_500, 1_000], "value": [1.0, 2.0, 3.0]})
    frame = SERIES.conform(frame.with_columns(pl.col("timestamp").cast(dtype("time"))))
    dataset.add(frame, record(WINDOW, frame))
    there = dataset.scan().collect()
    assert there["value"].to_list() == [1.0, 3.0, 2.0]
    assert dataset.record(until_ns=10_000).digest == digest(there)


def test_a_slice_without_rows_has_no_file_and_is_there(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x", QUESTION)
    added(dataset, 1_000, 2_000)
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["manifest.json"]
    assert missing(Dataset.open(tmp_path / "x", QUESTION)) == []


def test_the_same_rows_again_leave_the_same_file(folder: Path) -> None:
    dataset = Dataset.open(folder, QUESTION)
    before = {path.name for path in folder.iterdir()}
    frame = logs(1_000, 1_100)
    dataset.add(frame, record(TimeRange(1_000, 1_200), frame), again=dataset.slices[0])
    assert {path.name for path in folder.iterdir()} == before


def test_a_slice_that_is_written_anew_takes_the_place_of_its_file(folder: Path) -> None:
    dataset = Dataset.open(folder, QUESTION)
    old = dataset.slices[0]
    frame = logs(1_000, 1_050, 1_100)
    dataset.add(frame, record(old.window, frame), again=old)
    assert old.file is not None
    assert not (folder / old.file).exists()
    assert dataset.rows == 4
    assert dataset.scan().collect().height == 4


def test_a_slice_of_which_the_source_has_less_by_now_is_kept(folder: Path) -> None:
    dataset = Dataset.open(folder, QUESTION)
    frame = logs(1_000)
    dataset.add(frame, record(TimeRange(1_000, 1_200), frame), again=dataset.slices[0])
    assert dataset.rows == 3
    told = dataset.record(until_ns=10_000)
    assert (told.complete, told.reason) == (
        "unknown",
        "1970-01-01T00:00:00.000001Z to 1970-01-01T00:00:00.000001200Z: asked again, the source had 1 of its "
        "2 rows: those that came first were kept",
    )


def test_a_part_whose_bytes_changed_or_are_gone_is_missing(folder: Path) -> None:
    first, second = Dataset.open(folder, QUESTION).slices
    assert first.file is not None
    assert second.file is not None
    data = bytearray((folder / first.file).read_bytes())
    data[-9] ^= 1
    (folder / first.file).write_bytes(data)
    (folder / second.file).unlink()
    dataset = Dataset.open(folder, QUESTION)
    assert dataset.damaged == {first.window, second.window}
    assert [one.again for one in missing(dataset)] == [first, None, second]


def test_halves_that_a_killed_process_left_are_swept_away_and_other_files_are_not(folder: Path) -> None:
    left = folder / ".part-00000000000000001200-0123456789ab.parquet.x1"
    left.mkdir()
    (left / "half").write_text("PAR1")
    unnamed = folder / "part-00000000000000001200-0123456789ab.parquet"
    unnamed.write_text("PAR1")
    for name in ("part-00000-spark.parquet", "notes.txt"):
        (folder / name).write_text("mine")
    added(Dataset.open(folder, QUESTION), 1_200, 1_500, 1_300)
    assert not left.exists()
    assert not unnamed.exists()
    assert (folder / "part-00000-spark.parquet").read_text() == "mine"
    assert (folder / "notes.txt").read_text() == "mine"


def test_two_that_write_into_one_folder_do_not_spoil_it(folder: Path) -> None:
    one, other = Dataset.open(folder, QUESTION), Dataset.open(folder, QUESTION)
    added(one, 1_200, 1_300, 1_250)
    with pytest.raises(DatasetError) as caught:
        added(other, 1_300, 1_400, 1_350)
    assert str(caught.value) == (
        f"Something else has written into {folder} since this download began.\n"
        "Hint: Let one download at a time write into a folder; then call it again to continue."
    )
    assert_frame_equal(Dataset.open(folder, QUESTION).scan().collect(), one.scan().collect())


def test_the_record_sums_up_and_is_as_complete_as_the_least_of_its_slices(folder: Path) -> None:
    dataset = Dataset.open(folder, QUESTION)
    whole = dataset.record(until_ns=10_000)
    assert (whole.rows, whole.bytes, whole.complete) == (3, 14, "yes")
    assert whole.reason == "in each of 2 slices: every page ended"
    added(dataset, 1_200, 1_500, complete="no", reason="a page is missing", warnings=("slow",))
    told = dataset.record(until_ns=10_000)
    assert (told.complete, told.warnings) == ("no", ("slow",))
    assert told.reason == (
        "1970-01-01T00:00:00.000001200Z to 1970-01-01T00:00:00.000001500Z: a page is missing"
    )


def test_a_record_that_was_stopped_says_how_much_is_there(folder: Path) -> None:
    told = Dataset.open(folder, QUESTION).record(until_ns=10_000, stopped="it was interrupted")
    assert told.complete == "no"
    assert told.reason == "it was interrupted, when 70% of the window was there"


def test_many_reasons_are_cut_after_three(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x", QUESTION)
    for start in range(1_000, 1_500, 100):
        added(dataset, start, start + 100, complete="unknown", reason=f"late {start}")
    assert dataset.record(until_ns=10_000).reason.endswith("late 1200 (and 2 more)")


def test_what_another_version_began_is_continued(folder: Path) -> None:
    rewritten(folder, lambda values: values.update(obsnb="0.0.1"))
    added(Dataset.open(folder, QUESTION), 1_200, 1_500, 1_300)
    assert missing(Dataset.open(folder, QUESTION)) == []


# Refused.


def test_a_manifest_that_was_changed_is_refused(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("1500", "1501"))
    assert refusal(folder) == (
        f"The manifest.json of {folder} cannot be used: it is not what was written.\n{ANOTHER}"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '"text"'])
def test_a_manifest_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    assert refusal(folder) == (
        f"The manifest.json of {folder} cannot be used: it is not what was written.\n{ANOTHER}"
    )


def test_a_frozen_incident_is_not_taken_for_a_download(folder: Path) -> None:
    (folder / "manifest.json").write_text('{"digest": "x", "format": 1, "queries": []}')
    assert refusal(folder) == (
        f"{folder} holds something else than a download.\nHint: Choose another folder."
    )


def test_a_newer_format_is_refused(folder: Path) -> None:
    rewritten(folder, lambda values: values.update(format=2))
    assert refusal(folder) == (
        f"{folder} has format 2, and this obsnb reads formats up to 1.\n"
        "Hint: Continue it with a newer obsnb: pip install --upgrade obsnb."
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda m: m["slices"][0].update(file="../../x"), "it names the file '../../x'"),
        (lambda m: m["slices"][0].update(file="a\\b"), "it names the file 'a\\\\b'"),
        (
            lambda m: m["slices"][0]["window"].update(end_ns=1_600),
            "its slice 1970-01-01T00:00:00.000001500Z to 1970-01-01T00:00:00.000002Z lies outside, or in "
            "another one",
        ),
        (lambda m: m["columns"].update(line="song"), "no column has the type 'song'"),
        (lambda m: m["slices"][0].update(rows="many"), "Expected `int`, got `str` - at `$.slices[0].rows`"),
        (
            lambda m: m["slices"][0]["window"].update(end_ns=0),
            "The window ends (1970-01-01T00:00:00Z) before it has begun (1970-01-01T00:00:00.000001Z)",
        ),
    ],
)
def test_a_manifest_that_lies_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    rewritten(folder, change)
    assert refusal(folder) == f"The manifest.json of {folder} cannot be used: {why}.\n{ANOTHER}"


def test_everything_that_differs_from_another_question_is_said(folder: Path) -> None:
    asked = Question("series", "prometheus", "up", TimeRange(0, 9), "acme", {"step_ns": 15 * 10**9})
    assert refusal(folder, asked) == (
        f"{folder} holds the answer to another question: its kind is logs, not series; its source is loki, "
        'not prometheus; its tenant is None, not acme; its query is {a="b"}, not up; its window is '
        f"{WINDOW}, not {TimeRange(0, 9)}; its step is None, not 15 s.\n{ANOTHER}"
    )


def test_a_full_disk_is_what_the_system_says_whatever_the_writer_of_parquet_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(target: Path) -> Iterator[Path]:
        with beside(target) as room:
            if target.suffix == ".parquet":
                (room / "half").symlink_to("/dev/full")
            yield room

    monkeypatch.setattr("obsnb.store.dataset.beside", full)
    with pytest.raises(DatasetError) as caught:
        added(Dataset.open(tmp_path / "x", QUESTION), 1_000, 2_000, 1_500)
    assert str(caught.value).startswith(f"{tmp_path / 'x'} cannot be written: No space left on device.\n")
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["manifest.json"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    dataset = Dataset.open(tmp_path / "file" / "x", QUESTION)
    with pytest.raises(DatasetError) as caught:
        added(dataset, 1_000, 2_000, 1_500)
    assert str(caught.value) == (
        f"{tmp_path / 'file' / 'x'} cannot be written: Not a directory.\n"
        "Hint: Look at the folder's permissions and at the room on its disk. What is whole stays: call the "
        "download again to continue."
    )
