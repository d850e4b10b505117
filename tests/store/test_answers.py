"""Answers on disk: whole or not there, for one user's eyes, and never more than there is room for."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from obsnb.errors import SettingsError
from obsnb.ledger import QueryRecord
from obsnb.schema import BY_KIND
from obsnb.store.answers import AnswerStore, Damaged, Stored, default_folder
from obsnb.timerange import TimeRange
from tests.archive.conftest import exemplars, logs, record, series, spans

WINDOW = TimeRange(0, 1_000)
GB = 10**9
FRAMES = {
    "logs": logs("a", "b", "größer\n"),
    "series": series(1.0, float("nan")),
    "exemplars": exemplars(2),
    "spans": spans((1, 0), (2, 3)),
}


def stored(kind: str = "logs", window: TimeRange = WINDOW, *, size: int | None = None) -> Stored:
    frame = FRAMES[kind] if size is None else logs(os.urandom(size).hex())
    frame = BY_KIND[kind].conform(frame)  # type: ignore[index]  # the kinds above are those
    return Stored(frame, replace(record(kind, "{}", frame, window=window), params={"limit": 5}, number=0))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", FRAMES)
def test_what_is_kept_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    store, one = AnswerStore(tmp_path / "new" / "folder", most_bytes=GB), stored(kind)
    assert store.get("q", WINDOW) is None
    assert store.put("q", one) == ""
    back = AnswerStore(tmp_path / "new" / "folder", most_bytes=GB).get("q", WINDOW)
    assert isinstance(back, Stored)
    assert_frame_equal(back.frame, one.frame)
    assert back.record == one.record
    assert store.get("another question", WINDOW) is None
    assert store.get("q", TimeRange(0, 999)) is None


def test_the_windows_of_a_question_are_known_without_reading(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path, most_bytes=GB)
    windows = [TimeRange(5, 9), TimeRange(-7, 3), TimeRange(5, 6)]
    for window in windows:
        store.put("q", stored(window=window))
    room = next(path.parent for path in tmp_path.glob("answers/*/*.answer"))
    for name in ("9_5.answer", f"0_{'9' * 20}.answer", "notes.txt"):
        (room / name).write_text("not an answer of this store")
    assert store.windows("q") == sorted(windows)
    assert store.windows("p") == []


@settings(max_examples=25)
@given(st.data())
def test_a_file_that_is_cut_or_changed_anywhere_is_dropped(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = AnswerStore(Path(folder), most_bytes=GB)
        store.put("q", stored())
        (path,) = files(Path(folder))
        whole = path.read_bytes()
        place = data.draw(st.integers(0, len(whole) - 1))
        changed = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
        path.write_bytes(data.draw(st.sampled_from([whole[:place], changed])))
        assert store.get("q", WINDOW) == Damaged()
        assert store.get("q", WINDOW) is None, "it is gone"
        assert store.put("q", stored()) == ""
        assert isinstance(store.get("q", WINDOW), Stored)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = AnswerStore(tmp_path / "obsnb", most_bytes=GB)
        store.secret()
        store.put("q", stored())
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "obsnb").rglob("*")}
    assert len(modes) == 4
    assert {modes["key"], modes["0_1000.answer"]} == {0o600}
    assert modes["answers"] == 0o700
    assert stat.S_IMODE((tmp_path / "obsnb").stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_folder_that_others_may_write_into_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    store = AnswerStore(folder, most_bytes=GB)
    with pytest.raises(SettingsError) as refused:
        store.secret()
    assert str(refused.value) == (
        f"The cache's folder {folder} cannot be used: other users may write into it.\n"
        "Hint: Name another as cache_dir in obsnb.toml (OBSNB_CACHE_DIR), or leave the cache off."
    )
    assert store.put("q", stored()) == (
        f"it could not be kept in the cache: The cache's folder {folder} cannot be used: other users may "
        "write into it."
    )


def test_a_folder_that_cannot_be_made_is_no_reason_to_fail_and_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    store = AnswerStore(tmp_path / "file" / "below", most_bytes=GB)
    assert store.put("q", stored()) == "it could not be kept in the cache: Not a directory"
    assert store.get("q", WINDOW) is None
    assert store.windows("q") == []
    assert store.clear() == 0
    with pytest.raises(SettingsError, match="cannot be used: Not a directory"):
        store.secret()


def test_a_folders_secret_stays_and_is_its_own(tmp_path: Path) -> None:
    one, other = AnswerStore(tmp_path / "a", most_bytes=GB), AnswerStore(tmp_path / "b", most_bytes=GB)
    assert one.secret() == AnswerStore(tmp_path / "a", most_bytes=GB).secret() != other.secret()
    assert len(one.secret()) == 32
    assert [path.name for path in files(tmp_path)] == ["key", "key"], "no half is left"


def test_a_disk_without_links_has_a_secret_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    store = AnswerStore(tmp_path, most_bytes=GB)
    assert store.secret() == store.secret()
    assert [path.name for path in files(tmp_path)] == ["key"]


def test_where_it_is_full_what_was_used_longest_ago_goes(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path, most_bytes=60_000)
    for at in range(5):
        store.put("q", stored(window=TimeRange(at, 100), size=5_000))
        for path in files(tmp_path):  # a clock that is sure to move on
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))
    assert isinstance(store.get("q", TimeRange(0, 100)), Stored), "used again"
    for at in range(5, 8):
        store.put("q", stored(window=TimeRange(at, 100), size=5_000))
    left = [window.start_ns for window in store.windows("q")]
    assert 0 in left
    assert 7 in left
    assert 1 not in left
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 60_000


def test_an_answer_that_would_drive_out_all_others_is_not_kept(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path, most_bytes=60_000)
    store.put("q", stored(size=5_000))
    assert store.put("q", stored(window=TimeRange(1, 2), size=50_000)) == ""
    assert store.windows("q") == [WINDOW]


def test_clearing_takes_what_it_knows_and_leaves_what_it_does_not(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path, most_bytes=GB)
    key = store.secret()
    store.put("q", stored())
    store.put("p", stored())
    mine = tmp_path / "answers" / "notes.txt"
    mine.write_text("mine")
    half = tmp_path / "answers" / ".half-of-a-kernel-that-died"
    half.write_text("half")
    assert store.clear() == 2
    assert store.windows("q") == []
    assert mine.read_text() == "mine"
    assert not half.exists()
    assert store.secret() == key


def test_what_a_kernel_left_half_written_long_ago_goes(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path, most_bytes=GB)
    store.put("q", stored())
    old, new = tmp_path / "answers" / ".half-old", tmp_path / "answers" / ".half-new"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (1, 1))
    store.put("q", stored())
    assert not old.exists()
    assert new.exists()


_KERNEL = """
import os, sys
from pathlib import Path
import polars as pl
from obsnb.ledger import QueryRecord
from obsnb.store.answers import AnswerStore, Damaged, Stored
from obsnb.timerange import TimeRange
store = AnswerStore(Path(sys.argv[1]), most_bytes=400_000)
store.secret()
seen = 0
for turn in range(20):
    window = TimeRange(turn % 7, 100)
    found = store.get("q", window)
    assert not isinstance(found, Damaged), turn
    seen += found is not None
    rows = pl.DataFrame({"line": [os.urandom(20_000).hex()]})
    said = store.put("q", Stored(rows, QueryRecord("logs", "loki", "{}", "{}", window)))
    assert said == "", said
    assert set(store.windows("q")) <= {TimeRange(at, 100) for at in range(7)}
print(seen, store.secret().hex())
"""


def test_two_kernels_at_once_see_whole_answers_or_none(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KERNEL, str(tmp_path)]
    kernels = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    told = [kernel.communicate(timeout=120) for kernel in kernels]
    assert [kernel.returncode for kernel in kernels] == [0, 0], told
    (seen, key), (_, other) = (out.decode().split() for out, _ in told)
    assert key == other
    assert int(seen) > 0
    assert sum(path.stat().st_size for path in files(tmp_path)) < 500_000
    assert not [path for path in files(tmp_path) if path.name.startswith(".half")]


def test_the_default_folder_is_that_for_what_can_be_had_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert default_folder(None) == Path("/home/me/.cache/obsnb")
    assert default_folder("/tmp/else") == Path("/tmp/else/obsnb")


def test_the_record_of_an_answer_is_all_that_is_told_of_it(tmp_path: Path) -> None:
    made = QueryRecord("logs", "loki", "{}", "{}", WINDOW, {"step_ns": 5}, "scope.logs", warnings=("w",))
    store = AnswerStore(tmp_path, most_bytes=GB)
    store.put("q", Stored(pl.DataFrame(), made))
    back = store.get("q", WINDOW)
    assert isinstance(back, Stored)
    assert back.record == made
