"""What people say in the course of an investigation: hypotheses, conclusions, remarks, stars."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from obsnb.analysis.hypotheses import Hypothesis, judged
from obsnb.analysis.story import Story
from obsnb.analysis.told import Conclusion, Remark, concluded, remarked
from obsnb.errors import UsageError

__all__ = ["Notebook"]


class Notebook(ABC):
    """The part of an investigation that people write; all of it goes into the report and into what is saved.

    Saying the same again replaces what was said, so that a cell can be run twice.
    """

    @cached_property
    def _tried(self) -> dict[str, Hypothesis]:
        return {one.statement: one for one in self._begun.hypotheses}

    @cached_property
    def _concluded(self) -> dict[str, Conclusion]:
        return {one.about: one for one in self._begun.conclusions}

    @cached_property
    def _remarked(self) -> dict[str, Remark]:
        return {one.text: one for one in self._begun.remarks}

    @property
    @abstractmethod
    def _begun(self) -> Story:
        """What was told before: in the archive, or on its connection."""

    @abstractmethod
    def _keep(self) -> None:
        """Let the connection save what was told."""

    @abstractmethod
    def evidence(self, id: str) -> Any:
        """The rows behind an evidence id."""

    def hypothesis(
        self,
        statement: str,
        *,
        tested: str = "",
        supports: Iterable[str] = (),
        against: Iterable[str] = (),
        evidence: Iterable[str] = (),
        verdict: str | None = None,
    ) -> Hypothesis:
        """Write down what was supposed, how it was tested and what came of it; it goes into the report.

        Parameters
        ----------
        statement
            A sentence that could turn out to be wrong. Saying it again replaces what was said, so that a
            cell can be run twice.
        tested
            How it was tested.
        supports, against
            Sentences that speak for it and against it.
        evidence
            Ids of rows, as results carry them.
        verdict
            ``supported``, ``refuted`` or ``open``. Without one: supported where all speaks for it, refuted
            where all speaks against it, else open.

        Returns
        -------
        Hypothesis

        Raises
        ------
        UsageError
            No statement, no such verdict, or evidence that is not in this investigation.
        """
        made = judged(
            statement, tested=tested, supports=supports, against=against, evidence=evidence, verdict=verdict
        )
        self._look_up(made.evidence)
        self._tried[made.statement] = made
        self._keep()
        return made

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """What was supposed so far, in the order in which it was first said."""
        return tuple(self._tried.values())

    def conclude(
        self,
        finding: str,
        *,
        about: str = "",
        normal: Iterable[str] = (),
        not_seen: Iterable[str] = (),
        evidence: Iterable[str] = (),
    ) -> Conclusion:
        """Say what was found, what was normal, and what could not be seen; it goes into the report.

        Parameters
        ----------
        finding
            A sentence.
        about
            What was looked into (``"errors"``); there is one conclusion about each.
        normal
            What was looked at and was as it should be.
        not_seen
            What could not be seen from here.
        evidence
            Ids of rows, as results carry them.

        Returns
        -------
        Conclusion

        Raises
        ------
        UsageError
            No finding, or evidence that is not in this investigation.

        Examples
        --------
        >>> import obsnb
        >>> inv = obsnb.investigate(obsnb.open_archive("datasource"))
        >>> inv.conclude("Nothing is slow.", about="slow queries", normal=["SELECT: as long as before"])
        Conclusion('Nothing is slow.')
        """
        made = concluded(finding, about=about, normal=normal, not_seen=not_seen, evidence=evidence)
        self._look_up(made.evidence)
        self._concluded[made.about] = made
        self._keep()
        return made

    @property
    def conclusions(self) -> tuple[Conclusion, ...]:
        """What was concluded so far, in the order in which it was first said."""
        return tuple(self._concluded.values())

    def note(self, text: str, *, evidence: Iterable[str] = ()) -> Remark:
        """Write a remark into the report, with the rows that it is about.

        Parameters
        ----------
        text
            What somebody who was not there should know.
        evidence
            Ids of rows, as results carry them.

        Returns
        -------
        Remark

        Raises
        ------
        UsageError
            No text, or evidence that is not in this investigation.
        """
        made = remarked(text, evidence=evidence)
        self._look_up(made.evidence)
        self._remarked[made.text] = made
        self._keep()
        return made

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """The remarks so far, in the order in which they were first made."""
        return tuple(self._remarked.values())

    def withdraw(self, said: str) -> None:
        """Take back a hypothesis, a conclusion or a remark: it is neither told nor saved any more.

        Parameters
        ----------
        said
            The hypothesis' statement, the conclusion's finding, or the remark's text.

        Raises
        ------
        UsageError
            Nobody said so.
        """
        words = said.strip() if isinstance(said, str) else said
        kept: tuple[dict[str, Any], ...] = (self._tried, self._concluded, self._remarked)
        known = [(each, key) for each in kept for key, one in each.items() if words == _words(one)]
        if not known:
            raise UsageError(
                f"Nobody said {words!r} in this investigation.",
                hint="inv.hypotheses, inv.conclusions and inv.remarks have what was said.",
            )
        for each, key in known:
            del each[key]
        self._keep()

    def told(self) -> str:
        """Hypotheses with their verdicts, then the conclusions, as lines of text."""
        lines = []
        for one in self.hypotheses:
            lines.append(f"{one.verdict:10} {one.statement}")
            lines += [f"{'':10} for:     {text}" for text in one.supports]
            lines += [f"{'':10} against: {text}" for text in one.against]
        for told in self.conclusions:
            lines += ["", told.finding]
            lines += [f"{'':10} normal:   {text}" for text in told.normal]
            lines += [f"{'':10} not seen: {text}" for text in told.not_seen]
        return "\n".join(lines)

    def _look_up(self, ids: Iterable[str]) -> None:
        for one in ids:
            self.evidence(one)


def _words(one: Hypothesis | Conclusion | Remark) -> str:
    if isinstance(one, Hypothesis):
        return one.statement
    return one.finding if isinstance(one, Conclusion) else one.text
