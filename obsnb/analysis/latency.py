"""Where requests became slower: not who waited, but where the time went."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from obsnb.analysis.scores import LEAST_SPREAD, Finding, certainty, rise_z, saturate, share_z
from obsnb.conventions import METHODS

__all__ = ["latency_findings"]

#: How much likelier than its caller a callee is at fault for time on the way to it (a queue before
#: its span begins), and for the time of a call of which nothing more is known.
_WAY_TO_CALLEE, _IN_PEER = 1.5, 4.0
_LEAST_PART = 0.05  # of a link's time, below which an end of it is not worth a word
_MORE_TIME, _TIMES_SLOWER = 0.3, 1.0  # of a request; beyond its own usual time: 63% of full strength
_NOISE = 1.15  # times as long as usual is no change
_SHOWN = 3
# What OpenTelemetry's conventions of messaging call their operations, before the destination; after it once.
_MESSAGING = r"send|publish|receive|poll|process|deliver|settle|ack|nack"
#: A route that is called, a verb of HTTP alone, a method of gRPC, and a message that is sent are no
#: statements, however slow the answer is.
_CALL = re.compile(
    rf"(?:\S+ )?(?:/|https?:)|(?:HTTP )?(?:{METHODS})$|[\w.]+/\w+$"
    rf"|(?:{_MESSAGING}) \S+$|\S+ (?:{_MESSAGING})$"
)


@dataclass(frozen=True)
class _Place:
    """A node, or a link between two, and what it costs the requests that pass."""

    name: str
    node: str
    caller: str | None
    remote: bool
    z: float
    excess: float  # ns, mean over all requests, beyond the baseline's mean
    part: float  # of the usual length of a request that passes
    times: float  # as long as usual


def latency_findings(rows: pl.DataFrame) -> list[Finding]:
    """What each node takes of the requests' time more than in the baseline, and how surely.

    Whether a place became slower is a rank test over the requests that pass through it (with few in
    the baseline also their distance), or a test of the share of outliers among them; how much is
    the mean excess a request. What was slow before as well counts for nothing, so that it matters
    little which traces were kept, as long as both windows kept them alike. The time on a link
    between two nodes is shared between them: more for the callee, unless most links of the caller
    became slow.

    Parameters
    ----------
    rows
        As `obsnb.analysis.exclusive.excess_of_spans` gives them.
    """
    places = [place for place in _places(rows) if place.excess > 0]
    whole = sum(place.excess * certainty(place.z) for place in places) or 1.0
    blame = _blame(places, rows)
    found = []
    for place in places:
        if certainty(place.z):
            found += _findings(place, place.excess * certainty(place.z) / whole, blame, rows)
    return found


def _places(rows: pl.DataFrame) -> list[_Place]:
    requests = dict(rows.group_by("during").agg(pl.col("trace").n_unique()).iter_rows())
    if len(requests) < 2:
        return []
    lengths = rows.group_by("trace").agg(pl.col("length").max().alias("request"))
    of = ["place", "node", "caller", "remote"]
    time, usual = pl.col("time") + pl.col("floor"), pl.col("usual") + pl.col("floor")
    passing = (
        rows.group_by(*of, "during", "trace", maintain_order=True)
        .agg(
            pl.col("excess").sum(),
            pl.col("far").any(),
            (time.sum() / usual.sum()).log().alias("ratio"),
        )
        .join(lengths, on="trace", how="left", maintain_order="left")
    )
    return [
        _place(which, each.filter("during"), each.filter(~pl.col("during")), requests)
        for which, each in passing.group_by(of, maintain_order=True)
        if each["during"].any()
    ]


def _place(
    which: tuple[object, ...], now: pl.DataFrame, then: pl.DataFrame, requests: dict[bool, int]
) -> _Place:
    name, node, caller, remote = which
    new, old = now["ratio"].to_numpy(), then["ratio"].to_numpy()
    far = now.filter("far")
    shifted = rise_z(new, old, least_spread=LEAST_SPREAD)
    outlying = share_z(far.height, now.height, int(then["far"].sum()), then.height or requests[False])
    affected = now if shifted >= outlying or far.is_empty() else far
    usual = float(np.median(old)) if len(old) else 0.0
    excess = float(now["excess"].sum()) / requests[True] - float(then["excess"].sum()) / requests[False]
    more = float(affected["excess"].sum()) / affected.height
    more -= float(then["excess"].sum()) / max(then.height, 1)
    request = float(np.median((then if then.height else now)["request"].to_numpy()))
    return _Place(
        name=str(name),
        node=str(node),
        caller=None if caller is None else str(caller),
        remote=bool(remote),
        z=max(shifted, outlying),
        excess=excess,
        part=more / max(request, 1.0),
        times=math.exp(float(np.median(affected["ratio"].to_numpy())) - usual),
    )


def _blame(places: list[_Place], rows: pl.DataFrame) -> dict[str, float]:
    """How many links of a node became slow, times the part of all its links that they are.

    A node behind a slow network has all its links slow; its neighbours have one of theirs each.
    """
    links = rows.drop_nulls("caller").select("caller", "node", "remote").unique()
    many: dict[str, int] = {}
    for caller, node, _ in links.iter_rows():
        for end in (caller, node):
            many[end] = many.get(end, 0) + 1
    slow: dict[str, float] = {}
    for place in places:
        if place.caller is not None:
            for end in (place.caller, place.node):
                slow[end] = slow.get(end, 0.0) + certainty(place.z)
    return {node: sure * sure / many[node] for node, sure in slow.items()}


def _findings(place: _Place, share: float, blame: dict[str, float], rows: pl.DataFrame) -> list[Finding]:
    ends = [(place.node, 1.0)]
    if place.caller is not None:
        callee = blame[place.node] * (_WAY_TO_CALLEE if place.remote else _IN_PEER)
        part = callee / ((callee + blame[place.caller]) or 1.0)
        ends = [(place.node, part), (place.caller, 1 - part)]
    slower = 0.8 * saturate(place.times - _NOISE, _TIMES_SLOWER)
    strength = certainty(place.z) * max(saturate(place.part, _MORE_TIME), slower)
    shown, since, about, times = _examples(rows, place)
    return [
        Finding(
            service=node,
            signal="latency",
            strength=strength,
            share=share * part,
            since_ns=since,
            reason=_said(place, share),
            evidence=shown,
            about=about if node == place.node else "",
            statement=_statement(place, about, times) if node == place.node else "",
        )
        for node, part in ends
        if part >= _LEAST_PART
    ]


def _said(place: _Place, share: float) -> str:
    if place.caller is None and place.name != place.node:
        return (
            f"Requests spend {_told(place.excess)} more on average in {place.name} than in the baseline: "
            f"{_part(share)} of all the time that was added."
        )
    if place.caller is None:
        where = f"in {place.node} itself"
    elif place.remote:
        where = f"on the way from {place.caller} to {place.node}"
    else:
        where = f"in {place.caller}'s calls of {place.node}"
    return (
        f"Requests spend {_told(place.excess)} more {where} than in the baseline on average, "
        f"{_times(place.times)} as long at the median: {_part(share)} of all the time that was added."
    )


def _statement(place: _Place, about: str, times: float) -> str:
    if place.caller is None or place.remote or _CALL.match(about):
        return ""
    return f"{about}, asked by {place.caller}, takes {_times(times)} as long at the median"


def _times(factor: float) -> str:
    return f"{factor:,.0f} times" if factor >= 10 else f"{factor:.1f} times"


def _part(share: float) -> str:
    return "less than 1 %" if share < 0.005 else f"{100 * share:.0f} %"


def _told(ns: float) -> str:
    return f"{ns / 1e9:.1f} s" if ns >= 1e9 else f"{ns / 1e6:.3g} ms"


def _examples(rows: pl.DataFrame, place: _Place) -> tuple[tuple[str, ...], int | None, str, float]:
    """The spans with the most excess, when the first outlier began, the costliest operation, its factor."""
    slow = rows.filter((pl.col("place") == place.name) & pl.col("during") & (pl.col("excess") > 0))
    if slow.is_empty():
        return (), None, "", place.times
    outliers = slow.filter("far")
    first = (outliers if outliers.height else slow)["start"].min()
    costs = slow.group_by("name", "detail").agg(pl.col("excess").sum()).sort("excess", "name", "detail")
    name, detail, _ = costs.row(-1)
    told = {"name": name, "detail": detail}
    time, usual = pl.col("time") + pl.col("floor"), pl.col("usual") + pl.col("floor")
    alike = slow.filter(
        *(pl.col(key).cast(pl.String).eq_missing(pl.lit(value, pl.String)) for key, value in told.items())
    )
    times = float(np.median(alike.select(time / usual).to_series().to_numpy()))
    shown = slow.top_k(_SHOWN, by="excess").sort("excess", descending=True)["row"].to_list()
    about = name if not detail or detail in (name, *name.split()) else f"{name} ({detail})"
    return tuple(f"row:{row}" for row in shown), first if isinstance(first, int) else None, about, times
