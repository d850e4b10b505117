"""Rows that are drawn by page, chosen by hand or from Python, and given back as a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from obsnb.analysis.border import like
from obsnb.errors import FrameError
from obsnb.views.formats import visible
from obsnb.views.widgets.base import Answer, Widget
from obsnb.views.widgets.turns import in_turn

__all__ = ["FIRST", "ListWidget", "as_polars", "cut", "whole_number"]

FIRST = 40  # rows that stand in the widget's state, for a paint that asks nothing
_MOST = 400  # rows of one answer
_LONGEST = 400  # letters of a cell
_WHOLE = 20_000  # letters of a text that is shown whole

Places = npt.NDArray[np.int64]


def as_polars(data: Any, *, what: str) -> pl.DataFrame:
    """Anybody's frame as polars, its columns as they are.

    Raises
    ------
    FrameError
        It is no frame.
    """
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, pl.DataFrame):
        return data
    try:
        frame: pl.DataFrame = nw.from_native(data, eager_only=True).to_polars()
    except TypeError:
        raise FrameError(
            f"{what} takes a polars, pandas or pyarrow frame, not {type(data).__name__}.",
            hint="obs.logs(...), obs.spans(...) and the verbs of an investigation give such frames.",
        ) from None
    return frame


def cut(text: object, limit: int = _LONGEST) -> str:
    """A cell's text: hidden characters drawn, and not longer than a row can show."""
    whole = "" if text is None else str(text)
    shown = visible(whole[:limit])
    return f"{shown}…" if len(whole) > limit else shown


def whole_text(text: object) -> str:
    """A text to be read whole, within reason."""
    return cut(text, _WHOLE)


def whole_number(value: object, most: int) -> int:
    """A number that a browser sent, within 0 and `most`."""
    return min(max(int(value), 0), most) if isinstance(value, int | float) else 0


class ListWidget(Widget):
    """A list over a frame: `order` says which of its rows are in view, `chosen` which are selected."""

    #: Columns by which a frame from Python names rows of this one; the first set that both have.
    told_by: tuple[tuple[str, ...], ...] = ()
    questions_of_places = ("select", "details", "follow", "jump", "fold")

    def __init__(self) -> None:
        super().__init__()
        self.given: Any = None
        self.source = pl.DataFrame()
        self.order: Places = np.empty(0, dtype=np.int64)
        self.chosen: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)
        self._listeners: list[Callable[[Any], object]] = []

    def take(self, data: Any) -> pl.DataFrame:
        """What was passed in, as polars; where it cannot be shown, `selection` is empty and of its kind."""
        frame = as_polars(data, what=type(self).__name__)
        self.hold(frame.clear(), data)
        return frame

    def hold(self, source: pl.DataFrame, given: Any, order: Places | None = None) -> None:
        """Show this frame; `given` is what the user passed in, whose kind `selection` has."""
        self.source, self.given = source, given
        self.order = np.arange(source.height) if order is None else order
        self.chosen = np.zeros(source.height, dtype=np.bool_)
        self.rows_moved()

    # What subclasses say.

    def drawn(self, places: Places) -> list[Answer]:
        """The cells of these rows of the frame."""
        raise NotImplementedError

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """Pages and choices."""
        return {"rows": self._page, "select": self._choose}

    # Pages.

    def _page(self, given: Mapping[str, Any]) -> Answer:
        start = whole_number(given.get("start"), len(self.order))
        stop = whole_number(given.get("stop"), min(start + _MOST, len(self.order)))
        return self.page(start, stop)

    def page(self, start: int, stop: int) -> Answer:
        """The rows in view from start to stop, with how many there are."""
        places = self.order[start:stop]
        rows = self.drawn(places)
        for row, place in zip(rows, places, strict=True):
            row["on"] = self.is_chosen(int(place))
        return {"start": start, "rows": rows, "total": len(self.order), "version": self.version}

    # Choices.

    def is_chosen(self, place: int) -> bool:
        """Whether the row at this place of the frame is selected."""
        return bool(self.chosen[place])

    def _choose(self, given: Mapping[str, Any]) -> Answer:
        start = whole_number(given.get("start"), len(self.order))
        places = self.order[start : whole_number(given.get("stop"), len(self.order))]
        how = given.get("how")
        if how == "toggle":
            self.chosen[places] ^= True
        else:
            self.chosen[:] = False
            if how == "only":
                self.chosen[places] = True
        self._selected()
        return {}

    def _selected(self) -> None:
        for listener in self._listeners:
            listener(self)

    def on_select(self, listener: Callable[[Any], object]) -> None:
        """Call this with the widget whenever other rows are chosen."""
        self._listeners.append(listener)

    @property
    @in_turn
    def selection(self) -> Any:
        """The chosen rows, as a frame of the kind that was passed in. Empty where none is chosen.

        A frame that is assigned chooses its rows here, and the first of them is brought into sight.
        """
        return like(self.source.filter(self.chosen), self.given)

    @selection.setter
    def selection(self, frame: Any) -> None:
        self.choose_named(as_polars(frame, what=f"{type(self).__name__}.selection"))

    @property
    @in_turn
    def rest(self) -> Any:
        """The rows that are not chosen."""
        return like(self.source.filter(~self.chosen), self.given)

    @in_turn
    def choose_named(self, frame: pl.DataFrame) -> None:
        """Choose the rows that a frame names, and bring the first of them into sight.

        Where the widget has no row to show, there is none to choose.

        Raises
        ------
        FrameError
            The frame has none of the columns by which rows are told.
        """
        if self.trouble:
            return
        self.chosen = self._named(frame)
        found = np.flatnonzero(self.chosen[self.order])
        self.say_changed(at=int(found[0]) if len(found) else None)
        self._selected()

    def _named(self, frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
        """Which rows of the source the frame names."""
        by = next(
            (key for key in self.told_by if {*key} <= {*frame.columns} & {*self.source.columns}),
            None,
        )
        if by is None:
            wanted = " or ".join(" and ".join(key) for key in self.told_by)
            raise FrameError(
                f"Rows are told by {wanted}; the frame has {', '.join(frame.columns) or 'no column'}.",
                hint=f"Pass rows of the frame that this {type(self).__name__} shows.",
            )
        mine, theirs = (_comparable(one.select(by)) for one in (self.source, frame))
        found = mine.with_row_index("place").join(theirs.unique(), on=list(by), how="semi", nulls_equal=True)
        named = np.zeros(self.source.height, dtype=np.bool_)
        named[found["place"].to_numpy()] = True
        return named

    def first_view(self) -> Answer:
        """All that a first paint needs."""
        return {**self.page(0, FIRST), "says": self.says()}


def _comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """Moments as nanoseconds, all else as text: frames that went through pandas or CSV have other types."""
    return frame.with_columns(
        cs.datetime().cast(pl.Datetime("ns")).to_physical(), (~cs.datetime()).cast(pl.String)
    )
