"""What tells the series of one metric and service apart: a pod, an instance, a node, a device."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from obsnb.schema import SERIES

__all__ = ["places_of", "within_places"]

#: Labels that say where, the narrowest first (Kubernetes', cAdvisor's and Prometheus' own).
_PLACES = ("pod", "pod_name", "k8s_pod_name", "instance", "node", "k8s_node_name", "zone")
_NOT_PLACES = ("le", "quantile")
_SAID = 2  # labels at most, to be worth saying
_VALUES = 3  # places at most, to be a part of the service
_PART = 0.5  # and of all its places at most


def places_of(series: pl.DataFrame) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each series the labels that others of its metric and service have otherwise: places come first.

    Parameters
    ----------
    series
        SERIES with metric, service and series_id.

    Returns
    -------
    dict
        Series id → (label, value), empty where there is one series only, or where two labels do not do.
    """
    texts = (pl.String, pl.Categorical, pl.Enum)
    known = {*SERIES.names, *_NOT_PLACES}
    labels = [name for name, kind in series.schema.items() if kind in texts and name not in known]
    labels.sort(key=lambda name: (_PLACES.index(name) if name in _PLACES else len(_PLACES), name))
    if "series_id" not in series.columns or not labels:
        return {}
    of = ("metric", "service")
    each = series.select("series_id", *of, *(pl.col(name).cast(pl.String) for name in labels))
    each = each.unique("series_id", maintain_order=True)
    differs = each.with_columns((pl.col(name).n_unique().over(of) > 1) for name in labels)
    found = {}
    for values, apart in zip(each.iter_rows(named=True), differs.select(labels).iter_rows(), strict=True):
        told = [
            (name, values[name])
            for name, is_told in zip(labels, apart, strict=True)
            if is_told and values[name]
        ]
        found[values["series_id"]] = tuple(told[:_SAID])
    return found


def within_places(
    moved: Iterable[str], alike: Iterable[str], places: dict[str, tuple[tuple[str, str], ...]]
) -> str:
    """The few places that all series which moved are of, where the service has others; else empty.

    Parameters
    ----------
    moved, alike
        Ids of the series of a metric and service that are not what they were, and of all of them.
    places
        As `places_of` gives them.
    """
    both = [[dict(places.get(one, ())) for one in ids] for ids in (moved, alike)]
    for label in _PLACES:
        here, all_of_it = ({one[label] for one in told if label in one} for told in both)
        if here and len(here) <= min(_VALUES, _PART * len(all_of_it)):
            names = ", ".join(sorted(here))
            return f"{label}={names}" if len(here) == 1 else f"{label} in {names}"
    return ""
