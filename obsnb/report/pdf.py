"""The post-mortem on paper: the HTML page, laid out by WeasyPrint (an extra)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NoReturn

from obsnb.errors import MissingExtraError

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["render_pdf"]


def render_pdf(postmortem: Postmortem) -> bytes:
    """The report as PDF. Nothing is fetched: the page holds all that it needs.

    Raises
    ------
    MissingExtraError
        WeasyPrint, or Pango, which it draws letters with, is not installed.
    """
    try:
        weasyprint: Any = importlib.import_module("weasyprint")
    except (ImportError, OSError) as error:  # OSError: the package is there, the system's Pango is not
        raise MissingExtraError(
            f"A PDF needs WeasyPrint, which cannot be loaded: {str(error).splitlines()[0]}.",
            hint="pip install weasyprint (and Debian's libpango-1.0-0 and libpangoft2-1.0-0), or save it as "
            ".html and print that from a browser.",
        ) from None
    page = weasyprint.HTML(string=postmortem.to_html(), url_fetcher=_refuse)
    return bytes(page.write_pdf())


def _refuse(url: str, *_: object, **__: object) -> NoReturn:
    """WeasyPrint's way to fetch what a page names, closed."""
    raise ValueError(f"nothing is fetched: {url}")
