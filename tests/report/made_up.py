"""A small post-mortem in which one given text stands wherever a server or a person could write."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl

from obsnb.analysis.hypotheses import judged
from obsnb.analysis.told import concluded, remarked
from obsnb.ledger import QueryRecord
from obsnb.report.notes import ActionItem, Notes, TimelineNote
from obsnb.report.postmortem import Chart, ImpactRow, Postmortem
from obsnb.timerange import TimeRange

RECORDINGS = Path(__file__).parent.parent / "recordings"
SECOND = 1_000_000_000
START = 1_795_457_599 * SECOND
WINDOW = TimeRange(START, START + 3_600 * SECOND)
DURING = TimeRange(START + 1_440 * SECOND, START + 2_880 * SECOND)
BASELINE = TimeRange(START, DURING.start_ns)
TRACE, ROOT, CHILD = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "00f067aa0ba902b8"
UTC = pl.Datetime("ns", "UTC")
LENGTH = pl.Duration("ns")


def hostile_lines() -> list[str]:
    """The recorded lines that try something: markup, control characters, formulas, 100,000 letters."""
    body = gzip.decompress((RECORDINGS / "slow-query/loki/edge-text.body.gz").read_bytes())
    return [entry[1] for stream in json.loads(body)["data"]["result"] for entry in stream["values"]]


def script_line() -> str:
    """The recorded line that would run, if it could."""
    return next(line for line in hostile_lines() if line.startswith("<script>"))


def at(*seconds: float) -> pl.Series:
    """Moments so many seconds after the window's start."""
    return pl.Series([START + int(s * SECOND) for s in seconds]).cast(UTC)


def lengths(*ms: float | None) -> pl.Series:
    """Durations of so many milliseconds."""
    return pl.Series([None if m is None else int(m * 1e6) for m in ms], dtype=pl.Int64).cast(LENGTH)


def spans(text: str) -> pl.DataFrame:
    """A request of two seconds that waits 1.9 s for a call that fails."""
    return pl.DataFrame(
        {
            "trace_id": [TRACE, TRACE],
            "span_id": [ROOT, CHILD],
            "parent_span_id": [None, ROOT],
            "service": [text, text],
            "name": [text, text],
            "kind": ["server", "client"],
            "status": ["unset", "error"],
            "status_message": [None, text],
            "start": at(1_500, 1_500.05),
            "duration": lengths(2_000, 1_900),
        }
    )


def timeline(text: str) -> pl.DataFrame:
    """A deployment, an alert that lasts, an onset and a recovery."""
    return pl.DataFrame(
        {
            "timestamp": at(1_380, 1_440, 1_530, 2_880),
            "end": pl.Series([None, None, START + 2_870 * SECOND, None], dtype=pl.Int64).cast(UTC),
            "kind": ["deploy", "onset", "alert", "recovery"],
            "title": [text] * 4,
            "service": [text] * 4,
            "source": [text] * 4,
            "evidence": [
                ["log:0123456789abcdef"],
                [text],
                [f"series:{text}@1795459129000000000"],
                ["query:1"],
            ],
        }
    )


def told_timeline(text: str) -> pl.DataFrame:
    """The same as people told it: starred, with a browser's first error, a wait, and a kind of its own."""
    found = timeline(text).with_columns(pl.col("kind").cast(pl.String))
    more = found.with_columns(kind=pl.Series(["frontend", "wait", text, "annotation"]))
    return pl.concat([found, more]).with_columns(starred=True).sort("timestamp")


def suspects(text: str) -> pl.DataFrame:
    """Two suspects."""
    return pl.DataFrame(
        {
            "rank": [1, 2],
            "service": [text, text],
            "score": [0.86, 0.21],
            "since": at(1_440, 1_450),
            "cause_kind": [text, text],
            "cause": [text, text],
            "within": [text, None],
            "reasons": [[text, text], []],
            "evidence": [[f"span:{TRACE}/{CHILD}", "query:1"], []],
        }
    )


def error_groups(text: str) -> pl.DataFrame:
    """A new group, and one that is old and passed on."""
    return pl.DataFrame(
        {
            "group_id": ["a", "b"],
            "type": [text, text],
            "message": [f"{text} <*>", text],
            "sample": [text, text],
            "culprit": [text, None],
            "service": [text, text],
            "services": [[text], [text, text]],
            "count": [1_246, 78],
            "first_seen": at(1_441, 20),
            "last_seen": at(2_879, 3_590),
            "before": [0, 30],
            "within": [1_246, 33],
            "is_new": [True, False],
            "routes": [[text], []],
            "tenants": [[text], [text]],
            "versions": [[text], []],
            "users": [42, None],
            "trace_ids": [[text], []],
            "evidence": [["log:0123456789abcdef"], [text]],
            "passed_on": [False, True],
            "raised_by": [None, ["a"]],
            "lines": [2_492, 78],
            "spans": [1_246, 0],
        }
    )


