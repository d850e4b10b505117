"""A service map: who calls whom, from left to right, with calls, failures and durations on the lines."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from obsnb.analysis.border import like
from obsnb.analysis.summary import SURE_FROM
from obsnb.errors import FrameError, UsageError
from obsnb.views.formats import NOTHING, counted, duration, number, one_line
from obsnb.views.labels import apart
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, Widget, script
from obsnb.views.widgets.listing import as_polars, cut
from obsnb.views.widgets.turns import in_turn

__all__ = ["ServiceMap", "layers"]

_MOST = 120  # calls that are drawn, the most frequent ones
_TALL, _DOWN, _BETWEEN = 60, 84, 60
_SEEN = 6  # rows that the map shows before it is scrolled
_NARROWEST, _WIDEST, _LETTER = 200, 330, 7.6  # pixels: of a box, and of a letter of its name
_NEEDS = ("caller", "callee", "count")


class ServiceMap(Widget):
    """Services as boxes and calls as lines; a service's calls, or one kind of call, can be chosen.

    Parameters
    ----------
    graph
        As `obsnb.service_graph` gives it.
    suspects
        As `obsnb.suspects` gives it: those whose score is more than quiet hours reach carry a star and
        their rank.

    Attributes
    ----------
    selection
        The chosen rows of the graph; a frame with ``caller`` and ``callee`` that is assigned chooses them.
    """

    _esm = script("servicemap")
    quiet_questions = ()

    def __init__(self, graph: Any, *, suspects: Any = None) -> None:
        super().__init__()
        self._given, self._graph = graph, pl.DataFrame()
        self._chosen: set[tuple[str, str]] = set()
        self._listeners: list[Callable[[str], object]] = []
        with self.putting_trouble_in_its_place():
            self._read(as_polars(graph, what="ServiceMap"))
            self._ranks = _ranks(suspects)
            self.renew()

    def _read(self, frame: pl.DataFrame) -> None:
        self._graph = frame.clear()
        missing = [name for name in _NEEDS if name not in frame.columns]
        if missing:
            raise FrameError(
                f"ServiceMap needs the columns {', '.join(missing)}; the frame has "
                f"{', '.join(frame.columns) or 'none'}.",
                hint="obsnb.service_graph(spans) gives such a frame.",
            )
        self._graph = frame
        times = [
            pl.col(name).cast(pl.Duration("ns")).to_physical() for name in ("p50", "p95") if name in frame
        ]
        texts = pl.col("caller", "callee").cast(pl.String)
        rows = frame.with_columns(texts, *times).sort("count", descending=True).head(_MOST)
        self._calls = rows.drop_nulls(["caller", "callee"]).to_dicts()
        if not self._calls:
            raise FrameError("There is no call between services to show.")

    # What is chosen.

    @property
    @in_turn
    def selection(self) -> Any:
        """The rows of the chosen calls, as a frame of the kind that was passed in."""
        if not self._chosen:
            return like(self._graph.clear(), self._given)
        pairs = pl.DataFrame(sorted(self._chosen), schema=["caller", "callee"], orient="row")
        both = self._graph.with_columns(pl.col("caller", "callee").cast(pl.String))
        return like(both.join(pairs, on=["caller", "callee"], how="semi", maintain_order="left"), self._given)

    @selection.setter
    @in_turn
    def selection(self, frame: Any) -> None:
        given = as_polars(frame, what="ServiceMap.selection")
        if not {"caller", "callee"} <= {*given.columns}:
            raise FrameError(
                "Calls are told by caller and callee; the frame has "
                f"{', '.join(given.columns) or 'no column'}.",
                hint="Pass rows of the graph that this ServiceMap shows.",
            )
        if self.trouble:
            return
        rows = given.select(pl.col("caller", "callee").cast(pl.String))
        known = {(one["caller"], one["callee"]) for one in self._calls}
        self._chosen = {*rows.iter_rows()} & known
        self.say_changed()

    def on_follow(self, listener: Callable[[str], object]) -> None:
        """Call this with a service's name when it is chosen."""
        self._listeners.append(listener)

    # What the browser sees and asks.

    def says(self) -> str:
        """How many services and calls."""
        if self.trouble:
            return super().says()
        services = {one[end] for one in self._calls for end in ("caller", "callee")}
        left_out = self._graph.height - len(self._calls)
        parts = [
            counted(len(services), "service"),
            counted(len(self._calls), "kind of call", "kinds of call"),
        ]
        parts += [f"{left_out:,} rarer ones not drawn"] * (left_out > 0)
        return ", ".join(parts) + f", {len(self._chosen)} selected" * bool(self._chosen)

    def first_view(self) -> Answer:
        """The boxes and the lines, where they stand, and which are chosen."""
        pairs = [(one["caller"], one["callee"]) for one in self._calls]
        rows = layers(pairs)
        longest = max(len(name) + 3 for names in rows for name in names)
        wide = min(max(_NARROWEST, math.ceil(18 + _LETTER * longest)), _WIDEST)
        right = wide + _BETWEEN
        most = max(map(len, rows))
        middle = min(most, _SEEN)  # a short column stands beside the middle of a long one, where it is seen
        places = {
            name: (column * right, row * _DOWN + max(0, middle - len(names)) * _DOWN // 2)
            for column, names in enumerate(rows)
            for row, name in enumerate(names)
        }
        room = int((wide - 18) / _LETTER) - 3  # letters of a name beside a suspect's rank
        labels = dict(zip(places, apart([one_line(name) for name in places], room), strict=True))
        peers = {one["callee"] for one in self._calls if one.get("peer")}
        numbers = {name: place for place, name in enumerate(places)}
        nodes = [
            {
                "name": cut(name, 100),
                "label": labels[name],
                "x": x,
                "y": y,
                "peer": name in peers,
                "rank": self._ranks.get(name),
                **self._node_says(name),
            }
            for name, (x, y) in places.items()
        ]
        edges = [
            {
                "from": numbers[one["caller"]],
                "to": numbers[one["callee"]],
                "says": _edge_says(one),
                "failed": bool(one.get("errors")),
                "weight": one["count"],
                "on": (one["caller"], one["callee"]) in self._chosen,
            }
            for one in self._calls
        ]
        size = {"wide": wide, "tall": _TALL}
        size |= {"width": (len(rows) - 1) * right + wide, "height": most * _DOWN}
        return {"nodes": nodes, "edges": edges, "size": size, "says": self.says()}

    def _node_says(self, name: str) -> Answer:
        """A service in words: the calls into it, how many of them failed, how long they took."""
        into = [one for one in self._calls if one["callee"] == name]
        if not into:
            return {"calls": "nobody calls it", "took": "", "says": "nobody calls it"}
        count, errors = (sum(one.get(what) or 0 for one in into) for what in ("count", "errors"))
        slowest = max((one["p95"] for one in into if one.get("p95") is not None), default=None)
        calls = f"{counted(count, 'call')} in"
        failed = [f"✖ {number(100 * errors / max(count, 1))} % failed"] * bool(errors)
        took = [f"p95 {'≤ ' * (len(into) > 1)}{duration(slowest)}"] * (slowest is not None)
        return {
            "calls": calls,
            "took": ", ".join([*failed, *took]),
            "says": ", ".join([calls, *[f"✖ {errors:,} failed"] * bool(errors), *took]),
        }

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """To choose a service's calls, one call, or none."""
        return {"node": self._node, "edge": self._edge, "none": self._none}

    def _node(self, given: Mapping[str, Any]) -> Answer:
        place = given.get("at")
        names = [
            name for names in layers([(o["caller"], o["callee"]) for o in self._calls]) for name in names
        ]
        if not isinstance(place, int) or not 0 <= place < len(names):
            raise UsageError("There is no such service.")
        name = names[place]
        self._chosen = {
            (one["caller"], one["callee"]) for one in self._calls if name in (one["caller"], one["callee"])
        }
        for listener in self._listeners:
            listener(name)
        return {}

    def _edge(self, given: Mapping[str, Any]) -> Answer:
        place = given.get("at")
        if not isinstance(place, int) or not 0 <= place < len(self._calls):
            raise UsageError("There is no such call.")
        one = self._calls[place]
        self._chosen ^= {(one["caller"], one["callee"])}
        return {}

    def _none(self, _: Mapping[str, Any]) -> Answer:
        self._chosen = set()
        return {}

    def still_form(self) -> str:
        """The calls as a table."""
        rows = tuple(
            (
                cut(one["caller"], 100),
                cut(one["callee"], 100),
                f"{one['count']:,}",
                f"{one.get('errors') or 0:,}",
                duration(one.get("p95")),
            )
            for one in self._calls
        )
        return Table(("caller", "callee", "calls", "failed", "p95"), rows, frozenset({2, 3, 4})).to_html()


def _ranks(suspects: Any) -> dict[str, int]:
    if suspects is None:
        return {}
    frame = as_polars(suspects, what="ServiceMap")
    if "score" in frame.columns:
        frame = frame.filter(pl.col("score") >= SURE_FROM)
    return dict(frame.select(pl.col("service").cast(pl.String), "rank").iter_rows())


def _edge_says(one: Mapping[str, Any]) -> str:
    errors, p95 = one.get("errors") or 0, duration(one.get("p95"))
    parts = [counted(one["count"], "call")] + [f"✖ {errors:,} failed"] * bool(errors)
    return ", ".join(parts + [f"p95 {p95}"] * (p95 != NOTHING))


def layers(pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Names in columns, so that calls go to the right as far as no cycle forbids it.

    A depth-first walk leaves out the calls that close a cycle; a name's column is then the longest way
    to it. Within a column, names stand near the middle of those that call them.
    """
    below: dict[str, list[str]] = defaultdict(list)
    names = dict.fromkeys(name for pair in pairs for name in pair)
    called = {callee for caller, callee in pairs if caller != callee}
    for caller, callee in pairs:
        below[caller].append(callee)
    column: dict[str, int] = {}
    forward = _without_cycles([*(n for n in names if n not in called), *names], below)
    for name in forward:
        column.setdefault(name, 0)
        for callee in forward[name]:
            column[callee] = max(column.get(callee, 0), column[name] + 1)
    rows: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for name in names:
        rows[column[name]].append(name)
    place = {name: row for names_of in rows for row, name in enumerate(names_of)}
    for names_of in rows[1:]:
        above = {
            name: [
                place[caller] for caller, callee in pairs if callee == name and column[caller] < column[name]
            ]
            for name in names_of
        }
        names_of.sort(key=lambda name: (sum(above[name]) / max(len(above[name]), 1), name))
        place |= {name: row for row, name in enumerate(names_of)}
    return rows


def _without_cycles(order: list[str], below: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Name → callees without those that close a cycle, callers before callees."""
    done: dict[str, list[str]] = {}
    for root in order:
        path: dict[str, list[str]] = {}
        todo = [(root, False)]
        while todo:
            name, left = todo.pop()
            if left:
                done[name] = path.pop(name)
            elif name not in done and name not in path:
                path[name] = []
                todo.append((name, True))
                todo += [(callee, False) for callee in below.get(name, []) if callee not in path]
    seen: dict[str, list[str]] = {}
    for name in reversed(done):
        seen[name] = []
    rank = {name: place for place, name in enumerate(seen)}
    return {name: [callee for callee in below.get(name, []) if rank[callee] > rank[name]] for name in seen}
