"""The post-mortem as a notebook: the Markdown's sections as cells, and one that opens the archive again."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from obsnb.report.chartfile import chart_svg
from obsnb.report.markdown import render_markdown

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["render_notebook"]

_PICTURE = "charts.svg"


def render_notebook(postmortem: Postmortem) -> str:
    """The notebook (nbformat 4.5), as text. Nothing in it was run, and nothing runs when it is opened.

    Each section is a Markdown cell, with the same text as the Markdown form; the charts are attached to
    theirs. Where it came from an archive, a last cell holds the code that opens it, for those inside.
    """
    svg = chart_svg(postmortem)
    text = render_markdown(postmortem, picture=f"attachment:{_PICTURE}" if svg else "")
    cells = []
    for number, part in enumerate(_sections(text), 1):
        cell: dict[str, Any] = {"cell_type": "markdown", "id": f"section-{number}", "metadata": {}}
        if svg and f"(attachment:{_PICTURE})" in part:
            cell["attachments"] = {_PICTURE: {"image/svg+xml": base64.b64encode(svg.encode()).decode()}}
        cells.append({**cell, "source": part.splitlines(keepends=True)})
    if postmortem.archive not in ("", "live") and postmortem.audience == "internal":
        cells.append(_code(postmortem.archive))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def _sections(text: str) -> list[str]:
    """The text cut before each heading of the second rank; what looks like one inside a fence is none."""
    parts, fence = [[""]], ""
    for line in text.splitlines():
        mark = re.match(r"`{3,}", line)
        if mark and not fence:
            fence = mark[0]
        elif fence and line == fence:
            fence = ""
        if line.startswith("## ") and not fence:
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(lines).strip() for lines in parts]


def _code(archive: str) -> dict[str, Any]:
    lines = ("import obsnb", "", f"inv = obsnb.investigate(obsnb.open_archive({archive!r}))", "inv.summary()")
    return {
        "cell_type": "code",
        "id": "again",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": "\n".join(lines).splitlines(keepends=True),
    }
