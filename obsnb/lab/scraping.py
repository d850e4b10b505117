"""A configuration with which a Prometheus scrapes every service of a lab, exemplars and all."""

from __future__ import annotations

from obsnb.lab.roster import roster_of
from obsnb.lab.settings import HOST, NAMESPACE, LabSettings

__all__ = ["prometheus_config"]


def prometheus_config(settings: LabSettings) -> str:
    """The text of a ``prometheus.yml``: a job for each service.

    Notes
    -----
    Prometheus keeps exemplars only with ``--enable-feature=exemplar-storage``.
    """
    lines = [
        "# prometheus --enable-feature=exemplar-storage --config.file=THIS_FILE",
        "global:",
        f"  scrape_interval: {round(settings.scrape_s * 1000)}ms",  # Prometheus knows no fractions
        "scrape_configs:",
    ]
    for each in roster_of(settings).services:
        lines += [
            f"  - job_name: {each.name}",
            f"    metrics_path: {each.path}/metrics",
            "    static_configs:",
            f"      - targets: ['{HOST}:{settings.ports[each.process]}']",
            f"        labels: {{namespace: {NAMESPACE}, service_name: {each.name}}}",
        ]
    return "\n".join(lines) + "\n"
