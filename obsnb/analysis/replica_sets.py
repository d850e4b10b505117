"""Deployments that the names of pods tell of: pods of another replica set than their workload's before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import polars as pl

from obsnb.analysis.attributes import attribute_columns
from obsnb.analysis.service_names import POD_LABELS, Names

__all__ = ["new_replica_sets", "pods_seen"]

_LABELS = (*POD_LABELS, "metadata.k8s_pod_name", "metadata.pod")
_ATTRIBUTE = "k8s.pod.name"
_CHANCE = 0.01  # that a pod which was there told nothing
# A Deployment's pod: the workload, the hash of the pod's template and five letters. Kubernetes draws both
# from letters without vowels and from digits, so that no word comes out. A CronJob has the minute there,
# in digits alone.
_POD = re.compile(r"(.+)-(?=[0-9a-z]*[a-z])([0-9a-f]{8,10}|[bcdfghjklmnpqrstvwxz2456789]{6,10})-[a-z0-9]{5}")


def pods_seen(frame: pl.DataFrame) -> pl.DataFrame:
    """``pod`` and ``ns`` of every row whose labels or resource attributes name a pod."""
    time = "start" if "start" in frame.columns else "timestamp"
    labels = [name for name in _LABELS if name in frame.columns]
    if labels:
        pod = pl.coalesce(pl.col(name).cast(pl.String).replace("", None) for name in labels)
    elif {"resource", _ATTRIBUTE} & set(frame.columns):
        frame = frame.select(time).hstack(attribute_columns(frame, [_ATTRIBUTE]).select(_ATTRIBUTE))
        pod = pl.col(_ATTRIBUTE)
    else:
        return pl.DataFrame(schema={"pod": pl.String, "ns": pl.Int64})
    return frame.select(pod.alias("pod"), pl.col(time).to_physical().alias("ns")).drop_nulls()


def new_replica_sets(frames: Iterable[pl.DataFrame], names: Names) -> list[tuple[str, int, str, str]]:
    """Service, time (ns), ``deploy`` and a title, for each replica set whose pods follow another one's.

    A Deployment makes a new replica set when the template of its pods changes: an image, a variable, a
    limit. It keeps it when it is scaled, or when a pod is lost. The one that is seen first is nobody's
    deployment, nor is one whose pods may have been there all along, and told nothing by chance.

    Parameters
    ----------
    frames
        As `pods_seen` gives them, one a signal.
    """
    began: dict[tuple[str, str], int] = {}
    there: set[tuple[str, str]] = set()
    for frame in frames:
        for (service, replica_set), ns, is_new in _sets(frame, names):
            if is_new:
                began[service, replica_set] = min(ns, began.get((service, replica_set), ns))
            else:
                there.add((service, replica_set))
    return [
        (service, ns, "deploy", f"replica set {replica_set} of {service} first seen")
        for (service, replica_set), ns in sorted(began.items(), key=lambda item: (item[1], item[0]))
        if (service, replica_set) not in there
    ]


def _sets(frame: pl.DataFrame, names: Names) -> Iterator[tuple[tuple[str, str], int, bool]]:
    """Each replica set of a service that has several, when it was first seen, and whether it was new then."""
    told = [(pod, found) for pod in frame["pod"].unique() if (found := _POD.fullmatch(pod))]
    table = pl.DataFrame(
        [(pod, names.service(found[1]) or found[1], found[2]) for pod, found in told],
        schema={"pod": pl.String, "service": pl.String, "set": pl.String},
        orient="row",
    )
    table = table.filter(pl.col("set").n_unique().over("service") > 1)
    rows = frame.join(table, on="pod").sort("ns")
    for (service,), each in rows.group_by("service"):
        for (replica_set,), mine in each.group_by("set"):
            ns = int(mine["ns"][0])
            before = each.filter(pl.col("ns") < ns).height
            silent = (1 - mine.height / (each.height - before)) ** before
            yield (str(service), str(replica_set)), ns, silent < _CHANCE
