"""Two investigations side by side."""

from __future__ import annotations

from pathlib import Path

from obsnb.analysis.comparison import compared
from obsnb.connection import Connection, open_archive
from obsnb.investigation.verbs import Investigation, investigate
from obsnb.report.comparison import Comparison

__all__ = ["compare"]


def compare(
    a: Investigation | Connection | str | Path, b: Investigation | Connection | str | Path
) -> Comparison:
    """Put two incidents, or a good day and an incident, side by side.

    Parameters
    ----------
    a, b
        Investigations; archives, by connection, path or bundled name, are investigated first. What is new
        is in `b`, what is gone was in `a`. Of each, the incident is looked at where an onset is found in it,
        else the whole window.

    Returns
    -------
    Comparison
        Which error groups, statements, patterns of log lines and suspects are the same, new and gone:
        ``.frame``, ``.to_dict()``, ``.save("comparison.html")`` or ``.md``. Redacted as `b` is.

    Raises
    ------
    UsageError
        A live connection, which needs a window and a scope: pass ``obsnb.investigate(obs, window, ...)``.
    ArchiveError
        There is no archive, or it is damaged, unsafe, or newer than this obsnb.
    """
    first, second = (_investigation(one) for one in (a, b))
    a_part, b_part = first.stretch(), second.stretch()
    frame = compared(a_part, b_part, conventions=second.connection.conventions)
    frame, found = second.connection.redactor.frame(frame)
    return Comparison(
        first.name, second.name, first.during, second.during, frame, found, a_part.found, b_part.found
    )


def _investigation(one: Investigation | Connection | str | Path) -> Investigation:
    if isinstance(one, Investigation):
        return one
    return investigate(one if isinstance(one, Connection) else open_archive(one))
