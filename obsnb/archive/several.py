"""What several sources answered, from an archive, as one answer again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from obsnb.archive.manifest import Recorded
from obsnb.errors import NotRecordedError
from obsnb.sources.base import Answer
from obsnb.sources.merging import SOURCE, absent, merged

__all__ = ["family", "of_each", "together"]

_KINDS = ("loki", "prometheus", "tempo")


def family(source: str) -> str | None:
    """The kind of a source that is one of several (``loki`` of ``loki.eu``); None of one that is not."""
    kind, dot, name = source.partition(".")
    return kind if dot and name and kind in _KINDS else None


def of_each(
    found: Sequence[Recorded],
    expected: Sequence[str],
    answer: Callable[[Sequence[Recorded]], Answer],
    params: Mapping[str, Any] | None = None,
) -> Answer:
    """What each of several sources answered, together; of one source, what it answered.

    A source that was never asked gives no rows, and a record that says so.

    Parameters
    ----------
    found
        The recordings that answer, of all sources.
    expected
        The sources that there were; none where they have no names of their own.
    answer
        Makes an answer of the recordings of one source.
    params
        Of the question: its ``limit`` and ``direction``.

    Raises
    ------
    NotRecordedError
        No source was asked for all of it.
    """
    if len(expected) < 2:
        return answer(found)
    own = {name: [one for one in found if one.record.source == name] for name in expected}
    answers: dict[str, Answer] = {}
    refused: dict[str, NotRecordedError] = {}
    for name, recordings in own.items():
        try:
            if recordings:
                answers[name] = answer(recordings)
        except NotRecordedError as error:
            refused[name] = error
    if not answers:
        raise next(iter(refused.values()))
    first = next(iter(answers.values()))
    marks = SOURCE in first.frame.columns
    parts = []
    for name in expected:
        if name in answers:
            parts.append(answers[name])
            continue
        reason = refused[name].what if name in refused else f"the archive was never asked this of {name}"
        parts.append(absent(first.record, name, reason, complete="no", marks=marks))
    return together(parts, params)


def together(parts: Sequence[Answer], params: Mapping[str, Any] | None = None) -> Answer:
    """The answers of several sources as one; of one, its own."""
    if len(parts) == 1:
        return parts[0]
    given = params or {}
    return merged(parts, limit=given.get("limit"), direction=given.get("direction", "forward"))
