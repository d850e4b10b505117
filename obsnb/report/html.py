"""The post-mortem as one HTML page that needs no network and lets nothing in.

Its content security policy allows the page's own style and script by their hashes, and nothing else. Every
text goes through the template's escaping, after characters that act or hide have been drawn as pictures.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from dataclasses import asdict
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from obsnb.report import entries, facts, figures
from obsnb.report.evidence import CITED, references
from obsnb.report.notes import SECTIONS
from obsnb.report.prose import blocks
from obsnb.report.unbroken import unbroken
from obsnb.views import formats
from obsnb.views.theme import DARK, LIGHT, Theme

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["render_html", "render_page"]


def render_html(postmortem: Postmortem) -> str:
    """The page, as text."""
    return _environment().get_template("page.html.j2").render(_context(postmortem))


def render_page(template: str, **words: Any) -> str:
    """Another page of the same style and policy, without a script.

    Parameters
    ----------
    template
        Its name.
    words
        What it says, by the name that it uses.
    """
    style = Markup(_style())  # noqa: S704  # the project's own file
    return _environment().get_template(template).render(**words, policy=_policy(), style=style)


def _finish(value: Any) -> Any:
    """Every text that a template writes: cut, what would act or hide made visible; then jinja escapes it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return formats.shorten(formats.visible(value), formats.LONGEST)
    return value


def cut(text: str, limit: int) -> str:
    """The text's beginning, and how much of it is left out."""
    rest = len(text) - limit
    return text if rest <= 0 else f"{text[:limit]}\n… {rest:,} further characters are left out here."


def is_web(address: str) -> bool:
    """Whether an address is one of the web, and no other scheme that a browser would act on."""
    return address.startswith(("https://", "http://"))


def drawing(svg: str) -> Markup:
    """An SVG that obsnb.views drew: every text in it was escaped when it was serialised."""
    return Markup(svg)  # noqa: S704  # as the docstring says


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("obsnb.report", "templates"),
        autoescape=True,
        finalize=_finish,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words = (
        formats.clock,
        formats.counted,
        formats.duration,
        formats.number,
        formats.one_line,
        formats.shorten,
    )
    here = (
        blocks,
        facts.capital,
        cut,
        drawing,
        facts.left_out,
        facts.measured,
        facts.words,
        is_web,
        unbroken,
    )
    environment.filters |= {word.__name__: word for word in (*words, *here)}
    environment.globals |= {
        "sections": SECTIONS,
        "cited": CITED,
        "calls_words": facts.CALLS,
        "most": entries.MOST,
    }
    environment.globals |= {"cited_words": facts.CITED_ROWS}
    environment.globals |= {"supported_words": facts.SUPPORTED, "undecided_words": facts.UNDECIDED}
    environment.globals["light"] = LIGHT  # the colours for readers of SVG that know no style sheet
    return environment


@functools.cache
def _asset(name: str) -> str:
    """A style or script of the page, as it was written."""
    return resources.files("obsnb.report").joinpath("templates", name).read_text(encoding="utf-8")


def _colours(theme: Theme) -> str:
    plain = {name.replace("_", "-"): value for name, value in asdict(theme).items() if name != "series"}
    plain |= {f"c{slot}": colour for slot, colour in enumerate(theme.series)}
    return "".join(f"--{name}:{value};" for name, value in plain.items())


@functools.cache
def _style() -> str:
    """The theme's colours, dark where the reader's system is but not on paper, then the page's sheet."""
    light = f":root{{{_colours(LIGHT)}}}"
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{_colours(DARK)}}}}}"
    return "\n".join((light, dark, _asset("page.css")))


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _policy() -> str:
    own = f"script-src {_hash(_asset('page.js'))}; style-src {_hash(_style())}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def json_text(value: Any) -> Markup:
    """JSON that can stand in a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)  # noqa: S704  # the letters that HTML knows are escaped just above


def _context(postmortem: Postmortem) -> dict[str, Any]:
    """Everything that the templates say, by the name that they use."""
    timeline = entries.timeline(postmortem.timeline, postmortem.notes, postmortem.during)
    suspects, errors = entries.suspects(postmortem.suspects), entries.errors(postmortem.error_groups)
    slow, calls = entries.slow(postmortem.slow_queries), entries.calls(postmortem.service_graph)
    shown = figures.trace(postmortem)
    lettered = figures.marks(timeline, postmortem.window.start_ns)
    chart = figures.glance(postmortem, lettered)
    places = {f"query:{one.number}": f"query-{one.number}" for one in postmortem.queries}
    refs = references(
        timeline=timeline,
        suspects=suspects,
        errors=errors,
        slow=slow,
        hypotheses=postmortem.hypotheses,
        said=(*postmortem.conclusions, *postmortem.remarks),
        places=places | (shown.places if shown else {}),
        rows=postmortem.evidence,
    )
    end_ns = postmortem.during.end_ns if postmortem.during and postmortem.recovered else None
    listed = tuple(ref for ref in refs.values() if ref.listed)
    return {
        "pm": postmortem,
        "notes": postmortem.notes,
        "facts": facts.facts(postmortem, suspects),
        "public": postmortem.audience == "public",
        "contents": facts.contents(postmortem, calls=bool(calls), evidence=bool(listed)),
        "limits": facts.limits(postmortem),
        "started": facts.started(postmortem),
        "suspected": facts.suspected(postmortem),
        "unsuspected": facts.unsuspected(suspects),
        "grouped": facts.grouped(postmortem, errors),
        "asked": facts.asked(postmortem),
        "unsure": entries.unsure(postmortem.queries),
        "timeline": figures.timeline_rows(timeline, lettered, end_ns=end_ns),
        "suspects": suspects,
        "errors": errors,
        "error_columns": facts.error_columns(postmortem, errors),
        "slow_columns": facts.slow_columns(slow),
        "statements_words": facts.statements(slow),
        "traced": facts.traced(postmortem),
        "slow": slow,
        "calls": calls,
        "trace": shown,
        "glance": chart,
        "refs": refs,
        "listed": listed,
        "dated": facts.dated(postmortem.window),
        "policy": _policy(),
        "style": Markup(_style()),  # noqa: S704  # the project's own file
        "script": Markup(_asset("page.js")),  # noqa: S704  # the project's own file
        "hover": json_text(chart.hover if chart else ()),
    }
