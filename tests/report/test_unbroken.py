from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.report.unbroken import unbroken
from obsnb.views.formats import visible


class Read(HTMLParser):
    """The text, the tags, and the text of each element that a line keeps whole."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text, self.tags, self.whole = "", [], []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "span":
            self.whole.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.tags and self.whole:
            self.whole[-1] += data


PIECES = (
    "2026-11-23T18:39:00Z",
    "18:39:00 UTC",
    "45 s",
    "24 min 1 s",
    "a-b",
    "(",
    ")",
    "“",
    ",",
    " ",
    "<b>",
    '"',
)
TRICKY = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(st.text() | TRICKY)
def test_any_text_is_read_as_itself_with_no_element_but_those_that_keep_it_whole(text: str) -> None:
    read = Read(str(unbroken(text)))
    assert read.text == visible(text)
    assert {tag for tag, _ in read.tags} <= {"span", "time"}
    assert all(said == {"class": "whole"} for tag, said in read.tags if tag == "span")
    assert all(
        re.fullmatch(r"[\d:TZ.+-]+", said["datetime"] or "") for tag, said in read.tags if tag == "time"
    )


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("at 2026-11-23T18:39:00.5Z, 45 s before", ["2026-11-23T18:39:00.5Z,", "45 s"]),
        ("on 2026-11-23 18:37:19 UTC: it", ["2026-11-23 18:37:19 UTC:"]),
        ("took 28 min 30 s (10.9 %).", ["28 min 30 s", "(10.9 %)."]),
        ("1,640 s and −4.97 ms", ["1,640 s", "−4.97 ms"]),
        ("of “observastack-backend” is", ["“observastack-backend”"]),
        ("[c084e0b3-e416-455a-aee6-04e2f47fa260] failed", ["[c084e0b3-e416-455a-aee6-04e2f47fa260]"]),
        ("636 of 5,824 requests - or so - failed", []),
        ("a-very-long-name-" * 9, []),
    ],
)
def test_times_lengths_ids_and_names_stay_whole_with_their_punctuation(text: str, whole: list[str]) -> None:
    markup = str(unbroken(text))
    found = re.findall(r'<span class="whole">(.*?)</span>', markup)
    assert [re.sub("<[^>]+>", "", one) for one in found] == whole


@pytest.mark.parametrize("letter", ["a-", "1", "(", "1 ", "a.", "1:", "-", "2026-11-23T"])
def test_the_longest_text_is_read_once(letter: str) -> None:
    """Of letters that begin a piece again and again: it ends, and all of it is still there."""
    text = letter * (8_000 // len(letter))
    assert Read(str(unbroken(text))).text == text
