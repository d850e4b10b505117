"""Run the analysis on labelled incidents, and print how often it is right.

    python -m tests.evaluation                       every table, some minutes
    python -m tests.evaluation faults quiet          just some
    python -m tests.evaluation --seeds 100:120       other made-up systems than those of before

=========  ============================================================================================
faults     accuracy of `suspects` a kind of fault
variants   the same incidents told otherwise: names, windows, sampling, noise
quiet      how often somebody is suspected where nothing is wrong
signals    what each signal adds to the others
onsets     how far off the onset is that is found in the whole window
verbs      how often the other verbs tell the truth, and `suspects` what changed and within what
causes     how often the right kind of cause is named at the right service, a kind of fault
=========  ============================================================================================

Each cell gives its 95% interval. A seed is a system of its own a kind of fault; what was looked at while
the analysis was written were seeds below 100, so that seeds from 100 on say more.
"""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import sys

from tests.evaluation.cases import recorded, simulated
from tests.evaluation.tables import TABLES, as_text


def main(words: list[str] | None = None) -> int:
    """Evaluate what is named, or all."""
    reader = argparse.ArgumentParser(prog="python -m tests.evaluation", description="Evaluate the analysis.")
    reader.add_argument("names", nargs="*", choices=[*TABLES, []], help="which; all where none is named")
    reader.add_argument("--seeds", default="100:104", help="FROM:TO of made-up systems (100:104)")
    told = reader.parse_args(words)
    first, _, last = told.seeds.partition(":")
    cases = [*recorded(), *simulated(range(int(first), int(last)))]
    print(f"{len(cases)} cases, {sum(case.quiet for case in cases)} of them quiet", file=sys.stderr)
    for name in told.names or TABLES:
        print(f"\n{name}\n{as_text(TABLES[name](cases))}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
