"""The timeline as people tell it: starred and edited here or on the board, saved with the archive."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from obsnb.analysis.story import Entry, Story, entries_of, frame_of, retold
from obsnb.connection import Connection
from obsnb.errors import UsageError
from obsnb.investigation.found import Found
from obsnb.investigation.notebook import Notebook
from obsnb.timerange import TimeRange
from obsnb.views.widgets.turns import in_turn

if TYPE_CHECKING:
    import polars as pl

    from obsnb.views.widgets.board import Board

__all__ = ["Telling"]


class Telling(Notebook):
    """The part of an investigation that holds what people made of its timeline and of its checklist.

    There is one story: `star` and the board change the same, and every change is handed to the connection,
    whose `save` writes it.
    """

    window: TimeRange
    _obs: Connection

    def __init__(self) -> None:
        super().__init__()
        self._board: Board | None = None
        self._entries: tuple[Entry, ...] | None = None

    @property
    @abstractmethod
    def _found(self) -> Found:
        """What was found in the window."""

    @cached_property
    def _begun(self) -> Story:
        """What was told when the archive was written, or since on its connection; of live sources nothing."""
        return (self._obs.story if self._obs.name != "live" else None) or Story()

    @property
    def _saved(self) -> tuple[Entry, ...]:
        """The timeline as it was told before; empty where nobody told it."""
        return self._begun.timeline

    @property
    def _story(self) -> tuple[Entry, ...]:
        """The timeline as it is told: as found, as saved, as edited since."""
        if self._entries is None:
            inside = [one for one in self._saved if self._is_here(one)]
            self._entries = retold(entries_of(self._found.timeline), inside)
        return self._entries

    def _is_here(self, entry: Entry) -> bool:
        return entry.added or self.window.start_ns <= entry.at_ns < self.window.end_ns

    def _tell(self, entries: tuple[Entry, ...]) -> None:
        self._entries = entries
        self._keep()

    def _keep(self) -> None:
        """Let the connection save what was edited, with what was told of the time outside this window."""
        outside = tuple(one for one in self._saved if not self._is_here(one))
        timeline = self._saved if self._entries is None else (*self._entries, *outside)
        before = self._obs.story.ticks if self._obs.story else {}
        ticks = self._board.checklist.ticks if self._board is not None else before
        said = (self.hypotheses, self.conclusions, self.remarks)
        self._obs.keep_story(Story(timeline, dict(ticks), *said))

    @property
    def _told_timeline(self) -> pl.DataFrame:
        """The timeline as people edited it, or as it was found, with `starred`."""
        if self._story == entries_of(self._found.timeline):
            return self._found.timeline.with_columns(starred=False)
        return frame_of(self._story).with_columns(starred="star")

    def _listen(self, board: Board) -> None:
        """Keep what is edited there."""
        board.timeline.on_change(lambda editor: self._tell(editor.entries))
        board.checklist.on_change(lambda _: self._keep())

    @in_turn
    def star(self, said: str) -> Any:
        """Mark rows of the timeline as worth telling; a public report tells these and no others.

        Parameters
        ----------
        said
            An evidence id that a row carries, else a part of its title, in any case.

        Returns
        -------
        frame
            The rows of the timeline that are marked by now, here or on the board, as `timeline` gives them.

        Raises
        ------
        UsageError
            No row has such an id or title.
        """
        words = said.strip().lower() if isinstance(said, str) else ""
        story = self._story
        chosen = [one for one in story if said in one.evidence]
        chosen = chosen or [one for one in story if words and words in f"{one.title}\n{one.was}".lower()]
        if not chosen:
            raise UsageError(
                f"No row of the timeline has {said!r} as evidence or in its title.",
                hint="inv.timeline() shows the rows; give an id of one, or some words of its title.",
            )
        told = tuple(replace(one, star=one.star or one in chosen) for one in story)
        if self._board is not None:
            self._board.timeline.entries = told
        else:
            self._tell(told)
        marked = frame_of(one for one in self._story if one.star)
        return self._obs.out(marked.select(self._found.timeline.columns))
