"""Downloads from several sources: a dataset each, read as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obsnb.connection.downloading import Asked, begun, download, fill, note, until
from obsnb.errors import ObsnbError, SourceError
from obsnb.progress import Progress, Share, Silent

if TYPE_CHECKING:
    import polars as pl

    from obsnb.connection.kept import Kept
    from obsnb.store.dataset import Dataset

__all__ = ["downloads"]

#: Columns that come after the labels, as sources place them.
_FIELDS = ("metadata.", "parsed.")


def downloads(
    asked: Asked,
    sources: Sequence[Any],
    folder: str | Path,
    *,
    tenant: str | None,
    late_margin_s: float,
    kept: Kept,
    progress: Progress | None,
) -> pl.LazyFrame:
    """The rows of one source, or of several one after another: each in a folder of its name.

    One that fails does not take the others with it: what came of it is among the rows, its record says
    what is missing, and the next call goes on with it.

    Raises
    ------
    DatasetError
        A folder cannot be used or written.
    SourceError
        The source, or each of several, fails.
    """
    if len(sources) == 1:
        more: dict[str, Any] = {"tenant": tenant, "late_margin_s": late_margin_s, "kept": kept}
        alone = download(asked, sources[0], folder, progress=progress, **more)
        return _in_order([alone], asked) if getattr(sources[0], "marks", False) else alone
    from obsnb.sources.at_once import all_failed

    until_ns, watch = until(asked), progress or Silent()
    datasets = [begun(asked, source, Path(folder) / source.name, tenant=tenant) for source in sources]
    failed: list[tuple[SourceError, Dataset]] = []
    try:
        for place, (source, dataset) in enumerate(zip(sources, datasets, strict=True)):
            rows, size = (sum(getattr(one, what) for one in datasets[:place]) for what in ("rows", "bytes"))
            share = Share(watch, place, len(sources), rows, size)
            try:
                fill(dataset, asked, source, until_ns=until_ns, late_margin_s=late_margin_s, watch=share)
            except SourceError as error:
                failed.append((error, dataset))
                continue
            except (ObsnbError, KeyboardInterrupt) as stop:
                note(stop, dataset, until_ns, kept)
                raise
            kept.enter(dataset.record(until_ns=until_ns))
    finally:
        watch.close()
    whole_loss = len(failed) == len(sources)
    for loss, dataset in failed:
        record = dataset.record(until_ns=until_ns, stopped=f"it stopped ({loss.what.rstrip('.')})")
        kept.enter(record, quietly=whole_loss)
    if whole_loss:
        raise all_failed([loss for loss, _ in failed])
    return _in_order([dataset.scan() for dataset in datasets], asked)


def _in_order(parts: Sequence[pl.LazyFrame], asked: Asked) -> pl.LazyFrame:
    """All rows, in order of time: the core columns, ``source``, then those that any of them has."""
    import polars as pl

    from obsnb.schema import LOGS, SERIES, SPANS

    core = {"logs": LOGS, "metrics": SERIES, "spans": SPANS}[asked.kind].names
    time = "start" if asked.kind == "spans" else "timestamp"

    types: dict[str, pl.DataType] = {}
    for part in parts:
        schema = part.collect_schema()
        types |= {name: kind for name, kind in schema.items() if name not in types}
    names = sorted(types, key=lambda name: (name not in core, name != "source", name.startswith(_FIELDS)))
    whole: pl.LazyFrame | None = None
    for part in parts:
        there = part.collect_schema().names()
        alike = part.select(
            pl.col(name) if name in there else pl.lit(None, dtype=types[name]).alias(name) for name in names
        )
        whole = alike if whole is None else whole.merge_sorted(alike, key=time)
    assert whole is not None  # noqa: S101 - there is one source at least
    return whole
