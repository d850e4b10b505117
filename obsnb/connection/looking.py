"""What the indexes of one or several Lokis say, in one frame, and in the ledger."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from obsnb.connection.kept import depth_of_caller
from obsnb.errors import PartialResultWarning

if TYPE_CHECKING:
    import polars as pl

    from obsnb.ledger import QueryRecord
    from obsnb.sources.at_once import Ask
    from obsnb.sources.base import Answer

__all__ = ["looked", "members"]


def members(held: Any) -> tuple[Any, ...]:
    """The sources behind one, as they are."""
    return getattr(held, "members", None) or (held,)


def looked(
    held: Any,
    ask: Callable[[Any], Answer],
    *,
    verb: str,
    enter: Callable[..., QueryRecord],
    order: Mapping[str, bool],
) -> pl.DataFrame:
    """The answers of a source or of each of several, one after another, where several with ``source``.

    Parameters
    ----------
    held
        One source, several, or one that was chosen of several.
    ask
        What each of them is asked.
    verb
        For whom, for the warning about those that do not answer.
    enter
        Enters a record into the ledger.
    order
        By which columns the rows of several are sorted, and whether the greatest come first.

    Raises
    ------
    SourceError
        All fail.
    """
    import polars as pl

    from obsnb.sources.at_once import all_failed, at_once
    from obsnb.sources.merging import SOURCE

    answers, errors = at_once({one.name: _asking(ask, one) for one in members(held)})
    if not answers:
        raise all_failed(list(errors.values()))
    for answer in answers.values():
        enter(answer.record)
    alike = next(iter(answers.values())).record
    for name, error in errors.items():
        enter(_unanswered(alike, name, error.what), quietly=True)
        warnings.warn(
            f"{verb} of {name} are not among them: {error.what}",
            PartialResultWarning,
            stacklevel=depth_of_caller(),
        )
    if not getattr(held, "marks", False):
        return next(iter(answers.values())).frame
    frames = []
    for name, answer in answers.items():
        frame = answer.frame
        frame = frame.rename({SOURCE: f"label.{SOURCE}"}) if SOURCE in frame.columns else frame
        marked = pl.repeat(name, frame.height, dtype=pl.String, eager=True).cast(pl.Categorical)
        frames.append(frame.insert_column(0, marked.alias(SOURCE)))
    whole = pl.concat(frames, how="diagonal_relaxed")
    return whole.sort(*order, descending=list(order.values()), maintain_order=True) if order else whole


def _asking(ask: Callable[[Any], Answer], one: Any) -> Ask[Answer]:
    return lambda _: ask(one)


def _unanswered(alike: QueryRecord, source: str, why: str) -> QueryRecord:
    """The record of a source that did not answer what another one did."""
    return replace(
        alike,
        source=source,
        pages=0,
        requests=0,
        retries=0,
        rows=0,
        bytes=0,
        seconds=0.0,
        warnings=(),
        complete="no",
        reason=why,
        digest="",
        number=0,
    )
