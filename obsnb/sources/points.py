"""Whether the points that came are those that were asked for."""

from __future__ import annotations

import polars as pl

from obsnb.errors import QueryError
from obsnb.timerange import TimeRange

__all__ = ["asked_for", "check_step", "once", "within"]

_MS = 1_000_000


def check_step(step_ns: int, *, query: str, server: str) -> None:
    """Raise `QueryError` for a step that the server, which counts in milliseconds, cannot be asked for."""
    if step_ns <= 0 or step_ns % _MS:
        raise QueryError(
            f"A step of {step_ns} ns is not a whole number of milliseconds.",
            query=query,
            hint=f"{server} counts time in milliseconds: ask for a step such as 15s or 500ms.",
        )


def asked_for(
    frame: pl.DataFrame, window: TimeRange, *, step_ns: int, grouped: bool = True
) -> tuple[pl.DataFrame, list[str]]:
    """The points at the multiples of the step in the window, each once: `once`.

    A server that says what it was not asked, such as a cache that mixes up questions, may have kept back
    what it was asked.

    Returns
    -------
    polars.DataFrame
        The same rows, where all of them were asked for.
    list of str
        In words, what else came.
    """
    at = frame["timestamp"].to_physical()
    fits = at.is_between(window.start_ns, window.end_ns, closed="left") & (at % step_ns == 0)
    kept, said = once(frame if fits.all() else frame.filter(fits), grouped=grouped)
    elsewhere = frame.height - int(fits.sum())
    if elsewhere:
        said = [f"{elsewhere:,} points of other times than were asked for came as well", *said]
    return kept, said


def within(frame: pl.DataFrame, window: TimeRange, what: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows in the window, and in words, what else came."""
    kept = frame.filter(
        pl.col("timestamp").to_physical().is_between(window.start_ns, window.end_ns, closed="left")
    )
    elsewhere = frame.height - kept.height
    return kept, [f"{elsewhere:,} {what} of other times than were asked for came as well"] * bool(elsewhere)


def once(frame: pl.DataFrame, *, grouped: bool = True) -> tuple[pl.DataFrame, list[str]]:
    """Of several points of a series at one time the first, in order of time, of a series after another.

    Parameters
    ----------
    frame
        SERIES.
    grouped
        Whether the rows of a series follow one another: not in a server's own order, which is kept.

    Returns
    -------
    polars.DataFrame
        The same rows, where no point came twice.
    list of str
        In words, what came twice.
    """
    later = frame.select(
        (pl.col("timestamp") > pl.col("timestamp").shift())
        | (pl.col("series_id") != pl.col("series_id").shift())
    ).to_series()
    if grouped and later.all():  # null, which the first point has, is none that is not
        return frame, []
    kept = frame.unique(["series_id", "timestamp"], keep="first", maintain_order=True)
    kept = kept.sort(pl.col("series_id").rle_id(), "timestamp")
    again = frame.height - kept.height
    return kept, [f"{again:,} points came again, of the same series and time"] if again else []
