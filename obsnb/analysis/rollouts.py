"""Deployments that nobody announced: versions that start to run in place of others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.event_rows import event_rows, not_told_yet
from obsnb.analysis.service_names import service_names, workload
from obsnb.analysis.versions import new_versions
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import SERIES, SPANS, dtype

__all__ = ["rollouts", "span_rollouts"]

_IMAGES = "kube_pod_container_info"
#: A version that is not seen for so many steps, and five minutes at least, has gone.
_GONE_STEPS, _GONE_NS = 2.5, 300 * 10**9
_DIGEST = 12


class _Run(NamedTuple):
    """A version that ran without a pause: of what, from when to when, and the series that shows it."""

    what: tuple[str, str]
    service: str
    version: str
    start: int
    last: int
    series_id: str | None


def rollouts(series: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """The deployments that the labels of build information tell of.

    Parameters
    ----------
    series
        SERIES with ``*_build_info`` (whose version is a label such as ``version``) and
        ``kube_pod_container_info`` (whose version is its image's tag); other metrics are left out.
    conventions
        Whose ``build_metrics`` and ``version_fields`` these are.

    Returns
    -------
    frame
        EVENTS of kind ``deploy`` and ``evidence`` (list of evidence ids), sorted by time, without ends:
        a row each time that a version of a service starts to run where another one ran before it. One
        that ran earlier and had gone is rolled back to.

    Notes
    -----
    The version that is seen first is nobody's deployment, and neither is one that is back after a pause
    in which no other one began. The time is that of the first sample, which is up to a step late.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "value"), what="rollouts")
    rows = _versions(frame, conventions)
    found = [pl.DataFrame(list(_deployed(_runs(rows))), infer_schema_length=None)] if rows.height else []
    events = event_rows([one for one in found if one.height])
    return like(_once(events, conventions), series)


def span_rollouts(spans: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """The deployments that the versions in spans (``service.version``) tell of, as `rollouts` has them.

    Parameters
    ----------
    spans
        SPANS; service, start and the attribute are enough.

    Returns
    -------
    frame
        EVENTS of kind ``deploy``: the first span of a version that follows another one.
    """
    frame = to_polars(spans, SPANS, needs=("service", "start"), what="span_rollouts")
    names = service_names(frame["service"], conventions=conventions)
    found = new_versions(frame, names, conventions=conventions)
    events = pl.DataFrame(
        found,
        schema={"service": pl.String, "ns": pl.Int64, "kind": pl.String, "title": pl.String},
        orient="row",
    )
    told = events.select(
        "service", "kind", "title", timestamp=pl.col("ns").cast(dtype("time")), source=pl.lit("spans")
    )
    return like(event_rows([told]), spans)


def _versions(frame: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Each sample that tells a version: when (ns), what, service, version and series_id."""
    if "metric" not in frame.columns:
        return pl.DataFrame()
    told = "|".join(f"(?:{name})" for name in conventions.build_metrics)
    rows = frame.filter(pl.col("metric").str.contains(f"^(?:{told})$") & (pl.col("value") > 0))
    fields = [name.replace(".", "_") for name in conventions.version_fields]

    def text(*names: str) -> pl.Expr:
        return pl.coalesce(*(pl.col(n) for n in names if n in rows.columns), pl.lit(None, pl.String))

    plain = rows.select(
        text("metric").alias("metric"),
        text("service").alias("service"),
        text("exported_namespace", "namespace").fill_null("").alias("namespace"),
        text("exported_pod", "pod").alias("pod"),
        text("exported_container", "container").alias("container"),
        text("image_spec", "image").alias("image"),
        text(*dict.fromkeys(fields)).replace("", None).alias("version"),
        text("series_id").alias("series_id"),
        pl.col("timestamp").to_physical().alias("ns"),
    )
    who = plain.unique(plain.columns[:-1]).drop("ns")
    told_by = [_told(row, conventions) for row in who.iter_rows(named=True)]
    found = who.with_columns(
        pl.Series("told", [t[0] for t in told_by], dtype=pl.String),
        pl.Series("owner", [t[1] for t in told_by], dtype=pl.String),
        pl.Series("release", [t[2] for t in told_by], dtype=pl.String),
    )
    joined = plain.join(found, on=plain.columns[:-1], how="inner", nulls_equal=True)
    return joined.select("ns", "told", "owner", "release", "series_id").drop_nulls(["owner", "release"])


def _told(row: dict[str, Any], conventions: Conventions) -> tuple[str, str | None, str | None]:
    """By what it is told, of which service, and the version."""
    if row["metric"] != _IMAGES:
        return f"{row['metric']} {row['namespace']}", row["service"], row["version"]
    name, version = _image(row["image"] or "")
    service = workload(row["pod"], row["container"])
    what = f"{_IMAGES} {row['namespace']} {row['container']} {name}"
    return what, conventions.canonical(service) if service else None, version


def _image(image: str) -> tuple[str, str | None]:
    """An image's name and its tag, or the start of its digest where it has none."""
    bare, _, digest = image.partition("@")
    found = re.fullmatch(r"(.+?):([^:/]+)", bare)
    if found:
        return found[1], found[2]
    return bare, digest.rpartition(":")[2][:_DIGEST] or None


def _runs(rows: pl.DataFrame) -> list[_Run]:
    """The runs of each version, by start."""
    key = ["told", "owner", "release"]
    times = rows.sort("ns").unique([*key, "ns"], keep="first", maintain_order=True)
    apart = pl.col("ns").diff().over(key)
    usual = times.select(apart.alias("apart")).drop_nulls()["apart"].median()
    step = usual if isinstance(usual, int | float) else 0
    pause = apart > max(_GONE_NS, _GONE_STEPS * step)
    runs = (
        times.with_columns(run=pause.fill_null(value=False).cum_sum().over(key))
        .group_by(*key, "run", maintain_order=True)
        .agg(pl.col("ns").min().alias("start"), pl.col("ns").max().alias("last"), pl.col("series_id").first())
        .sort("start", "release")
    )
    return [
        _Run(
            (row["told"], row["owner"]),
            row["owner"],
            row["release"],
            row["start"],
            row["last"],
            row["series_id"],
        )
        for row in runs.iter_rows(named=True)
    ]


def _deployed(runs: list[_Run]) -> Iterator[dict[str, Any]]:
    """The runs that follow another version's."""
    latest: dict[tuple[str, str], list[_Run]] = {}
    for run in runs:
        before = latest.setdefault(run.what, [])
        if any(one.start < run.start for one in before) and before[-1].version != run.version:
            again = any(one.version == run.version for one in before)
            what = f"rolled back to {run.version}" if again else f"{run.version} deployed"
            yield {
                "timestamp": run.start,
                "kind": "deploy",
                "title": f"{run.service} {what}",
                "service": run.service,
                "source": run.what[0].split()[0],
                "evidence": [f"series:{run.series_id}@{run.start}"] if run.series_id else [],
            }
        before.append(run)


def _once(events: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Each deployment at its earliest, where a build and an image tell of the same."""
    kept = events.clear()
    for row in range(events.height):
        kept = pl.concat([kept, not_told_yet(events[row : row + 1], kept, conventions=conventions)])
    return kept
