"""The forms of a report: which files a name stands for, and what is in them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from obsnb.errors import UsageError

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["contents_of"]


def contents_of(postmortem: Postmortem, name: str) -> dict[str, bytes]:
    """File name → content of the form that the name's suffix says; the named file is the last.

    Raises
    ------
    UsageError
        The suffix is none of a form.
    MissingExtraError
        A PDF is asked for, and WeasyPrint is not installed.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix == ".html":
        return {name: postmortem.to_html().encode()}
    if suffix == ".md":
        return _markdown(postmortem, name)
    if suffix == ".ipynb":
        from obsnb.report.notebook import render_notebook

        return {name: render_notebook(postmortem).encode()}
    if suffix == ".pdf":
        from obsnb.report.pdf import render_pdf

        return {name: render_pdf(postmortem)}
    raise UsageError(
        f"A post-mortem cannot be saved as {name!r}: the suffix says the format.",
        hint="Save it as .html, .md, .pdf or .ipynb, for example postmortem.html.",
    )


def _markdown(postmortem: Postmortem, name: str) -> dict[str, bytes]:
    """The text and its charts; a name can hold what Markdown would read, so its address is quoted."""
    from obsnb.report.chartfile import chart_svg
    from obsnb.report.markdown import render_markdown

    svg, beside = chart_svg(postmortem), f"{PurePath(name).stem}-charts.svg"
    if svg is None:
        return {name: render_markdown(postmortem).encode()}
    text = render_markdown(postmortem, picture=quote(beside, safe=""))
    return {beside: svg.encode(), name: text.encode()}
