from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from obsnb.report.prose import Block, blocks


def test_blank_lines_part_paragraphs_and_bullets_make_lists() -> None:
    lists = "Another:\n- first\n  goes on\n* second\n\n1. one\n2) two\nand more"
    text = f"One\nparagraph.\n\n{lists}\n\nEnd - with a dash."
    assert blocks(text) == (
        Block("paragraph", ("One paragraph.",)),
        Block("paragraph", ("Another:",)),
        Block("bullets", ("first goes on", "second")),
        Block("numbers", ("one", "two and more")),
        Block("paragraph", ("End - with a dash.",)),
    )


def test_a_list_goes_on_after_a_blank_line() -> None:
    assert blocks("- a\n\n- b") == (Block("bullets", ("a", "b")),)


def test_nothing_is_no_block() -> None:
    assert blocks(" \n\n") == ()


@given(st.text())
def test_no_word_is_lost(text: str) -> None:
    found = " ".join(line for block in blocks(text) for line in block.lines).split()
    words = text.split()
    assert [word for word in words if word in found or not word.strip("-*•.)0123456789")] == words
