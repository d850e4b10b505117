from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from obsnb.analysis.hypotheses import judged
from obsnb.report.html import cut, json_text, render_html
from obsnb.report.postmortem import Postmortem
from obsnb.timerange import TimeRange
from obsnb.views.formats import one_line, visible
from tests.pages import words_of
from tests.report.made_up import (
    CHILD,
    SECOND,
    TRACE,
    WINDOW,
    hostile_lines,
    postmortem,
    script_line,
    slow_queries,
    suspects,
    timeline,
)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self._open = [""]
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "link", "img"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._open[-1] != tag:
            self._open.pop()
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append((self._open[-1], data))

    @property
    def tags(self) -> list[str]:
        """In order, without the two elements that only keep a time, an id or a name on one line."""
        kept = ({"class": "whole"}, {"datetime"})
        return [
            tag for tag, said in self.elements if said != kept[0] and (tag != "time" or set(said) != kept[1])
        ]

    @property
    def words(self) -> str:
        """What is read, in order, with single spaces."""
        said = " ".join(data for tag, data in self.text if tag not in ("style", "script", "title"))
        return " ".join(said.split())

    def inside(self, wanted: str) -> list[str]:
        """The texts directly inside the elements of a kind."""
        return [data for tag, data in self.text if tag == wanted]


def policy_of(page: Page) -> str:
    (policy,) = (
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    return policy


def test_the_policy_allows_nothing_but_the_page_s_own_style_and_script() -> None:
    page = Page(render_html(postmortem()))
    style, script = page.inside("style")[0], page.inside("script")[-1]

    def allowed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    assert policy_of(page) == (
        f"default-src 'none'; script-src {allowed(script)}; style-src {allowed(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def test_a_page_has_two_scripts_its_data_and_its_own_and_no_address_of_another() -> None:
    page = Page(render_html(postmortem(script_line())))
    scripts = [attributes for tag, attributes in page.elements if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "hover"}, {}]
    for tag, attributes in page.elements:
        assert tag not in (
            "img",
            "link",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "audio",
            "video",
            "image",
        )
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "style", "srcdoc")
        ]
        assert (attributes.get("href") or "#").startswith("#")


@pytest.mark.parametrize("place", range(len(hostile_lines())))
def test_every_recorded_hostile_line_appears_as_text_and_changes_no_element(place: int) -> None:
    line = hostile_lines()[place]
    text = one_line(line)[:40] or "empty"
    page = Page(render_html(postmortem(text)))
    assert page.tags == Page(render_html(postmortem("x" * len(text)))).tags
    assert text in page.words


@example("0-")
@example("28 min 30 s at 2026-11-23T18:39:00Z")
@given(st.text(min_size=1, max_size=50).filter(lambda text: text.split()))
@settings(max_examples=20)
def test_whatever_servers_and_people_write_the_page_s_elements_stay_the_same(text: str) -> None:
    text = "so " + " ".join(text.split())
    assert Page(render_html(postmortem(text))).tags == Page(render_html(postmortem("so so"))).tags


