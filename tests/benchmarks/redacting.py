"""What redaction finds, misses and wrongly takes, and what it costs."""

from __future__ import annotations

import io

import polars as pl

import obsnb
from obsnb.redact import Policy, Redactor
from tests.benchmarks.measuring import Row, fastest
from tests.redact.corpus.measure import Measured, measure_held_out, measure_lookalikes, measure_secrets

__all__ = ["redaction"]

_LINES = 500_000


def redaction() -> list[Row]:
    """Found of planted, by kind; look-alikes left alone; 500,000 real lines against writing them."""
    redactor = Redactor()
    plain, hard = (measure_secrets(redactor, hard=one) for one in (False, True))
    looked = measure_lookalikes(redactor, times=100)
    rows = [_found(kind, plain) for kind in plain.of]
    rows += [
        _total("all kinds, sentences as systems write them", plain),
        _total("sentences thought hard", hard),
        _total("sentences of other systems, that no pattern was bettered by", measure_held_out(redactor)),
    ]
    taken = {what: looked.of[what] - looked.good[what] for what in looked.of if looked.share(what) < 1}
    named = "; ".join(f"{what}: {count} of {looked.of[what]}" for what, count in taken.items())
    rows.append(_total(f"look-alikes left alone (taken: {named})", looked))
    return [*rows, *_speed()]


def _found(kind: str, measured: Measured) -> Row:
    missed = "; ".join(sentence for one, sentence in measured.bad if one == kind) or "nothing"
    return Row(f"{kind} found", str(measured.good[kind]), f"missed: {missed}", f"of {measured.of[kind]}")


def _total(what: str, measured: Measured) -> Row:
    good, of = sum(measured.good.values()), sum(measured.of.values())
    return Row(what, str(good), f"{good / of:.1%}", f"of {of}")


def _speed() -> list[Row]:
    obs = obsnb.open_archive("slow-query")
    assert obs.window is not None
    lines = obs.role("scope.logs", obs.window, scope=obs.scope)
    assert lines is not None
    many = pl.concat([lines] * (_LINES // lines.height + 1)).head(_LINES)
    # Each line another, as they are: what stands twice is looked at once.
    many = many.with_columns(line=pl.concat_str("line", pl.lit(" n="), pl.int_range(_LINES).cast(pl.String)))
    keeping = Redactor(Policy.of_table({"user": "keep"}))
    write, redact, keep = fastest(
        lambda: many.write_parquet(io.BytesIO()),
        lambda: Redactor().frame(many),
        lambda: keeping.frame(many),
        times=2,
    )
    what = f"{_LINES:,} lines, each with a user's id"
    return [
        Row(what, f"{redact:.1f} s", f"writing them as Parquet, {write:.1f} s", f"{redact / write:.1f}"),
        Row(
            f"{what}, which is kept", f"{keep:.1f} s", f"replacing it, {redact:.1f} s", f"{keep / redact:.1f}"
        ),
    ]
