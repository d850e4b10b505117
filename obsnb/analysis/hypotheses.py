"""Hypotheses as they were tried: what was supposed, how it was tested, what spoke for and against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from obsnb.analysis.wording import check_lists, sentence
from obsnb.errors import UsageError

__all__ = ["VERDICTS", "Hypothesis", "judged"]

Verdict = Literal["supported", "refuted", "open"]
#: What a hypothesis can come to.
VERDICTS: tuple[Verdict, ...] = ("supported", "refuted", "open")


@dataclass(frozen=True, repr=False)
class Hypothesis:
    """Something that was supposed, and what came of it.

    Attributes
    ----------
    statement
        What was supposed, as a sentence that could be wrong.
    verdict
        ``supported``, ``refuted`` or ``open``. Nothing is ever proven here: data that agree do not rule out
        that something else would have looked the same.
    tested
        How it was tested.
    supports, against
        What spoke for it and what against it, in sentences.
    evidence
        Ids of the rows that show it.
    """

    statement: str
    verdict: Verdict
    tested: str = ""
    supports: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Hypothesis({self.statement!r}: {self.verdict})"


def judged(
    statement: str,
    *,
    tested: str = "",
    supports: Iterable[str] = (),
    against: Iterable[str] = (),
    evidence: Iterable[str] = (),
    verdict: str | None = None,
) -> Hypothesis:
    """A hypothesis with its verdict: the one given, else what the sentences for and against come to.

    Where all speak for it, it is supported; where all speak against it, refuted; where there are both or
    none, it is open.

    Raises
    ------
    UsageError
        The statement is empty, a text stands where a list of texts belongs, or the verdict is none that a
        hypothesis can have.
    """
    said = sentence(
        statement,
        what="A hypothesis needs a statement.",
        hint="Write a sentence that could turn out to be wrong.",
    )
    check_lists((("supports", supports), ("against", against), ("evidence", evidence)))
    speaks_for, speaks_against = tuple(supports), tuple(against)
    if verdict is None:
        one_sided = bool(speaks_for) != bool(speaks_against)
        verdict = ("supported" if speaks_for else "refuted") if one_sided else "open"
    known = next((one for one in VERDICTS if one == verdict), None)
    if known is None:
        raise UsageError(
            f"{verdict!r} is no verdict.",
            hint=f"A hypothesis is {', '.join(VERDICTS[:-1])} or {VERDICTS[-1]}.",
        )
    return Hypothesis(said, known, tested.strip(), speaks_for, speaks_against, tuple(evidence))
