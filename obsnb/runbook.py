"""Runs a parametrised notebook and collects what it wrote."""

from __future__ import annotations

import ast
import contextlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obsnb.archive.bundled import runbook_path, runbooks
from obsnb.connection.redaction import redactor_for_run
from obsnb.errors import RunbookError, UsageError

__all__ = ["RunbookResult", "run_runbook"]

#: Told before each code cell: its place (from 1), how many there are, and the heading it stands under.
OnCell = Callable[[int, int, str], None]


@dataclass(frozen=True)
class RunbookResult:
    """What a run left behind.

    Attributes
    ----------
    notebook
        The executed notebook.
    written
        The other files that the runbook wrote into its folder.
    findings
        What it found, as it said in ``findings.json``.
    """

    notebook: Path
    written: tuple[Path, ...]
    findings: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"RunbookResult({self.notebook}, {len(self.written)} files)"


def run_runbook(
    runbook: str | Path,
    *,
    out: str | Path,
    parameters: Mapping[str, Any] | None = None,
    on_cell: OnCell | None = None,
    timeout_s: int = 1_800,
) -> RunbookResult:
    """Execute a runbook headless, with other parameters than its own where given.

    What its cells put out is redacted by the policy of obsnb.toml before it is written, under the key
    that the report has.

    Parameters
    ----------
    runbook
        A notebook's path, or the name of a bundled one (``"90_postmortem"``, ``"postmortem"``).
    out
        The folder that the executed notebook and the runbook's files go to; made where missing.
    parameters
        Name → value, for names that the runbook's ``parameters`` cell sets.
    on_cell
        Told before each code cell.
    timeout_s
        How long a single cell may take.

    Raises
    ------
    UsageError
        There is no such runbook, or it has no such parameter.
    RunbookError
        A cell failed, took too long, or ended the kernel; the notebook as far as it came is written
        and named.
    KeyboardInterrupt
        Somebody interrupted it; the notebook as far as it came is written.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    source = _find(runbook)
    folder = Path(out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    book = _read(source)
    given = dict(parameters or {})
    settled = _defaults(book) | given
    redactor, variables = redactor_for_run(profile=settled.get("PROFILE"), archive=settled.get("ARCHIVE"))
    _inject(book, given, source)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    titles = _headings(book)
    begun: list[int] = []

    def begin(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":
            begun.append(code.index(cell) + 1)
            if on_cell is not None:
                on_cell(begun[-1], len(code), titles[cell_index])

    client = NotebookClient(
        book,
        timeout=timeout_s,
        kernel_name="python3",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # its warnings are not the runbook's
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=begin,
    )
    target = folder / source.name
    try:
        # The kernel's debugger would warn about frozen modules in every executed notebook.
        client.execute(env={**os.environ, **variables, "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    except CellExecutionError as error:
        redactor.notebook(book)
        _write(book, target)
        raise RunbookError(
            redactor.text(
                f"Cell {begun[-1]} of {source.name} failed: {error.ename}: {str(error.evalue).strip()}"
            )[0],
            hint=f"The notebook as far as it came is {target}.",
        ) from None
    except (DeadKernelError, CellTimeoutError, AssertionError) as error:
        redactor.notebook(book)
        _write(book, target)
        place = begun[-1] if begun else 0
        raise _ended(error, client, f"Cell {place} of {source.name}", target) from None
    redactor.notebook(book)
    _write(book, target)
    written = tuple(
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path != target and before.get(path) != path.stat().st_mtime_ns
    )
    found = folder / "findings.json"
    findings = json.loads(found.read_text("utf-8")) if found in written else {}
    clean, taken = redactor.value(findings)
    if taken:  # a sentence of the runbook's own, in which a server's words stand
        found.write_text(json.dumps(clean, indent=2, ensure_ascii=False) + "\n", "utf-8")
        findings = clean
    return RunbookResult(notebook=target, written=written, findings=findings)


def _ended(error: Exception, client: Any, cell: str, target: Path) -> BaseException:
    """What to raise where a run ended without a cell's own error."""
    from nbclient.exceptions import CellTimeoutError

    # The client ends the kernel at an interrupt, and fails over its being gone: an assertion of its own.
    if getattr(client, "_async_cleanup_kernel_future", None) is not None:
        return KeyboardInterrupt()
    if isinstance(error, AssertionError):
        return error
    late = isinstance(error, CellTimeoutError)
    why = (
        f"took longer than {client.timeout:,} s."
        if late
        else "ended the kernel; was there too little memory?"
    )
    return RunbookError(f"{cell} {why}", hint=f"The notebook as far as it came is {target}.")


def _read(source: Path) -> Any:
    import nbformat
    from nbformat.reader import NotJSONError

    try:
        text = source.read_text("utf-8")
        return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    except (UnicodeDecodeError, NotJSONError, AttributeError, KeyError, TypeError, nbformat.ValidationError):
        raise UsageError(
            f"{source} is no notebook.", hint="A notebook is a JSON file; obsnb new-runbook begins one."
        ) from None


def _find(runbook: str | Path) -> Path:
    path = Path(runbook)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    bundled = runbook_path(str(runbook))
    if bundled is None:
        raise UsageError(
            f"There is no runbook {str(runbook)!r}.",
            hint=f"Give a notebook's path, or one of {', '.join(runbooks())}.",
        )
    return bundled


def _parameter_cell(book: Any) -> int | None:
    for index, cell in enumerate(book.cells):
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            return index
    return None


def _defaults(book: Any) -> dict[str, Any]:
    """What the ``parameters`` cell sets, as far as it can be told without running it."""
    index = _parameter_cell(book)
    found: dict[str, Any] = {}
    with contextlib.suppress(SyntaxError):  # the run says it better
        for node in [] if index is None else ast.parse(book.cells[index].source).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                with contextlib.suppress(ValueError):
                    found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def _inject(book: Any, parameters: dict[str, Any], source: Path) -> None:
    """A cell after the runbook's own ``parameters`` cell that sets the given ones anew."""
    from nbformat.v4 import new_code_cell

    if not parameters:
        return
    index = _parameter_cell(book)
    known: list[str] = []
    if index is not None:
        tree = ast.parse(book.cells[index].source)
        targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
        known = [target.id for target in targets if isinstance(target, ast.Name)]
    unknown = [name for name in parameters if name not in known]
    if unknown or index is None:
        raise UsageError(
            f"{source.name} has no parameter {', '.join(unknown)}.",
            hint=f"Its parameters are {', '.join(known) or 'none'}.",
        )
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    cell = new_code_cell("\n".join(lines), metadata={"tags": ["injected-parameters"]})  # type: ignore[no-untyped-call]  # nbformat has no types
    book.cells.insert(index + 1, cell)


def _headings(book: Any) -> list[str]:
    """The heading that each cell stands under."""
    current, out = "", []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            heads = [line for line in cell.source.splitlines() if line.startswith("#")]
            current = heads[-1].lstrip("# ") if heads else current
        out.append(current)
    return out


def _write(book: Any, target: Path) -> None:
    import nbformat

    half = target.with_name(f".{target.name}.part")
    half.write_text(nbformat.writes(book), "utf-8")  # type: ignore[no-untyped-call]  # nbformat has no types
    half.replace(target)
