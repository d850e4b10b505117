"""What was found, tried and asked, as sections of a report in Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from obsnb.report import entries, facts
from obsnb.report.escape import code, fenced, inline
from obsnb.report.evidence import Reference
from obsnb.report.markdown_pieces import ids, items, names, row_of, table
from obsnb.views.formats import clock, counted, duration, moment, number, one_line, shorten
from obsnb.views.spanchart import Bar, Waterfall, waterfall_of

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["calls", "conclusions", "errors", "evidence", "hypotheses", "queries", "slow", "suspects", "trace"]

_BAR = 40  # letters that the whole trace is long


def suspects(some: tuple[entries.SuspectEntry, ...], postmortem: Postmortem) -> list[str]:
    """Who may have caused it, with what speaks against each."""
    parts = [
        f"## {facts.started(postmortem)}",
        inline(facts.suspected(postmortem)) if some else "No suspect: there was nothing to rank.",
    ]
    for one in [one for one in some if one.speaks][: entries.MOST.suspects]:
        kind = f", {inline(one.cause_kind)}" if one.cause_kind else ""
        parts.append(f"### {one.rank}. {inline(one.service)} (score {one.score or 0:.2f}{kind})")
        parts.append(inline(shorten(one_line(one.cause), 600)))
        parts.append(items(inline(shorten(one_line(reason), 500)) for reason in one.reasons[:12]))
        meta = [f"Since {moment(one.since)}"] if one.since is not None else []
        meta += [f"within {inline(shorten(one_line(one.within), 200))}"] if one.within else []
        meta += [f"evidence: {ids(one.evidence)}"] if one.evidence else []
        parts.append("; ".join(meta))
    return [*parts, inline(facts.unsuspected(some))]


def _error(one: entries.ErrorEntry) -> str:
    """An error group's first cell: what, where, for whom, and how it is known."""
    marks = ["**new**"] * one.is_new
    marks += [
        "passed on" + (f": a symptom of {names(one.raised_by)}" if one.raised_by else "")
    ] * one.passed_on
    name = f"**{inline(one.type)}** " if one.type else ""
    services = one.services or ([one.service] if one.service else [])
    told = (
        ("in", services, 8),
        ("at", [one.culprit] if one.culprit else [], 8),
        ("tenants", one.tenants, 8),
        ("versions", one.versions, 8),
        ("routes", one.routes, 4),
        ("users", one.users, 4),
    )
    where = [f"{label} {names(some, most)}" for label, some, most in told if some]
    where += [counted(one.lines, "log line")] if one.lines else []
    where += [counted(one.spans, "span")] if one.spans else []
    message = inline(shorten(one_line(one.words), 300))
    return row_of([name + message, "; ".join(marks), "; ".join(where), ids(one.evidence)])


def errors(some: tuple[entries.ErrorEntry, ...], postmortem: Postmortem) -> list[str]:
    """The error groups, and a sample of the first."""
    if not some:
        return ["## Error groups", "No error was found."]
    dated, most = facts.dated(postmortem.window), entries.MOST.groups
    columns = facts.error_columns(postmortem, some)
    rows = []
    for one in some[:most]:
        counts = {"During": one.within, "Before": one.before, "In all": one.count}
        seen = (clock(ns, dated=dated) for ns in (one.first_seen, one.last_seen))
        rows.append((_error(one), *(number(counts[name]) for name in columns), *seen))
    more = f"{counted(len(some) - most, 'group')} more in inv.error_groups()." if len(some) > most else ""
    head = ("Error", *columns, "First (UTC)", "Last (UTC)")
    words = inline(facts.grouped(postmortem, some))
    parts = ["## Error groups", words, table(head, rows, right=range(1, len(columns) + 1)), more]
    first = some[0]
    if first.told_sample:
        of = f", {inline(first.type)}" if first.type else ""
        parts += [f"A sample of the first{of}:", fenced(first.told_sample[:4_000])]
    return parts


def slow(some: tuple[entries.SlowEntry, ...]) -> list[str]:
    """The statements, then the calls that are none."""
    if not some:
        return ["## Slow queries", "No statement was found."]
    statements = [one for one in some if not one.is_call][: entries.MOST.statements]
    others = [one for one in some if one.is_call][: entries.MOST.statements]
    parts = ["## Slow queries", inline(facts.statements(some))]
    columns = facts.slow_columns(some)
    if statements:
        parts.append(_statements(statements, ("Statement", *columns)))
    if others:
        parts += [
            "Calls that are no statement: caches, HTTP, queues, connections.",
            _statements(others, ("Call", *columns)),
        ]
    return parts


def _statements(some: list[entries.SlowEntry], head: tuple[str, ...]) -> str:
    rows = []
    for one in some:
        during = one.within_p95 if one.within_count is not None else one.p95
        calls = one.within_count if one.within_count is not None else one.count
        where = [f"on {names(one.tables)}"] if one.tables else []
        where += [" → ".join(inline(name) for name in (one.service, one.peer) if name)] if one.service else []
        where += [inline(one.told_system)] if one.told_system else []
        where += [f"repeated in {counted(one.n_plus_one, 'request')}"] if one.n_plus_one else []
        statement = inline(shorten(one_line(one.words), 500))
        change = f"× {number(one.told_change)}" if one.told_change else ""
        compared = "Change" in head
        before, ratio = ([duration(one.before_p95)], [change]) if compared else ([], [])
        times = (*before, duration(during), *ratio, number(calls), duration(one.total))
        rows.append((row_of([statement, "; ".join(where), ids(one.evidence)]), *times))
    return table(head, rows, right=range(1, len(head)))


