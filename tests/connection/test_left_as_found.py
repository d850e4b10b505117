"""A notebook's process is left as it was found: collector, threads, event loop, signals, warnings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ENDS = {
    "polars": "done",
    "pandas": "done",
    "logs interrupted": "interrupted",
    "download interrupted": "interrupted",
    "download continued": "done",
}


def test_cells_in_a_running_loop_leave_the_host_as_it_was_also_where_they_are_interrupted(
    tmp_path: Path,
) -> None:
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-m", "tests.connection.a_notebook"],
        cwd=root,
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert (
        told.stdout.splitlines()
        == [f"{name}: {ended}, changed: nothing, running on: True" for name, ended in ENDS.items()] * 2
    )
