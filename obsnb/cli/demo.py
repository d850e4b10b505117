"""``obsnb demo``: a bundled incident, investigated without any server."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from obsnb.cli.terminal import progress, tell
from obsnb.cli.words import Commands, absolute
from obsnb.errors import MissingExtraError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    demo = commands.add_parser("demo", help="investigate the bundled incident, without any server")
    demo.add_argument("--out", default="obsnb-demo", metavar="FOLDER", help="where to write (obsnb-demo)")
    demo.add_argument("--archive", default="slow-query", help="another incident: a path or a bundled name")
    demo.add_argument("--lab", action="store_true", help="open the executed notebook in JupyterLab")
    demo.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    from obsnb.runbook import run_runbook

    parameters = {"ARCHIVE": absolute(asked.archive)}
    print(f"Investigating the frozen incident {asked.archive!r}, without any server.")
    with progress() as on_cell:
        result = run_runbook("90_postmortem", out=asked.out, parameters=parameters, on_cell=on_cell)
    tell(result.findings)
    report = result.notebook.parent / "postmortem.html"
    print(f"\nThe post-mortem:  {report}   (open it in any browser)")
    print(f"The notebook:     {result.notebook}")
    command, jupyter = _commands()
    also = f"so does  {jupyter} lab {result.notebook}"
    print(f"                  {command} demo --lab  opens it in JupyterLab; {also}")
    return _lab(result.notebook) if asked.lab else 0


def _commands() -> tuple[str, str]:
    """How obsnb and Jupyter are called here: where no shell finds them, by the Python that runs this."""
    if shutil.which("obsnb"):
        return "obsnb", "jupyter"
    here = Path(sys.executable)
    python = here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here
    return f"{python} -m obsnb", f"{python} -m jupyter"


def _lab(notebook: Path) -> int:
    import importlib.util

    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtraError("JupyterLab is not installed.", hint='pip install "obsnb[jupyter]"')
    words = [sys.executable, "-m", "jupyterlab", str(notebook)]
    return subprocess.run(words, check=False).returncode  # noqa: S603 - our own Python and our own file
