"""What a terminal shows while it waits, and of what servers said."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obsnb.runbook import OnCell

__all__ = ["plain_text", "printable", "progress", "tell"]


@contextlib.contextmanager
def progress() -> Iterator[OnCell]:
    """A bar that names the step; plain lines where the output is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        seen: list[str] = []

        def plain(place: int, of: int, title: str) -> None:
            if title not in seen:
                seen.append(title)
                print(f"[{place - 1} of {of} cells done] {title}", file=sys.stderr, flush=True)

        yield plain
        return
    columns = (SpinnerColumn(), BarColumn(24), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("starting the kernel", total=None)

        def drawn(place: int, of: int, title: str) -> None:
            bars.update(task, total=of, completed=place - 1, description=title)

        yield drawn


def tell(findings: Any) -> None:
    """Print the answer in five lines, and what the runbook itself came to."""
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, sentence in findings.get("summary", {}).items():
        table.add_row(label, plain_text(sentence))
    if findings.get("finding"):
        table.add_row("Finding", plain_text(findings["finding"]))
    console = Console(soft_wrap=False)
    console.print()
    console.print(table, markup=False)


def plain_text(text: str) -> Any:
    """Server text without markup or control characters, so that it cannot drive the terminal."""
    from rich.text import Text

    return Text(printable(text))


def printable(text: str) -> str:
    """Server text on one line, its control characters made visible."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