def slow_queries(text: str) -> pl.DataFrame:
    """A statement that became slower, and one that was always the same."""
    return pl.DataFrame(
        {
            "fingerprint": ["a", "b"],
            "kind": ["statement", "statement"],
            "statement": [text, text],
            "operation": ["SELECT", "SELECT"],
            "tables": [[text], [text]],
            "system": [text, text],
            "service": [text, text],
            "peer": [text, text],
            "count": [1_340, 261],
            "total": lengths(2_900_000, 1_200),
            "p50": lengths(2_153, 4.5),
            "p95": lengths(4_813, 9.1),
            "max": lengths(5_900, 20),
            "share": [0.97, 0.01],
            "before_count": [204, 100],
            "before_p50": lengths(18, 4.5),
            "before_p95": lengths(42, 9.1),
            "within_count": [1_100, 100],
            "within_p50": lengths(2_300, 4.5),
            "within_p95": lengths(4_813, None),
            "change": [114.2, None],
            "n_plus_one": [0, 3],
            "trace_ids": [[text], []],
            "evidence": [[f"span:{TRACE}/{ROOT}"], []],
        }
    )


def service_graph(text: str) -> pl.DataFrame:
    """One call."""
    return pl.DataFrame(
        {"caller": [text], "callee": [text], "peer": [True], "count": [2_609], "errors": [623]}
    ).with_columns(p50=lengths(2_130), p95=lengths(5_570))


def series(text: str, *, unit: str = "1/s") -> pl.DataFrame:
    """A point a minute."""
    minutes = range(60)
    return pl.DataFrame(
        {
            "timestamp": at(*(60 * minute for minute in minutes)),
            "name": [text] * 60,
            "value": [float(minute % 7) for minute in minutes],
            "unit": [unit] * 60,
        }
    )


def query(number: int, text: str, **changes: object) -> QueryRecord:
    """A record of a query that says the text wherever it can."""
    said: dict[str, object] = {
        "kind": "logs",
        "source": text,
        "query": text,
        "asked": text,
        "window": WINDOW,
        "role": text,
        "rows": 33_356,
        "warnings": (text,),
        "complete": "yes",
        "reason": text,
        "number": number,
        "asked_at_ns": START,
    }
    return QueryRecord(**{**said, **changes})  # type: ignore[arg-type]  # a test's shorthand


def notes(text: str) -> Notes:
    """What a person wrote, everywhere the same."""
    return Notes(
        severity=text,
        status=text,
        authors=(text,),
        summary=text,
        root_cause=text,
        trigger=text,
        detection=text,
        response=text,
        went_well=text,
        went_wrong=text,
        surprised=text,
        lucky=text,
        action_items=(ActionItem(text, text, text, text, text, text),),
        glossary=((text, text),),
        timeline=(TimelineNote(START + 1_800 * SECOND, text, text),),
    )


def postmortem(text: str = "checkout") -> Postmortem:
    """A post-mortem of everything, in which each text that others could write is this one."""
    return Postmortem(
        title=text,
        detection=(("Detected", text), (text, text)),
        window=WINDOW,
        during=DURING,
        baseline=BASELINE,
        baseline_why=text,
        summary=(("What", text), text),
        confidence=text,
        impact=(
            ImpactRow(text, 731, text, text, before=19, names=(text,)),
            ImpactRow("share", 0.034, "share"),
        ),
        timeline=timeline(text),
        suspects=suspects(text),
        error_groups=error_groups(text),
        slow_queries=slow_queries(text),
        waterfall=spans(text),
        waterfall_why=text,
        service_graph=service_graph(text),
        charts=(Chart(text, series(text), how=text), Chart("Errors", series(text, unit=text), bad=True)),
        queries=(query(1, text), query(2, text, complete="no", selection=text)),
        sampling=text,
        redactions={text: 3},
        redaction_actions={text: "keep"},
        conclusions=(concluded(text, about=text, normal=(text,), not_seen=(text,)),),
        remarks=(remarked(text),),
        hypotheses=(
            judged(text, tested=text, supports=[text], against=[text], evidence=[f"span:{TRACE}/{ROOT}"]),
        ),
        notes=notes(text),
        evidence={"log:0123456789abcdef": text},
        generated_by=text,
        archive=text,
    )
