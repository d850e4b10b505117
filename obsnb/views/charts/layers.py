"""Where the services of a graph stand: callers left of those they call, few lines crossing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

__all__ = ["layered"]

_ROUNDS = 4  # of ordering each layer by where its neighbours stand


def layered(edges: Iterable[tuple[str, str]]) -> dict[str, tuple[float, float]]:
    """Name → place (layer, height), for any graph, also one with cycles.

    A service stands one layer behind the last of its callers, where calls that close a cycle do not count.
    Within a layer, services are ordered by the mean height of their neighbours (the barycentre heuristic of
    Sugiyama, Tagawa and Toda, 1981).
    """
    below: dict[str, list[str]] = defaultdict(list)
    names: dict[str, None] = {}
    for caller, callee in edges:
        names |= {caller: None, callee: None}
        if caller != callee and callee not in below[caller]:
            below[caller].append(callee)
    depth = _depths(list(names), below)
    layers: dict[int, list[str]] = defaultdict(list)
    for name in names:
        layers[depth[name]].append(name)
    neighbours: dict[str, list[str]] = defaultdict(list)
    for caller, callees in list(below.items()):
        for callee in callees:
            neighbours[caller].append(callee)
            neighbours[callee].append(caller)
    height = {name: _centred(row, len(layer)) for layer in layers.values() for row, name in enumerate(layer)}
    for _ in range(_ROUNDS):
        for layer in layers.values():
            layer.sort(
                key=lambda name: (_mean([height[one] for one in neighbours[name]], height[name]), name)
            )
            height |= {name: _centred(row, len(layer)) for row, name in enumerate(layer)}
    return {name: (float(depth[name]), height[name]) for name in names}


def _centred(row: int, many: int) -> float:
    return (many - 1) / 2 - row


def _mean(values: list[float], otherwise: float) -> float:
    # Layers are drawn from the top down, so that a higher neighbour comes first.
    return -sum(values) / len(values) if values else -otherwise


def _depths(names: list[str], below: dict[str, list[str]]) -> dict[str, int]:
    """The longest way to each name from a caller that nobody calls, without the calls that close cycles."""
    called = {callee for callees in below.values() for callee in callees}
    order: list[str] = []
    forward: dict[str, list[str]] = defaultdict(list)
    state: dict[str, int] = {}  # 1 while its callees are being visited, 2 after
    for root in sorted(names, key=lambda name: name in called):
        todo = [(root, iter(below[root]))] if root not in state else []
        state.setdefault(root, 1)
        while todo:
            name, rest = todo[-1]
            callee = next(rest, None)
            if callee is None:
                state[name] = 2
                order.append(name)
                todo.pop()
            elif state.get(callee) != 1:
                forward[name].append(callee)
                if callee not in state:
                    state[callee] = 1
                    todo.append((callee, iter(below[callee])))
    depth = dict.fromkeys(names, 0)
    for name in reversed(order):
        for callee in forward[name]:
            depth[callee] = max(depth[callee], depth[name] + 1)
    return depth
