"""The same bytes to a tidy frame, with obsnb and with other packages: time and memory.

    python -m tests.benchmarks peers

Each runs alone in a process (`tests.benchmarks.peer`), the fastest of three. The others are installed from
the package index into an environment of their own, in the folder of temporary files, where it is found again
the next time.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.decoding import loki_pages
from tests.benchmarks.made_up import matrix
from tests.benchmarks.measuring import Row

__all__ = ["peers"]

_HERE = Path(__file__).parent
_PACKAGES = ("prometheus-api-client[dataframe]==0.7.2", "prometheus-pandas==0.3.3", "loki-reader-core==0.2.5")
_FASTER, _SMALLER = 10.0, 0.5
_SECONDS = 600


def peers() -> list[Row]:
    """Each package beside obsnb, on the same bytes."""
    python = _environment()
    if python is None:
        return [Row("other packages", "skipped: they cannot be installed here", "", "")]
    with tempfile.TemporaryDirectory() as folder:
        series, logs = Path(folder) / "series", Path(folder) / "logs"
        _write(series, [matrix()])
        _write(logs, loki_pages())
        ours = {kind: _run(Path(sys.executable), f"obsnb-{kind.name}", kind) for kind in (series, logs)}
        rows = []
        for name, kind in (
            ("prometheus-api-client", series),
            ("prometheus-pandas", series),
            ("loki-reader-core", logs),
        ):
            theirs = _run(python, name, kind)
            assert theirs["rows"] == ours[kind]["rows"], f"{name} gives {theirs['rows']:,} rows"
            rows += _compared(name, ours[kind], theirs, held=name == "prometheus-api-client")
    return rows


def _compared(name: str, ours: dict[str, Any], theirs: dict[str, Any], *, held: bool) -> list[Row]:
    """Time and memory; with targets where the package is the one that they were set for."""
    faster, share = theirs["seconds"] / ours["seconds"], ours["mb"] / theirs["mb"]
    goals = (f"{_FASTER:g} times faster", f"under {_SMALLER:g}") if held else ("", "")
    return [
        Row(
            f"{ours['rows']:,} rows from bytes to a tidy frame",
            f"{ours['seconds'] * 1e3:,.0f} ms",
            f"{theirs['seconds'] * 1e3:,.0f} ms with {name}",
            f"{faster:.1f} times faster",
            goals[0],
            faster >= _FASTER if held else None,
        ),
        Row(
            "the memory that it takes",
            f"{ours['mb']:,.0f} MB",
            f"{theirs['mb']:,.0f} MB with {name}",
            f"{share:.2f}",
            goals[1],
            share < _SMALLER if held else None,
        ),
    ]


def _environment() -> Path | None:
    """The Python of an environment that has the other packages; None where there can be none."""
    folder = Path(tempfile.gettempdir()) / "obsnb-benchmark-peers"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    finished = folder / "installed"
    wanted = "\n".join(_PACKAGES)
    if finished.exists() and finished.read_text("utf-8") == wanted:
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
        install = [python, "-m", "pip", "install", "--quiet", *_PACKAGES]
        subprocess.run(install, check=True, capture_output=True, timeout=_SECONDS)
    except (subprocess.SubprocessError, OSError):
        return None
    finished.write_text(wanted, "utf-8")
    return python


def _run(python: Path, name: str, folder: Path) -> dict[str, Any]:
    command = [python, _HERE / "peer.py", name, folder]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)
    if ran.returncode:
        raise RuntimeError(f"{name} failed: {ran.stderr.strip().splitlines()[-1]}")
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _write(folder: Path, bodies: Sequence[bytes]) -> None:
    folder.mkdir()
    for number, body in enumerate(bodies):
        (folder / f"{number:03d}.json").write_bytes(body)
