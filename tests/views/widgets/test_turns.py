"""Questions of the browser run beside the cells: what both change at once is whole, and shown as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl
import pytest

import obsnb
from obsnb.analysis.story import Story
from obsnb.views import widgets as w
from obsnb.views.widgets.checklist import PHASES
from obsnb.views.widgets.turns import in_turn
from tests.views.widgets.every_widget import EVERY
from tests.views.widgets.made_up import TRACE, lines, trace
from tests.views.widgets.test_timeline import happened

_PATIENCE_S = 30

#: A question of each kind of widget that changes its view; lists are asked to choose nothing.
_ASKED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "Chart": ("clear", {}),
    "Checklist": ("tick", {"item": PHASES[1][1][0], "done": True, "who": "Ada"}),
    "QueryBox": ("run", {"verb": "metrics", "text": "never_asked"}),
    "ServiceMap": ("none", {}),
    "TimePicker": ("brush", {"from_ms": 0, "to_ms": 1}),
    "TimelineEditor": ("star", {"at": 1}),
}
_NOTHING = ("select", {"start": 0, "stop": 0, "how": "none"})


class Lock:
    """A reentrant lock that says when somebody has to wait for it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.waits = threading.Event()

    def acquire(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.waits.set()
            self._lock.acquire()

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Lock:
    """The turn of all widgets."""
    lock = Lock()
    monkeypatch.setattr(in_turn, "_lock", lock)
    return lock


class Held:
    """A thread that stops at a place until it is let go, and what another does meanwhile."""

    def __init__(self, work: Callable[[], object], lock: Lock) -> None:
        self._lock = lock
        self._there, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=work)

    def stop_here(self) -> None:
        """Called at the place; only this thread stops at it."""
        if threading.current_thread() is self._thread and not self._go_on.is_set():
            self._there.set()
            assert self._go_on.wait(_PATIENCE_S)

    def while_it_stops(self, other: Callable[[], object]) -> None:
        """Begin the other when this has stopped; let it go on when the other waits for it, or is done."""

        def meanwhile() -> None:
            other()
            self._lock.waits.set()

        self._thread.start()
        assert self._there.wait(_PATIENCE_S)
        beside = threading.Thread(target=meanwhile)
        beside.start()
        assert self._lock.waits.wait(_PATIENCE_S)
        self._go_on.set()
        for thread in (self._thread, beside):
            thread.join(_PATIENCE_S)
            assert not thread.is_alive()


def stopping(monkeypatch: pytest.MonkeyPatch, it: Any, name: str, held: Held) -> None:
    """Let this method stop the thread when what it gives is made."""
    method = getattr(it, name)

    def slowly(*given: Any) -> Any:
        made = method(*given)
        held.stop_here()
        return made

    monkeypatch.setattr(it, name, slowly)


