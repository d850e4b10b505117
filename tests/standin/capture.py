"""Remakes a bundled incident from the recorded answers: ``python -m tests.standin.capture slow-query``.

The three stand-ins are served on loopback, and obsnb's own loaders ask them over HTTP, as they would ask
the servers. The rows are the same each time.
"""

import argparse
import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import obsnb
from tests.standin.loki import LokiStandIn
from tests.standin.prometheus import PrometheusStandIn
from tests.standin.serving import serving
from tests.standin.tempo import TempoStandIn

RECORDINGS = Path(__file__).parents[1] / "recordings"
INCIDENTS = Path(__file__).parents[2] / "data" / "incidents"


def connected(stack: ExitStack, name: str) -> obsnb.Connection:
    """A connection to the stand-ins of a recorded incident, for as long as the stack is open."""
    folder = RECORDINGS / name
    return stack.enter_context(
        obsnb.connect(
            loki=stack.enter_context(serving(LokiStandIn.from_recordings(folder / "loki"))),
            prometheus=stack.enter_context(serving(PrometheusStandIn.from_recordings(folder / "prometheus"))),
            tempo=stack.enter_context(serving(TempoStandIn.from_recordings(folder / "tempo"))),
            frames="polars",
        )
    )


def truth_of(name: str) -> tuple[dict[str, object], obsnb.TimeRange]:
    """What is known of a recorded incident, and its window in whole seconds."""
    truth = json.loads((RECORDINGS / name / "truth.json").read_text("utf-8"))
    start, end = int(truth["start"]), int(truth["end"]) + 1
    return truth, obsnb.TimeRange(start * 10**9, end * 10**9)


def capture(name: str, target: Path) -> Path:
    """Ask every built-in query of the incident's scope, and freeze the answers."""
    truth, window = truth_of(name)
    scope = {"namespace": str(truth["namespace"])}
    with ExitStack() as stack:
        obs = connected(stack, name)
        obs.capture(window, scope=scope)
        path = obs.save(target, window=window, scope=scope, replace=True)
    shutil.copyfile(RECORDINGS / name / "truth.json", target / "truth.json")
    return path


def main() -> None:
    """Remake the named incidents."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=sorted(p.parent.name for p in RECORDINGS.glob("*/truth.json"))
    )
    for name in parser.parse_args().names:
        print(capture(name, INCIDENTS / name))  # noqa: T201 - a command that says what it made


if __name__ == "__main__":
    main()
