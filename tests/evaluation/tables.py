"""The tables of an evaluation: cases in, rows of text out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tests.evaluation.cases import SIGNALS, Case
from tests.evaluation.scoring import (
    CONFIDENT,
    Verdict,
    accuracy,
    gain,
    onset_error_s,
    onset_within_bounds,
    share,
    suspected,
)
from tests.evaluation.variants import VARIANTS, before_it
from tests.evaluation.verbs import VERBS, cause_kind

Table = list[dict[str, object]]
_STEPS = (("logs",), ("series",), ("spans",), ("logs", "series"), ("logs", "spans"), ("series", "spans"))


def by_fault(cases: Sequence[Case]) -> Table:
    """Accuracy a kind of fault, all signals given."""
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for case in cases:
        if not case.quiet:
            groups[case.fault if case.family == "made up" else case.family].append(suspected(case))
    every = [each for verdicts in groups.values() for each in verdicts]
    rows = [{"fault": fault} | accuracy(verdicts) for fault, verdicts in groups.items()]
    return [*rows, {"fault": "all"} | accuracy(every)]


def by_variant(cases: Sequence[Case]) -> Table:
    """Accuracy a way of telling the same incidents."""
    told = [case for case in cases if not case.quiet]
    rows: Table = []
    for name, vary in VARIANTS.items():
        rows.append({"variant": name} | accuracy(suspected(vary(case)) for case in told))
    return rows


def quiet_windows(cases: Sequence[Case]) -> Table:
    """How often somebody is suspected where nothing is wrong."""
    quiet = {
        "quiet systems": [case for case in cases if case.quiet],
        "before the incident": [before_it(case) for case in cases if not case.quiet],
    }
    rows: Table = []
    for name, windows in quiet.items():
        scores = [suspected(case).score for case in windows]
        alarms = sum(score >= CONFIDENT for score in scores)
        highest = f"{max(scores):.2f}" if scores else "-"
        rows.append(
            {"windows": name, "cases": len(scores), "alarms": share(alarms, len(scores)), "highest": highest}
        )
    return rows


def ablation(cases: Sequence[Case]) -> Table:
    """What each signal adds to each set of others: the change of the reciprocal rank, paired."""
    told = [case for case in cases if not case.quiet]
    whole = {signals: [suspected(case.only(*signals)) for case in told] for signals in _subsets()}
    rows: Table = []
    for signals in _subsets():
        for more in SIGNALS:
            after = tuple(name for name in SIGNALS if name in {*signals, more})
            if more not in signals and after in whole:
                mean, low, high = gain(whole[signals], whole[after])
                rows.append(
                    {
                        "given": "+".join(signals),
                        "added": more,
                        "reciprocal rank": f"{np.mean([v.reciprocal for v in whole[signals]]):.3f}",
                        "gain": f"{mean:+.3f} ({low:+.3f} to {high:+.3f})",
                        "harms": high < 0,
                    }
                )
    return rows


def _subsets() -> list[tuple[str, ...]]:
    three = ("logs", "spans", "series")
    every = [*_STEPS, three, SIGNALS]
    return [tuple(name for name in SIGNALS if name in each) for each in every]


def onsets(cases: Sequence[Case]) -> Table:
    """How far off the onset is that is found in the whole window, a kind of fault."""
    groups: dict[str, list[tuple[float | None, bool | None]]] = defaultdict(list)
    for case in cases:
        if case.onset_ns is not None:
            told = onset_error_s(case), onset_within_bounds(case)
            groups[case.fault if case.family == "made up" else case.family].append(told)
    rows: Table = []
    for fault, each in [*groups.items(), ("all", [told for several in groups.values() for told in several])]:
        errors = [error for error, _ in each]
        found = [error for error in errors if error is not None]
        rows.append(
            {
                "fault": fault,
                "cases": len(errors),
                "found": share(len(found), len(errors)),
                "median error, s": f"{np.median(found):.0f}" if found else "-",
                "within 60 s": share(sum(error <= 60 for error in found), len(errors)),
                "inside its bounds": share(sum(inside is True for _, inside in each), len(found)),
            }
        )
    return rows


def verbs(cases: Iterable[Case]) -> Table:
    """How often each other verb tells the truth, where the truth says something of it."""
    told = list(cases)
    rows: Table = []
    for name, asks in VERBS.items():
        answers = [answer for answer in map(asks, told) if answer is not None]
        rows.append({"verb": name, "cases": len(answers), "right": share(sum(answers), len(answers))})
    return rows


def causes(cases: Iterable[Case]) -> Table:
    """How often the right kind of cause is named at the right service, which comes first, a kind of fault."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        answer = cause_kind(case)
        if answer is not None:
            groups[case.fault if case.family == "made up" else case.family].append(answer)
    every = [each for answers in groups.values() for each in answers]
    return [
        {"fault": fault, "cases": len(answers), "right": share(sum(answers), len(answers))}
        for fault, answers in [*groups.items(), ("all", every)]
    ]


TABLES: dict[str, Callable[[Sequence[Case]], Table]] = {
    "faults": by_fault,
    "variants": by_variant,
    "quiet": quiet_windows,
    "signals": ablation,
    "onsets": onsets,
    "verbs": verbs,
    "causes": causes,
}


def as_text(rows: Table) -> str:
    """Rows as lines of text in columns."""
    if not rows:
        return "(nothing)"
    cells = [list(rows[0])] + [[str(value) for value in row.values()] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
