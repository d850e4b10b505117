"""The evidence that a report cites: each id once, numbered, with where it is cited and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from obsnb.analysis.hypotheses import Hypothesis
from obsnb.analysis.told import Conclusion, Remark
from obsnb.report.entries import ErrorEntry, SlowEntry, SuspectEntry, TimelineEntry
from obsnb.views.formats import evidence_label

__all__ = ["CITED", "Reference", "references"]

_Cites = TimelineEntry | SuspectEntry | ErrorEntry | SlowEntry | Hypothesis | Conclusion | Remark

#: Of the ids of one row so many are cited; the frame has them all.
CITED = 6


@dataclass(frozen=True)
class Reference:
    """An evidence id: its short form, the element of the page that it leads to, and its row as text.

    `listed` is false for what the page shows in another place, where the anchor leads.
    """

    id: str
    label: str
    anchor: str
    cited_in: tuple[str, ...]
    row: str
    listed: bool


def references(
    *,
    timeline: Iterable[TimelineEntry],
    suspects: Iterable[SuspectEntry],
    errors: Iterable[ErrorEntry],
    slow: Iterable[SlowEntry],
    hypotheses: Iterable[Hypothesis] = (),
    said: Iterable[Conclusion | Remark] = (),
    places: Mapping[str, str],
    rows: Mapping[str, str],
) -> dict[str, Reference]:
    """Every cited id with its reference, in the order of the report's sections.

    Parameters
    ----------
    places
        Evidence id → element, for what the page shows anyway (queries, the spans of the trace).
    rows
        Evidence id → what its row says.
    """
    cited: dict[str, list[str]] = {}
    sections: tuple[tuple[str, Iterable[_Cites]], ...] = (
        ("timeline", timeline),
        ("suspects", suspects),
        ("error groups", errors),
        ("slow queries", slow),
        ("hypotheses", hypotheses),
        ("conclusions", said),
    )
    for section, entries in sections:
        for entry in entries:
            for one in entry.evidence[:CITED]:
                where = cited.setdefault(one, [])
                if section not in where:
                    where.append(section)
    out: dict[str, Reference] = {}
    for one, where in cited.items():
        anchor = places.get(one, f"evidence-{len(out) + 1}")
        listed = one not in places
        out[one] = Reference(one, evidence_label(one), anchor, tuple(where), rows.get(one, ""), listed)
    return out
