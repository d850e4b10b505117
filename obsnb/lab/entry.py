"""Where a process of the lab begins. It imports the rest there, so that the supervisor stays small."""

from __future__ import annotations

from multiprocessing.connection import Connection

__all__ = ["PREPARE", "begin_process"]

#: Not a process that stays: makes the database, and ends.
PREPARE = "prepare"


def begin_process(name: str, told: str, pipe: Connection) -> None:
    """Be one of the lab's processes."""
    from obsnb.lab.process import run_process

    run_process(name, told, pipe)
