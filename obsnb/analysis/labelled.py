"""An answer in a few labelled sentences, as text and as a small table."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod

__all__ = ["Labelled"]


class Labelled(ABC):
    """What is read as lines of a label and a sentence."""

    @property
    @abstractmethod
    def lines(self) -> tuple[tuple[str, str], ...]:
        """A label and a sentence each, in order."""

    def __str__(self) -> str:
        width = max((len(label) for label, _ in self.lines), default=0) + 2
        return "\n".join(f"{label + ':':{width}}{sentence}" for label, sentence in self.lines)

    def __repr__(self) -> str:
        return str(self)

    def to_html(self) -> str:
        """A small table for a notebook, all server text escaped."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(sentence)}</td></tr>"
            for label, sentence in self.lines
        )
        return f"<table>{rows}</table>"

    def _repr_html_(self) -> str:
        return self.to_html()