def test_control_characters_are_drawn_instead_of_sent() -> None:
    page = render_html(postmortem("a\x00b\x1b[31mc\u202ed"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)
    assert "a␀b␛[31mc⟨U+202E⟩d" in page


def test_a_line_of_a_hundred_thousand_letters_is_cut_and_the_cut_is_said() -> None:
    long_line = max(hostile_lines(), key=len)
    page = render_html(postmortem(long_line))
    assert len(page) < 1_000_000
    assert "94,000 further characters are left out here." in page


def test_what_is_cut_off_a_text_is_counted() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcdef", 2) == "ab\n… 4 further characters are left out here."


@given(
    st.recursive(st.text() | st.integers() | st.none(), lambda one: st.lists(one, max_size=4), max_leaves=9)
)
def test_json_in_the_page_reads_back_and_cannot_end_its_element(value: object) -> None:
    text = str(json_text(value))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_every_link_leads_to_one_element_of_the_page() -> None:
    page = Page(render_html(postmortem()))
    anchors = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    links = {attributes["href"] for tag, attributes in page.elements if tag == "a" and attributes.get("href")}
    assert {link.removeprefix("#") for link in links if link} <= set(anchors)
    assert "#query-1" in links
    assert "#span-2" in links


def test_evidence_is_short_in_its_row_and_whole_in_its_title_and_in_the_list() -> None:
    page = render_html(postmortem())
    assert f'<a href="#span-2" title="span:{TRACE}/{CHILD}">span 4bf92f35/00f067aa</a>' in page
    assert 'title="log:0123456789abcdef">log 01234567</a>' in page
    assert re.search(r'<li id="evidence-1"><code class="id">log:0123456789abcdef</code>', page)


def test_the_head_says_when_how_long_where_how_sure_and_what_it_rests_on() -> None:
    words = Page(render_html(postmortem())).words
    for fact in (
        "18:37:19",
        "19:01:19",
        "24 min",
        "score 0.86 of 1",
        "2 queries",
        "1 partial, selected or unknown",
    ):
        assert fact in words


def test_an_incident_that_lasts_to_the_window_s_end_has_no_recovery() -> None:
    page = render_html(Postmortem("Still down", WINDOW, during=WINDOW))
    words = Page(page).words
    assert "Recovery not seen by 19:13:19 UTC" in words
    assert "Lasted over 1 h" in words
    assert "where the window ends: its end was not seen." in words


def test_a_post_mortem_of_nothing_says_so_in_every_section() -> None:
    words = Page(render_html(Postmortem("Quiet", WINDOW))).words
    for sentence in (
        "Onset not found looked at 1 h",
        "Nothing has been summarised.",
        "Nothing was counted.",
        "Nothing with a time was found.",
        "No suspect: there was nothing to rank.",
        "No error was found.",
        "No statement was found.",
        "No trace was fetched.",
        "No query is recorded.",
        "No onset was found in it.",
        "Compared with nothing.",
        "Nothing was found to redact.",
    ):
        assert sentence in words


def test_frames_without_rows_read_like_no_frames() -> None:
    empty = Postmortem(
        "Quiet",
        WINDOW,
        timeline=timeline("x").clear(),
        suspects=suspects("x").clear(),
        waterfall=pl.DataFrame(),
    )
    assert Page(render_html(empty)).words == Page(render_html(Postmortem("Quiet", WINDOW))).words


def test_what_people_have_not_written_is_asked_for_with_the_place_to_write_it() -> None:
    page = render_html(Postmortem("Quiet", WINDOW))
    assert page.count("To be written") == 10
    assert "What set it off: a change, a load, a failure, a date?" in page
    assert "Write it under <code>trigger</code> in notes.toml." in page
    assert "To be written" not in render_html(postmortem())


def test_every_query_shows_whether_its_answer_is_complete_and_partial_ones_are_announced() -> None:
    words = Page(render_html(postmortem())).words
    assert "1 of 2 answers is a selection, or not known to be complete." in words
    assert "✓ yes" in words
    assert "✕ no" in words


def test_rows_that_the_chart_marks_carry_the_same_letter_in_the_timeline_and_the_key() -> None:
    page = render_html(postmortem())
    assert '<li id="t-1"' in page
    assert '<a href="#t-1"><span class="letter deploy">A</span></a>' in page
    assert page.count('<span class="letter deploy">A</span>') == 2
    assert page.count('<span class="letter alert">B</span>') == 2
    assert page.count('<span class="letter note">C</span>') == 2


def test_calls_that_are_no_statement_are_folded_below_the_statements() -> None:
    frame = slow_queries("shop").with_columns(
        statement=pl.Series(["SELECT ?", None]), operation=pl.Series(["SELECT", "GET /cart"])
    )
    words = Page(render_html(Postmortem("Slow", WINDOW, slow_queries=frame))).words
    assert words.index("SELECT ?") < words.index("1 call that is no statement") < words.index("GET /cart")
    assert "repeated in 3 requests" in words


def test_times_say_their_day_where_the_window_spans_several() -> None:
    days = TimeRange(WINDOW.start_ns, WINDOW.end_ns + 86_400 * SECOND)
    words = Page(render_html(replace(postmortem(), window=days))).words
    assert "11-23 18:37:20" in words
    assert "Compared with 11-23 18:13:19 to 11-23 18:37:19" in words


def test_equal_post_mortems_give_equal_pages() -> None:
    assert render_html(postmortem()) == render_html(postmortem())


def test_the_page_s_own_words_hide_nothing() -> None:
    page = render_html(postmortem("plain"))
    assert visible(page) == page


def test_without_an_incident_no_line_is_said_to_be_thick_while_it_lasts() -> None:
    told = words_of(replace(postmortem(), during=None).to_html())
    assert "In UTC." in told
    assert "while the incident lasts" not in told


def test_a_hypothesis_for_and_against_which_nothing_speaks_says_so() -> None:
    told = replace(postmortem(), hypotheses=(judged("A disk was full.", tested="its series"),))
    said = "Nothing that was looked at speaks for it or against it."
    assert said in words_of(told.to_html())
    assert f"- {said}\n" in told.to_markdown()
    assert said not in postmortem().to_html()
