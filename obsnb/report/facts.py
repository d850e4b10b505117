"""The report's head in words: when, how long, where, how sure, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from obsnb.report.entries import ErrorEntry, SlowEntry, SuspectEntry, unsure
from obsnb.report.notes import SECTIONS
from obsnb.timerange import TimeRange
from obsnb.views.formats import (
    IN_WORDS,
    clock,
    counted,
    duration,
    moment,
    number,
    one_line,
    period,
    quantity,
    shorten,
)

if TYPE_CHECKING:
    from obsnb.report.postmortem import ImpactRow, Postmortem

__all__ = [
    "CALLS",
    "CITED_ROWS",
    "SUPPORTED",
    "UNDECIDED",
    "Fact",
    "asked",
    "capital",
    "contents",
    "dated",
    "error_columns",
    "facts",
    "grouped",
    "left_out",
    "length_of",
    "limits",
    "measured",
    "slow_columns",
    "started",
    "statements",
    "suspected",
    "traced",
    "unsuspected",
    "words",
]


#: What is said above the table of calls.
CALLS = (
    "From the traces that were fetched, which may be a selection: how things are connected, not how often "
    "they are used."
)


#: What stands above the statements, the traces' bars and the hypotheses.
SUPPORTED = "“Supported” means that what was looked at agrees with it, not that it is proven."
UNDECIDED = "Nothing that was looked at speaks for it or against it."
CITED_ROWS = 'Each id names rows of the frozen incident; inv.evidence("…") gives them.'


@dataclass(frozen=True)
class Fact:
    """A fact of the head: its label, the value, and what is to be said about it."""

    label: str
    value: str
    more: str = ""
    strong: bool = False


def dated(window: TimeRange) -> bool:
    """Whether times need their day beside them."""
    return window.start.date() != window.end.date()


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def traced(postmortem: Postmortem) -> str:
    """What the trace's section is called: in a window without an incident it shows none."""
    return "One trace" if postmortem.during is None else "The trace that shows it"


def error_columns(postmortem: Postmortem, errors: tuple[ErrorEntry, ...]) -> tuple[str, ...]:
    """Which counts the error groups are shown with: those that there is something to tell of."""
    before = any(one.before is not None for one in errors)
    return (
        *(["During"] if before or postmortem.during is not None else []),
        *(["Before"] if before else []),
        "In all",
    )


def slow_columns(slow: tuple[SlowEntry, ...]) -> tuple[str, ...]:
    """Which figures the statements are shown with: without a baseline there is nothing to compare."""
    if any(one.before_count is not None or one.before_p95 is not None for one in slow):
        return ("p95 before", "p95 during", "Change", "Calls during", "Time in all")
    return ("p95", "Calls", "Time in all")


def statements(slow: tuple[SlowEntry, ...]) -> str:
    """What stands above the statements."""
    said = "Statements without their values. Times and calls are those of the traces that were fetched"
    if "Change" not in slow_columns(slow):
        return f"{said}."
    return f"{said}; a change is of the p95, and told of what was called ten times on either side."


def words(window: TimeRange) -> str:
    """A window in words."""
    return period(window.start_ns, window.end_ns)


def length_of(window: TimeRange) -> str:
    """How long a window is."""
    return duration(window.duration_ns)


def measured(row: ImpactRow, value: float | str | None) -> str:
    """A value of a measure, without a unit that the measure's own name says."""
    said = row.unit in row.measure and row.unit not in IN_WORDS
    return quantity(value, "" if said else row.unit)


def facts(postmortem: Postmortem, suspects: tuple[SuspectEntry, ...]) -> tuple[Fact, ...]:
    """What a reader wants to know before anything else, in that order."""
    during, baseline, window = postmortem.during, postmortem.baseline, postmortem.window
    rows = []
    if during is None:
        rows.append(Fact("Onset", "not found", f"looked at {length_of(window)}", strong=True))
    else:
        over = postmortem.recovered
        rows += [
            Fact("Onset", clock(during.start_ns), f"UTC, {moment(during.start_ns)[:10]}", strong=True),
            Fact("Recovery", clock(during.end_ns), f"UTC, {moment(during.end_ns)[:10]}", strong=True)
            if over
            else Fact("Recovery", "not seen", f"by {clock(during.end_ns)} UTC", strong=True),
            Fact("Lasted", ("" if over else "over ") + length_of(during), strong=True),
        ]
    if suspects and postmortem.during is None:
        rows.append(Fact("First suspect", "none", "there is nothing to explain", strong=True))
    elif suspects:
        first = suspects[0]
        more = "" if first.score is None else f"score {first.score:.2f} of 1"
        rows.append(Fact("First suspect", shorten(one_line(first.service), 60), more, strong=True))
    if postmortem.confidence:
        rows.append(Fact("Confidence", shorten(one_line(postmortem.confidence), 160)))
    if baseline is None and postmortem.audience == "public":
        return tuple(rows)
    against = (
        "nothing"
        if baseline is None
        else " to ".join(clock(ns, dated=dated(window)) for ns in (baseline.start_ns, baseline.end_ns))
    )
    rows.append(Fact("Compared with", against, "" if baseline is None else f"UTC, {length_of(baseline)}"))
    if postmortem.queries:
        open_ones = len(unsure(postmortem.queries))
        state = f"{number(open_ones)} partial, selected or unknown" if open_ones else "all complete"
        rows.append(Fact("Rests on", f"{number(len(postmortem.queries))} queries", state))
    return tuple(rows)