def trace(postmortem: Postmortem) -> list[str]:
    """The telling trace, drawn in letters."""
    found = None if postmortem.waterfall is None else waterfall_of(postmortem.waterfall)
    if found is None:
        return [f"## {facts.traced(postmortem)}", "No trace was fetched."]
    why = f": {inline(postmortem.waterfall_why)}" if postmortem.waterfall_why else ""
    legend = "`◆` and the thick line: critical path, what the request waited for. `✕` failed."
    left_out = inline(facts.left_out(found.left_out))
    drawn = fenced("\n".join(_bar(bar, found) for bar in found.bars), language="text")
    return [f"## {facts.traced(postmortem)}", f"Trace {code(found.trace_id)}{why}", drawn, legend, left_out]


def _bar(bar: Bar, waterfall: Waterfall) -> str:
    """A span as a line of letters: its name, a bar to scale, how long it took."""
    start = min(int(_BAR * bar.offset / waterfall.length), _BAR - 1)
    length = min(max(round(_BAR * bar.duration / waterfall.length), 1), _BAR - start)
    name = "  " * min(bar.depth, 10) + f"{bar.service}: {bar.name}"
    drawn = " " * start + ("━" if bar.critical else "─") * length
    marks = ("◆" if bar.critical else " ") + ("✕" if bar.failed else " ")
    return f"{marks} {shorten(name, 56):56} |{drawn:{_BAR}}| {duration(bar.duration)}"


def calls(some: tuple[entries.CallEntry, ...]) -> list[str]:
    """Who calls whom."""
    if not some:
        return []
    rows = [
        (
            inline(one.caller),
            inline(one.callee) + " (no spans of its own)" * one.peer,
            number(one.count),
            number(one.errors),
            duration(one.p50),
            duration(one.p95),
        )
        for one in some[: entries.MOST.calls]
    ]
    head = ("Caller", "Callee", "Calls", "Failed", "Median", "p95")
    return ["## Who calls whom", facts.CALLS, table(head, rows, right=range(2, 6))]


def conclusions(postmortem: Postmortem) -> list[str]:
    """What the runbooks and people came to, and what they noted."""
    if not (postmortem.conclusions or postmortem.remarks):
        return []
    parts = ["## What the investigation came to"]
    for one in postmortem.conclusions[:40]:
        about = f"{inline(shorten(one_line(facts.capital(one.about)), 80))}: " if one.about else ""
        parts.append(f"**{about}{inline(shorten(one_line(one.finding), 600))}**")
        lines = [f"Normal: {inline(shorten(one_line(text), 400))}" for text in one.normal[:40]]
        lines += [f"Not seen from here: {inline(shorten(one_line(text), 400))}" for text in one.not_seen[:20]]
        lines += [f"Evidence: {ids(one.evidence)}"] if one.evidence else []
        parts.append(items(lines))
    if postmortem.remarks:
        remarks = [
            f"{inline(shorten(one_line(each.text), 1000))} {ids(each.evidence)}"
            for each in postmortem.remarks[:60]
        ]
        parts += ["### Remarks", items(remark.rstrip() for remark in remarks)]
    return parts


def hypotheses(postmortem: Postmortem) -> list[str]:
    """What was supposed, and what spoke for and against it."""
    if not postmortem.hypotheses:
        return []
    parts = ["## Hypotheses tried", inline(facts.SUPPORTED)]
    for one in postmortem.hypotheses[:60]:
        parts.append(f"**{inline(shorten(one_line(one.statement), 400))}** ({one.verdict})")
        lines = [f"Tested by: {inline(shorten(one_line(one.tested), 600))}"] if one.tested else []
        lines += [f"For: {inline(shorten(one_line(text), 500))}" for text in one.supports[:12]]
        lines += [f"Against: {inline(shorten(one_line(text), 500))}" for text in one.against[:12]]
        lines += [] if one.supports or one.against else [facts.UNDECIDED]
        lines += [f"Evidence: {ids(one.evidence)}"] if one.evidence else []
        parts.append(items(lines))
    return parts


def queries(postmortem: Postmortem) -> list[str]:
    """What was asked, and whether the answers are all there is."""
    if not postmortem.queries:
        return ["## What was asked", "No query is recorded."]
    rows = []
    for one in postmortem.queries:
        said = [f"only {one.selection}"] * bool(one.selection) + [one.reason] * bool(one.reason)
        how = "; ".join(inline(shorten(one_line(part), 400)) for part in (*said, *one.warnings[:5]))
        role = f" ({inline(one.role)})" if one.role else ""
        when = f", {facts.words(one.window)}" if one.window != postmortem.window else ""
        query = inline(shorten(one_line(one.query or one.asked), 600))
        source = f"{inline(one.source)} {one.kind}{role}{when}"
        complete = f"**{one.complete}**" + ", a selection" * bool(one.selection)
        rows.append((str(one.number), source, query, number(one.rows), complete, how))
    head = ("#", "Source", "Query", "Rows", "Complete?", "How that is known")
    return ["## What was asked", inline(facts.asked(postmortem)), table(head, rows, right=(0, 3))]


def evidence(cited: Iterable[Reference]) -> list[str]:
    """Each id that is cited, where, and what its row says."""
    lines = [
        f"{code(shorten(one_line(ref.id), 160))} ({', '.join(ref.cited_in)})"
        + (f": {inline(shorten(one_line(ref.row), 300))}" if ref.row else "")
        for ref in cited
    ]
    return ["## Evidence", inline(facts.CITED_ROWS), items(lines)] if lines else []
