"""Switching faults on and off while the lab runs: a small file that every process looks at."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from obsnb.errors import UsageError
from obsnb.instants import now_ns
from obsnb.lab.faults.acts import Here, Mend
from obsnb.lab.faults.catalogue import FAULTS, Fault

__all__ = ["Broken", "Control", "Watcher"]

_FILE = "broken.json"


@dataclass(frozen=True)
class Broken:
    """A fault that is, or was, on: which, at which service, since when, until when (None while it is on)."""

    fault: str
    service: str
    onset_ns: int
    recovery_ns: int | None = None


class Control:
    """The file, as the commands write it and the processes read it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def history(self) -> list[Broken]:
        """Everything that was ever broken, in order."""
        if not self._path.exists():
            return []
        return [Broken(**each) for each in json.loads(self._path.read_text("utf-8"))]

    def active(self) -> list[Broken]:
        """What is broken now."""
        return [each for each in self.history() if each.recovery_ns is None]

    def begin(self, fault: Fault, service: str) -> Broken:
        """Break it.

        Raises
        ------
        UsageError
            It is broken already, or two faults are on.
        """
        active = self.active()
        if any(each.fault == fault.name for each in active):
            raise UsageError(f"{fault.name} is on already.", hint="obsnb lab mend ends it.")
        if len(active) >= 2:
            names = " and ".join(each.fault for each in active)
            raise UsageError(f"{names} are on already, and two at once is the most.")
        made = Broken(fault.name, service, now_ns())
        self._write([*self.history(), made])
        return made

    def end(self, name: str | None = None) -> list[Broken]:
        """Mend one fault, or all; those that were on.

        Raises
        ------
        UsageError
            That one is not on.
        """
        ending = [each for each in self.active() if name in {None, each.fault}]
        if name is not None and not ending:
            raise UsageError(f"{name} is not on.", hint="obsnb lab list shows what is.")
        now = now_ns()
        ended = {each: replace(each, recovery_ns=now) for each in ending}
        self._write([ended.get(each, each) for each in self.history()])
        return list(ended.values())

    def _write(self, all_of_them: list[Broken]) -> None:
        half = self._path.with_suffix(".part")
        try:
            half.write_text(json.dumps([asdict(each) for each in all_of_them], indent=1), "utf-8")
            half.replace(self._path)
        except OSError as error:
            raise UsageError(
                f"{self._path} cannot be written: {error.strerror or error}.",
                hint="Look at the room on the disk.",
            ) from None


class Watcher:
    """Does in one process what the file says.

    Parameters
    ----------
    control
        The file.
    reach
        Gives what a fault can reach here, or None where it acts in another process.
    failed
        Told of an act that failed.
    """

    def __init__(
        self,
        control: Control,
        reach: Callable[[Fault, str], Here | None],
        failed: Callable[[str, Exception], None],
    ) -> None:
        self._control, self._reach, self._failed = control, reach, failed
        self._done: dict[tuple[str, int], Mend] = {}

    def look(self) -> None:
        """Break what is to be broken, mend what is over."""
        active = {(each.fault, each.onset_ns): each for each in self._control.active()}
        for key in [key for key in self._done if key not in active]:
            self._try(key[0], self._done.pop(key))
        for key, broken in active.items():
            if key not in self._done:
                here = self._reach(FAULTS[broken.fault], broken.service)
                if here is not None:
                    self._done[key] = _nothing
                    self._try(broken.fault, lambda key=key, here=here: self._begin(key, here))  # type: ignore[misc]

    def _begin(self, key: tuple[str, int], here: Here) -> None:
        self._done[key] = FAULTS[key[0]].act(here)

    def _try(self, name: str, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:  # noqa: BLE001  # the lab goes on; the process' log says so
            self._failed(name, error)


def _nothing() -> None:
    """What mends a fault whose act failed."""
