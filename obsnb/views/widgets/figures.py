"""A figure of plotly for a page and for where no kernel is: the library, dark colours, a still drawing."""

from __future__ import annotations

import gzip
import html
import io
from functools import cache
from typing import TYPE_CHECKING, Any

from obsnb.errors import MissingExtraError, UsageError
from obsnb.views.charts.printed import for_print
from obsnb.views.formats import number
from obsnb.views.tables import Table
from obsnb.views.theme import DARK, LIGHT
from obsnb.views.widgets.base import picture

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["drawing", "library", "library_version", "recoloured", "words"]

_TEXTS = frozenset({"customdata", "hovertext", "text", "name"})  # what a server wrote is no colour


def words(title: Any) -> str:
    """A figure's title as it is read."""
    return html.unescape(str(title or "").replace("<br>", " "))


def recoloured(plain: Any) -> Any:
    """A figure in the house's light colours in its dark ones; all other colours stay."""
    pairs: dict[str, str] = {}
    for name in ("paper", "ink", "quiet", "line", "bad", "bad_tint", "calm_tint"):
        pairs[getattr(LIGHT, name)] = getattr(DARK, name)
    for name in ("series", "heat"):
        pairs |= dict(zip(getattr(LIGHT, name), getattr(DARK, name), strict=True))

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: one if key in _TEXTS else walk(one) for key, one in node.items()}
        if isinstance(node, list):
            return [walk(one) for one in node]
        return pairs.get(node, node) if isinstance(node, str) else node

    return walk(plain)


def drawing(figure: go.Figure, title: str) -> str:
    """The figure's twin for paper as an image, or a table of its traces where it cannot be drawn."""
    try:
        page = for_print(figure, width_in=9)
    except (MissingExtraError, UsageError):
        return _traces_table(figure)
    from matplotlib import rc_context

    sheet = io.StringIO()
    with rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "obsnb"}
    ):  # letters stay letters; the same each time
        page.savefig(sheet, format="svg", metadata={"Date": None})
    svg = sheet.getvalue()
    return picture(svg[svg.index("<svg ") :], title)


def _traces_table(figure: go.Figure) -> str:
    rows = tuple(
        (
            words(trace.name) or f"trace {place + 1}",
            trace.type,
            number(len(trace.x) if trace.x is not None else 0),
        )
        for place, trace in enumerate(figure.data)
    )
    return Table(("drawn", "as", "points"), rows, frozenset({2})).to_html()


@cache
def library() -> bytes:
    """plotly.js of the installed package, packed: a third of its 5 MB."""
    from plotly.offline import get_plotlyjs

    return gzip.compress(get_plotlyjs().encode(), compresslevel=6, mtime=0)


@cache
def library_version() -> str:
    """Which plotly.js the installed package has."""
    from plotly.offline import get_plotlyjs_version

    return str(get_plotlyjs_version())
