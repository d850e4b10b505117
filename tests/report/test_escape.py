from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from obsnb.report.escape import code, fenced, inline
from obsnb.views.formats import one_line
from tests.report.made_up import hostile_lines

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
#: Texts made of what Markdown and GitHub read more into than letters.
MARKS = ("**", "*", "_", "__a__", "`", "```", "~~~", "|", "\\", "$x$", "---", "===", "&lt;", "&#124;")
MAKERS = ("[x](y)", "![x](y)", "[x]: y", "<b>", "</b>", "<!--", "http://a.b", "www.a.b", "<a@b.c>", "@a")
OPENINGS = ("# ", "- ", "+ ", "1. ", "2) ", "> ", "#", "-", " ", "    ", "\n", "\t", "x", "7")
TRICKY = st.lists(st.sampled_from(MARKS + MAKERS + OPENINGS), max_size=8).map("".join)


def tokens(markdown: str) -> list[Token]:
    return [part for token in READER.parse(markdown) for part in (token, *(token.children or []))]


def read(markdown: str) -> str:
    """The text that a reader sees, without the joiners that have no width."""
    said = "".join(one.content for one in tokens(markdown) if one.type in ("text", "text_special"))
    return said.replace("\u2060", "")


@given(st.text() | TRICKY)
def test_any_text_is_read_as_itself_and_as_nothing_else(text: str) -> None:
    shown = one_line(text)
    assert read(inline(text)) == shown
    kinds = {token.type for token in tokens(inline(text))}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(st.text() | TRICKY)
def test_any_text_stays_in_its_cell(text: str) -> None:
    markdown = f"| a | b |\n| --- | --- |\n| {inline(text) or '–'} | second |\n"
    cells = [token for token in tokens(markdown) if token.type == "td_open"]
    assert len(cells) == 2
    assert not [
        token
        for token in tokens(markdown)
        if token.type in ("link_open", "image", "html_inline", "code_inline")
    ]


@given(st.text() | TRICKY)
def test_any_text_stays_in_its_list_and_after_a_label(text: str) -> None:
    kinds = [token.type for token in tokens(f"- **x:** {inline(text)}\n- {inline(text)}")]
    assert kinds.count("list_item_open") == 2
    assert kinds.count("strong_open") == 1
    assert not set(kinds) & {
        "heading_open",
        "blockquote_open",
        "code_block",
        "fence",
        "hr",
        "em_open",
        "link_open",
    }


@given(TRICKY | st.lists(st.sampled_from(("\n", "```", "````", "~~~", "a", " "))).map("".join))
def test_any_lines_stay_in_their_fence(text: str) -> None:
    found = tokens(fenced(text) + "\n\nafter")
    assert [token.type for token in found] == ["fence", "paragraph_open", "inline", "text", "paragraph_close"]


@pytest.mark.parametrize("place", range(len(hostile_lines())))
def test_recorded_hostile_lines_are_text(place: int) -> None:
    line = hostile_lines()[place]
    assert read(inline(line[:5_000])) == one_line(line[:5_000])


@pytest.mark.parametrize(
    "text", ["https://evil.example/x", "www.evil.example", "mailto:a@b.example", "ftp://x.example"]
)
def test_addresses_do_not_become_links_on_github(text: str) -> None:
    """GitHub's autolinks want ``://``, ``www.`` and ``mailto:`` unbroken in the source."""
    assert not re.search(r"(?i)[a-z]://|www\.|mailto:", inline(text))
    assert read(inline(text)) == text


def test_nobody_is_mentioned_and_no_mail_address_is_linked() -> None:
    assert inline("thanks @torvalds, mail me@example.org, 5 @ 3") == (
        "thanks @\u2060torvalds, mail me@\u2060example.org, 5 @ 3"
    )


def test_ordinary_text_stays_readable_in_the_source() -> None:
    for text in (
        "saved_searches",
        "4.98 s",
        "POST /api/v1/search",
        "2026-11-23 18:37:19 UTC",
        "it's 5 % (of 40)",
    ):
        assert inline(text) == text


def test_ids_become_code_and_anything_else_text() -> None:
    assert code("log:3f9a2c1b77aa0011") == "`log:3f9a2c1b77aa0011`"
    assert code("a`b") == "a\\`b"
    assert code("a|b") == "a&#124;b"
