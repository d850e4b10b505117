"""The command line: ``obsnb demo``, ``run``, ``render``, ``archive``, ``doctor``, ``lab``, ``notebooks``.

Exit codes: 0 well, 1 something failed and was said, 2 the call's words were off, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obsnb.errors import MissingExtraError, ObsnbError, UsageError

if TYPE_CHECKING:
    from obsnb.runbook import OnCell

__all__ = ["main"]


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; the exit code."""
    parser = _parser()
    asked = parser.parse_args(words)
    if not hasattr(asked, "do"):
        parser.print_help()
        return 2
    try:
        code: int = asked.do(asked)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except ObsnbError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    from obsnb import __version__

    parser = argparse.ArgumentParser(
        prog="obsnb", description="Investigate incidents in Loki, Prometheus and Tempo, live or frozen."
    )
    parser.add_argument("--version", action="version", version=f"obsnb {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    demo = commands.add_parser("demo", help="investigate the bundled incident, without any server")
    demo.add_argument("--out", default="obsnb-demo", metavar="FOLDER", help="where to write (obsnb-demo)")
    demo.add_argument("--archive", default="slow-query", help="another incident: a path or a bundled name")
    demo.add_argument("--lab", action="store_true", help="open the executed notebook in JupyterLab")
    demo.set_defaults(do=_demo)

    run = commands.add_parser("run", help="run a runbook headless")
    run.add_argument("runbook", help="a notebook's path, or a bundled one's name")
    run.add_argument("--archive", help="a frozen incident: a path or a bundled name")
    run.add_argument("--profile", help="ask the live servers of this profile of obsnb.toml")
    run.add_argument("--from", dest="start", metavar="TIME", help='such as "2026-11-23T18:00Z"')
    run.add_argument("--to", dest="end", metavar="TIME")
    run.add_argument("--scope", action="append", default=[], metavar="KEY=VALUE", help="namespace=prod")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter, as Python writes it"
    )
    run.add_argument("--out", default=".", metavar="FOLDER", help="where to write (here)")
    run.set_defaults(do=_run)

    render = commands.add_parser("render", help="write an archive's post-mortem anew, with what people wrote")
    render.add_argument("archive", help="a frozen incident: a path or a bundled name")
    render.add_argument(
        "--out", default="postmortem.html", metavar="FILE", help=".html or .md (postmortem.html)"
    )
    render.add_argument("--notes", metavar="FILE", help="the text file (the archive's own notes.toml)")
    render.add_argument("--title")
    render.set_defaults(do=_render)

    notes = commands.add_parser("notes", help="begin the text file in which people write what only they know")
    notes.add_argument("archive", help="a frozen incident: a path")
    notes.set_defaults(do=_notes)

    archive = commands.add_parser("archive", help="look at a frozen incident")
    archive.add_argument("action", choices=["show", "verify"])
    archive.add_argument("archive", help="a path or a bundled name")
    archive.add_argument("--json", action="store_true", help="for scripts")
    archive.set_defaults(do=_archive)

    doctor = commands.add_parser("doctor", help="see whether the sources answer, and how")
    doctor.add_argument("--profile", help="a profile of obsnb.toml")
    doctor.add_argument("--json", action="store_true", help="for scripts")
    doctor.set_defaults(do=_doctor)

    books = commands.add_parser("notebooks", help="copy the bundled runbooks for editing")
    books.add_argument("folder")
    books.set_defaults(do=_notebooks)

    from obsnb.lab.words import add_words

    add_words(commands).set_defaults(do=_in_lab)
    return parser


def _in_lab(asked: argparse.Namespace) -> int:
    import importlib.util

    if importlib.util.find_spec("fcntl") is None:
        raise UsageError("The lab runs on Linux and macOS only: its processes are forked.")
    for name in ("fastapi", "sqlalchemy", "opentelemetry.sdk", "prometheus_client", "jwt", "uvicorn"):
        # Its processes import them; here it is enough to know that they are there.
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError(
                f"The lab needs {name}, which is not installed.", hint='pip install "obsnb[lab]"'
            )
    from obsnb.lab.commands import run_command

    return run_command(asked)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{text!r} is not NAME=VALUE.")
    return name, value


