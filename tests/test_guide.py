"""The guide runs as it stands, and shows every public name."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path

import pytest

import obsnb
from obsnb.archive.bundled import runbooks
from tests.pages import words_of

_DOCS = Path(__file__).resolve().parent.parent / "docs"
_GUIDE = _DOCS / "guide.md"


def _blocks() -> list[tuple[int, str]]:
    """The first line and the text of each Python block."""
    text = _GUIDE.read_text("utf-8")
    return [
        (text[: match.start(1)].count("\n"), match[1])
        for match in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S)
    ]


def test_every_public_name_has_an_example_in_the_guide() -> None:
    shown = {
        node.attr
        for _, block in _blocks()
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "obsnb"
    }
    assert set(obsnb.__all__) - shown == set()


def test_the_guide_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("plotly", "matplotlib", "anywidget"):
        pytest.importorskip(name)
    names: dict[str, object] = {}
    for first, block in _blocks():
        code = compile("\n" * first + block, str(_GUIDE), "exec")
        exec(code, names)


def test_the_guide_shows_a_picture_of_each_runbooks_result() -> None:
    text = _GUIDE.read_text("utf-8")
    assert [name for name in runbooks() if f"](pictures/{name}.webp)" not in text] == []
    assert [one for one in re.findall(r"\]\(([\w./-]+)\)", text) if not (_DOCS / one).is_file()] == []


def test_the_guides_pictures_and_pages_are_small() -> None:
    assert sum(path.stat().st_size for path in _DOCS.rglob("*") if path.is_file()) < 2_000_000


def test_the_guides_post_mortem_is_what_the_bundled_incident_gives_now() -> None:
    """Its words, not its bytes: ``python docs/make.py`` makes it anew after a change of what is found."""
    made = obsnb.investigate(obsnb.open_archive("slow-query")).postmortem()
    page = words_of((_DOCS / "postmortem.html").read_text("utf-8"))
    assert made.title in page
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", made.to_html())
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", page) == [html.unescape(one) for one in headings]
    assert [line for line in made.summary if str(line[1]) not in page] == []
