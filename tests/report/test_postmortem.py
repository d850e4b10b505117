from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET  # reads what we wrote

import pytest

from obsnb.errors import MissingExtraError, UsageError
from obsnb.report import pdf
from obsnb.report.markdown import render_markdown
from obsnb.report.notebook import render_notebook
from obsnb.report.postmortem import Postmortem
from tests.report.made_up import DURING, WINDOW, postmortem, script_line
from tests.report.test_escape import tokens
from tests.requirements import require_module


def test_the_suffix_chooses_the_format(tmp_path: Path) -> None:
    report = postmortem()
    assert report.save(tmp_path / "a.html").read_text(encoding="utf-8") == report.to_html()
    assert report.save(tmp_path / "a.ipynb").read_text(encoding="utf-8") == render_notebook(report)
    shown = render_markdown(report, picture="a-charts.svg")
    assert report.save(str(tmp_path / "a.MD")).read_text(encoding="utf-8") == shown
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a-charts.svg", "a.MD", "a.html", "a.ipynb"]


def test_charts_beside_markdown_are_drawn_without_a_style_sheet_and_their_name_is_no_markup(
    tmp_path: Path,
) -> None:
    path = postmortem(script_line()).save(tmp_path / "a) ![x](y.md")
    (beside,) = tmp_path.glob("*.svg")
    assert beside.name == "a) ![x](y-charts.svg"
    (image,) = [one for one in tokens(path.read_text("utf-8")) if one.type == "image"]
    assert unquote(str(image.attrs["src"])) == beside.name
    drawn = ET.fromstring(beside.read_text("utf-8"))  # our own
    tags = {one.tag.rpartition("}")[2] for one in drawn.iter()}
    assert tags <= {"svg", "g", "rect", "line", "path", "circle", "text", "title"}
    keys = {key for one in drawn.iter() for key in one.attrib}
    assert not [key for key in keys if key.lower().startswith(("on", "href", "xlink", "style", "{"))]
    assert {one.get("fill") for one in drawn.iter() if one.tag.endswith("}text")}.isdisjoint({None})


def test_another_suffix_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        postmortem().save(tmp_path / "report.docx")
    assert str(caught.value) == (
        "A post-mortem cannot be saved as 'report.docx': the suffix says the format.\n"
        "Hint: Save it as .html, .md, .pdf or .ipynb, for example postmortem.html."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        postmortem().save(tmp_path / "none" / "report.md")
    assert str(caught.value) == (
        f"report.md cannot be written into {tmp_path / 'none'}: No such file or directory.\n"
        "Hint: Make the folder first, or choose another."
    )


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.md"
    path.write_text("the old one")
    (tmp_path / "folder.md").mkdir()

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match=r"report\.md cannot be written into .*: No space left on device\."):
        postmortem().save(path)
    assert path.read_text() == "the old one"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder.md", "report.md"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("x" * 10_000_000)
    postmortem().save(path)
    assert path.read_text(encoding="utf-8") == postmortem().to_html()
    assert list(tmp_path.iterdir()) == [path]


def test_recovery_lies_inside_the_window_or_was_not_seen() -> None:
    assert Postmortem("x", WINDOW, during=DURING).recovered
    assert not Postmortem("x", WINDOW, during=WINDOW).recovered
    assert not Postmortem("x", WINDOW).recovered


def test_a_post_mortem_is_one_line_long() -> None:
    assert repr(postmortem("x")) == "Postmortem('x', 2026-11-23T18:13:19Z to 2026-11-23T19:13:19Z)"
    assert repr(postmortem("x").charts[0]) == "Chart('x', 60 points)"


def test_in_a_notebook_the_page_is_one_attribute_of_a_closed_frame() -> None:
    page = postmortem(script_line())._repr_html_()
    assert page.startswith('<iframe srcdoc="')
    assert page.endswith('" sandbox="allow-scripts" width="100%" height="720"></iframe>')
    assert page.count('"') == 8
    assert page.count("<") == 2


def test_a_pdf_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(pdf.importlib, "import_module", missing)
    with pytest.raises(MissingExtraError) as caught:
        postmortem().save(tmp_path / "report.pdf")
    assert str(caught.value) == (
        "A PDF needs WeasyPrint, which cannot be loaded: No module named 'weasyprint'.\n"
        "Hint: pip install weasyprint (and Debian's libpango-1.0-0 and libpangoft2-1.0-0), or save it as "
        ".html and print that from a browser."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_pdf_is_made_from_the_page_and_fetches_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require_module("weasyprint")
    asked: list[str] = []
    monkeypatch.setattr(pdf, "_refuse", lambda url, *_: asked.append(url))
    path = postmortem(script_line()).save(tmp_path / "report.pdf")
    assert path.read_bytes().startswith(b"%PDF-")
    assert asked == []


def test_importing_the_report_loads_no_plotting_library() -> None:
    code = "import sys, obsnb.report.html; print({'plotly', 'IPython'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"
