"""The forms of a report: which files a name stands for, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from obsnb.errors import UsageError

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["check_place", "contents_of"]

_FORMS = (".html", ".md", ".pdf", ".ipynb")


def check_place(
    path: Path,
    *,
    what: str = "A post-mortem",
    forms: Sequence[str] = _FORMS,
    example: str = "postmortem.html",
) -> None:
    """Refuse what cannot be saved under that name, before the work that leads there.

    Raises
    ------
    UsageError
        The suffix is none of these forms, or there is no such folder.
    """
    if path.suffix.lower() not in forms:
        some = f"{', '.join(forms[:-1])} or {forms[-1]}"
        raise UsageError(
            f"{what} cannot be saved as {path.name!r}: the suffix says the format.",
            hint=f"Save it as {some}, for example {example}.",
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"{path.name} cannot be written into {path.parent}: there is no such folder.",
            hint="Make the folder first, or choose another.",
        )


def contents_of(postmortem: Postmortem, name: str) -> dict[str, bytes]:
    """File name → content of the form that the name's suffix says; the named file is the last.

    Raises
    ------
    UsageError
        The suffix is none of a form.
    MissingExtraError
        A PDF is asked for, and WeasyPrint is not installed.
    """
    check_place(Path(PurePath(name).name))
    suffix = PurePath(name).suffix.lower()
    if suffix == ".html":
        return {name: postmortem.to_html().encode()}
    if suffix == ".md":
        return _markdown(postmortem, name)
    if suffix == ".ipynb":
        from obsnb.report.notebook import render_notebook

        return {name: render_notebook(postmortem).encode()}
    from obsnb.report.pdf import render_pdf

    return {name: render_pdf(postmortem)}


def _markdown(postmortem: Postmortem, name: str) -> dict[str, bytes]:
    """The text and its charts; a name can hold what Markdown would read, so its address is quoted."""
    from obsnb.report.chartfile import chart_svg
    from obsnb.report.markdown import render_markdown

    svg, beside = chart_svg(postmortem), f"{PurePath(name).stem}-charts.svg"
    if svg is None:
        return {name: render_markdown(postmortem).encode()}
    text = render_markdown(postmortem, picture=quote(beside, safe=""))
    return {beside: svg.encode(), name: text.encode()}
