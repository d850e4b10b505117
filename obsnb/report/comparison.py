"""Two incidents side by side, as a table in a terminal, a notebook, a page and Markdown."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from obsnb.analysis.comparison import OFTEN
from obsnb.errors import UsageError
from obsnb.report.escape import inline
from obsnb.report.forms import check_place
from obsnb.report.html import render_page
from obsnb.store.whole import beside
from obsnb.timerange import TimeRange
from obsnb.views.formats import NOTHING, counted, duration, number, one_line, period, shorten

__all__ = ["Comparison", "Part", "Row", "check_comparison_place", "parts"]

#: So many of those that are the same are shown: the ones whose rate differs most.
_SAME = 10
_LONGEST = 200
_HEADINGS = {
    "suspect": "Suspects",
    "error": "Errors",
    "statement": "Statements and calls",
    "pattern": "Patterns of log lines",
}
#: What the figures are, and what the words for a change do not say.
_FIGURES = (
    "A and B are the score of a suspect, the 95th percentile of a statement's or call's time, and of errors "
    "and log lines how many there were a minute; B/A is the second by the first."
)
_CHANGES = (
    "New says that it was not seen in A, gone that it was not seen in B; a rare one may be missing by "
    "chance. All times are UTC."
)
_ORDER = {"new": "new", "gone": "gone", "same": "same"}


@dataclass(frozen=True)
class Row:
    """What is compared, in words: its change, its name and service, and each side's figure."""

    change: str
    name: str
    service: str
    a: str
    b: str
    times: str


@dataclass(frozen=True)
class Part:
    """A heading, its rows, and how many that are the same are left out."""

    what: str
    heading: str
    counts: str
    rows: tuple[Row, ...]
    left_out: int

    @property
    def rest(self) -> str:
        """What is left out, in words."""
        return f"{counted(self.left_out, 'further one')} {'is' if self.left_out == 1 else 'are'} the same"


@dataclass(frozen=True, repr=False)
class Comparison:
    """What two incidents, or an incident and a good day, have in common.

    Attributes
    ----------
    a, b
        Their names.
    a_during, b_during
        The stretches that are compared.
    frame
        A row a thing, with the columns of `obsnb.analysis.comparison.compared`.
    redactions
        Kind of what was found → how much of it was redacted.
    a_found, b_found
        Whether an incident was found there; without one all of the window is compared.
    """

    a: str
    b: str
    a_during: TimeRange
    b_during: TimeRange
    frame: pl.DataFrame
    redactions: Mapping[str, int]
    a_found: bool = True
    b_found: bool = True

    def __repr__(self) -> str:
        counts = dict(self.frame["change"].value_counts().iter_rows())
        said = ", ".join(f"{counts.get(change, 0)} {change}" for change in _ORDER)
        return f"Comparison({self.a} with {self.b}: {said})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; durations in seconds."""
        seconds = [pl.col(name).dt.total_nanoseconds() / 1e9 for name in ("a_p95", "b_p95")]
        return {
            "a": {"name": self.a, "during": str(self.a_during)},
            "b": {"name": self.b, "during": str(self.b_during)},
            "rows": self.frame.with_columns(seconds).to_dicts(),
            "redactions": dict(self.redactions),
        }

    def to_html(self) -> str:
        """One page that needs no network, with all server text escaped."""
        words = {"figures": _FIGURES, "changes": _CHANGES, "periods": self.periods}
        return render_page("comparison.html.j2", compared=self, parts=list(parts(self)), **words)

    def to_markdown(self) -> str:
        """The same as Markdown (GitHub's tables), with all server text escaped."""
        lines = [f"# {inline(self.a)} and {inline(self.b)}", ""]
        lines += [f"- {letter}: {inline(name)}, {when}" for letter, name, when in self.periods]
        lines += ["", _FIGURES]
        for part in parts(self):
            lines += ["", f"## {part.heading}", "", f"{part.counts}.", ""]
            if part.rows:
                lines += ["|  | what | service | A | B | B/A |", "| --- | --- | --- | ---: | ---: | ---: |"]
            for row in part.rows:
                cells = (row.change, row.name, row.service, row.a, row.b, row.times)
                lines.append(f"| {' | '.join(inline(cell) for cell in cells)} |")
            lines += ["", f"{part.rest}."] if part.left_out else []
        lines += ["", "---", "", _CHANGES]
        return "\n".join(lines) + "\n"

    @property
    def periods(self) -> tuple[tuple[str, str, str], ...]:
        """Each side's letter, name and stretch in words."""
        sides = (
            ("A", self.a, self.a_during, self.a_found),
            ("B", self.b, self.b_during, self.b_found),
        )
        return tuple(
            (
                letter,
                name,
                f"{'the incident' if found else 'no incident'}, {period(when.start_ns, when.end_ns)}",
            )
            for letter, name, when, found in sides
        )

    def save(self, path: str | Path) -> Path:
        """Write it, as ``.html`` or ``.md`` by the path's suffix: whole, or not at all.

        Raises
        ------
        UsageError
            The suffix is neither, or the file cannot be written there.
        """
        path = Path(path)
        check_comparison_place(path)
        render = self.to_html if path.suffix.lower() == ".html" else self.to_markdown
        try:
            with beside(path) as room:
                (room / "whole").write_text(render(), "utf-8")
                (room / "whole").replace(path)
        except OSError as error:
            raise UsageError(
                f"{path.name} cannot be written into {path.parent}: {error.strerror}.",
                hint="Make the folder first, or choose another.",
            ) from None
        return path

    def _repr_html_(self) -> str:
        page = html.escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" sandbox="" width="100%" height="560"></iframe>'


