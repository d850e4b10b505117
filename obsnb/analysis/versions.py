"""Deployments that nobody announced: versions that a service's spans carry for the first time."""

from __future__ import annotations

import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute
from obsnb.analysis.service_names import Names
from obsnb.conventions import DEFAULT, Conventions

__all__ = ["new_versions"]

_FEWEST = 3  # spans with the older version before the newer one's first


def new_versions(
    spans: pl.DataFrame, names: Names, *, conventions: Conventions = DEFAULT
) -> list[tuple[str, int, str, str]]:
    """Service, time (ns), ``deploy`` and a title, for each version that follows another one.

    The version that is seen first in the frame is nobody's deployment.
    """
    fields = [name for name in conventions.version_fields if "." in name]
    version = first_attribute(attribute_columns(spans, fields), fields)
    seen = (
        spans.select(
            names.services(spans["service"]).alias("service"),
            pl.col("start").to_physical().alias("ns"),
            version.alias("version"),
        )
        .drop_nulls()
        .sort("ns")
    )
    firsts = seen.group_by("service", "version", maintain_order=True).agg(
        pl.col("ns").min(), pl.len().alias("many")
    )
    found = []
    for (service,), each in firsts.group_by("service", maintain_order=True):
        ordered = each.sort("ns")
        for row in ordered.slice(1).iter_rows(named=True):
            earlier = seen.filter((pl.col("service") == service) & (pl.col("ns") < row["ns"])).height
            if earlier >= _FEWEST and row["many"] >= _FEWEST:
                title = f"version {row['version']} of {service} first seen"
                found.append((str(service), int(row["ns"]), "deploy", title))
    return found
