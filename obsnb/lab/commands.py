"""``obsnb lab``: up, down, break, mend, run, list, reveal, scrape-config."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from obsnb.errors import UsageError
from obsnb.instants import format_ns, now_ns
from obsnb.lab import running
from obsnb.lab.faults.catalogue import FAULTS, SCENARIOS, Fault, fault_named, scenario_named, struck_by
from obsnb.lab.faults.control import Broken, Control
from obsnb.lab.roster import roster_of
from obsnb.lab.scraping import prometheus_config
from obsnb.lab.settings import HOST, LabSettings, free_ports, listens, read_sampling
from obsnb.lab.supervisor import Lab
from obsnb.lab.visitor import visiting
from obsnb.timerange import TimeRange

__all__ = ["run_command"]

_ONSET, _RECOVERY = 0.4, 0.8  # parts of a run
_SECOND = 10**9


def run_command(asked: argparse.Namespace) -> int:
    """Do what the words after ``obsnb lab`` say; the exit code."""
    return {
        "up": _up,
        "down": _down,
        "break": _break,
        "mend": _mend,
        "run": _run,
        "list": _list,
        "reveal": _reveal,
        "scrape-config": _scrape_config,
    }[asked.action](asked)


def _settings(asked: argparse.Namespace, folder: Path, *, browser: bool = False) -> LabSettings:
    made = LabSettings(
        str(folder.resolve()),
        services=asked.services,
        names=tuple(name for name in (asked.names or "").split(",") if name),
        name_seed=asked.name_seed,
        seed=asked.seed,
        rate=asked.rate,
        day_s=asked.day_minutes * 60,
        database_url=asked.database,
        redis_url=asked.redis,
        loki=asked.loki,
        tempo=asked.tempo,
        scrape_s=asked.scrape,
        slow_query_s=asked.slow_query,
        patience_s=asked.patience,
        sampling=read_sampling(asked.sample),
        as_written=asked.as_written,
        browser=browser,
    )
    processes = roster_of(made).processes
    return dataclasses.replace(made, ports=free_ports(processes, first=asked.port))


def _say_unheard(settings: LabSettings) -> None:
    """Where logs and traces are to go to a server that does not listen, say so; the files have them."""
    for word, url in (("--loki", settings.loki), ("--tempo", settings.tempo)):
        if url is not None and not listens(url):
            print(
                f"Nothing listens at {url} ({word}): what it is sent is lost, the files have it.", flush=True
            )


def _up(asked: argparse.Namespace) -> int:
    folder = Path(asked.state)
    settings = _settings(asked, folder)  # what cannot be is said before anything of an earlier lab goes
    running.fresh_folder(folder)
    running.up(settings)
    roster = roster_of(settings)
    _say_unheard(settings)
    print(f"The lab runs: {len(roster.services)} services, on {HOST} only.")
    print(f"  page       {settings.url('backend')}/#key={settings.key}")
    print(f"  telemetry  {settings.telemetry}")
    print("  obsnb lab break FAULT breaks something, obsnb lab mend mends it, obsnb lab down ends it all.")
    return 0


def _down(asked: argparse.Namespace) -> int:
    folder = Path(asked.state)
    settings = running.running_settings(folder)
    if asked.out is not None:
        _room_for(Path(asked.out))
    started = int((folder / "state.json").stat().st_mtime_ns)
    running.down(folder)
    print("The lab has ended; no process of it is left.")
    if asked.out is not None:
        _freeze(settings, asked.out, started, now_ns(), "by hand", secret=False)
    return 0


def _break(asked: argparse.Namespace) -> int:
    fault = fault_named(asked.fault)
    settings = running.running_settings(Path(asked.state))
    service = struck_by(fault, roster_of(settings), asked.service)
    made = Control(settings.path).begin(fault, service)
    print(f"{fault.name} at {service} since {format_ns(made.onset_ns)}: {fault.cause}")
    return 0


def _mend(asked: argparse.Namespace) -> int:
    settings = running.running_settings(Path(asked.state))
    if asked.fault is not None:
        fault_named(asked.fault)
    ended = Control(settings.path).end(asked.fault)
    for each in ended:
        print(f"{each.fault} at {each.service} is mended.")
    if not ended:
        print("Nothing is broken.")
    return 0


def _list(asked: argparse.Namespace) -> int:
    print("Scenarios (obsnb lab run NAME; two faults at once as ONE+OTHER):")
    for name, (faults, browser) in SCENARIOS.items():
        print(f"  {name:22} {', '.join(faults) or 'nothing breaks'}{', with a browser' if browser else ''}")
    print("Faults (obsnb lab break NAME):")
    for fault in FAULTS.values():
        print(f"  {fault.name:22} {fault.cause}")
    folder = Path(asked.state)
    if running.is_running(folder):
        for each in Control(running.last_settings(folder).path).active():
            print(f"On now: {each.fault} at {each.service} since {format_ns(each.onset_ns)}.")
    return 0


def _scrape_config(asked: argparse.Namespace) -> int:
    print(prometheus_config(running.running_settings(Path(asked.state))), end="")
    return 0


def _reveal(asked: argparse.Namespace) -> int:
    from obsnb.lab import game
    from obsnb.lab.recording import TRUTH

    truth, found = game.reveal(Path(asked.archive))
    cause = truth["root_cause"]
    print(cause["cause"] if cause else "Nothing was wrong.")
    for sentence in found.told:
        print(f"  {sentence}")
    print(f"{found.points} of {found.most} points. The truth is in {Path(asked.archive) / TRUTH}.")
    return 0


def _run(asked: argparse.Namespace) -> int:
    if asked.secret == (asked.scenario is not None):
        raise UsageError(
            "Say which scenario, or --secret for one that you are not told.", hint="obsnb lab list"
        )
    if not (asked.minutes > 0 and math.isfinite(asked.minutes)):
        raise UsageError(f"A run lasts some minutes, not {asked.minutes}.")
    out = Path(asked.out)
    faults, browser = ((), False) if asked.secret else scenario_named(asked.scenario)
    if asked.service is not None and not faults:
        what = "--secret strikes where it will" if asked.secret else f"{asked.scenario} breaks nothing"
        raise UsageError(f"{what}, so that there is no --service to name.")
    if not asked.replace or not out.exists():
        _room_for(out, hint="Choose another --out, or pass --replace.")
    if asked.keep is not None:
        _room_for(Path(asked.keep), hint="Choose another --keep.")
    # Who ends it from outside gets the same as with Ctrl-C: everything is put away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="obsnb-lab-") as room:
        settings = _settings(asked, Path(room), browser=browser)
        roster = roster_of(settings)
        if asked.secret:
            from obsnb.lab.game import draw_fault

            faults = (draw_fault(roster),)
        # Whatever cannot be is said before anything starts.
        struck = [(fault, struck_by(fault, roster, asked.service)) for fault in faults]
        name = "secret" if asked.secret else asked.scenario
        _say_unheard(settings)
        print(f"Running {name} for {asked.minutes:g} minutes, on {HOST} only.", flush=True)
        start, end = _played(settings, struck, minutes=asked.minutes, quietly=asked.secret)
        if asked.keep:
            shutil.copytree(settings.telemetry, asked.keep)
        _freeze(settings, out, start, end, name, secret=asked.secret, replace=asked.replace)
    return 0


def _room_for(out: Path, *, hint: str = "Choose another --out.") -> None:
    """Refuse a target before the lab has run for it, or is ended."""
    if out.exists():
        raise UsageError(f"{out} is there already.", hint=hint)
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise UsageError(f"{out} cannot be made: nothing can be written into {above}.")


def _played(
    settings: LabSettings, struck: list[tuple[Fault, str]], *, minutes: float, quietly: bool
) -> tuple[int, int]:
    """Let a scenario happen; when it began and ended."""
    control, length = Control(settings.path), minutes * 60
    # When it breaks is drawn where the investigator is not told; else it is always the same.
    onset = random.SystemRandom().uniform(0.35, 0.5) if quietly else _ONSET
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab(settings))
        if settings.browser:
            stack.enter_context(visiting(settings))
        start = now_ns()
        _wait(lab, start, length * onset)
        for fault, service in struck:
            made = control.begin(fault, service)
            if not quietly:
                print(f"{format_ns(made.onset_ns)} {fault.name} at {service}", flush=True)
        _wait(lab, start, length * _RECOVERY)
        for each in control.end():
            if not quietly:
                print(f"{format_ns(each.recovery_ns or 0)} {each.fault} mended", flush=True)
        _wait(lab, start, length)
        end = now_ns()
    return start, end


def _wait(lab: Lab, start_ns: int, until_s: float) -> None:
    """Until so many seconds after the start."""
    deadline = time.monotonic() + until_s - (now_ns() - start_ns) / 1e9
    while (left := deadline - time.monotonic()) > 0:
        over = lab.ended(left)
        if over is not None:
            raise over


def _freeze(
    settings: LabSettings,
    out: str | Path,
    start_ns: int,
    end_ns: int,
    scenario: str,
    *,
    secret: bool,
    replace: bool = False,
) -> None:
    from obsnb.lab import game
    from obsnb.lab.recording import freeze, write_truth

    # Whole seconds, within the run: what the processes tell while they end is no part of it.
    first, last = -(-start_ns // _SECOND) * _SECOND, end_ns // _SECOND * _SECOND
    window = TimeRange(first, max(last, first + _SECOND))
    history: list[Broken] = Control(settings.path).history()
    path, truth = freeze(settings, out, window=window, history=history, scenario=scenario, replace=replace)
    print(f"Frozen: {path}, {truth['log_lines']:,} lines, {truth['spans']:,} spans.")
    if secret:
        print(f"What did you find? Write it into {game.seal(path, truth)}, then: obsnb lab reveal {path}")
    else:
        print(f"What was wrong: {write_truth(path, truth)}")
        print(f"Look at it: obsnb demo --archive {path}", file=sys.stdout)
