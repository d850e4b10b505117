"""A real Prometheus on loopback, filled with made-up series."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_server import RealServer, running
from tests.requirements import require

#: As its tests call it.
RealPrometheus = RealServer


@contextmanager
def running_prometheus(
    folder: Path, openmetrics: str, *, config_text: str = "global: {}\n"
) -> Iterator[RealPrometheus]:
    """A server that holds the samples of an OpenMetrics text, and nothing else.

    Parameters
    ----------
    folder
        An empty folder for its data.
    openmetrics
        Metric families with a time on every sample.
    config_text
        Its prometheus.yml; rule files in it lie in the folder.
    """
    server, tool = require("prometheus"), require("promtool")
    source, data, config = folder / "made-up.om", folder / "data", folder / "prometheus.yml"
    source.write_text(openmetrics, "utf-8")
    config.write_text(config_text, "utf-8")
    made = subprocess.run(
        [tool, "tsdb", "create-blocks-from", "openmetrics", source, data], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr.decode()

    def command(address: str) -> list[str]:
        return [
            server,
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={address}",
            "--log.level=error",
        ]

    with running("prometheus", command, folder) as real:
        yield real
