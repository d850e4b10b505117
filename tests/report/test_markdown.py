from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from obsnb.report.markdown import render_markdown
from obsnb.report.postmortem import Postmortem
from obsnb.views.formats import one_line
from tests.report.made_up import WINDOW, hostile_lines, postmortem, script_line

READER = MarkdownIt("commonmark", {"html": True}).enable("table")


def kinds(markdown: str) -> list[str]:
    return [part.type for token in READER.parse(markdown) for part in (token, *(token.children or []))]


def test_the_sections_are_those_of_the_page() -> None:
    headings = [line[3:] for line in render_markdown(postmortem()).splitlines() if line.startswith("## ")]
    assert headings == [
        "Summary",
        "Impact",
        "Timeline",
        "Where it started",
        "Error groups",
        "Slow queries",
        "The trace that shows it",
        "Who calls whom",
        "What the investigation came to",
        "Hypotheses tried",
        "What happened, in people's words",
        "Lessons",
        "Action items",
        "Glossary",
        "What was asked",
        "Method and limits",
        "Evidence",
    ]


@pytest.mark.parametrize("place", range(len(hostile_lines())))
def test_a_hostile_line_in_every_text_changes_no_structure(place: int) -> None:
    text = one_line(hostile_lines()[place])[:40] or "empty"
    found = [
        kind
        for kind in kinds(render_markdown(postmortem(text)))
        if kind not in ("text", "text_special", "code_inline")
    ]
    plain = [
        kind
        for kind in kinds(render_markdown(postmortem("x" * 20)))
        if kind not in ("text", "text_special", "code_inline")
    ]
    assert found == plain


def test_there_is_no_html_no_link_and_no_image() -> None:
    for line in (
        script_line(),
        "![x](https://evil.example)",
        "[x](javascript:alert(1))",
        "<https://evil.example>",
    ):
        found = set(kinds(render_markdown(postmortem(line))))
        assert not found & {"html_block", "html_inline", "link_open", "image"}


def test_the_script_line_can_be_read() -> None:
    assert '&lt;script&gt;alert("x")&lt;/script&gt;' in render_markdown(postmortem(script_line()))


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    markdown = render_markdown(postmortem("a|b"))
    for table in markdown.split("\n\n"):
        if table.startswith("| "):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_trace_is_drawn_to_scale_in_letters() -> None:
    drawn = render_markdown(postmortem("shop")).split("```text\n")[1].split("\n```")[0].splitlines()
    assert drawn == [
        "◆  shop: shop                                               |" + "━" * 40 + "| 2 s",
        "◆✕   shop: shop                                             | " + "━" * 38 + " | 1.9 s",
    ]


def test_rows_cite_their_evidence_short_and_the_last_section_whole() -> None:
    markdown = render_markdown(postmortem())
    assert "`span 4bf92f35/00f067aa` `query 1`" in markdown
    assert "- `span:4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b8` (" in markdown
    assert "- `log:0123456789abcdef` (timeline, error groups): checkout" in markdown


def test_what_people_have_not_written_is_asked_for() -> None:
    markdown = render_markdown(Postmortem("Quiet", WINDOW))
    assert markdown.count("*To be written: ") == 10
    assert "(`trigger` in notes.toml)*" in markdown


def test_a_post_mortem_of_nothing_says_so_in_every_section() -> None:
    markdown = render_markdown(Postmortem("Quiet", WINDOW))
    for sentence in (
        "Nothing has been summarised.",
        "Nothing was counted.",
        "Nothing with a time was found.",
        "No suspect: there was nothing to rank.",
        "No error was found.",
        "No statement was found.",
        "No trace was fetched.",
        "No query is recorded.",
    ):
        assert sentence in markdown
    assert markdown.endswith("Made by obsnb. All times are UTC.\n")


def test_a_query_s_completeness_and_its_reason_stand_beside_it() -> None:
    markdown = render_markdown(postmortem("said"))
    assert "| 1 | said logs (said) | said | 33,356 | **yes** | said; said |" in markdown
    assert (
        "| 2 | said logs (said) | said | 33,356 | **no**, a selection | only said; said; said |" in markdown
    )
    assert "**1 of 2 answers** is a selection, or not known to be complete." in markdown
