"""Whom a series is about that was collected on somebody's behalf: by an exporter, or a scrape job of many."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import polars as pl

from obsnb.analysis.service_names import POD_LABELS, Names, comparable, workload

__all__ = ["collectors", "with_subjects"]

# Who reports on others: Prometheus' exporters, and what Kubernetes runs to tell of its pods and nodes. POD
# is what cAdvisor calls the container that holds a pod's network.
_COLLECTOR = re.compile(r"(?i)(?:^|.*[-_./])(?:exporter|kube-state-metrics|cadvisor|kubelet|POD)")
_EXPORTER = re.compile(r"(?i)[-_.]exporter$")
_WORKLOADS = ("deployment", "statefulset", "daemonset")  # of kube-state-metrics
_CONTAINERS = ("exported_container", "container")
#: Where an exporter that asks several systems says which (redis_exporter's ``addr``, postgres_exporter's
#: ``server``, the ``target`` of Prometheus' documentation), then the node, then the address itself.
_ADDRESSES = ("target", "server", "addr", "exported_node", "node", "nodename", "instance")
_VOLUME = "persistentvolumeclaim"
_LABELS = (*POD_LABELS, *_WORKLOADS, *_CONTAINERS, _VOLUME, *_ADDRESSES)
_IP = re.compile(r"\[?[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*\]?")


def with_subjects(series: pl.DataFrame, names: Names, *, own: Collection[str] = ()) -> pl.DataFrame:
    """The series, each about whom it tells of rather than about who collected it.

    A collector is known by its name (``postgres-exporter``, ``kube-state-metrics``), or by its series:
    one with pods of several workloads that are not called after it is a scrape job (``kubernetes-pods``).
    What a series of it is about is, in this order, the pod's workload, the workload that is named
    itself, the known service whose volume it is, the address that was asked, the node; for an exporter of
    which no label tells, the one service that is called like the system that it exports.

    Parameters
    ----------
    series
        SERIES with service, and labels.
    own
        Services that write lines or spans of their own: they are no scrape jobs, whatever their pods.

    Returns
    -------
    polars.DataFrame
        The same rows in their order; `service` is a text.
    """
    labels = [name for name in _LABELS if name in series.columns]
    service = pl.col("service").cast(pl.String)
    told_by = collectors(series, own=own)
    if not told_by or not labels:
        return series.with_columns(service)
    columns = ["service", *labels]
    theirs = series.select(pl.col(columns).cast(pl.String)).with_row_index("row")
    theirs = theirs.filter(pl.col("service").is_in(list(told_by)))
    each = theirs.select(columns).unique()
    found = [_subject(row, names, told_by) for row in each.iter_rows(named=True)]
    table = each.with_columns(pl.Series("about", found, dtype=pl.String)).drop_nulls("about")
    told = theirs.join(table, on=columns, maintain_order="left", nulls_equal=True)
    return series.with_columns(series["service"].cast(pl.String).scatter(told["row"], told["about"]))


def collectors(series: pl.DataFrame, *, own: Collection[str] = ()) -> frozenset[str]:
    """The names in ``service`` that are not whom their series are about."""
    names = series["service"].drop_nulls().unique().cast(pl.String).to_list()
    named = {name for name in names if _COLLECTOR.fullmatch(name)}
    pods = [name for name in POD_LABELS if name in series.columns]
    if not pods:
        return frozenset(named)
    each = series.select(pl.col("service", *pods).cast(pl.String)).unique().drop_nulls("service")
    workloads: dict[str, set[str]] = {}
    for row in each.iter_rows(named=True):
        of = workload(_first(row, pods))
        if of is not None and not f"{of}-".startswith(f"{row['service']}-"):
            workloads.setdefault(row["service"], set()).add(of)
    jobs = {name for name, many in workloads.items() if len(many) > 1}
    return frozenset(named | (jobs - set(own)))


def _first(row: Mapping[str, str | None], keys: Collection[str]) -> str | None:
    return next((value for key in keys if (value := row.get(key))), None)


def _subject(row: Mapping[str, str | None], names: Names, told_by: frozenset[str]) -> str | None:
    """Whom the series is about, or None where nothing tells."""
    container = _first(row, _CONTAINERS)
    container = None if container is None or _is_collector(container, told_by) else container
    of = workload(_first(row, POD_LABELS), container)
    for name in (of, _first(row, _WORKLOADS)):
        if name is not None and not _is_collector(name, told_by):
            return name
    volume = _of_volume(row.get(_VOLUME), names)
    if volume is not None:
        return volume
    for key in _ADDRESSES:
        named = names.peer(row.get(key))
        if named is not None and not _IP.fullmatch(named) and not _is_collector(named, told_by):
            return named
    for name in (row.get("instance"), of, row["service"]):
        system = _EXPORTER.sub("", name.partition(":")[0]) if name else ""
        known = names.peer(system, is_system=True) if system and system != name else None
        if known in names.known.values():
            return known
    return None


def _of_volume(claim: str | None, names: Names) -> str | None:
    """The known service whose volume it is: a StatefulSet's claims are called after a template and itself."""
    parts = (workload(claim) or "").split("-")
    ends = ("-".join(parts[start:]) for start in range(len(parts)))
    return next((name for end in ends if (name := names.known.get(comparable(end)))), None)


def _is_collector(name: str, told_by: frozenset[str]) -> bool:
    return name in told_by or _COLLECTOR.fullmatch(name) is not None
