"""The post-mortem as Markdown: the same sections and words as the page, in GitHub's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obsnb.report import entries, facts, figures, markdown_found
from obsnb.report.escape import code, inline
from obsnb.report.evidence import references
from obsnb.report.markdown_pieces import ids, items, names, table
from obsnb.report.notes import SECTIONS, Notes, Section
from obsnb.report.prose import blocks
from obsnb.views.formats import counted, duration, moment, offset, one_line, shorten

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["render_markdown"]


def render_markdown(postmortem: Postmortem, *, picture: str = "") -> str:
    """The report, as text that ends with a newline.

    Parameters
    ----------
    picture
        Where the charts are, as an address that Markdown can hold; without, they are left out.
    """
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
        places={f"query:{one.number}": "" for one in postmortem.queries},
        rows=postmortem.evidence,
    )
    told = [
        *_head(postmortem, suspects),
        *_summary(postmortem),
        *_charts(postmortem, picture),
        *_impact(postmortem),
        *_timeline(timeline, postmortem),
    ]
    if postmortem.audience == "public":
        parts = [*told, *_people(postmortem), _foot(postmortem)]
        return "\n\n".join(part for part in parts if part) + "\n"
    parts = [
        *told,
        *markdown_found.suspects(suspects, postmortem),
        *markdown_found.errors(errors, postmortem),
        *markdown_found.slow(slow),
        *markdown_found.trace(postmortem),
        *markdown_found.calls(entries.calls(postmortem.service_graph)),
        *markdown_found.conclusions(postmortem),
        *markdown_found.hypotheses(postmortem),
        *_people(postmortem),
        *markdown_found.queries(postmortem),
        "## Method and limits",
        items(f"**{name}.** {inline(sentence)}" for name, sentence in facts.limits(postmortem)),
        *markdown_found.evidence(ref for ref in cited.values() if ref.listed),
        _foot(postmortem),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(postmortem: Postmortem, suspects: tuple[entries.SuspectEntry, ...]) -> list[str]:
    notes = postmortem.notes
    said = [inline(word) for word in (notes.severity, notes.status) if word]
    by = f"by {names(notes.authors, 20)}" if notes.authors else ""
    rows = [
        (fact.label, f"**{inline(fact.value)}**" if fact.strong else inline(fact.value), inline(fact.more))
        for fact in facts.facts(postmortem, suspects)
    ]
    line = " · ".join(
        part for part in ("Post-mortem", f"looked at: {facts.words(postmortem.window)}", *said, by) if part
    )
    return [
        f"# {inline(postmortem.title)}",
        line,
        table(("", "", ""), [(a, b, c or " ") for a, b, c in rows]),
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
        return ["## Summary", *(people if postmortem.notes.summary.strip() else ["No summary was written."])]
    said = lines or ["Nothing has been summarised."]
    written = people if postmortem.notes.summary or not lines else []
    return ["## Summary", *written, *said, warning if unsure else ""]


def _impact(postmortem: Postmortem) -> list[str]:
    public = postmortem.audience == "public"
    compared = any(row.before is not None for row in postmortem.impact)
    rows = [
        (
            inline(facts.capital(row.measure)),
            inline(facts.measured(row, row.value)) + (f" ({names(row.names, 12)})" if row.names else ""),
            *(["" if row.before is None else inline(facts.measured(row, row.before))] if compared else []),
            *([] if public else [inline(row.how)]),
        )
        for row in postmortem.impact
    ]
    when = "In the window" if postmortem.during is None else "During"
    head = ("Measure", when, *(["In the baseline"] * compared), *(["How it was counted"] * (not public)))
    return ["## Impact", table(head, rows) if rows else "Nothing was counted."]


def _charts(postmortem: Postmortem, picture: str) -> list[str]:
    drawn = figures.glance(postmortem, {})
    if drawn is None or not picture:
        return []
    says = "; ".join(panel.title for panel in drawn.panels)
    return [f"![Over time: {inline(says)}]({picture})", inline(drawn.how)]


def _timeline(timeline: tuple[entries.TimelineEntry, ...], postmortem: Postmortem) -> list[str]:
    public = postmortem.audience == "public"
    rows = []
    for row in timeline[: entries.MOST.rows]:
        title = "★ " * row.starred + inline(shorten(one_line(row.title), 400))
        if row.end and row.end > row.timestamp:
            title += f" (lasted {duration(row.end - row.timestamp)})"
        edge = row.kind in ("onset", "recovery")
        source = inline(shorten(one_line(row.source), 200))
        cells = (
            moment(row.timestamp).removesuffix(" UTC"),
            "" if row.after is None else offset(row.timestamp, row.timestamp - row.after),
            inline(row.kind or "event"),
            f"**{title}**" if edge else title,
        )
        known = (inline(row.service), " ".join(part for part in (source, ids(row.evidence)) if part))
        rows.append(cells if public else (*cells, *known))
    head = ("Time (UTC)", "After onset", "Kind", "What", "Service", "Known from")[: 4 if public else 6]
    rest = len(timeline) - entries.MOST.rows
    more = f"{counted(rest, 'further row')} in the frame." if rest > 0 else ""
    return ["## Timeline", table(head, rows) if rows else "Nothing with a time was found.", more]


def _people(postmortem: Postmortem) -> list[str]:
    notes, public = postmortem.notes, postmortem.audience == "public"
    parts = []
    for title, sections in (("What happened, in people's words", SECTIONS[1:5]), ("Lessons", SECTIONS[5:])):
        if public and not notes.tells(sections):
            continue
        parts.append(f"## {title}")
        for section in sections:
            if notes.text(section.key) or not public:
                known = postmortem.detection if section.key == "detection" else ()
                told = items(f"**{inline(label)}:** {inline(said)}" for label, said in known)
                parts += [f"### {section.heading}", told, *_written(section, notes)]
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
    ask = "*To be written: What will be done so that this does not come back, by whom, and until when?*"
    if rows or not public:
        parts += ["## Action items", table(head, rows) if rows else ask]
    if notes.glossary:
        parts += [
            "## Glossary",
            items(f"**{inline(word)}**: {inline(meaning)}" for word, meaning in notes.glossary),
        ]
    return parts


def _written(section: Section, notes: Notes) -> list[str]:
    """What people wrote, or the question that they are asked, and where to answer it."""
    parts = []
    for block in blocks(notes.text(section.key)):
        if block.kind == "paragraph":
            parts.append(inline(block.lines[0]))
        elif block.kind == "bullets":
            parts.append(items(inline(line) for line in block.lines))
        else:
            parts.append("\n".join(f"{place}. {inline(line)}" for place, line in enumerate(block.lines, 1)))
    return parts or [f"*To be written: {section.question} (`{section.key}` in notes.toml)*"]


def _foot(postmortem: Postmortem) -> str:
    archive = f" from the archive {code(one_line(postmortem.archive))}" if postmortem.archive else ""
    return f"---\n\nMade by {inline(postmortem.generated_by or 'obsnb')}{archive}. All times are UTC."
