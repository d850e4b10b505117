"""Answers bigger than memory: each row once in the dataset, whatever stops the download on its way."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import obsnb
from obsnb.connection import Connection, downloading
from obsnb.connection.pace import Size
from obsnb.errors import (
    AccessError,
    DatasetError,
    PartialResultWarning,
    QueryError,
    RejectedError,
    SettingsError,
    UsageError,
)
from obsnb.instants import now_ns
from obsnb.schema import digest
from obsnb.timerange import TimeRange
from tests.connection.conftest import Source, connected
from tests.connection.downloads import (
    MS,
    QUERY,
    SECOND,
    START,
    WINDOW,
    Failing,
    asking,
    asking_all,
    collected,
    files,
    row,
    rows,
)
from tests.standin.loki import LokiStandIn, Row


@pytest.fixture(autouse=True)
def _small_slices() -> Iterator[None]:
    """Slices of about twenty lines, so that a hundred make several parts; no waiting for the disk."""
    with mock.patch.dict(downloading._WANTED, {"logs": Size(20, 10**9)}), mock.patch("os.fsync"):
        yield


class _Told:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.updates: list[tuple[float, int, int]] = []
        self.closed = 0

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        self.updates.append((done, rows, bytes))

    def close(self) -> None:
        self.closed += 1


def _there(frame: pl.DataFrame) -> Counter[tuple[object, ...]]:
    """What tells entries apart, and how often each is there."""
    fields = sorted(name for name in frame.columns if name.startswith("metadata."))
    return Counter(
        (
            entry["timestamp"],
            entry["service_name"],
            entry["line"],
            tuple(
                (name.removeprefix("metadata."), entry[name]) for name in fields if entry[name] is not None
            ),
        )
        for entry in frame.with_columns(pl.col("timestamp").to_physical()).to_dicts()
    )


def _due(entries: list[Row], window: TimeRange) -> Counter[tuple[object, ...]]:
    return Counter(
        (one.ns, dict(one.stream)["service_name"], one.line, one.metadata)
        for one in set(entries)
        if one.ns in window
    )


_ENTRY = st.builds(
    row,
    st.integers(0, 400).map(lambda part: START + part * MS // 4),
    st.sampled_from(["a", "b", "<c>"]),
    service=st.sampled_from(["cart", "till"]),
    metadata=st.dictionaries(st.sampled_from(["user", "host"]), st.sampled_from(["1", "2"]), max_size=2),
)


@settings(max_examples=50)
@given(
    entries=st.lists(_ENTRY, max_size=120),
    wanted=st.integers(1, 60),
    page_limit=st.integers(1, 9),
    ends=st.tuples(st.integers(0, 40 * MS), st.integers(60 * MS, 110 * MS)),
)
def test_every_line_is_in_the_dataset_once_however_it_is_sliced(
    entries: list[Row], wanted: int, page_limit: int, ends: tuple[int, int]
) -> None:
    window = TimeRange(START + ends[0], START + ends[1])
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(downloading._WANTED, {"logs": Size(wanted, 10**9)}),
    ):
        obs, _ = asking(entries, page_limit=page_limit)
        frame = collected(obs.download("logs", QUERY, window, Path(folder) / "x"))
        assert _there(frame) == _due(entries, window)
        assert_frame_equal(frame, obs.logs(QUERY, window))
        record = obs.ledger[0]
        assert (record.rows, record.complete) == (frame.height, "yes")


@settings(max_examples=10)
@given(data=st.data())
def test_a_burst_that_no_slice_foresaw_is_cut_and_comes_whole(data: st.DataObject) -> None:
    quiet = [row(START + number * SECOND, f"quiet {number}") for number in range(90)]
    burst = [row(START + 90 * SECOND + number * MS // 5, f"burst {number}") for number in range(300)]
    with tempfile.TemporaryDirectory() as folder:
        wanted = Size(data.draw(st.integers(2, 30)), 10**9)
        with mock.patch.dict(downloading._WANTED, {"logs": wanted}):
            obs, _ = asking(quiet + burst, page_limit=10)
            frame = collected(obs.download("logs", QUERY, WINDOW, Path(folder) / "x"))
        largest = max(pl.read_parquet(path).height for path in Path(folder).glob("x/part-*"))
    assert _there(frame) == _due(quiet + burst, WINDOW)
    assert largest <= max(3 * wanted.rows + 10, 15)  # the bound and a page, or what a millisecond holds


def test_the_dataset_is_the_same_frame_as_the_plain_verb_gives(tmp_path: Path) -> None:
    obs, _ = asking(rows(200))
    rows_ = obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    assert isinstance(rows_, pl.LazyFrame)
    assert_frame_equal(collected(rows_), obs.logs(QUERY, WINDOW))
    assert len(list((tmp_path / "x").glob("part-*.parquet"))) > 4


def test_a_column_that_comes_late_is_null_in_the_parts_before(tmp_path: Path) -> None:
    obs, _ = asking(rows(200))
    frame = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    parts = [pl.read_parquet(path) for path in sorted((tmp_path / "x").glob("part-*"))]
    assert "metadata.late" not in parts[0].columns
    assert "metadata.late" in parts[-1].columns
    assert frame["metadata.late"].to_list() == [None] * 101 + ["yes"] * 99


def test_the_ledger_has_one_record_of_the_whole(tmp_path: Path) -> None:
    obs, transport = asking(rows(200), tenant="acme")
    obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    assert len(obs.ledger) == 1
    record = obs.ledger[0]
    slices = json.loads((tmp_path / "x" / "manifest.json").read_text())["slices"]
    assert (record.number, record.kind, record.asked, record.window) == (1, "logs", QUERY, WINDOW)
    assert record.rows == 200
    assert record.requests == len(transport.requests)
    assert record.pages == sum(one["pages"] for one in slices)
    assert record.bytes == sum(one["bytes"] for one in slices) > 200 * 10
    assert record.reason == (
        f"in each of {len(slices)} slices: every page ended before its limit, or was followed from its last "
        "timestamp on"
    )


def test_a_dataset_of_one_slice_has_the_digest_of_the_same_rows_in_memory(tmp_path: Path) -> None:
    obs, _ = asking([row(START, "only")])
    obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    obs.logs(QUERY, WINDOW)
    assert obs.ledger[0].digest == obs.ledger[1].digest


def test_nothing_found_is_an_empty_frame_with_every_core_column(tmp_path: Path) -> None:
    obs, _ = asking([])
    frame = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert_frame_equal(frame, obs.logs(QUERY, WINDOW))
    assert files(tmp_path / "x") == {"manifest.json"}


# Stopped, and continued.


@settings(max_examples=30)
@given(
    at=st.integers(1, 120),
    error=st.sampled_from([KeyboardInterrupt, lambda: AccessError("The token has expired.")]),
)
def test_stopped_at_any_request_it_continues_to_the_same_dataset(at: int, error: object) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "x"
        obs, transport = asking(rows(150))
        transport.at, transport.error = at, error
        try:
            obs.download("logs", QUERY, WINDOW, folder)
        except (KeyboardInterrupt, AccessError):
            assert transport.at == -1
            there = files(folder) - {"manifest.json"}
            assert all(part.startswith("part-") for part in there)
            held = sum(pl.read_parquet(folder / part).height for part in there)
            if there:
                assert (obs.ledger[-1].rows, obs.ledger[-1].complete) == (held, "no")
        transport.at = -1
        frame = collected(obs.download("logs", QUERY, WINDOW, folder))
        assert_frame_equal(frame, obs.logs(QUERY, WINDOW))


def _full(folder: Path) -> str:
    return (
        f"{folder} cannot be written: No space left on device.\n"
        "Hint: Look at the folder's permissions and at the room on its disk. What is whole stays: call the "
        "download again to continue."
    )


@settings(max_examples=20)
@given(at=st.integers(0, 40), error=st.sampled_from([KeyboardInterrupt, OSError]))
def test_stopped_at_any_rename_it_continues_to_the_same_dataset(at: int, error: type[BaseException]) -> None:
    real, calls = Path.replace, iter(range(10_000))
    refused: list[str] = []

    def replace(self: Path, target: Path) -> Path:
        if next(calls) == at:
            raise error(28, "No space left on device")
        return real(self, target)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "x"
        obs, _ = asking(rows(150))
        with mock.patch.object(Path, "replace", replace):
            try:
                obs.download("logs", QUERY, WINDOW, folder)
            except KeyboardInterrupt:
                pass
            except DatasetError as error_:
                refused.append(str(error_))
        assert refused in ([], [_full(folder)])
        assert not [part for part in files(folder) if part.startswith(".")]
        frame = collected(obs.download("logs", QUERY, WINDOW, folder))
        assert_frame_equal(frame, obs.logs(QUERY, WINDOW))
        named = {one["file"] for one in json.loads((folder / "manifest.json").read_text())["slices"]}
        assert files(folder) == {"manifest.json", *named} - {None}


def test_an_interrupt_keeps_what_is_whole_and_says_so_in_the_ledger(tmp_path: Path) -> None:
    obs, transport = asking(rows(200))
    transport.at = 30
    told = _Told()
    with pytest.raises(KeyboardInterrupt):
        obs.download("logs", QUERY, WINDOW, tmp_path / "x", progress=told)
    assert told.closed == 1
    record = obs.ledger[0]
    assert record.complete == "no"
    assert record.reason.startswith("it was interrupted, when ")
    assert record.reason.endswith("% of the window was there")
    assert 0 < record.rows < 200


def test_a_source_that_fails_ends_it_in_its_words_and_what_is_whole_stays(tmp_path: Path) -> None:
    obs, transport = asking(rows(200))
    transport.at, transport.error = 30, lambda: AccessError("The token has expired.")
    with pytest.raises(AccessError) as caught:
        obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    assert caught.value.what == "The token has expired."
    assert caught.value.hint == f"The same call goes on from what is whole in {tmp_path / 'x'}."
    assert obs.ledger[0].reason.startswith("it stopped (The token has expired), when ")


def test_what_was_refused_at_once_leaves_nothing(tmp_path: Path) -> None:
    obs, _ = asking(rows(5))
    with pytest.raises(RejectedError):
        obs.download("logs", '{namespace="shop"} nonsense', WINDOW, tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert len(obs.ledger) == 0


def test_a_finished_download_is_not_asked_for_again(tmp_path: Path) -> None:
    obs, transport = asking(rows(200))
    first = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    asked = len(transport.requests)
    again = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert len(transport.requests) == asked
    assert_frame_equal(first, again)
    assert obs.ledger[0].digest == obs.ledger[1].digest


def test_lines_that_came_in_late_are_fetched_while_their_slice_is_young(tmp_path: Path) -> None:
    transport = Failing(LokiStandIn(rows(100)))
    obs, _ = asking([], failing=transport, late_margin_s=10 * 365 * 86_400 * 10.0)
    obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    transport.backend = LokiStandIn([*rows(100), row(START + 5 * SECOND + 1, "late")])
    frame = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert_frame_equal(frame, obs.logs(QUERY, WINDOW))
    assert frame.height == 101


def test_lines_that_came_in_after_the_margin_are_not_asked_for(tmp_path: Path) -> None:
    transport = Failing(LokiStandIn(rows(100)))
    obs, _ = asking([], failing=transport, late_margin_s=600.0)
    obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    transport.backend = LokiStandIn([*rows(100), row(START + 5 * SECOND + 1, "late")])
    assert collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x")).height == 100


def test_only_slices_that_ended_less_than_the_margin_before_they_were_asked_for_are_asked_again(
    tmp_path: Path,
) -> None:
    end = now_ns() - 120 * SECOND
    window = TimeRange(end - 3_600 * SECOND, end)
    entries = [row(window.start_ns + number * 36 * SECOND, f"line {number}") for number in range(100)]
    obs, transport = asking(entries, late_margin_s=600.0)
    obs.download("logs", QUERY, window, tmp_path / "x")
    asked = len(transport.requests)
    obs.download("logs", QUERY, window, tmp_path / "x")
    again = [dict(one.params) for one in transport.requests[asked:] if one.path.endswith("query_range")]
    assert again
    slices = json.loads((tmp_path / "x" / "manifest.json").read_text())["slices"]
    young = [one["window"] for one in slices if one["window"]["end_ns"] > end - 480 * SECOND]
    assert min(int(one["start"]) for one in again) == young[0]["start_ns"]
    assert len(young) < len(slices)


def test_rows_that_the_server_forgot_meanwhile_are_kept(tmp_path: Path) -> None:
    transport = Failing(LokiStandIn(rows(100)))
    obs, _ = asking([], failing=transport, late_margin_s=10 * 365 * 86_400 * 10.0)
    first = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    transport.backend = LokiStandIn([one for one in rows(100) if one.ns >= START + 50 * SECOND])
    again = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert_frame_equal(first, again)
    assert obs.last.complete == "unknown"
    assert "rows: those that came first were kept" in obs.last.reason


def test_a_slice_that_has_outgrown_its_bound_is_cut_when_it_is_asked_again(tmp_path: Path) -> None:
    transport = Failing(LokiStandIn(rows(40)))
    obs, _ = asking([], failing=transport, late_margin_s=10 * 365 * 86_400 * 10.0)
    obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    transport.backend = LokiStandIn(rows(2_000))
    frame = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert_frame_equal(frame, obs.logs(QUERY, WINDOW))


def test_what_has_not_happened_yet_is_not_asked_for_but_said_and_fetched_later(tmp_path: Path) -> None:
    began = now_ns()
    window = TimeRange(began - 3_600 * SECOND, began + 3_600 * SECOND)
    obs, transport = asking([row(began - 1_800 * SECOND)])
    frame = collected(obs.download("logs", QUERY, window, tmp_path / "x"))
    assert frame.height == 1
    ends = [int(dict(one.params)["end"]) for one in transport.requests if one.params]
    assert max(ends) <= now_ns()
    assert obs.last.complete == "unknown"
    assert "the window ends after " in obs.last.reason


def test_a_damaged_part_is_found_and_fetched_again(tmp_path: Path) -> None:
    obs, transport = asking(rows(200))
    first = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    part = sorted((tmp_path / "x").glob("part-*"))[2]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    asked = len(transport.requests)
    again = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert_frame_equal(first, again)
    assert 0 < len(transport.requests) - asked < asked
    assert obs.last.complete == "yes"


def test_a_part_that_is_gone_is_fetched_again(tmp_path: Path) -> None:
    obs, _ = asking(rows(200))
    first = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    sorted((tmp_path / "x").glob("part-*"))[0].unlink()
    assert_frame_equal(first, collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x")))


def test_a_damaged_part_whose_rows_the_server_has_no_more_is_said_to_be_missing(tmp_path: Path) -> None:
    transport = Failing(LokiStandIn([row(START), row(START + 1)]))
    obs, _ = asking([], failing=transport)
    obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    next(iter((tmp_path / "x").glob("part-*"))).write_bytes(b"PAR1")
    transport.backend = LokiStandIn([row(START)])
    with pytest.warns(PartialResultWarning) as warned:
        frame = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert frame.height == 1
    assert "of 2 rows that were damaged on disk, the source has 1 by now" in str(warned[0].message)


# Refused.


def _refused(obs: Connection, folder: Path, **changed: object) -> str:
    asked = {"kind": "logs", "query": QUERY, "window": WINDOW} | changed
    with pytest.raises(obsnb.ObsnbError) as caught:
        obs.download(**asked, folder=folder)
    return str(caught.value)


_ELSEWHERE = "Hint: Choose another folder, or delete this one."


def test_a_folder_of_another_question_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    obs, _ = asking(rows(20))
    obs.download("logs", QUERY, WINDOW, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert _refused(obs, folder, query='{namespace="prod"}') == (
        f'{folder} holds the answer to another question: its query is {{namespace="shop"}}, not '
        f'{{namespace="prod"}}.\n{_ELSEWHERE}'
    )
    later = TimeRange(START, START + SECOND)
    assert _refused(obs, folder, window=later) == (
        f"{folder} holds the answer to another question: its window is {WINDOW}, not {later}.\n{_ELSEWHERE}"
    )
    other, _ = asking(rows(20), tenant="acme")
    assert _refused(other, folder) == (
        f"{folder} holds the answer to another question: its tenant is None, not acme.\n{_ELSEWHERE}"
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_metrics_of_another_step_are_refused(tmp_path: Path) -> None:
    obs = connected(Source())
    obs.download("metrics", "up", WINDOW, tmp_path / "x", step="15s")
    with pytest.raises(DatasetError) as caught:
        obs.download("metrics", "up", WINDOW, tmp_path / "x", step="30s")
    assert str(caught.value) == (
        f"{tmp_path / 'x'} holds the answer to another question: its step is 15 s, not 30 s.\n{_ELSEWHERE}"
    )


def test_a_folder_that_holds_anything_else_is_refused(tmp_path: Path) -> None:
    obs, _ = asking(rows(5))
    (tmp_path / "notes.txt").write_text("mine")
    assert _refused(obs, tmp_path) == (
        f"{tmp_path} is not empty, and holds no download.\nHint: Choose a folder that is new or empty."
    )
    assert _refused(obs, tmp_path / "notes.txt") == (
        f"{tmp_path / 'notes.txt'} is a file, and a download needs a folder.\nHint: Choose another name."
    )


def test_a_kind_that_is_none_and_a_query_of_another_kind_are_refused_before_anything_is_made(
    tmp_path: Path,
) -> None:
    obs, transport = asking(rows(5))
    folder = tmp_path / "x"
    assert _refused(obs, folder, kind="events") == (
        "There is nothing of the kind 'events' to download.\nHint: It is logs, metrics or spans."
    )
    assert _refused(obs, folder, query='sum(rate({a="b"}[1m]))') == (
        "This query asks for numbers, and a download of logs gives lines.\n"
        '  query:  sum(rate({a="b"}[1m]))\n'
        'Hint: obs.metrics(query, window, source="loki") asks Loki for numbers.'
    )
    assert _refused(obs, folder, kind="metrics", query="up @ end()") == (
        "@ start() and @ end() are the ends of the window, and a download asks for it in slices.\n"
        "  query:  up @ end()\n"
        "Hint: Write the moment as a number, such as @ 1795457599, or ask obs.metrics(...)."
    )
    assert transport.requests == []
    assert not folder.exists()


def test_a_source_that_is_not_connected_is_said(tmp_path: Path) -> None:
    obs, _ = asking(rows(5))
    with pytest.raises(SettingsError) as caught:
        obs.download("spans", "{ status = error }", WINDOW, tmp_path / "x")
    assert str(caught.value) == (
        'No Tempo is connected.\nHint: Pass connect(tempo="http://..."), or set OBSNB_TEMPO_URL.'
    )


def test_the_errors_of_a_wrong_call_are_usage_errors() -> None:
    assert issubclass(QueryError, UsageError)


# Told, and other kinds.


def test_progress_grows_to_everything_and_is_closed_once(tmp_path: Path) -> None:
    obs, _ = asking(rows(200))
    told = _Told()
    obs.download("logs", QUERY, WINDOW, tmp_path / "x", progress=told)
    done, rows_, bytes_ = zip(*told.updates, strict=True)
    assert list(done) == sorted(done)
    assert list(rows_) == sorted(rows_)
    assert (done[-1], rows_[-1], bytes_[-1]) == (1.0, 200, obs.last.bytes)
    assert told.closed == 1


def test_continued_progress_begins_where_it_was_stopped(tmp_path: Path) -> None:
    obs, transport = asking(rows(200))
    transport.at = 30
    with pytest.raises(KeyboardInterrupt):
        obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    held, told = obs.last.rows, _Told()
    obs.download("logs", QUERY, WINDOW, tmp_path / "x", progress=told)
    assert told.updates[0][0] > 0
    assert told.updates[0][1] > held


def test_metrics_come_in_slices_as_the_plain_verb_gives_them_but_by_time(tmp_path: Path) -> None:
    obs = asking_all()
    with mock.patch.dict(downloading._WANTED, {"metrics": Size(10, 10**9)}):
        frame = collected(obs.download("metrics", "up", WINDOW, tmp_path / "x", step="2s"))
    plain = obs.metrics("up", WINDOW, step="2s")
    assert_frame_equal(frame, plain.sort("timestamp", maintain_order=True))
    assert frame.height == 75
    parts = [pl.read_parquet(path) for path in sorted((tmp_path / "x").glob("part-*"))]
    assert len(parts) > 4
    assert "zone" not in parts[0].columns
    assert (obs.ledger[0].params["step_ns"], obs.ledger[0].complete) == (2 * SECOND, "yes")


def test_spans_come_in_slices_as_the_plain_verb_gives_them(tmp_path: Path) -> None:
    obs = asking_all()
    with mock.patch.dict(downloading._WANTED, {"spans": Size(10, 10**9)}):
        frame = collected(obs.download("spans", "{ status = error }", WINDOW, tmp_path / "x"))
    plain = obs.spans("{ status = error }", WINDOW)
    assert_frame_equal(frame.select(plain.columns), plain)
    assert set(frame.columns) == set(plain.columns)
    assert frame.height > 110
    assert len(list((tmp_path / "x").glob("part-*"))) > 4


@pytest.mark.parametrize("kind", ["logs", "spans"])
def test_an_archive_gives_the_recorded_rows_in_the_window_at_once(tmp_path: Path, kind: str) -> None:
    query = {"logs": QUERY, "spans": "{ status = error }"}[kind]
    live = asking(rows(60))[0] if kind == "logs" else asking_all()
    getattr(live, kind)(query, WINDOW)
    obs = obsnb.open_archive(live.save(tmp_path / "frozen"))
    half = TimeRange(START, START + WINDOW.duration_ns // 2)
    for _ in range(2):
        frame = collected(obs.download(kind, query, half, tmp_path / "x"))
        expected = getattr(obs, kind)(query, half)
        assert_frame_equal(frame.select(expected.columns), expected)
        assert frame.height > 20
    assert len(list((tmp_path / "x").glob("part-*"))) == 1
    assert obs.ledger[0].digest == obs.ledger[2].digest == digest(expected)


@pytest.mark.parametrize(
    ("query", "complete", "why"),
    [
        ("rate(up[1m])", "yes", ""),
        ("range_median(up)", "unknown", "the query may look at all of its window"),
    ],
)
def test_a_query_that_may_look_at_all_of_its_window_is_not_called_complete_in_slices(
    tmp_path: Path, query: str, complete: str, why: str
) -> None:
    obs = connected(Source())
    with mock.patch.dict(downloading._WANTED, {"metrics": Size(10, 10**9)}):
        obs.download("metrics", query, WINDOW, tmp_path / "x", step="2s")
    assert obs.last is not None
    assert (obs.last.complete, why in obs.last.reason) == (complete, True)


def test_metrics_of_an_archive_come_in_order_of_time(tmp_path: Path) -> None:
    live = asking_all()
    live.metrics("up", WINDOW, step="2s")
    obs = obsnb.open_archive(live.save(tmp_path / "frozen"))
    frame = collected(obs.download("metrics", "up", WINDOW, tmp_path / "x", step="4s"))
    plain = obs.metrics("up", WINDOW, step="4s")
    assert_frame_equal(frame, plain.sort("timestamp", maintain_order=True))
    obs.download("metrics", "up", WINDOW, tmp_path / "x", step="4s")
    assert obs.ledger[0].digest == obs.ledger[-1].digest
