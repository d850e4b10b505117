"""A series that an exporter or a scrape job reports is about whom it tells of, not about who collected it."""

from __future__ import annotations

import polars as pl
import pytest

from obsnb.analysis.service_names import service_names
from obsnb.analysis.subjects import collectors, with_subjects
from obsnb.analysis.suspects import suspects
from obsnb.timerange import TimeRange

S = 10**9
_BEFORE, _DURING = TimeRange(0, 300 * S), TimeRange(300 * S, 600 * S)


def _rows(*rows: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(value=pl.lit(1.0))


def _about(row: dict[str, str], *known: str) -> str | None:
    found: str | None = with_subjects(_rows(row), service_names(pl.Series(known)))["service"][0]
    return found


@pytest.mark.parametrize(
    ("row", "about"),
    [
        ({"service": "kube-state-metrics", "pod": "cart-7d9f8b6c5d-x2x4z"}, "cart"),
        ({"service": "kube-state-metrics", "pod": "ksm-0", "exported_pod": "cart-7d9f8b6c5d-x2x4z"}, "cart"),
        ({"service": "kube-state-metrics", "deployment": "cart", "instance": "10.2.3.4:8080"}, "cart"),
        ({"service": "kube-state-metrics", "node": "worker-a", "instance": "10.2.3.4:8080"}, "worker-a"),
        (
            {"service": "kubelet", "persistentvolumeclaim": "data-cart-db-0", "instance": "worker-a"},
            "cart-db",
        ),
        ({"service": "POD", "pod": "cart-7d9f8b6c5d-x2x4z", "container": "POD"}, "cart"),
        ({"service": "postgres-exporter", "instance": "cart-db:9187"}, "cart-db"),
        ({"service": "postgres-exporter", "server": "cart-db:5432", "instance": "10.2.3.4:9187"}, "cart-db"),
        ({"service": "redis-exporter", "addr": "redis://cart-cache:6379"}, "cart-cache"),
        ({"service": "postgres-exporter", "pod": "cart-db-0", "container": "postgres-exporter"}, "cart-db"),
        ({"service": "redis-exporter", "pod": "redis-exporter-7d9f8b6c5d-x2x4z"}, "redis-master"),
        ({"service": "cart-db-exporter", "instance": "10.2.3.4:9187"}, "cart-db"),
        ({"service": "node-exporter", "instance": "10.2.3.4:9100"}, "node-exporter"),
        ({"service": "cart", "pod": "cart-7d9f8b6c5d-x2x4z", "instance": "worker-a:8080"}, "cart"),
    ],
)
def test_what_somebody_collects_is_about_whom_its_labels_name(row: dict[str, str], about: str) -> None:
    assert _about(row, "cart-db", "redis-master") == about


def test_a_job_whose_pods_are_of_several_workloads_is_a_scrape_job() -> None:
    rows = _rows(
        {"service": "kubernetes-pods", "pod": "cart-7d9f8b6c5d-x2x4z"},
        {"service": "kubernetes-pods", "pod": "mail-5d4f8b6c77-abcde"},
        {"service": "kubernetes-pods", "pod": ""},
        {"service": "api", "pod": "shop-api-7d9f8b6c5d-x2x4z"},
    )
    assert collectors(rows) == {"kubernetes-pods"}
    assert with_subjects(rows, service_names())["service"].to_list() == [
        "cart",
        "mail",
        "kubernetes-pods",
        "api",
    ]


def test_who_writes_lines_of_its_own_is_no_scrape_job() -> None:
    rows = _rows({"service": "shop", "pod": "shop-api-0"}, {"service": "shop", "pod": "shop-worker-0"})
    assert collectors(rows, own={"shop"}) == frozenset()


def test_a_database_that_goes_down_is_suspected_rather_than_its_exporter() -> None:
    samples = [
        {
            "timestamp": 15 * n * S,
            "metric": "pg_up",
            "series_id": instance,
            "service": "postgres-exporter",
            "instance": f"{instance}:9187",
            "value": float(instance != "cart-db" or n < 20),
        }
        for instance in ("cart-db", "mail-db", "user-db", "shop-db", "tax-db", "ad-db")
        for n in range(40)
    ]
    series = pl.DataFrame(samples).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    found = suspects(series=series, during=_DURING, baseline=_BEFORE)
    assert found["service"][0] == "cart-db"
    assert found["score"][0] > 0.3
    assert "postgres-exporter" not in found["service"].to_list()
