"""What every widget is made of: questions from the browser, and a static form for where no kernel is."""

from __future__ import annotations

import base64
import contextlib
import html
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anywidget
import polars as pl
import traitlets

from obsnb.errors import FrameError, ObsnbError, UsageError
from obsnb.views.theme import DARK, LIGHT, Theme
from obsnb.views.widgets.turns import in_turn

__all__ = ["Answer", "Widget", "picture", "publish", "script", "style"]

Answer = dict[str, Any]
_HERE = Path(__file__).parent
_VIEW = "application/vnd.jupyter.widget-view+json"
_WHY = 200  # letters of an error that is none of ours
_FONT = "system-ui, Segoe UI, Roboto, Liberation Sans, sans-serif"
_HOW = (
    "This is the last view of a widget. It is live where a kernel runs and Jupyter's server has anywidget "
    "and jupyterlab_widgets: pip install anywidget jupyterlab_widgets in the server's environment."
)


def picture(svg: str, says: str) -> str:
    """A drawing as an image that holds itself: front ends keep those where they take inline SVG away."""
    drawn = svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{_FONT}" ', 1)
    code = base64.b64encode(drawn.encode()).decode()
    look = "max-width:100%;background:#fff;padding:4px"
    return f'<img alt="{html.escape(says)}" src="data:image/svg+xml;base64,{code}" style="{look}">'


def script(name: str) -> str:
    """A widget's JavaScript: the bricks that all share, then its own file."""
    return "\n".join((_HERE / f"{part}.js").read_text(encoding="utf-8") for part in ("house", "rows", name))


def style() -> str:
    """The style sheet of all widgets: the house's colours, light and dark as the page is, then the rules."""
    dark = _colours(DARK, strong="#4aa8e0", warn="#e69f00", chosen="#1d3a4f", hover="#20262d", edge="#7b8794")
    light = _colours(
        LIGHT, strong="#005f99", warn="#7a5200", chosen="#dcedf8", hover="#f3f5f7", edge="#7b8794"
    )
    system = "body:not([data-jp-theme-light]):not(.vscode-light) .obsnb"
    return "\n".join(
        (
            f".obsnb {{ {light} }}",
            f'body[data-jp-theme-light="false"] .obsnb, body.vscode-dark .obsnb {{ {dark} }}',
            f"@media (prefers-color-scheme: dark) {{ {system} {{ {dark} }} }}",
            (_HERE / "house.css").read_text(encoding="utf-8"),
        )
    )


def _colours(theme: Theme, *, strong: str, warn: str, chosen: str, hover: str, edge: str) -> str:
    named = {"paper": theme.paper, "ink": theme.ink, "quiet": theme.quiet, "line": theme.line}
    named |= {
        "bad": theme.bad,
        "strong": strong,
        "warn": warn,
        "chosen": chosen,
        "hover": hover,
        "edge": edge,
    }
    named |= {f"s{place}": colour for place, colour in enumerate(theme.series)}
    return " ".join(f"--o-{name}: {colour};" for name, colour in named.items())


