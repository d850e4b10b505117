"""A post-mortem as plain data: what was found, how it is known, and what people wrote."""

from __future__ import annotations

import contextlib
import html
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from obsnb.analysis.hypotheses import Hypothesis
from obsnb.analysis.told import Conclusion, Remark
from obsnb.errors import UsageError
from obsnb.ledger import QueryRecord
from obsnb.report.notes import Notes
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    from obsnb.redact import Redactor

__all__ = ["Chart", "ImpactRow", "Postmortem"]


@dataclass(frozen=True)
class ImpactRow:
    """One measure of whom it hurt.

    Attributes
    ----------
    measure, value, unit
        ``"failed requests"``, 731, ``"requests"``. A number in s, ms or minutes is written as a duration,
        a share as per cent.
    how
        How it was counted.
    before
        The same in the baseline, or None.
    names
        Who they are, such as the tenants.
    """

    measure: str
    value: float | int | str | None
    unit: str = ""
    how: str = ""
    before: float | int | str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """Series to draw over the window.

    Attributes
    ----------
    title
        What is drawn: ``"Requests"``.
    series
        timestamp (ns, UTC), name, value (Float64), unit.
    bad
        Whether it shows what went wrong, and is drawn in that colour.
    how
        Where the numbers come from.
    """

    title: str
    series: pl.DataFrame
    bad: bool = False
    how: str = ""

    def __repr__(self) -> str:
        return f"Chart({self.title!r}, {self.series.height} points)"


@dataclass(frozen=True, repr=False)
class Postmortem:
    """Everything a post-mortem says; all but the title and the window may be missing.

    Attributes
    ----------
    title, window
        What it is about, and what was looked at.
    during, baseline, baseline_why
        Onset to recovery (it is not over where it ends with the window), what it is compared with, and how
        that was chosen.
    summary
        Sentences, or pairs of a label and a sentence as `obsnb.analysis.summary.Summary.lines` gives them.
    confidence
        How sure the answer is, in words.
    impact
        Whom it hurt.
    detection
        When it was noticed, as `obsnb.detection` says it: pairs of a label and a sentence.
    timeline
        EVENTS, with ``evidence`` (list of ids) and ``starred`` (Boolean) where known.
    suspects, error_groups, slow_queries
        As the functions of these names give them.
    waterfall, waterfall_why
        SPANS of the most telling trace, with ``self_time`` and ``critical`` where known, and why this one.
    service_graph
        Who calls whom, as `obsnb.service_graph` gives it.
    charts
        What is drawn above the timeline.
    queries
        What was asked, and whether the answers are complete.
    sampling
        Which counts come from where, and what is only a selection.
    redactions
        Kind of what was found → how much of it there was, in the archive and in what is said here.
    redaction_actions
        Kind → what was done with it, as `obsnb.redact.Policy` has it.
    hypotheses
        What was supposed on the way, and what came of it.
    conclusions, remarks
        What the runbooks and people came to, and what they noted.
    notes
        What people wrote.
    evidence
        Evidence id → the row it stands for, as text.
    generated_by, archive
        What made it, such as ``obsnb 0.1.0``, and the archive's name.
    audience
        ``internal`` shows everything. ``public`` shows what people wrote, the impact, and of the timeline
        the onset, the recovery, what people added and what was starred; no name of a service, no
        statement, no log line, no query.
    redactor
        What was redacted with; what is added by chaining is redacted with it, too.
    """

    title: str
    window: TimeRange
    during: TimeRange | None = None
    baseline: TimeRange | None = None
    baseline_why: str = ""
    summary: tuple[str | tuple[str, str], ...] = ()
    confidence: str = ""
    impact: tuple[ImpactRow, ...] = ()
    detection: tuple[tuple[str, str], ...] = ()
    timeline: pl.DataFrame | None = None
    suspects: pl.DataFrame | None = None
    error_groups: pl.DataFrame | None = None
    slow_queries: pl.DataFrame | None = None
    waterfall: pl.DataFrame | None = None
    waterfall_why: str = ""
    service_graph: pl.DataFrame | None = None
    charts: tuple[Chart, ...] = ()
    queries: tuple[QueryRecord, ...] = ()
    sampling: str = ""
    redactions: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    redaction_actions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    hypotheses: tuple[Hypothesis, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    remarks: tuple[Remark, ...] = ()
    notes: Notes = field(default_factory=Notes)
    evidence: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    generated_by: str = ""
    archive: str = ""
    audience: Literal["internal", "public"] = "internal"
    redactor: Redactor | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"Postmortem({self.title!r}, {self.window})"

    @property
    def recovered(self) -> bool:
        """Whether the incident ended inside the window."""
        return self.during is not None and self.during.end_ns < self.window.end_ns

    # Chaining: each gives another one, and leaves this one as it is.

    def titled(self, title: str) -> Postmortem:
        """With another title."""
        return self._with(title=title)

    def with_severity(self, severity: str) -> Postmortem:
        """With a severity in the house's own scale (``SEV-2``), whatever the notes say."""
        return self._with(notes=replace(self.notes, severity=severity))

    def with_notes(self, notes: Notes) -> Postmortem:
        """With what people wrote."""
        return self._with(notes=notes)

    def with_chart(self, chart: Chart) -> Postmortem:
        """With one chart more above the timeline."""
        drawn = self._with(charts=(chart,))
        return replace(drawn, charts=(*self.charts, *drawn.charts))

    def _with(self, **parts: Any) -> Postmortem:
        from obsnb.report.redaction import added

        return added(self, **parts)

    def for_audience(self, audience: str) -> Postmortem:
        """For those inside the house (``internal``) or for anybody (``public``).

        Raises
        ------
        UsageError
            There is no such audience, or a public report is to be made internal again.
        """
        if audience not in ("internal", "public"):
            raise UsageError(f"There is no audience {audience!r}.", hint="It is internal or public.")
        if audience == self.audience:
            return self
        if audience == "internal":
            raise UsageError(
                "What a public report leaves out cannot be put back.",
                hint="Begin again with inv.postmortem().",
            )
        from obsnb.report.audience import for_public

        return for_public(self)

    def to_html(self) -> str:
        """One HTML page that needs no network, with all server text escaped."""
        from obsnb.report.html import render_html

        return render_html(self)

    def to_markdown(self) -> str:
        """The same as Markdown (GitHub's tables), with all server text escaped."""
        from obsnb.report.markdown import render_markdown

        return render_markdown(self)

    def save(self, path: str | Path) -> Path:
        """Write it, in the form that the path's suffix says: each file whole, or not at all.

        Parameters
        ----------
        path
            ``.html``, ``.md``, ``.pdf`` or ``.ipynb``. Beside Markdown its charts are written, as
            ``NAME-charts.svg``.

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        UsageError
            The suffix is none of these, or the file cannot be written there.
        MissingExtraError
            A PDF is asked for, and WeasyPrint is not installed.
        """
        from obsnb.report.forms import contents_of

        path = Path(path)
        for name, content in contents_of(self, path.name).items():
            _write_whole(path.with_name(name), content, asked=path.name)
        return path

    def _repr_html_(self) -> str:
        """The page in a frame of its own, where neither its styles nor its script reach the notebook."""
        page = html.escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" sandbox="allow-scripts" width="100%" height="720"></iframe>'


def _write_whole(path: Path, content: bytes, *, asked: str) -> None:
    """Beside the target first, then in its place, so that no half file is ever seen."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UsageError(
            f"{asked} cannot be written into {path.parent}: {error.strerror}.",
            hint="Make the folder first, or choose another.",
        ) from None
