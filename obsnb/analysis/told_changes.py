"""What is told to have changed at services shortly before the onset: deployments, restarts, settings."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from obsnb.analysis.cause_words import SETTINGS
from obsnb.analysis.causes import SETTING
from obsnb.analysis.fusion import Deployment, nearby_deployments
from obsnb.analysis.mentions import mentioned
from obsnb.analysis.replica_sets import new_replica_sets
from obsnb.analysis.service_names import Names
from obsnb.analysis.versions import new_versions
from obsnb.conventions import Conventions

__all__ = ["deployments_told"]

_SAME_NS = 600 * 10**9  # an event and the first span of a version within it are one deployment

_Told = list[tuple[str, int, str, str]]  # service, ns, kind, title


def deployments_told(
    events: pl.DataFrame | None,
    spans: pl.DataFrame | None,
    names: Names,
    *,
    pods: Iterable[pl.DataFrame] = (),
    onset_ns: int,
    conventions: Conventions,
) -> list[Deployment]:
    """Deployments and restarts of EVENTS, changes of settings, and what carries a new version first.

    That is what spans call a version, else the replica set that the names of pods tell of (`pods`, as
    `obsnb.analysis.replica_sets.pods_seen` gives them).
    """
    told: _Told = []
    if events is not None:
        frame = events if "title" in events.columns else events.with_columns(title=pl.lit(""))
        frame = frame.select("timestamp", "kind", "service", pl.col("title").fill_null(""))
        told = [*_deployments(frame, names), *_settings(frame, names)]
    versions = [] if spans is None else new_versions(spans, names, conventions=conventions)
    for each in (*versions, *new_replica_sets(pods, names)):
        same = (service == each[0] and abs(ns - each[1]) < _SAME_NS for service, ns, *_ in told)
        if not any(same):
            told.append(each)
    return nearby_deployments(told, onset_ns)


def _deployments(events: pl.DataFrame, names: Names) -> _Told:
    frame = events.filter(pl.col("kind").is_in(["deploy", "restart"])).drop_nulls("service")
    rows = frame.select("service", pl.col("timestamp").to_physical(), "kind", "title").iter_rows()
    return [(names.service(service) or service, ns, kind, title) for service, ns, kind, title in rows]


def _settings(events: pl.DataFrame, names: Names) -> _Told:
    """Changes of settings that annotations tell of, of the one service that they are about or name."""
    noted = events.filter(
        pl.col("kind").is_in(["annotation", "note"]), pl.col("title").str.contains(SETTINGS)
    )
    nobody = pl.lit("").alias("service")  # who wrote a title is none of those that it names
    titles = noted.select(nobody, pl.col("title").alias("text"))
    named = mentioned(titles, names, anywhere=True)
    about = names.services(noted["service"])
    rows = noted.select(
        about.zip_with(about.is_not_null(), named).alias("about"), pl.col("timestamp").to_physical(), "title"
    )
    return [(service, ns, SETTING, title) for service, ns, title in rows.drop_nulls().iter_rows()]