def heard_by(monkeypatch: pytest.MonkeyPatch, widget: Any) -> list[dict[str, Any]]:
    """What the browser is sent from now on."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(widget, "send", lambda message, *_: sent.append(message))
    return sent


def view(start: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in start.items() if name not in {"version", "at"}}


@pytest.mark.parametrize("name", EVERY)
def test_of_a_question_and_an_assignment_at_once_what_is_shown_and_sent_last_is_what_there_is(
    name: str, turns: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = EVERY[name]
    widget = kind.make(kind.frame("a text"))
    part = kind.part(widget)
    sent = heard_by(monkeypatch, widget)
    question, given = _ASKED.get(name, _NOTHING)
    asked = {"kind": "ask", "id": "1", "what": question, "given": given}
    held = Held(lambda: widget._heard(None, asked, []), turns)
    stopping(monkeypatch, widget, "first_view", held)
    held.while_it_stops(lambda: setattr(widget, "selection", part))
    there = view(widget.first_view())
    assert view(widget.start) == there
    views = [message.get("answer", message) for message in sent]
    assert view({"kind": "changed", **max(views, key=lambda one: one["version"])}) == {
        "kind": "changed",
        **there,
    }
    assert len({one["version"] for one in views}) == 2


def test_what_follows_a_picker_follows_the_last_window_picked(
    turns: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = lines(["a", "b", "c", "d"])
    picker, logs = w.TimePicker(frame), w.LogBrowser(frame)
    first, last = frame.head(1), frame.tail(1)
    held = Held(lambda: setattr(picker, "selection", first), turns)

    def follow(window: obsnb.TimeRange) -> None:
        held.stop_here()
        logs.look_at(window)

    picker.on_pick(follow)
    held.while_it_stops(lambda: setattr(picker, "selection", last))
    assert picker.selection["line"].to_list() == ["d"]
    assert [one["line"] for one in logs.start["rows"]] == ["d"]


def test_two_widgets_that_follow_each_other_do_not_wait_for_each_other_for_ever(
    turns: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = lines(["a", "b", "c"])
    one, other = w.TimePicker(frame), w.TimePicker(frame)
    held = Held(lambda: setattr(one, "selection", frame.head(1)), turns)
    one.on_pick(lambda _: held.stop_here())
    one.on_pick(other.look_at)
    other.on_pick(one.look_at)
    held.while_it_stops(lambda: setattr(other, "selection", frame.tail(1)))
    assert one.window == other.window


@pytest.fixture
def health() -> pl.DataFrame:
    return pl.DataFrame({"source": ["loki", "tempo"], "kind": ["logs", "traces"], "status": ["ok", "ok"]})


def test_sources_that_are_asked_again_keep_what_is_chosen_searched_and_sorted(health: pl.DataFrame) -> None:
    panel = w.HealthPanel(lambda: health)
    panel.selection = health.head(1)
    panel.answer("find", {"text": "traces", "sort": 0, "down": True})
    answer = panel.answer("again", {})
    assert (answer["total"], answer["query"]["text"]) == (1, "traces")
    assert panel.selection["source"].to_list() == ["loki"]


def test_what_is_read_while_sources_are_shown_anew_is_read_whole(
    health: pl.DataFrame, turns: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = w.HealthPanel(lambda: health)
    panel.selection = health.head(1)
    read: list[list[str]] = []
    held = Held(lambda: panel.answer("again", {}), turns)
    stopping(monkeypatch, panel, "prepared", held)
    held.while_it_stops(lambda: read.append(panel.selection["source"].to_list()))
    assert read == [["loki"]]


def test_an_answer_of_sources_asked_before_does_not_take_the_place_of_a_later_one(
    health: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter(health.with_columns(status=pl.lit(status)) for status in ("first", "older", "newer"))
    panel, lock = w.HealthPanel(lambda: next(told)), Lock()
    monkeypatch.setattr(panel, "_asking", lock)
    held = Held(lambda: panel.answer("again", {}), lock)
    stopping(monkeypatch, panel, "_ask", held)
    held.while_it_stops(lambda: panel.answer("again", {}))
    assert panel.source["status"].to_list() == ["newer", "newer"]


def test_what_is_assigned_waits_for_no_server(
    health: pl.DataFrame, turns: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, done = w.HealthPanel(lambda: health), []

    def answer() -> None:
        panel.answer("again", {})
        done.append("answered")

    def assign() -> None:
        panel.selection = health.head(1)
        done.append(panel.says())

    held = Held(answer, turns)
    stopping(monkeypatch, panel, "_ask", held)
    held.while_it_stops(assign)
    assert done == ["2 sources, 1 selected", "answered"]
    assert panel.start["says"] == "2 sources, 1 selected"


@pytest.mark.parametrize(
    ("widget", "question", "given", "change"),
    [
        (
            w.LogBrowser(lines(["a", "b", "c"])),
            "select",
            {"start": 0, "stop": 1, "how": "only"},
            lambda it: it.find("c"),
        ),
        (
            w.TimelineEditor(happened("a", "b")),
            "star",
            {"at": 0},
            lambda it: setattr(it, "entries", it.entries[::-1]),
        ),
        (w.TraceTable(trace([None])), "follow", {"at": 0}, lambda it: it.look_at(obsnb.TimeRange(0, 1))),
        (
            w.TraceWaterfall(trace([None, 0, 0])),
            "fold",
            {"at": 0, "fold": True},
            lambda it: it.find("work 1"),
        ),
    ],
    ids=["lines", "timeline", "table", "waterfall"],
)
def test_what_is_asked_of_a_row_that_has_moved_since_is_refused(
    widget: Any,
    question: str,
    given: dict[str, Any],
    change: Callable[[Any], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = heard_by(monkeypatch, widget)
    seen = widget.version
    change(widget)
    before = widget.first_view()
    message = {"kind": "ask", "id": "1", "what": question, "given": given, "seen": seen}
    widget._heard(None, message, [])
    assert sent[-1]["trouble"] == "What is shown has changed since, so nothing was done. Hint: Look again."
    assert view(widget.first_view()) == view(before)


def test_a_row_can_be_chosen_while_another_choice_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = w.LogBrowser(lines(["a", "b"]))
    seen = browser.version
    for at in (0, 1):
        browser.answer("select", {"start": at, "stop": at + 1, "how": "toggle"}, seen=seen)
    assert browser.selection["line"].to_list() == ["a", "b"]


def test_where_somebody_who_listens_fails_what_is_shown_is_what_was_picked() -> None:
    picker = w.TimePicker(lines(["a", "b", "c"]))
    trace_shown = w.TraceWaterfall(trace([None]))
    picker.on_pick(lambda _: trace_shown.show("0" * 32))
    with pytest.raises(obsnb.FrameError):
        picker.answer("brush", {"from_ms": 0, "to_ms": 1})
    assert picker.start["says"] == picker.says()
    with pytest.raises(obsnb.FrameError):
        picker.selection = lines(["a", "b"])
    assert picker.start["says"] == picker.says()
    assert trace_shown.trace_id == TRACE


@pytest.fixture
def opened() -> Iterator[Any]:
    with obsnb.open_archive("slow-query") as archive:
        yield archive


def test_a_query_is_judged_by_its_own_record_whatever_a_cell_asks_meanwhile(
    opened: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'ALERTS{namespace="shop-prod"}'
    other = next(one.asked for one in opened.recorded if one.kind == "logs")
    metrics = type(opened).metrics

    def asked(self: Any, *given: Any) -> Any:
        found = metrics(self, *given)
        self.logs(other, opened.window)
        return found

    monkeypatch.setattr(type(opened), "metrics", asked)
    box = w.QueryBox(opened)
    answer = box.answer("run", {"verb": "metrics", "text": text})
    own = next(one for one in opened.ledger.records if one.asked == text)
    assert answer["why"] == own.reason
    assert opened.ledger.last.asked == other


def test_a_star_of_the_investigation_and_a_row_edited_on_the_board_are_both_kept(
    turns: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = obsnb.open_archive("datasource")
    connection.keep_story(Story())
    inv = obsnb.investigate(connection)
    editor = inv.board().timeline
    title = editor.entries[-1].title
    held = Held(lambda: inv.star(title), turns)
    monkeypatch.setattr(
        type(inv),
        "_story",
        property(_slow_story(type(inv)._story.fget, held)),  # type: ignore[attr-defined]  # a property
    )
    held.while_it_stops(lambda: editor.answer("reword", {"at": 0, "title": "in our words"}))
    assert editor.entries[0].title == "in our words"
    assert editor.entries[-1].star


def _slow_story(story: Callable[[Any], Any], held: Held) -> Callable[[Any], Any]:
    def slowly(inv: Any) -> Any:
        found = story(inv)
        held.stop_here()
        return found

    return slowly
