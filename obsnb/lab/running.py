"""A lab that runs on its own: started by one command, found and ended by others.

Whoever runs it holds a lock on a file in the state folder. So the next command knows whether it runs, and
that the process whose number stands there is the lab's and nobody else's.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from obsnb.errors import UsageError
from obsnb.lab.settings import LabSettings

__all__ = [
    "DEFAULT_FOLDER",
    "down",
    "fresh_folder",
    "held",
    "is_running",
    "last_settings",
    "running_settings",
    "tell_state",
    "up",
]

DEFAULT_FOLDER = ".obsnb-lab"
_LOCK, _STATE, _SETTINGS = "lock", "state.json", "settings.json"
_START_S, _STOP_S = 90.0, 40.0
_LOOK_S = 0.05
_LEAVE_S = 5.0  # where nobody takes note of ended processes, they seem to stay
#: What a lab makes in its folder; nothing else is ever removed from it.
_OURS = (
    "telemetry",
    "processes",
    "broken.json",
    "load.json",
    "lab.sqlite",
    "lab.sqlite-wal",
    "lab.sqlite-shm",
)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a state folder.

    Raises
    ------
    UsageError
        Another lab holds it.
    """
    with (folder / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _runs_already(folder) from None
        (folder / "pid").write_text(str(os.getpid()), "utf-8")
        yield


def is_running(folder: Path) -> bool:
    """Whether a lab holds the lock of a state folder."""
    path = folder / _LOCK
    if not path.exists():
        return False
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.flock(lock, fcntl.LOCK_UN)
    return False


def fresh_folder(folder: Path) -> None:
    """Make a state folder ready for another lab; what an earlier one left in it goes.

    Raises
    ------
    UsageError
        A lab runs there, or the folder cannot be made.
    """
    if is_running(folder):
        raise _runs_already(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*_OURS, _STATE, _SETTINGS, "pid"):
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be the lab's folder: {error.strerror or error}.",
            hint="Choose another one with --state.",
        ) from None


def up(settings: LabSettings) -> None:
    """Start a lab in a process of its own; it serves when this returns.

    Raises
    ------
    UsageError
        It runs already, or it cannot start, with the reason.
    """
    folder = settings.path
    _write_settings(settings)
    log = folder / "processes" / "supervisor.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as out:
        words = [sys.executable, "-m", "obsnb.lab.supervisor", str(folder)]
        started = subprocess.Popen(  # noqa: S603  # our own Python and our own module
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    # It outlives this command; where this process goes on, as in a notebook, its end is taken note of.
    threading.Thread(target=started.wait, name="obsnb-lab", daemon=True).start()
    try:
        _wait_ready(folder, started, log)
    except BaseException:
        started.terminate()
        started.wait(_STOP_S)
        raise


def down(folder: Path) -> None:
    """End the lab of a state folder, and wait until it has.

    Raises
    ------
    UsageError
        None runs there, or it does not end.
    """
    if not is_running(folder):
        raise _none_runs(folder)
    pid = int((folder / "pid").read_text("utf-8"))
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_S
    while is_running(folder):
        if time.monotonic() > deadline:
            raise UsageError("The lab does not end.", hint=f"Its supervisor is process {pid}.")
        time.sleep(_LOOK_S)
    _wait_gone(pid)


def _wait_gone(group: int) -> None:
    """Wait until no process of the lab's group is there, not even one that only has to leave."""
    deadline = time.monotonic() + _LEAVE_S
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(_LOOK_S)


def running_settings(folder: Path) -> LabSettings:
    """What runs.

    Raises
    ------
    UsageError
        No lab runs there.
    """
    if not is_running(folder):
        raise _none_runs(folder)
    return last_settings(folder)


def last_settings(folder: Path) -> LabSettings:
    """What runs, or ran last."""
    return LabSettings.from_json((folder / _SETTINGS).read_text("utf-8"))


def tell_state(folder: Path, wrong: str | None) -> None:
    """Write down that the lab serves, or why it does not."""
    half, told = folder / f"{_STATE}.part", json.dumps({"wrong": wrong})
    try:
        half.write_text(told, "utf-8")
        half.replace(folder / _STATE)
    except OSError:  # a full disk takes no new file; what is there can be written over
        with contextlib.suppress(OSError), (folder / _STATE).open("r+", encoding="utf-8") as state:
            state.write(told)
            state.truncate()


def _write_settings(settings: LabSettings) -> None:
    path = settings.path / _SETTINGS
    path.touch(mode=0o600)  # it holds the key
    path.write_text(settings.to_json(), "utf-8")


def _wait_ready(folder: Path, started: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    state = folder / _STATE
    while not state.exists():
        ended = started.poll() is not None
        if (ended and not state.exists()) or time.monotonic() > deadline:
            raise UsageError("The lab did not start.", hint=f"Its output is {log}.")
        time.sleep(_LOOK_S)
    told: dict[str, Any] = json.loads(state.read_text("utf-8"))
    if told["wrong"] is not None:
        what, _, hint = str(told["wrong"]).partition("\nHint: ")
        raise UsageError(what, hint=hint)


def _none_runs(folder: Path) -> UsageError:
    """That none does, and what the last one said where it ended by itself or did not start."""
    try:
        wrong = json.loads((folder / _STATE).read_text("utf-8"))["wrong"]
    except (OSError, ValueError):
        wrong = None
    last = f" The last one said: {str(wrong).partition(chr(10))[0]}" if wrong else ""
    return UsageError(f"No lab runs in {folder}.{last}", hint="obsnb lab up starts one.")


def _runs_already(folder: Path) -> UsageError:
    return UsageError(
        f"A lab runs in {folder} already.",
        hint="obsnb lab down ends it; --state names another folder for a second one.",
    )
