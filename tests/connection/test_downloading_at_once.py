"""Downloads of which two slices are under way at once: each row once, in order, whatever fails."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from obsnb.connection import downloading
from obsnb.connection.downloading import Downloaded
from obsnb.connection.pace import Size
from obsnb.errors import AccessError, SourceError
from obsnb.transport.exchange import Request, Response
from tests.connection.downloads import QUERY, START, WINDOW, Failing, asking, asking_all, collected, row, rows
from tests.standin.loki import LokiStandIn

SMALL = {"logs": Size(20, 10**9), "metrics": Size(10, 10**9), "spans": Size(10, 10**9)}
#: A margin that makes every slice one into which rows may still come.
EVER = 10 * 365 * 86_400 * 10.0
QUERIES: dict[Downloaded, str] = {"logs": QUERY, "metrics": "up", "spans": "{ status = error }"}


@pytest.fixture(autouse=True)
def _small_slices() -> Iterator[None]:
    with mock.patch.dict(downloading._WANTED, SMALL), mock.patch("os.fsync"):
        yield


@dataclass
class Meeting(Failing):
    """Answers the first request of a slice's thread only when the other slice's has come too."""

    meet: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=30))
    own: threading.local = field(default_factory=threading.local)
    met: int = 0

    def send(self, request: Request) -> Response:
        if threading.current_thread() is not threading.main_thread() and not hasattr(self.own, "came"):
            self.own.came = True
            self.meet.wait()
            self.met += 1
        return super().send(request)


@dataclass
class Refusing(Failing):
    """Refuses what is asked about some time, as long as it is told to."""

    about: tuple[int, int] = (0, 0)

    def send(self, request: Request) -> Response:
        asked = dict(request.params)
        start, end = int(asked.get("start", 0)), int(asked.get("end", 0))
        if start < self.about[1] and end > self.about[0]:
            raise AccessError("The token has expired.")
        return super().send(request)


def test_two_slices_are_under_way_at_once_and_their_rows_come_in_order(tmp_path: Path) -> None:
    transport = Meeting(LokiStandIn(rows(200)))
    obs, _ = asking([], failing=transport)
    frame = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert transport.met >= 2
    assert frame["timestamp"].is_sorted()
    assert_frame_equal(frame, obs.logs(QUERY, WINDOW))
    assert [one.name for one in threading.enumerate() if one.name.startswith("obsnb-")] == []


def test_slices_that_are_asked_again_are_two_at_once_as_well_and_take_in_what_came_late(
    tmp_path: Path,
) -> None:
    obs, _ = asking(rows(200), late_margin_s=EVER)
    obs.download("logs", QUERY, WINDOW, tmp_path / "x")
    meeting = Meeting(LokiStandIn([*rows(200), row(START + 1, "late")]))
    obs, _ = asking([], failing=meeting, late_margin_s=EVER)
    frame = collected(obs.download("logs", QUERY, WINDOW, tmp_path / "x"))
    assert meeting.met >= 2
    assert_frame_equal(frame, obs.logs(QUERY, WINDOW))
    assert "late" in frame["line"].to_list()


@settings(max_examples=12, deadline=None)
@given(first=st.integers(0, 99), seconds=st.integers(1, 30), fewer=st.booleans())
def test_where_a_slice_that_is_asked_again_is_refused_no_row_is_lost_or_comes_twice(
    first: int, seconds: int, fewer: bool
) -> None:
    with tempfile.TemporaryDirectory() as name:
        begins = START + first * 10**9
        transport = Refusing(LokiStandIn(rows(150)))
        obs, _ = asking([], failing=transport, late_margin_s=EVER)
        obs.download("logs", QUERY, WINDOW, Path(name) / "x")
        transport.about = (begins, begins + seconds * 10**9)
        transport.backend = LokiStandIn([] if fewer else [*rows(150), row(START + 1, "late")])
        with pytest.raises(SourceError):
            obs.download("logs", QUERY, WINDOW, Path(name) / "x")
        transport.about, transport.backend = (0, 0), LokiStandIn(rows(150))
        frame = collected(obs.download("logs", QUERY, WINDOW, Path(name) / "x"))
        # A row that the server has forgotten since stays.
        assert_frame_equal(frame.filter(frame["line"] != "late"), obs.logs(QUERY, WINDOW))


@settings(max_examples=15, deadline=None)
@given(first=st.integers(0, 99), seconds=st.integers(1, 30))
def test_where_some_time_is_refused_what_came_stays_and_the_rest_follows(first: int, seconds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        begins = START + first * 10**9
        transport = Refusing(LokiStandIn(rows(150)), about=(begins, begins + seconds * 10**9))
        obs, _ = asking([], failing=transport)
        with pytest.raises(SourceError):
            obs.download("logs", QUERY, WINDOW, Path(name) / "x")
        transport.about = (0, 0)
        frame = collected(obs.download("logs", QUERY, WINDOW, Path(name) / "x"))
        assert_frame_equal(frame, obs.logs(QUERY, WINDOW))


@pytest.mark.parametrize("kind", ["metrics", "spans"])
@settings(max_examples=12, deadline=None)
@given(
    at=st.integers(1, 30),
    error=st.sampled_from([KeyboardInterrupt, lambda: AccessError("The token has expired.")]),
)
def test_series_and_spans_continue_to_the_same_dataset_too(
    kind: Downloaded, at: int, error: Callable[[], BaseException]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, query = Path(name) / "x", QUERIES[kind]
        stopped, whole = asking_all(at=at, error=error), asking_all()
        with contextlib.suppress(KeyboardInterrupt, AccessError):
            stopped.download(kind, query, WINDOW, folder, step="2s")
        frame = collected(whole.download(kind, query, WINDOW, folder, step="2s"))
        alone = collected(whole.download(kind, query, WINDOW, Path(name) / "y", step="2s"))
        order = [
            one for one in ("timestamp", "series_id", "start", "trace_id", "span_id") if one in frame.columns
        ]
        assert_frame_equal(
            frame.select(alone.columns).sort(order), alone.sort(order), categorical_as_str=True
        )
