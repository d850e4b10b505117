"""How well log patterns are found, against lines whose patterns people wrote down.

    python -m tests.benchmarks.grouping FOLDER

The folder has, at whatever depth, files ``*_structured.csv`` with the columns ``Content``, ``EventId`` and
``EventTemplate``, a line a row: the form of the loghub collection.

- Grouping accuracy: the share of lines whose group is exactly the group that people made (Zhu et al.,
  Tools and benchmarks for automated log parsing, ICSE 2019).
- Parsing accuracy: the share of lines whose pattern is also written as people wrote it (Dai et al., Logram,
  TSE 2020). Several wildcards with nothing but ``.:,/_-+`` between them count as one on both sides,
  because people write the same address as one or as two; runs of spaces count as one.
"""
# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

import obsnb

__all__ = ["grouping_accuracy", "main", "parsing_accuracy"]

_RUN = r"<\*>(?:[.:,/_\-+]*<\*>)+"


def grouping_accuracy(truth: pl.Series, found: pl.Series) -> float:
    """The share of rows whose group in `found` has the same rows as their group in `truth`."""
    rows = pl.DataFrame({"truth": truth, "found": found}).with_columns(
        pl.len().over("truth").alias("of_truth"),
        pl.len().over("found").alias("of_found"),
        pl.len().over("truth", "found").alias("of_both"),
    )
    right = (pl.col("of_truth") == pl.col("of_both")) & (pl.col("of_found") == pl.col("of_both"))
    share: float = rows.select(right.mean()).item()
    return share


def parsing_accuracy(truth: pl.Series, found: pl.Series) -> float:
    """The share of rows with the same pattern, adjacent wildcards and runs of spaces being one."""
    one, other = (
        texts.str.replace_all(_RUN, "<*>").str.replace_all(r"\s+", " ").str.strip_chars()
        for texts in (truth, found)
    )
    return float((one == other).sum()) / len(truth)


def main(words: list[str] | None = None) -> int:
    """Measure every file of the folder; 1 where there is none or the mean misses 0.90."""
    reader = argparse.ArgumentParser(prog="python -m tests.benchmarks.grouping", description=main.__doc__)
    reader.add_argument("folder", type=Path)
    files = sorted(reader.parse_args(words).folder.rglob("*_structured.csv"))
    rows = []
    for file in files:
        lines = pl.read_csv(file, infer_schema=False).with_columns(pl.col("Content").fill_null(""))
        found = obsnb.mine_patterns(lines["Content"])["pattern"]
        grouped = grouping_accuracy(lines["EventId"], found)
        written = parsing_accuracy(lines["EventTemplate"], found)
        rows.append((grouped, written))
        print(
            f"{file.name.split('_')[0]:<14} grouping {grouped:.3f}  parsing {written:.3f}  "
            f"patterns {found.n_unique()} of {lines['EventId'].n_unique()}"
        )
    if not rows:
        print("no *_structured.csv in that folder")
        return 1
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    print(f"{'mean':<14} grouping {mean[0]:.3f}  parsing {mean[1]:.3f}")
    return 0 if mean[0] > 0.90 else 1


if __name__ == "__main__":
    raise SystemExit(main())
