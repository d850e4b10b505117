"""What an investigator says on the way: what a runbook came to, remarks, and rows worth telling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from obsnb.analysis.wording import check_lists, sentence

__all__ = ["Conclusion", "Remark", "concluded", "remarked"]


@dataclass(frozen=True, repr=False)
class Conclusion:
    """What a runbook, or a person, came to.

    Attributes
    ----------
    finding
        What was found, in a sentence.
    about
        What was looked into: ``"errors"``.
    normal
        What was looked at and was as it should be.
    not_seen
        What could not be seen from there.
    evidence
        Ids of the rows that show it.
    """

    finding: str
    about: str = ""
    normal: tuple[str, ...] = ()
    not_seen: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Conclusion({self.finding!r})"


@dataclass(frozen=True, repr=False)
class Remark:
    """A sentence that somebody wrote into the investigation, with the ids of the rows that it is about."""

    text: str
    evidence: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Remark({self.text!r})"


def concluded(
    finding: str,
    *,
    about: str = "",
    normal: Iterable[str] = (),
    not_seen: Iterable[str] = (),
    evidence: Iterable[str] = (),
) -> Conclusion:
    """A conclusion of checked parts.

    Raises
    ------
    UsageError
        There is no finding, or a text stands where a list of texts belongs.
    """
    said = sentence(
        finding, what="A conclusion needs a finding.", hint="Write what was found, in a sentence."
    )
    check_lists((("normal", normal), ("not_seen", not_seen), ("evidence", evidence)))
    return Conclusion(said, about.strip(), tuple(normal), tuple(not_seen), tuple(evidence))


def remarked(text: str, *, evidence: Iterable[str] = ()) -> Remark:
    """A remark of checked parts.

    Raises
    ------
    UsageError
        There is no text, or a text stands where a list of texts belongs.
    """
    said = sentence(
        text, what="A remark needs a text.", hint="Write what somebody who was not there should know."
    )
    check_lists([("evidence", evidence)])
    return Remark(said, tuple(evidence))