def check_comparison_place(path: Path) -> None:
    """Refuse what cannot be saved under that name. Raises `UsageError`."""
    check_place(path, what="A comparison", forms=(".html", ".md"), example="comparison.html")


def parts(compared: Comparison) -> Iterator[Part]:
    """What is shown, in the order in which it is read."""
    frame = compared.frame.with_columns(pl.col("a_p95", "b_p95").dt.total_nanoseconds())
    for what, heading in _HEADINGS.items():
        rows = frame.filter(pl.col("what") == what)
        counts = dict(rows["change"].value_counts().iter_rows())
        same = rows.filter(pl.col("change") == "same")
        shown = pl.concat([rows.filter(pl.col("change") != "same"), same.head(_SAME)])
        said = ", ".join(f"{number(counts.get(change, 0))} {word}" for change, word in _ORDER.items())
        slower = sum(_slower(row) for row in same.to_dicts())
        said += f", {number(slower)} of them twice as slow or more" if slower else ""
        yield Part(
            what, heading, said, tuple(map(_row, shown.to_dicts())), same.height - min(same.height, _SAME)
        )


def _row(row: dict[str, Any]) -> Row:
    ratio = _ratio(row)
    times = NOTHING if ratio is None else f"{number(ratio) if ratio < 1 or ratio >= 100 else f'{ratio:.1f}'}×"
    name = shorten(one_line(row["name"] or ""), _LONGEST)
    return Row(row["change"], name, row["service"] or "", _figure(row, "a"), _figure(row, "b"), times)


def _slower(row: dict[str, Any]) -> bool:
    """Whether a statement takes twice as long or more."""
    return row["what"] == "statement" and (_ratio(row) or 0.0) >= 2


def _ratio(row: dict[str, Any]) -> float | None:
    """How much longer a statement takes, for how often it was traced is no rate; else of the rates.

    Of a few calls no 95th percentile can be told.
    """
    if row["what"] != "statement":
        return None if row["times"] is None else float(row["times"])
    a, b = row["a_p95"], row["b_p95"]
    seldom = min(row["a_count"] or 0, row["b_count"] or 0) < OFTEN
    return b / a if a and b and not seldom else None


def _figure(row: dict[str, Any], side: str) -> str:
    """A suspect's score, a statement's time, else a rate."""
    if row[f"{side}_score"] is not None:
        return f"score {row[f'{side}_score']:.2f}"
    if row[f"{side}_per_minute"] is None:
        return NOTHING
    if row["what"] != "statement":
        return f"{number(row[f'{side}_per_minute'])}/min"
    took = row[f"{side}_p95"]
    return "seen" if took is None else f"p95 {duration(took)}"