def suspected(postmortem: Postmortem) -> str:
    """What stands above the suspects."""
    if postmortem.during is None:
        return "No onset was found, so nothing is explained here; this is what stands out in the window."
    return (
        "Suspects are ranked from the data; they are where to look, not a verdict. What people concluded "
        "stands under “Root cause”."
    )


def started(postmortem: Postmortem) -> str:
    """What the suspects' section is called."""
    return "What stands out" if postmortem.during is None else "Where it started"


def unsuspected(suspects: tuple[SuspectEntry, ...]) -> str:
    """The services that nothing speaks against, in a sentence."""
    names = [shorten(one_line(one.service), 60) for one in suspects if not one.speaks]
    return f"Nothing was found against {', '.join(names[:20])}." if names else ""


def left_out(spans: int) -> str:
    """What is said where not every span of the trace is drawn."""
    if not spans:
        return ""
    verb = "is" if spans == 1 else "are"
    return (
        f"{number(spans)} of its spans {verb} not drawn: neither on the critical path, nor failed, nor among "
        "the longest."
    )


def grouped(postmortem: Postmortem, errors: tuple[ErrorEntry, ...]) -> str:
    """What stands above the error groups."""
    order = "the most frequent first"
    if postmortem.during is not None and any(one.is_new for one in errors):
        order = "those that came with the incident first"
    elif postmortem.baseline is not None:
        order = "those that became more first"
    before = f"; “before” is {words(postmortem.baseline)}" if postmortem.baseline else ""
    return (
        f"{counted(len(errors), 'group')}, {order}. Errors that differ only in "
        "ids, numbers and the like are one group, in which <*> stands for what differs; the counts are of "
        f"requests that met it{before}."
    )


def asked(postmortem: Postmortem) -> str:
    """What stands above the queries."""
    rows = sum(one.rows for one in postmortem.queries)
    open_ones = len(unsure(postmortem.queries))
    verb = "is" if open_ones == 1 else "are"
    state = f"{number(open_ones)} of the answers {verb} a selection, or not known to be complete."
    queries = counted(len(postmortem.queries), "query", "queries")
    return f"{queries}, {counted(rows, 'row')}. {state if open_ones else 'All answers are complete.'}"


def limits(postmortem: Postmortem) -> tuple[tuple[str, str], ...]:
    """What the report rests on and where it ends: a word and sentences each."""
    during, baseline = postmortem.during, postmortem.baseline
    incident = "No onset was found in it."
    if during is not None:
        end = "" if postmortem.recovered else ", where the window ends: its end was not seen"
        incident = f"The incident is taken to last from {words(during)}{end}."
    against = "Compared with nothing." if baseline is None else f"Compared with {words(baseline)}."
    said = [
        ("Window", f"{words(postmortem.window)}. {incident}"),
        ("Baseline", f"{against} {_sentence(postmortem.baseline_why)}"),
        ("Sampling", _sentence(postmortem.sampling)),
        ("Confidence", "" if _summed_up(postmortem) else _sentence(postmortem.confidence)),
        ("Times", "They are the servers' own, in UTC; clocks of different machines may differ."),
        (
            "Suspects",
            "They come from what changed where, and who waits for whom. A cause that left no trace in "
            "logs, metrics or spans is not among them.",
        ),
        ("Redacted", _redacted(postmortem)),
    ]
    return tuple((name, sentence) for name, sentence in said if sentence)


def _summed_up(postmortem: Postmortem) -> bool:
    """Whether the summary says how sure it is."""
    return any(postmortem.confidence == line[1] for line in postmortem.summary if not isinstance(line, str))


_DONE = {"mask": "masked", "remove": "removed", "pseudonym": "under pseudonyms", "keep": "kept"}


def _redacted(postmortem: Postmortem) -> str:
    """What was redacted, how, and how much of it; and what a policy keeps."""
    said = []
    for kind, count in postmortem.redactions.items():
        done = _DONE.get(postmortem.redaction_actions.get(kind, "mask"), "masked")
        said.append(f"{kind}: {number(count)} {done}")
    kept = [kind for kind, action in postmortem.redaction_actions.items() if action == "keep"]
    found = f"{'; '.join(said)}, before anything was written." if said else "Nothing was found to redact."
    return f"{found} Kept by policy: {', '.join(kept)}." if kept else found


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    text = one_line(text)
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".!?" else ".")


def contents(postmortem: Postmortem, *, calls: bool, evidence: bool) -> tuple[tuple[str, str], ...]:
    """Anchor and name of each section, in order."""
    notes, public = postmortem.notes, postmortem.audience == "public"
    people = [
        *([("people", "In people's words")] if notes.tells(SECTIONS[1:5]) or not public else []),
        *([("lessons", "Lessons")] if notes.tells(SECTIONS[5:]) or not public else []),
        *([("actions", "Action items")] if notes.action_items or not public else []),
        *([("glossary", "Glossary")] if notes.glossary else []),
    ]
    if postmortem.audience == "public":
        return (("summary", "Summary"), ("impact", "Impact"), ("timeline", "Timeline"), *people)
    said = bool(postmortem.conclusions or postmortem.remarks)
    sections = [
        ("summary", "Summary"),
        ("impact", "Impact"),
        ("timeline", "Timeline"),
        ("suspects", started(postmortem)),
        ("errors", "Error groups"),
        ("slow", "Slow queries"),
        ("trace", "The trace"),
        *([("calls", "Who calls whom")] if calls else []),
        *([("conclusions", "What it came to")] if said else []),
        *([("hypotheses", "Hypotheses tried")] if postmortem.hypotheses else []),
        *people,
        ("queries", "What was asked"),
        ("method", "Method and limits"),
        *([("evidence", "Evidence")] if evidence else []),
    ]
    return tuple(sections)