@contextlib.contextmanager
def _progress() -> Iterator[OnCell]:
    """A bar that names the step; plain lines where the output is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        seen: list[str] = []

        def plain(place: int, of: int, title: str) -> None:
            if title not in seen:
                seen.append(title)
                print(f"[{place}/{of}] {title}", file=sys.stderr, flush=True)

        yield plain
        return
    columns = (SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting the kernel", total=None)

        def drawn(place: int, of: int, title: str) -> None:
            bars.update(task, total=of, completed=place - 1, description=title)

        yield drawn


def _demo(asked: argparse.Namespace) -> int:
    from obsnb.runbook import run_runbook

    print(f"Investigating the incident {asked.archive!r}, as it was frozen from real servers' answers.")
    with _progress() as on_cell:
        parameters = {"ARCHIVE": _absolute(asked.archive)}
        result = run_runbook("90_postmortem", out=asked.out, parameters=parameters, on_cell=on_cell)
    _tell(result.findings)
    report = result.notebook.parent / "postmortem.html"
    print(f"\nThe post-mortem:  {report}   (open it in any browser)")
    print(f"The notebook:     {result.notebook}")
    print(
        f"                  obsnb demo --lab  opens it in JupyterLab; so does  jupyter lab {result.notebook}"
    )
    return _lab(result.notebook) if asked.lab else 0


def _absolute(archive: str) -> str:
    """A path that holds in the kernel's folder too; a bundled name stays one."""
    return str(Path(archive).resolve()) if Path(archive).exists() else archive


def _tell(findings: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, sentence in findings.get("summary", {}).items():
        table.add_row(label, _plain(sentence))
    console = Console(soft_wrap=False)
    console.print()
    console.print(table, markup=False)


def _plain(text: str) -> Any:
    """Server text without markup or control characters, so that it cannot drive the terminal."""
    from rich.text import Text

    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text))


def _lab(notebook: Path) -> int:
    import importlib.util

    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtraError("JupyterLab is not installed.", hint='pip install "obsnb[jupyter]"')
    words = [sys.executable, "-m", "jupyterlab", str(notebook)]
    return subprocess.run(words, check=False).returncode  # noqa: S603 - our own Python and our own file


def _run(asked: argparse.Namespace) -> int:
    import ast

    from obsnb.runbook import run_runbook

    parameters: dict[str, Any] = {}
    if asked.archive:
        parameters["ARCHIVE"] = _absolute(asked.archive)
    if asked.profile is not None:
        parameters["PROFILE"] = asked.profile
    if asked.start:
        parameters |= {"START": asked.start, "END": asked.end}
    if asked.scope:
        parameters["SCOPE"] = dict(_pair(text) for text in asked.scope)
    for text in asked.set:
        name, value = _pair(text)
        try:
            parameters[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parameters[name] = value
    with _progress() as on_cell:
        result = run_runbook(asked.runbook, out=asked.out, parameters=parameters, on_cell=on_cell)
    _tell(result.findings)
    for path in (result.notebook, *result.written):
        print(path)
    return 0


def _render(asked: argparse.Namespace) -> int:
    import obsnb

    inv = obsnb.investigate(obsnb.open_archive(asked.archive))
    print(inv.postmortem(title=asked.title, notes=asked.notes).save(asked.out))
    return 0


def _notes(asked: argparse.Namespace) -> int:
    import obsnb
    from obsnb.report.notes import Notes

    obs = obsnb.open_archive(asked.archive)
    path = obs.notes_path
    if path is None or path.exists():
        print(f"{path} is there already and was left as it is.")
        return 0
    path.write_text(Notes.template(title=obs.name), "utf-8")
    print(f"{path}\nWrite in it, then: obsnb render {asked.archive} --out postmortem.html")
    return 0


def _archive(asked: argparse.Namespace) -> int:
    import obsnb

    obs = obsnb.open_archive(asked.archive)  # the files' bytes are checked on opening
    if asked.action == "verify":
        obs.verify()
    records = obs.recorded
    if asked.json:
        print(json.dumps([record.to_dict() for record in records], indent=2))
    elif asked.action == "verify":
        print(f"{asked.archive}: whole, {len(records)} queries, every digest holds.")
    else:
        print(f"{asked.archive}: {obs.window}, scope {dict(obs.scope)}")
        for record in records:
            name = record.role or record.asked
            rows = f"{record.rows:>9,} rows"
            print(f"{record.number:4} {record.kind:9} {rows}  complete: {record.complete:7} {name}")
    return 0


def _doctor(asked: argparse.Namespace) -> int:
    import obsnb

    rows = obsnb.connect(profile=asked.profile, frames="polars").health().to_dicts()
    if asked.json:
        print(json.dumps(rows, indent=2, default=str))
    for row in [] if asked.json else rows:
        latency = "" if row["latency_s"] is None else f"{row['latency_s'] * 1000:.0f} ms"
        print(
            f"{row['source']:12} {row['status']:12} {row['version'] or '':20} {latency:>8}  {row['message']}"
        )
    return 0 if all(row["status"] == "ok" for row in rows) else 1


def _notebooks(asked: argparse.Namespace) -> int:
    import shutil

    from obsnb.archive.bundled import runbooks

    folder = Path(asked.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for source in runbooks().values():
        target = folder / source.name
        if target.exists():
            print(f"{target} is there already and was left as it is.")
            continue
        shutil.copyfile(source, target)
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