class Widget(anywidget.AnyWidget):
    """A view whose data stays in the kernel: the browser asks for what it draws.

    `start` is all that a first paint needs, kept up to date as the view changes: with the widget's state
    in the notebook, it is what is seen when that is opened again. Beside it stands the static form, an
    output of its own that the live widget covers, because front ends show no second form of a widget
    that they cannot draw.

    Questions run beside the cells. What reads or changes the view waits for its turn (`in_turn`), and every
    view that is sent has its `version`, so that the browser leaves one that it hears late.
    """

    start = traitlets.Dict(help="What a first paint needs: the view as it is now, or its trouble.").tag(
        sync=True
    )
    still = traitlets.Unicode(help="The class of the static form, which the live widget covers.").tag(
        sync=True
    )
    _css = style()

    #: What the browser may ask that leaves the view as it is.
    quiet_questions: tuple[str, ...] = ("rows", "details")
    #: What a server is asked for: these wait for each other, and take their turn once it has answered.
    slow_questions: tuple[str, ...] = ()
    #: What is asked about a row by its place in the view that the browser has.
    questions_of_places: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self._displayed = False
        self._asking = threading.Lock()
        #: Which view of the widget `start` is: a later one has a higher number.
        self.version = 0
        self._placed = 0  # the version since which places are those of the same rows
        self.still = f"obsnb-still-{self.model_id}"
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.says()})"

    # What a widget says of itself.

    def says(self) -> str:
        """What it shows, in a few words."""
        return self.trouble or str(self.start.get("says", ""))

    def first_view(self) -> Answer:
        """All that a first paint needs."""
        return {}

    def still_form(self) -> str:
        """The view as it is now, as HTML that needs no script."""
        return ""

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """What the browser may ask, by name."""
        return {}

    @contextlib.contextmanager
    def putting_trouble_in_its_place(self) -> Iterator[None]:
        """A frame that cannot be shown becomes a sentence where the widget would be."""
        try:
            yield
        except FrameError as error:
            self._put({"trouble": " ".join(str(error).split())})
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            why = next(iter(str(error).splitlines()), type(error).__name__)[:_WHY]
            name = type(self).__name__
            self._put(
                {
                    "trouble": f"{name} cannot show this frame: {why}. Hint: A column is not of the type "
                    f"that it has in obsnb's frames; help(obsnb.widgets.{name}) says which frame it takes."
                }
            )

    @property
    def trouble(self) -> str:
        """Why there is nothing to show; empty where there is."""
        return str(self.start.get("trouble", ""))

    # Questions and answers.

    def answer(self, question: str, given: Mapping[str, Any], *, seen: int | None = None) -> Answer:
        """What the browser is told when it asks: the view as it is then, where that changed.

        Parameters
        ----------
        question, given
            What is asked, and with which values.
        seen
            The version of the view that is asked about; the present one unless told.

        Raises
        ------
        UsageError
            There is no such question, or nothing is shown that could be asked about, or not any longer.
        """
        with self._asking if question in self.slow_questions else in_turn:
            if self.trouble:
                raise UsageError(self.trouble)
            known = self.questions()
            if question not in known:
                raise UsageError(
                    f"{type(self).__name__} is not asked {question!r}; it knows {', '.join(known)}."
                )
            if question in self.questions_of_places and seen is not None and seen < self._placed:
                raise UsageError("What is shown has changed since, so nothing was done.", hint="Look again.")
            if question in self.quiet_questions:
                return known[question](given)
            try:
                told = known[question](given)
            finally:  # also where somebody who listens failed: what is shown is what there is
                self.view_changed()
            shown = self.start
            return {**shown, **told, "version": shown["version"]}

    def _heard(self, _widget: object, content: Any, _buffers: object) -> None:
        if not isinstance(content, dict) or content.get("kind") != "ask":
            return
        question = str(content.get("what"))
        reply: Answer
        try:
            seen = content.get("seen")
            seen = seen if isinstance(seen, int) else None
            reply = {"answer": self.answer(question, content.get("given") or {}, seen=seen)}
        except ObsnbError as error:
            reply = {"trouble": " ".join(str(error).split())}
        except Exception as error:  # noqa: BLE001 - the browser waits, and nobody sees a kernel's log
            reply = {"trouble": f"{question} failed: {type(error).__name__}: {error}"}
        buffers = reply.get("answer", {}).pop("buffers", ())  # bytes travel beside the JSON
        message = {"kind": "answer", "id": content.get("id"), **reply}
        self.send(message, buffers) if buffers else self.send(message)

    def tell(self, kind: str, **what: Any) -> None:
        """Send something that the browser did not ask for."""
        self.send({"kind": kind, **what})

    def renew(self) -> None:
        """Make `start` the view as it is now."""
        self._put(self.first_view())

    def _put(self, view: Answer) -> None:
        self.version += 1
        self.start = {**view, "version": self.version}

    def rows_moved(self) -> None:
        """From the next view on a place is another row's: questions about older views are refused."""
        self._placed = self.version + 1

    @in_turn
    def view_changed(self) -> None:
        """Keep `start` and the static form as the view is now."""
        if not self.trouble:
            self.renew()
        if self._displayed:
            publish(self._still_bundle(), display_id=self.still, update=True)

    def say_changed(self, **more: Any) -> None:
        """Show the view as it is now, in the browser too."""
        self.view_changed()
        if not self.trouble:
            self.tell("changed", **self.start, **more)

    # How it is shown.

    @in_turn
    def to_html(self) -> str:
        """The static form: the view as it is now, all text escaped, without any script."""
        trouble = self.trouble
        body = f"<p>{html.escape(trouble)}</p>" if trouble else self.still_form()
        said = f"<p><strong>{html.escape(type(self).__name__)}</strong> {html.escape(self.says())}</p>"
        return (
            f'<div class="obsnb-still {self.still}">{"" if trouble else said}{body}'
            f'<p style="opacity:.75;font-size:85%">{html.escape(_HOW)}</p></div>'
        )

    def _still_bundle(self) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": repr(self)}

    def _live_bundle(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {_VIEW: view, "text/plain": repr(self)}

    def _repr_mimebundle_(self, **_: Any) -> Any:
        return self._live_bundle() | self._still_bundle()

    def _ipython_display_(self) -> None:
        publish(self._live_bundle())
        self.display_still()

    def display_still(self) -> None:
        """The static form as an output of its own, covered while the widget lives, kept up to date."""
        publish(self._still_bundle(), display_id=self.still)
        self._displayed = True


def publish(bundle: dict[str, Any], *, display_id: str | None = None, update: bool = False) -> None:
    """Show a bundle of forms below the running cell, or in the place of what has this id."""
    from IPython.display import publish_display_data

    place = None if display_id is None else {"display_id": display_id}
    publish_display_data(bundle, transient=place, update=update)  # type: ignore[no-untyped-call]  # IPython says no types
