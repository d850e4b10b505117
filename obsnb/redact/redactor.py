"""The one thing that redacts: texts, frames, plain values and HTML, under one policy and one key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from obsnb.redact.frames import redact_frame
from obsnb.redact.markup import redact_html
from obsnb.redact.notebooks import redact_notebook
from obsnb.redact.plan import Plan
from obsnb.redact.policy import SECRETS_ONLY, Policy
from obsnb.redact.pseudonyms import MASKED, Pseudonyms
from obsnb.redact.texts import redact_text, redact_value

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Redactor"]


class Redactor:
    """Redacts under one policy and one key: the same text has the same pseudonym wherever it stands.

    Parameters
    ----------
    policy
        What is done with what.
    key
        Of pseudonyms; the same one gives the same pseudonyms in another archive. Without, a random one.
    known
        Secrets whose very text is known, and that go wherever they stand.
    """

    def __init__(
        self, policy: Policy | None = None, *, key: bytes | None = None, known: Iterable[str] = ()
    ) -> None:
        self.policy = policy or Policy()
        self._known = tuple(sorted(set(known), key=len, reverse=True))
        self._plan = Plan(self.policy, Pseudonyms(key), self._known)

    def __repr__(self) -> str:
        return f"Redactor({self.policy!r})"

    def text(self, text: str) -> tuple[str, dict[str, int]]:
        """A text with what was found in it replaced, and how much of each kind there was.

        Examples
        --------
        >>> Redactor().text("GET /?token=5b1d99ce&page=2")
        ('GET /?token=[redacted:secret]&page=2', {'secret': 1})
        >>> Redactor(key=b"for the example only").text("mail to ada@example.org")
        ('mail to [email:...]', {'email': 1})
        """
        return redact_text(self._plan, text)

    def frame(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
        """A frame with what was found in its texts replaced, and how much of each kind there was.

        Looked at are text and label columns, lists and structs of text. Every value of a column, and
        every value beside its key (``{key, value}``), whose name alone says what it is goes whole. A
        line's ``row_id`` is a hash of what the line was: where the line has changed, the id is replaced
        by one that does not tell whether a guess was right.
        """
        redacted, counts = redact_frame(self._plan, frame)
        if counts and {"row_id", "line"} <= set(frame.columns):
            redacted = self._other_ids(frame, redacted)
        return redacted, counts

    def value(self, value: Any) -> tuple[Any, dict[str, int]]:
        """Plain values, as JSON has them, with their texts redacted."""
        counts: Counter[str] = Counter()
        return redact_value(self._plan, value, counts), dict(counts)

    def html(self, text: str) -> tuple[str, dict[str, int]]:
        """HTML with what was found between its tags, in its attributes and scripts replaced."""
        return redact_html(self._plan, text)

    def notebook(self, book: dict[str, Any]) -> dict[str, int]:
        """Redact what a notebook's cells put out and what a run was given, in place; how much there was."""
        counts: Counter[str] = Counter()
        redact_notebook(self._plan, book, counts)
        return dict(counts)

    def _other_ids(self, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        changed = (before["line"] != after["line"]).fill_null(value=False)
        old = before["row_id"].filter(changed).drop_nulls().unique()
        new = pl.Series([self.other_id(one) for one in old], dtype=pl.String)
        ids = after.select(
            pl.when(changed).then(pl.col("row_id").replace(old, new)).otherwise("row_id").alias("row_id")
        )
        return after.with_columns(ids.to_series())

    def other_id(self, row_id: str) -> str:
        """The ``row_id`` that `frame` gives a line that it changes."""
        return self._plan.digest(row_id, 16)

    def alike(self, text: str) -> str:
        """A text in which every mask and every pseudonym is one and the same: for comparing."""
        return re.sub(MASKED, "[redacted]", self._masking.text(text)[0])

    @property
    def checking(self) -> Redactor:
        """The same with a mask in every place, so that what is found can be shown without showing it."""
        return Redactor(self.policy.always("mask"), known=self._known)

    @cached_property
    def of_people(self) -> Redactor:
        """For what people wrote: names and addresses stay, and secrets go, those whose text is known too."""
        return Redactor(SECRETS_ONLY, known=self._known)

    @cached_property
    def _masking(self) -> Redactor:
        return Redactor(self.policy.always("mask", instead_of=["pseudonym"]))
