"""The post-mortem as Markdown: the same sections and words as the page, in GitHub's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from obsnb.analysis.hypotheses import Hypothesis
from obsnb.report import entries, facts
from obsnb.report.escape import code, fenced, inline
from obsnb.report.evidence import CITED, Reference, references
from obsnb.report.notes import SECTIONS, Notes, Section
from obsnb.report.prose import blocks
from obsnb.views.formats import clock, counted, duration, moment, number, offset, one_line, shorten
from obsnb.views.spanchart import Bar, Waterfall, waterfall_of

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["render_markdown"]

_BAR = 40  # letters that the whole trace is long
_MOST_GROUPS, _MOST_STATEMENTS, _MOST_ROWS = 20, 15, 200


def render_markdown(postmortem: Postmortem) -> str:
    """The report, as text that ends with a newline."""
    timeline = entries.timeline(postmortem.timeline, postmortem.notes, postmortem.during)
    suspects, errors = entries.suspects(postmortem.suspects), entries.errors(postmortem.error_groups)
    slow = entries.slow(postmortem.slow_queries)
    cited = references(
        timeline=timeline,
        suspects=suspects,
        errors=errors,
        slow=slow,
        hypotheses=postmortem.hypotheses,
        said=(*postmortem.conclusions, *postmortem.remarks),
        places={},
        rows=postmortem.evidence,
    )
    told = [
        *_head(postmortem, suspects),
        *_summary(postmortem),
        *_impact(postmortem),
        *_timeline(timeline),
    ]
    if postmortem.audience == "public":
        parts = [*told, *_people(postmortem), _foot(postmortem)]
        return "\n\n".join(part for part in parts if part) + "\n"
    parts = [
        *told,
        *_suspects(suspects),
        *_errors(errors, dated=facts.dated(postmortem.window)),
        *_slow(slow),
        *_trace(postmortem),
        *_calls(entries.calls(postmortem.service_graph)),
        *_conclusions(postmortem),
        *_hypotheses(postmortem.hypotheses),
        *_people(postmortem),
        *_queries(postmortem),
        "## Method and limits",
        _list(f"**{name}.** {inline(sentence)}" for name, sentence in facts.limits(postmortem)),
        *_evidence(cited.values()),
        _foot(postmortem),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """A table of cells that are Markdown already; the columns in `right` hold numbers."""
    numbers = set(right)
    rule = ["---:" if place in numbers else "---" for place in range(len(head))]
    lines = [head, rule, *([cell or "–" for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _names(names: Sequence[str], most: int = 8) -> str:
    more = f" +{len(names) - most}" if len(names) > most else ""
    return ", ".join(inline(shorten(one_line(name), 80)) for name in names[:most]) + more


def _ids(ids: Sequence[str]) -> str:
    more = f" +{len(ids) - CITED}" if len(ids) > CITED else ""
    return " ".join(code(shorten(one_line(one), 160)) for one in ids[:CITED]) + more


def _head(postmortem: Postmortem, suspects: tuple[entries.SuspectEntry, ...]) -> list[str]:
    notes = postmortem.notes
    said = [inline(word) for word in (notes.severity, notes.status) if word]
    by = f"by {_names(notes.authors, 20)}" if notes.authors else ""
    rows = [
        (fact.label, f"**{inline(fact.value)}**" if fact.strong else inline(fact.value), inline(fact.more))
        for fact in facts.facts(postmortem, suspects)
    ]
    line = " · ".join(part for part in ("Post-mortem", facts.words(postmortem.window), *said, by) if part)
    return [
        f"# {inline(postmortem.title)}",
        line,
        _table(("", "", ""), [(a, b, c or " ") for a, b, c in rows]),
    ]


def _summary(postmortem: Postmortem) -> list[str]:
    lines = [
        inline(line) if isinstance(line, str) else f"**{inline(line[0])}:** {inline(line[1])}"
        for line in postmortem.summary
    ]
    unsure, asked = len(entries.unsure(postmortem.queries)), len(postmortem.queries)
    verb = "is" if unsure == 1 else "are"
    warning = f"**{unsure} of {counted(asked, 'answer')}** {verb} a selection, or not known to be complete."
    people = _written(SECTIONS[0], postmortem.notes)
    if postmortem.audience == "public":
        return ["## Summary", *people]
    said = lines or ["Nothing has been summarised."]
    written = people if postmortem.notes.summary or not lines else []
    return ["## Summary", *written, *said, warning if unsure else ""]


def _impact(postmortem: Postmortem) -> list[str]:
    rows = [
        (
            inline(row.measure),
            inline(facts.measured(row, row.value)) + (f" ({_names(row.names, 12)})" if row.names else ""),
            "" if row.before is None else inline(facts.measured(row, row.before)),
            inline(row.how),
        )
        for row in postmortem.impact
    ]
    table = _table(("Measure", "During", "In the baseline", "How it was counted"), rows)
    return ["## Impact", table if rows else "Nothing was counted."]


def _timeline(timeline: tuple[entries.TimelineEntry, ...]) -> list[str]:
    rows = []
    for row in timeline[:_MOST_ROWS]:
        lasted = (
            f" (lasted {duration(row.end - row.timestamp)})" if row.end and row.end > row.timestamp else ""
        )
        title = "★ " * row.starred + inline(shorten(one_line(row.title), 400)) + lasted
        edge = row.kind in ("onset", "recovery")
        rows.append(
            (
                moment(row.timestamp).removesuffix(" UTC"),
                "" if row.after is None else offset(row.after),
                inline(row.kind),
                f"**{title}**" if edge else title,
                inline(row.service),
                " ".join(
                    part for part in (inline(shorten(one_line(row.source), 200)), _ids(row.evidence)) if part
                ),
            )
        )
    head = ("Time (UTC)", "After onset", "Kind", "What", "Service", "Known from")
    more = (
        f"{counted(len(timeline) - _MOST_ROWS, 'further row')} in the frame."
        if len(timeline) > _MOST_ROWS
        else ""
    )
    return ["## Timeline", _table(head, rows) if rows else "Nothing with a time was found.", more]


def _suspects(suspects: tuple[entries.SuspectEntry, ...]) -> list[str]:
    parts = [
        "## Where it started",
        "Suspects are ranked from the data; they are where to look, not a verdict."
        if suspects
        else "No suspect: there was nothing to rank.",
    ]
    for one in suspects[:10]:
        kind = f", {inline(one.cause_kind)}" if one.cause_kind else ""
        parts.append(f"### {one.rank}. {inline(one.service)} (score {one.score or 0:.2f}{kind})")
        parts.append(inline(one.cause))
        parts.append(_list(inline(shorten(one_line(reason), 500)) for reason in one.reasons))
        meta = [f"Since {moment(one.since)}"] if one.since is not None else []
        meta += [f"within {inline(one.within)}"] if one.within else []
        meta += [f"evidence: {_ids(one.evidence)}"] if one.evidence else []
        parts.append("; ".join(meta))
    return parts


def _errors(errors: tuple[entries.ErrorEntry, ...], *, dated: bool) -> list[str]:
    if not errors:
        return ["## Error groups", "No error was found."]
    rows = []
    for one in errors[:_MOST_GROUPS]:
        marks = ["**new**"] * one.is_new
        marks += [
            "passed on" + (f", a symptom of {_names(one.raised_by)}" if one.raised_by else "")
        ] * one.passed_on
        name = f"**{inline(one.type)}** " if one.type else ""
        message = inline(shorten(one_line(one.message), 300))
        where = [f"in {_names(one.services or (one.service,))}"] if one.services or one.service else []
        where += [f"at {inline(one.culprit)}"] if one.culprit else []
        where += [f"tenants {_names(one.tenants)}"] if one.tenants else []
        where += [f"versions {_names(one.versions)}"] if one.versions else []
        cell = "; ".join([name + message, *marks, *where, *([_ids(one.evidence)] if one.evidence else [])])
        seen = (clock(one.first_seen, dated=dated), clock(one.last_seen, dated=dated))
        rows.append((cell, number(one.within), number(one.before), number(one.count), *seen))
    more = f"{counted(len(errors) - _MOST_GROUPS, 'further group')}." if len(errors) > _MOST_GROUPS else ""
    head = ("Error", "During", "Before", "In all", "First (UTC)", "Last (UTC)")
    parts = [
        "## Error groups",
        "Counts are of requests that met it.",
        _table(head, rows, right=(1, 2, 3)),
        more,
    ]
    first = errors[0]
    if first.sample:
        parts += [f"A sample of the first, {inline(first.type or 'error')}:", fenced(first.sample[:4_000])]
    return parts


def _slow(slow: tuple[entries.SlowEntry, ...]) -> list[str]:
    if not slow:
        return ["## Slow queries", "No statement was found."]
    rows = []
    for one in slow[:_MOST_STATEMENTS]:
        during = one.within_p95 if one.within_count is not None else one.p95
        calls = one.within_count if one.within_count is not None else one.count
        where = [f"on {_names(one.tables)}"] if one.tables else []
        where += [" → ".join(inline(name) for name in (one.service, one.peer) if name)] if one.service else []
        where += [f"repeated in {counted(one.n_plus_one, 'request')}"] if one.n_plus_one else []
        where += [_ids(one.evidence)] if one.evidence else []
        statement = inline(shorten(one_line(one.words), 500))
        change = f"× {number(one.change)}" if one.change else ""
        times = (duration(one.before_p95), duration(during), change, number(calls), duration(one.total))
        rows.append(("; ".join([statement, *where]), *times))
    head = ("Statement", "p95 before", "p95 during", "Change", "Calls during", "Total")
    return ["## Slow queries", _table(head, rows, right=range(1, 6))]


def _trace(postmortem: Postmortem) -> list[str]:
    found = None if postmortem.waterfall is None else waterfall_of(postmortem.waterfall)
    if found is None:
        return ["## The trace that shows it", "No trace was fetched."]
    why = f": {inline(postmortem.waterfall_why)}" if postmortem.waterfall_why else ""
    legend = "`◆` is the critical path: what the request waited for. `✕` failed."
    left_out = f"{counted(found.left_out, 'span')} not drawn." if found.left_out else ""
    drawn = fenced("\n".join(_bar(bar, found) for bar in found.bars), language="text")
    return ["## The trace that shows it", f"Trace {code(found.trace_id)}{why}", drawn, legend, left_out]


def _bar(bar: Bar, waterfall: Waterfall) -> str:
    """A span as a line of letters: its name, a bar to scale, how long it took."""
    start = min(int(_BAR * bar.offset / waterfall.length), _BAR - 1)
    length = min(max(round(_BAR * bar.duration / waterfall.length), 1), _BAR - start)
    name = "  " * min(bar.depth, 10) + f"{bar.service}: {bar.name}"
    drawn = " " * start + ("━" if bar.critical else "─") * length
    marks = ("◆" if bar.critical else " ") + ("✕" if bar.failed else " ")
    return f"{marks} {shorten(name, 56):56} |{drawn:{_BAR}}| {duration(bar.duration)}"


def _calls(calls: tuple[entries.CallEntry, ...]) -> list[str]:
    if not calls:
        return []
    rows = [
        (
            inline(one.caller),
            inline(one.callee),
            number(one.count),
            number(one.errors),
            duration(one.p50),
            duration(one.p95),
        )
        for one in calls[:40]
    ]
    head = ("Caller", "Callee", "Calls", "Failed", "Median", "p95")
    return ["## Who calls whom", facts.CALLS, _table(head, rows, right=range(2, 6))]


def _conclusions(postmortem: Postmortem) -> list[str]:
    if not (postmortem.conclusions or postmortem.remarks):
        return []
    parts = ["## What the investigation came to"]
    for one in postmortem.conclusions[:40]:
        about = f"{inline(shorten(one_line(one.about), 80))}: " if one.about else ""
        parts.append(f"**{about}{inline(shorten(one_line(one.finding), 600))}**")
        lines = [f"Normal: {inline(shorten(one_line(text), 400))}" for text in one.normal[:40]]
        lines += [f"Not seen: {inline(shorten(one_line(text), 400))}" for text in one.not_seen[:20]]
        lines += [f"Evidence: {_ids(one.evidence)}"] if one.evidence else []
        parts.append(_list(lines))
    if postmortem.remarks:
        remarks = [
            f"{inline(shorten(one_line(each.text), 1000))} {_ids(each.evidence)}"
            for each in postmortem.remarks[:60]
        ]
        parts += ["### Remarks", _list(remark.rstrip() for remark in remarks)]
    return parts


def _hypotheses(tried: tuple[Hypothesis, ...]) -> list[str]:
    if not tried:
        return []
    parts = ["## Hypotheses tried"]
    for one in tried[:60]:
        parts.append(f"**{inline(shorten(one_line(one.statement), 400))}** ({one.verdict})")
        lines = [f"Tested by: {inline(shorten(one_line(one.tested), 600))}"] if one.tested else []
        lines += [f"For: {inline(shorten(one_line(text), 500))}" for text in one.supports[:12]]
        lines += [f"Against: {inline(shorten(one_line(text), 500))}" for text in one.against[:12]]
        lines += [f"Evidence: {_ids(one.evidence)}"] if one.evidence else []
        parts.append(_list(lines))
    return parts


def _people(postmortem: Postmortem) -> list[str]:
    notes, public = postmortem.notes, postmortem.audience == "public"
    parts = ["## What happened, in people's words"]
    for section in SECTIONS[1:]:
        if section.key == "went_well":
            parts.append("## Lessons")
        if notes.text(section.key) or not public:
            known = postmortem.detection if section.key == "detection" else ()
            told = _list(f"**{inline(label)}:** {inline(said)}" for label, said in known)
            parts += [f"### {section.heading}", told, *_written(section, notes)]
    parts.append("## Action items")
    rows = [
        (
            "; ".join(inline(word) for word in (item.what, item.kind, item.link) if word),
            *([] if public else [inline(item.owner) or "nobody yet"]),
            inline(item.due),
            inline(item.state) or "open",
        )
        for item in notes.action_items
    ]
    head = ("What", *([] if public else ["Owner"]), "Due", "State")
    ask = "*To be written: what will be done so that this does not come back, by whom, and until when?*"
    parts.append(_table(head, rows) if rows else "Nothing was written." if public else ask)
    if notes.glossary:
        parts += [
            "## Glossary",
            _list(f"**{inline(word)}**: {inline(meaning)}" for word, meaning in notes.glossary),
        ]
    return parts


def _written(section: Section, notes: Notes) -> list[str]:
    """What people wrote, or the question that they are asked, and where to answer it."""
    parts = []
    for block in blocks(notes.text(section.key)):
        if block.kind == "paragraph":
            parts.append(inline(block.lines[0]))
        elif block.kind == "bullets":
            parts.append(_list(inline(line) for line in block.lines))
        else:
            parts.append("\n".join(f"{place}. {inline(line)}" for place, line in enumerate(block.lines, 1)))
    return parts or [f"*To be written: {section.question} (`{section.key}` in notes.toml)*"]


def _queries(postmortem: Postmortem) -> list[str]:
    if not postmortem.queries:
        return ["## What was asked", "No query is recorded."]
    rows = []
    for one in postmortem.queries:
        said = (
            [f"only {one.selection}"] * bool(one.selection)
            + [one.reason] * bool(one.reason)
            + [*one.warnings[:5]]
        )
        how = "; ".join(inline(shorten(one_line(part), 300)) for part in said)
        role = f" ({inline(one.role)})" if one.role else ""
        query = inline(shorten(one_line(one.query or one.asked), 600))
        source = f"{inline(one.source)} {one.kind}{role}"
        rows.append((str(one.number), source, query, number(one.rows), f"**{one.complete}**", how))
    head = ("#", "Source", "Query", "Rows", "Complete?", "How that is known")
    return ["## What was asked", _table(head, rows, right=(0, 3))]


def _evidence(cited: Iterable[Reference]) -> list[str]:
    lines = [
        f"{code(shorten(one_line(ref.id), 160))} ({', '.join(ref.cited_in)})"
        + (f": {inline(shorten(one_line(ref.row), 300))}" if ref.row else "")
        for ref in cited
    ]
    return ["## Evidence", _list(lines)] if lines else []


def _foot(postmortem: Postmortem) -> str:
    archive = f" from the archive {code(one_line(postmortem.archive))}" if postmortem.archive else ""
    return f"---\n\nMade by {inline(postmortem.generated_by or 'obsnb')}{archive}. All times are UTC."
