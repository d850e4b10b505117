"""What is frozen comes back, from a folder and from a zip alike."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from obsnb.archive import ArchiveReader, write
from obsnb.archive.files import write_parquet
from obsnb.errors import ArchiveError
from obsnb.schema import BY_KIND, digest, dtype
from obsnb.sources.base import Answer
from tests.archive.conftest import CREATED, START, WINDOW, answer, logs, some_answers


def _answers(reader: ArchiveReader) -> list[Answer]:
    """Every recorded query, asked again."""
    verbs: dict[str, Callable[..., Answer]] = {
        "logs": reader.logs,
        "series": reader.series,
        "exemplars": reader.exemplars,
        "spans": reader.spans,
    }
    return [verbs[r.kind](r.asked, r.window, **r.params) for r in reader.records]


_text = st.text(st.characters(codec="utf-8"), max_size=12)
_number = st.none() | st.floats() | st.sampled_from([0.0, -0.0, float("nan"), 5e-324])
_moment = st.none() | st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1)
_attribute = st.fixed_dictionaries({"key": _text, "type": st.sampled_from(["string", "int"]), "value": _text})
_attributes = st.none() | st.lists(st.none() | _attribute, max_size=3)
_event = st.fixed_dictionaries({"time": _moment, "name": st.none() | _text, "attributes": _attributes})
_bucket = st.fixed_dictionaries(
    {"boundaries": st.integers(0, 3), "lower": _number, "upper": _number, "count": _number}
)
_CELLS: dict[str, Any] = {
    "time": _moment,
    "duration": _moment,
    "label": st.none() | _text,
    "text": st.none() | _text,
    "number": _number,
    "bool": st.none() | st.booleans(),
    "attributes": _attributes,
    "span_events": st.none() | st.lists(_event, max_size=2),
    "span_links": st.none(),
    "histogram": st.none()
    | st.fixed_dictionaries({"count": _number, "sum": _number, "buckets": st.lists(_bucket, max_size=2)}),
}


@st.composite
def frames(draw: Any, kind: str) -> pl.DataFrame:
    """A frame of the kind, with some further columns, and values of every sort."""
    types = {column.name: column.type for column in BY_KIND[kind].columns}
    types |= {f"label.{name}": "label" for name in draw(st.sets(_text, max_size=2))}
    types |= {"http.route": "text", "histogram": "histogram"} if draw(st.booleans()) else {}
    height = draw(st.integers(0, 4))
    return pl.DataFrame(
        {
            name: pl.Series(
                draw(st.lists(_CELLS[type_], min_size=height, max_size=height)), dtype=dtype(type_)
            )
            for name, type_ in types.items()
        }
    )


@settings(max_examples=60)
@given(st.data())
def test_any_frame_comes_back_with_the_same_digest(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    kinds = data.draw(
        st.lists(st.sampled_from(["logs", "series", "exemplars", "spans"]), min_size=1, max_size=3)
    )
    given_ = [answer(kind, f"q{i}", data.draw(frames(kind))) for i, kind in enumerate(kinds)]
    path = tmp_path_factory.mktemp("archive") / data.draw(st.sampled_from(["a", "a.obsnb"]))
    write(path, given_, window=WINDOW)
    reader = ArchiveReader.open(path)
    reader.verify()
    for one in given_:
        back = reader._files.frame(
            next(q for q in reader._manifest.queries if q.record.asked == one.record.asked)
        )
        assert digest(back) == digest(one.frame)
        assert back.schema == one.frame.schema
        assert_frame_equal(back, one.frame)


def test_everything_that_was_asked_comes_back_as_it_was(frozen: Path) -> None:
    reader = ArchiveReader.open(frozen)
    assert (reader.window, dict(reader.scope), reader.tenant) == (WINDOW, {"namespace": "shop"}, "acme")
    for before, after in zip(some_answers(), _answers(reader), strict=True):
        assert_frame_equal(after.frame, before.frame)
        assert after.record.reason == "all of it came (from the archive recorded on 2026-11-24 18:13:20 UTC)"
        kept = (
            "kind",
            "source",
            "query",
            "asked",
            "window",
            "params",
            "role",
            "rows",
            "bytes",
            "digest",
            "complete",
        )
        for name in kept:
            assert getattr(after.record, name) == getattr(before.record, name)


def test_a_folder_and_a_zip_hold_the_same_members(tmp_path: Path) -> None:
    import zipfile

    for name in ("a", "a.obsnb"):
        write(tmp_path / name, some_answers(), window=WINDOW, created_ns=CREATED, notes="status = 'draft'\n")
    with zipfile.ZipFile(tmp_path / "a.obsnb") as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    folder = tmp_path / "a"
    assert members == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    assert (
        ArchiveReader.open(folder).notes
        == ArchiveReader.open(tmp_path / "a.obsnb").notes
        == "status = 'draft'\n"
    )


@pytest.mark.parametrize("name", ["a", "a.obsnb"])
def test_the_same_answers_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    pl.Series([f"other {i}" for i in range(500)], dtype=pl.Categorical)  # categories that others made before
    for place in ("one", "two"):
        write(tmp_path / place / name, some_answers(), window=WINDOW, created_ns=CREATED)
    one, two = (
        {
            path.relative_to(tmp_path / place): path.read_bytes()
            for path in (tmp_path / place).rglob("*")
            if path.is_file()
        }
        for place in ("one", "two")
    )
    assert one == two


def test_rows_that_came_twice_are_stored_once(tmp_path: Path) -> None:
    lines = logs("a", "b")
    twice = [
        answer("logs", '{a="1"}', lines),
        answer("logs", '{a=~"1"}', lines),
        answer("logs", '{b="1"}', logs("c")),
    ]
    write(tmp_path / "a", twice, window=WINDOW)
    assert sorted(path.name for path in (tmp_path / "a" / "queries").iterdir()) == [
        "001-logs.parquet",
        "002-logs.parquet",
    ]
    for one in twice:
        assert_frame_equal(ArchiveReader.open(tmp_path / "a").logs(one.record.asked, WINDOW).frame, one.frame)


def test_rows_of_other_types_are_not_the_same_rows(tmp_path: Path) -> None:
    lines = logs("a")
    other = lines.with_columns(pl.col("namespace").cast(pl.String))
    both = [answer("logs", '{a="1"}', lines), answer("logs", '{a="2"}', other)]
    write(tmp_path / "a", both, window=WINDOW)
    reader = ArchiveReader.open(tmp_path / "a")
    assert reader.logs('{a="1"}', WINDOW).frame.schema["namespace"] == pl.Categorical
    assert reader.logs('{a="2"}', WINDOW).frame.schema["namespace"] == pl.String


def test_anything_that_reads_parquet_reads_it(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write(tmp_path / "a", some_answers(), window=WINDOW)
    table = pq.read_table(tmp_path / "a" / "queries" / "001-logs.parquet")
    assert table.column("line").to_pylist() == [f"line {i}" for i in range(20)]
    assert table.column("timestamp").cast("int64").to_pylist()[0] == START


def test_an_archive_without_queries_is_one_still(tmp_path: Path) -> None:
    write(tmp_path / "a", [], window=WINDOW)
    assert ArchiveReader.open(tmp_path / "a").records == ()


def test_what_is_there_is_not_overwritten_unless_told(frozen: Path) -> None:
    before = ArchiveReader.open(frozen).records
    with pytest.raises(ArchiveError) as caught:
        write(frozen, [], window=WINDOW)
    assert str(caught.value) == (
        f"{frozen} is there already.\n"
        "Hint: Choose another path, or pass replace=True (--replace) to replace it."
    )
    assert ArchiveReader.open(frozen).records == before
    write(frozen, [], window=WINDOW, replace=True)
    assert ArchiveReader.open(frozen).records == ()


def test_what_people_wrote_and_put_beside_it_outlives_a_replacement(tmp_path: Path) -> None:
    folder, packed = tmp_path / "a", tmp_path / "a.obsnb"
    write(folder, some_answers(), window=WINDOW)
    (folder / "notes.toml").write_text("severity = 'SEV-2'\n")
    (folder / "pictures").mkdir()
    (folder / "pictures" / "x.txt").write_text("seen")
    write(folder, [], window=WINDOW, replace=True)
    assert ArchiveReader.open(folder).notes == "severity = 'SEV-2'\n"
    assert (folder / "pictures" / "x.txt").read_text() == "seen"
    assert not list((folder / "queries").iterdir()) if (folder / "queries").exists() else True
    write(packed, some_answers(), window=WINDOW, notes="severity = 'SEV-3'\n")
    write(packed, [], window=WINDOW, replace=True)
    assert ArchiveReader.open(packed).notes == "severity = 'SEV-3'\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.obsnb"]


def test_notes_beside_a_zip_win_over_those_in_it(tmp_path: Path) -> None:
    write(tmp_path / "a.obsnb", [], window=WINDOW, notes="status = 'draft'\n")
    reader = ArchiveReader.open(tmp_path / "a.obsnb")
    assert reader.notes_path == tmp_path / "a.notes.toml"
    reader.notes_path.write_text("status = 'reviewed'\n")
    assert reader.notes == "status = 'reviewed'\n"


@pytest.mark.parametrize(
    "make", [lambda p: p.mkdir() or (p / "thesis.txt").write_text("x"), lambda p: p.write_text("x")]
)
def test_what_is_no_archive_is_never_replaced(tmp_path: Path, make: Callable[[Path], object]) -> None:
    target = tmp_path / "mine"
    make(target)
    with pytest.raises(ArchiveError) as caught:
        write(target, [], window=WINDOW, replace=True)
    reason = "it has no manifest.json" if target.is_dir() else "it is not a zip, or only the beginning of one"
    assert str(caught.value) == (
        f"{target} is there already, and is not replaced: {target} is no frozen incident: {reason}.\n"
        "Hint: replace=True replaces frozen incidents only. Choose another path."
    )
    assert target.exists()


_STEPS = ["obsnb.archive.writer.write_parquet", "obsnb.archive.writer.dump"]


@pytest.mark.parametrize(
    ("name", "broken"),
    [(name, step) for name in ("a", "a.obsnb") for step in _STEPS]
    + [
        ("a", "pathlib.Path.rename"),
        ("a.obsnb", "pathlib.Path.replace"),
        ("a.obsnb", "zipfile.ZipFile.writestr"),
    ],
)
@pytest.mark.parametrize("old", [True, False])
def test_a_failure_midway_leaves_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, broken: str, old: bool
) -> None:
    target = tmp_path / name
    if old:
        write(target, some_answers(), window=WINDOW)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(broken, full)
        with pytest.raises(ArchiveError) as caught:
            write(target, some_answers()[:2], window=WINDOW, replace=True)
    assert str(caught.value) == (
        f"{target} cannot be written: No space left on device. Nothing was left behind.\n"
        "Hint: Look at the folder's permissions and at the room on its disk, or choose another path."
    )
    assert [path.name for path in tmp_path.iterdir()] == ([name] if old else [])
    assert not old or len(ArchiveReader.open(target).records) == 4


def test_a_full_disk_is_what_the_system_says_whatever_the_writer_of_parquet_makes_of_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.parquet").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_parquet(pl.DataFrame({"a": range(100_000)}), tmp_path, "a.parquet")
    assert caught.value.errno == errno.ENOSPC


def test_the_old_archive_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write(tmp_path / "a", some_answers(), window=WINDOW)
    rename = Path.rename

    def fails_for_the_new(self: Path, to: Path) -> Path:
        if self.name == "fresh":
            raise OSError(5, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", fails_for_the_new)
    with pytest.raises(ArchiveError):
        write(target, [], window=WINDOW, replace=True)
    assert len(ArchiveReader.open(target).records) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
