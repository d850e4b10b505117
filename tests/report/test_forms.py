"""One incident in all forms: the same sections, sentences, numbers, rows and queries in each."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from markdown_it import MarkdownIt

import obsnb
from obsnb.report.chartfile import chart_svg
from obsnb.report.html import render_html
from obsnb.report.markdown import render_markdown
from obsnb.report.notebook import render_notebook
from obsnb.report.notes import ActionItem, Notes, TimelineNote
from obsnb.report.postmortem import Postmortem
from tests.requirements import require, require_module

#: By section: words that only the page has, words that only Markdown has, and why. All else is in both.
DIFFERENCES: dict[str, tuple[str, str, str]] = {
    "Summary": ("which and why", "", "a page links from what is not complete to its query"),
    "Impact": ("", "measure during how it was counted", "a page has tiles, Markdown a table with heads"),
    "Timeline": (
        "the small figures count from the line on the left is thick while the incident lasts a in at b c d",
        "time after kind what service known from",
        "the page says how its drawing is read, and the day only where it changes; letters are of its chart",
    ),
    "Where it started": (
        "",
        "utc evidence",
        "the page links to the evidence and says once that times are UTC",
    ),
    "Error groups": (
        "2 further groups sample and evidence traces",
        "a of the",
        "a page folds, and samples each",
    ),
    "The trace that shows it": ("observastack frontend backend keycloak loki", "", "a drawing has a legend"),
    "What the investigation came to": ("1 thing looked at and", "evidence", "a page folds what was normal"),
    "Hypotheses tried": ("", "evidence", "the page links to it"),
    "What was asked": ("", "source how that is known a", "a page sets the source below its query"),
}
_PLACE = r'<word xMin="([\d.]+)" yMin="[\d.]+" xMax="([\d.]+)" yMax="[\d.]+">(.*?)</word>'
_ID = re.compile(r"\b[0-9a-f]{6,}\b|\b\d{19}\b")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")


class Sections(HTMLParser):
    """The words of each section of a page, by its heading, without drawings, scripts and folded samples."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: dict[str, list[str]] = {"": []}
        self._now, self._skipped = "", 0
        self._open: list[tuple[str, bool, list[str]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("meta", "link", "br"):
            return
        look = (dict(attrs).get("class") or "").split()
        whole = any("long" in looks for _, _, looks in self._open)  # a fold with a beginning and the whole
        skip = tag in ("script", "style", "svg", "nav", "title") or "twin" in look
        skip |= tag == ("summary" if whole else "pre")
        self._open.append((tag, skip, look))
        self._skipped += skip

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            name, skip, _ = self._open.pop()
            self._skipped -= skip
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if any(name == "h2" for name, *_ in self._open):
            self._now = data.strip()
            self.said.setdefault(self._now, [])
        elif not self._skipped:
            self.said[self._now].append(data.replace(" This file needs no network and sends nothing.", ""))


def _markdown_sections(text: str) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {"": []}
    now, heading = "", False
    for token in MarkdownIt("commonmark").enable(["table"]).parse(text):
        heading = token.tag == "h2" if token.type == "heading_open" else heading and token.type == "inline"
        words = "".join(
            one.content for one in token.children or [] if one.type in ("text", "text_special", "code_inline")
        )
        if token.type == "inline" and heading:
            now, heading = words, False
            said.setdefault(now, [])
        elif token.type == "inline":
            said[now].append(words.replace("\u2060", ""))
    return said


def _bare(text: str) -> str:
    """Words and numbers, without marks, case and space: a form may set them as it likes."""
    return re.sub(r"\W+", "", text).lower()


def _words(texts: list[str]) -> set[str]:
    """The words and numbers, without ids and days, which each form writes in its way."""
    plain = _DAY.sub(" ", _ID.sub(" ", " ".join(texts)))
    return {one.strip(".,") for one in re.sub(r"[^\w.,%]+", " ", plain).lower().split()} - {"", "_"}


def _told() -> Postmortem:
    """A bundled incident with everything that people and runbooks can add."""
    inv = obsnb.investigate(obsnb.open_archive("slow-query"))
    log = inv.error_groups()["evidence"][0][0]
    inv.hypothesis(
        "The pool was too small.", tested="Its size.", against=["It was 15 before."], evidence=[log]
    )
    inv.hypothesis("The statement reads more.", tested="Its p95.", supports=["It took 263 times as long."])
    inv.star("1.8.0 rolled out")
    inv.note("The release dropped an index.", evidence=[log])
    inv.conclude(
        "The statement became slow.", about="statements", normal=["Redis"], not_seen=["locks"], evidence=[log]
    )
    notes = Notes(
        severity="SEV-2",
        status="draft",
        authors=("Ada", "Grace"),
        **{key: f"What people say of {key}.\n\n- One\n- Two" for key in _KEYS},
        action_items=(
            ActionItem("Put the index back", "Ada", "2026-12-01", "open", "prevent", "https://t.example/1"),
        ),
        timeline=(TimelineNote(inv.during.start_ns + 60 * 10**9, "The status page said so", "status"),),
        glossary=(("p95", "What 95 of 100 requests stay below"),),
    )
    return inv.postmortem(title="Search was slow").with_notes(notes)


_KEYS = (
    *("summary", "root_cause", "trigger", "detection", "response"),
    *("went_well", "went_wrong", "surprised", "lucky"),
)


@pytest.fixture(scope="module")
def told() -> Postmortem:
    """Read once: investigating takes seconds."""
    return _told()


def _sentences(told: Postmortem) -> list[str]:
    """Everything that a form has to say, as the report's own data has it."""
    out = [told.title]
    for line in told.summary:
        out += [line] if isinstance(line, str) else [line[1]]
    out += [label + said for label, said in told.detection]
    out += [text for row in told.impact for text in (row.measure, row.how)]
    out += [one.statement for one in told.hypotheses] + [
        text for one in told.hypotheses for text in one.against
    ]
    out += [text for one in told.hypotheses for text in (one.tested, *one.supports) if text]
    out += [one.finding for one in told.conclusions]
    out += [text for one in told.conclusions for text in (*one.normal, *one.not_seen)]
    out += [one.text for one in told.remarks]
    out += [told.notes.text(key).split("\n")[0] for key in _KEYS]
    out += [item.what for item in told.notes.action_items] + [note.what for note in told.notes.timeline]
    out += [text for pair in told.notes.glossary for text in pair]
    if told.suspects is not None:
        for row in told.suspects.filter(told.suspects["reasons"].list.len() > 0).iter_rows(named=True):
            out += [row["service"], row["cause"] or "", *row["reasons"]]
    if told.error_groups is not None:
        out += [f"{row['type']}" for row in told.error_groups.iter_rows(named=True)]
    if told.slow_queries is not None:
        out += [row["statement"] or "" for row in told.slow_queries.head(3).iter_rows(named=True)]
    if told.timeline is not None:
        out += told.timeline["title"].to_list()
    out += [one.query for one in told.queries] + [one.reason for one in told.queries if one.reason]
    return [one for one in out if one]


def _numbers(told: Postmortem) -> list[str]:
    """Impact, counts and times of the tables, as people read them."""
    from obsnb.report.facts import measured
    from obsnb.views.formats import clock, duration, number

    out = [measured(row, row.value) for row in told.impact]
    out += [measured(row, row.before) for row in told.impact if row.before is not None]
    out += [number(one.rows) for one in told.queries]
    if told.error_groups is not None:
        for row in told.error_groups.iter_rows(named=True):
            out += [number(row["within"]), number(row["before"]), number(row["count"])]
    if told.slow_queries is not None:
        lengths = told.slow_queries.head(3).select("before_p95", "within_p95", "total")
        out += [
            duration(ns)
            for row in lengths.with_columns(pl.all().to_physical()).iter_rows()
            for ns in row
            if ns
        ]
    if told.timeline is not None:
        out += [clock(ns) for ns in told.timeline["timestamp"].to_physical()]
    return out


def _paper(told: Postmortem, folder: Path) -> Path:
    require_module("weasyprint")
    return told.save(folder / "report.pdf")


def _read(paper: Path, *how: str) -> str:
    done = subprocess.run(
        [require("pdftotext"), *how, paper, "-"], check=True, capture_output=True, text=True
    )
    return re.sub(r"\n\d+ / \d+\n", "\n", done.stdout.replace("\x0c", "\n"))


def _notebook_text(told: Postmortem) -> str:
    cells = json.loads(render_notebook(told))["cells"]
    return "\n\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "markdown")


@dataclass(frozen=True)
class Forms:
    """A report in each of its forms; the page and Markdown by section."""

    told: Postmortem
    html: str
    page: dict[str, list[str]]
    text: str
    markdown: dict[str, list[str]]
    notebook: str
    pdf: Path
    paper: str
    drawn: str


@pytest.fixture(scope="module", params=["internal", "public"])
def forms(
    request: pytest.FixtureRequest, told: Postmortem, tmp_path_factory: pytest.TempPathFactory
) -> Forms:
    """For those inside, and for anybody."""
    report = told.for_audience(request.param)
    pdf = _paper(report, tmp_path_factory.mktemp("paper"))
    html, text = render_html(report), render_markdown(report, picture="charts.svg")
    return Forms(
        told=report,
        html=html,
        page=Sections(html).said,
        text=text,
        markdown=_markdown_sections(text),
        notebook=_notebook_text(report),
        pdf=pdf,
        paper=_read(pdf),
        drawn=re.sub("<[^>]+>", " ", chart_svg(report) or ""),
    )


def test_every_form_has_the_same_sections_in_the_same_order(forms: Forms) -> None:
    page = [one for one in forms.page if one]
    assert page == [one for one in forms.markdown if one]
    at, found = 0, []
    for heading in page:
        line = re.compile(rf"^{re.escape(heading)}$", re.M).search(forms.paper, at)
        if line:
            at = line.end()
            found.append(heading)
    assert page == found


def test_a_notebook_is_the_markdown_with_its_charts_attached(forms: Forms) -> None:
    assert forms.notebook == forms.text.strip().replace("(charts.svg)", "(attachment:charts.svg)")


def test_every_form_says_every_sentence_and_every_number(forms: Forms) -> None:
    said = {
        "page": " ".join(word for words in forms.page.values() for word in words),
        "markdown": " ".join(word for words in forms.markdown.values() for word in words),
        "paper": forms.paper,
    }
    wanted = [*_sentences(forms.told), *_numbers(forms.told)]
    assert len(wanted) > (150 if forms.told.audience == "internal" else 25)
    missing = {
        name: [one for one in wanted if _bare(one)[:90] not in text]
        for name, text in ((name, _bare(text)) for name, text in said.items())
    }
    assert missing == {name: [] for name in said}


def test_the_page_and_markdown_have_the_same_words_but_for_those_named(forms: Forms) -> None:
    different = {}
    for heading in forms.page:
        page, markdown = _words(forms.page[heading]), _words(forms.markdown[heading])
        drawn = (
            _words([forms.drawn]) if heading == "Summary" else set()
        )  # the charts' words are in their file
        only_page, only_markdown, _ = DIFFERENCES.get(heading, ("", "", ""))
        different[heading] = (
            page - markdown - drawn - set(only_page.split()),
            markdown - page - set(only_markdown.split()),
        )
    evidence = different.pop("Evidence", (set(), set()))  # of a row Markdown holds 300 letters, a page 3,000
    assert {heading: rest for heading, rest in different.items() if any(rest)} == {}
    assert bool(evidence[0]) == (forms.told.audience == "internal")


def test_nothing_on_paper_is_cut_off(forms: Forms) -> None:
    words = _read(forms.pdf, "-bbox")
    (width,) = {float(one) for one in re.findall(r'<page width="([\d.]+)"', words)}
    margin = 15 * 72 / 25.4  # of 15 mm
    places = [(float(a), float(b), word) for a, b, word in re.findall(_PLACE, words)]
    assert len(places) > 100
    assert [one for one in places if one[0] < margin - 1 or one[1] > width - margin + 4] == []


def test_every_form_cites_the_same_evidence(forms: Forms) -> None:
    listed = re.findall(r'<li id="evidence-\d+"><code class="id">([^<]+)</code>', forms.html)
    shown = re.findall(r"^- `((?:log|span|series):[^`]+)`", forms.text, re.M)
    if forms.told.waterfall is None:
        assert listed == shown == []
        return
    drawn = f"span:{forms.told.waterfall['trace_id'][0]}/"  # a page shows these in the trace's own table
    assert [one for one in shown if not one.startswith(drawn)] == listed
    assert len(listed) > 90
    paper = _bare(forms.paper)
    assert [one for one in listed if _bare(one) not in paper] == []


def test_every_form_says_of_each_query_whether_its_answer_is_complete(forms: Forms) -> None:
    page = re.findall(r'<tr id="query-(\d+)">.*?<b class="complete (\w+)">', forms.html, re.S)
    rows = re.findall(r"^\| (\d+) \|.*\| \*\*(\w+)\*\*", forms.text, re.M)
    assert page == rows == [(str(one.number), one.complete) for one in forms.told.queries]


def test_a_report_made_again_from_its_archive_and_notes_is_the_same_to_the_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network, and at another time."""
    import socket

    from obsnb import timerange
    from obsnb.cli import main

    def refused(*_: object, **__: object) -> None:
        raise OSError("no network")

    notes = tmp_path / "notes.toml"
    notes.write_text('severity = "SEV-2"\nsummary = "Searches were slow."\n', "utf-8")
    made = []
    for year in (2026, 2036):
        monkeypatch.setattr(socket.socket, "connect", refused)
        monkeypatch.setattr(timerange, "now_ns", lambda year=year: (year - 1970) * 31_557_600 * 10**9)
        folder = tmp_path / str(year)
        folder.mkdir()
        for name in ("r.html", "r.md"):
            asked = ["render", "lab-slow-query", "--out", str(folder / name), "--notes", str(notes)]
            assert main(asked) == 0
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert set(made[0]) == {"r.html", "r.md", "r-charts.svg"}
    assert made[0] == made[1]
