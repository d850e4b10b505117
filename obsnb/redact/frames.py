"""Frames, masked by polars wherever they hold text."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from obsnb.redact.credentials import HINTS, SHIELDING
from obsnb.redact.field_columns import sub_fields
from obsnb.redact.fields import NO_VALUE
from obsnb.redact.plan import Plan, Step
from obsnb.redact.policy import Action
from obsnb.redact.shapes import MASK, SHIELD
from obsnb.redact.texts import more

if TYPE_CHECKING:
    import polars as pl

__all__ = ["redact_frame"]

_Named = tuple[str, Action]
#: Columns of hexadecimal digits, some of which are a card number by chance.
_IDS = frozenset({"trace_id", "span_id", "parent_span_id", "row_id", "series_id"})


def redact_frame(plan: Plan, frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """A frame with what the plan finds in its texts replaced, and how much of each kind there was."""
    counts: Counter[str] = Counter()
    columns = []
    for column in frame.get_columns():
        masked, found = _redact(plan, column, plan.named(column.name), column.name)
        counts += found
        columns += [masked] if found else []
    return frame.with_columns(columns), dict(counts)


def _redact(plan: Plan, series: pl.Series, named: _Named | None, key: str) -> tuple[pl.Series, Counter[str]]:
    """A column of any type; where its name says what it holds, every value in it is one find."""
    import polars as pl

    kind = series.dtype
    masked, counts = series, Counter[str]()
    if kind == pl.String:
        masked, counts = _redact_strings(plan, series, named, key)
    elif isinstance(kind, pl.Categorical | pl.Enum):
        # Labels are few, and mostly harmless: only where one of them is not, every row is looked at.
        if _redact_strings(plan, series.unique().cast(pl.String), named, key)[1]:
            texts, counts = _redact_strings(plan, series.cast(pl.String), named, key)
            masked = texts.cast(pl.Categorical)
    elif isinstance(kind, pl.List):
        masked, counts = _redact_lists(plan, series, named, key)
    elif isinstance(kind, pl.Array):
        masked, counts = _redact_lists(plan, series.arr.to_list(), named, key)
    elif isinstance(kind, pl.Struct):
        masked, counts = _redact_structs(plan, series, named)
    elif named is not None and named[0] in {"user", "field"} and kind.is_numeric():
        masked, counts = _replace_whole(plan, series.cast(pl.String), named)
    return (masked if counts else series), counts


def _redact_strings(
    plan: Plan, series: pl.Series, named: _Named | None, key: str
) -> tuple[pl.Series, Counter[str]]:
    if named is not None:
        return _replace_whole(plan, series, named)
    masked, counts = _mask(plan, series)
    rest, more_counts = _rest(plan, masked, key)
    return rest, counts + more_counts


def _mask(plan: Plan, series: pl.Series) -> tuple[pl.Series, Counter[str]]:
    """What polars masks by itself."""
    if not plan.masking:
        return series, Counter()
    looked_at = series.str.contains_any(list(HINTS), ascii_case_insensitive=True).arg_true()
    if looked_at.is_empty():
        return series, Counter()
    texts = series.gather(looked_at)
    masked = SHIELDING.in_series(texts)
    for rule in plan.masking:
        masked = rule.in_series(masked)
    masked = masked.str.replace_all(SHIELD, "", literal=True)
    changed = (masked != texts).arg_true()
    if changed.is_empty():
        return series, Counter()
    before, after = texts.gather(changed), masked.gather(changed)
    whole = _put(series, looked_at.gather(changed), after)
    return whole, Counter(more(_masks(after), _masks(before)))


def _rest(plan: Plan, series: pl.Series, key: str) -> tuple[pl.Series, Counter[str]]:
    """What `re` replaces, step by step."""
    counts: Counter[str] = Counter()
    if _of_ids(key) and not series.str.contains("[^0-9a-f]").any():
        return series, counts
    for step in plan.steps:
        if step.fits(key):
            series = _step(plan, step, series, counts)
    return series, counts


def _of_ids(key: str) -> bool:
    return key.rpartition(".")[2] in _IDS


def _step(plan: Plan, step: Step, series: pl.Series, counts: Counter[str]) -> pl.Series:
    """Each different text once, and only those that are worth a look."""
    import polars as pl

    if step.fields is not None:
        looked_at = series.is_not_null().arg_true()
        kind, action = step.fields.kind, step.action(step.fields.kind)
        texts, left, replaced = sub_fields(
            step.fields, series.gather(looked_at), lambda value: plan.in_place_of(kind, action, value)
        )
        counts += replaced
        series = _put(series, looked_at, texts) if replaced else series
        looked_at = looked_at.gather(left)
    else:
        looked_at = _worth_a_look(step, series)
    if looked_at.is_empty():
        return series
    places: list[int] = []
    made: list[str] = []
    known: dict[str, tuple[str, Counter[str]]] = {}
    for place, text in zip(looked_at, series.gather(looked_at), strict=True):
        if text not in known:
            found: Counter[str] = Counter()
            known[text] = (plan.take(step, text, found), found)
        out, found = known[text]
        if found:
            for kind, count in found.items():
                counts[kind] += count
            places.append(place)
            made.append(out)
    if not places:
        return series
    return _put(series, pl.Series(places, dtype=pl.UInt32), pl.Series(made, dtype=pl.String))


def _worth_a_look(step: Step, series: pl.Series) -> pl.Series:
    if step.pattern:
        hit = series.str.contains(step.pattern)
    else:
        hit = series.str.contains_any(list(step.words), ascii_case_insensitive=step.ignore_case)
    return hit.fill_null(value=False).arg_true()


def _put(series: pl.Series, places: pl.Series, texts: pl.Series) -> pl.Series:
    """The series with other texts at some places."""
    import polars as pl

    order = pl.int_range(series.len(), eager=True).scatter(
        places, pl.int_range(series.len(), series.len() + texts.len(), eager=True)
    )
    return pl.concat([series, texts.alias(series.name)]).gather(order)


def _replace_whole(plan: Plan, series: pl.Series, named: _Named) -> tuple[pl.Series, Counter[str]]:
    """Every value replaced, but those that tell nothing; a removed one is null."""
    import polars as pl

    kind, action = named
    if action == "keep":
        return series, Counter()
    values = [
        value
        for value in series.unique().drop_nulls()
        if value
        and not re.fullmatch(rf"(?i){NO_VALUE}", value)
        and plan.in_place_of(kind, action, value) != value
    ]
    if not values:
        return series, Counter()
    made = [plan.in_place_of(kind, action, value) or None for value in values]
    count = int(series.is_in(values).sum() or 0)
    old, new = pl.Series(values, dtype=pl.String), pl.Series(made, dtype=pl.String)
    return series.replace(old, new), Counter({kind: count})


def _masks(texts: pl.Series) -> dict[str, int]:
    found = texts.str.extract_all(MASK).explode().drop_nulls().value_counts()
    return {mask[len("[redacted:") : -1]: count for mask, count in found.iter_rows()}


def _redact_lists(
    plan: Plan, series: pl.Series, named: _Named | None, key: str
) -> tuple[pl.Series, Counter[str]]:
    import polars as pl

    rows = pl.DataFrame({"row": pl.int_range(series.len(), eager=True), "item": series})
    items = rows.filter(pl.col("item").list.len() > 0).explode("item")
    masked, counts = _redact(plan, items["item"], named, key)
    if not counts:
        return series, counts
    lists = items.with_columns(masked).group_by("row", maintain_order=True).agg("item")
    # A row without items was null or empty, and stays what it was.
    whole = rows.join(lists, on="row", how="left", suffix="_masked", maintain_order="left")
    chosen = pl.coalesce("item_masked", pl.col("item").cast(lists.schema["item"]))
    return whole.select(chosen.alias(series.name)).to_series(), counts


def _redact_structs(plan: Plan, series: pl.Series, named: _Named | None) -> tuple[pl.Series, Counter[str]]:
    import polars as pl

    fields = series.struct.unnest()
    counts: Counter[str] = Counter()
    changed: dict[str, pl.Series] = {}
    for name in fields.columns:
        if name == "value" and fields.schema.get("key") == pl.String and fields.schema[name] == pl.String:
            masked, found = _redact_by_key(plan, fields["key"], fields[name], named)
        else:
            masked, found = _redact(plan, fields[name], named or plan.named(name), name)
        counts += found
        changed |= {name: masked} if found else {}
    if not changed:
        return series, counts
    packed = fields.with_columns(**changed).to_struct(series.name)
    whole = pl.select(pl.when(series.is_not_null()).then(packed).alias(series.name)).to_series()
    return whole, counts


def _redact_by_key(
    plan: Plan, keys: pl.Series, values: pl.Series, named: _Named | None
) -> tuple[pl.Series, Counter[str]]:
    """The values beside keys, each as a column of its key's name would be."""
    import polars as pl

    counts: Counter[str] = Counter()
    suspicious = _suspicious(plan, values)
    for key in keys.unique(maintain_order=True):
        there = keys.is_null() if key is None else (keys == key).fill_null(value=False)
        of_key = named or plan.named(key or "")
        together = of_key or _of_ids(key or "")  # whether these are ids, all of them say
        looked_at = (there if together else there & suspicious).arg_true()
        if looked_at.is_empty():
            continue
        masked, found = _redact_strings(plan, values.gather(looked_at), of_key, key or "")
        if found:
            counts += found
            values = _put(values, looked_at, masked.cast(pl.String))
    return values, counts


def _suspicious(plan: Plan, values: pl.Series) -> pl.Series:
    """Which values something is found in if every step looks at them: under no key is it more.

    Many keys have few values each. To look at all of them once is many times faster than key by key.
    """
    import polars as pl

    different = values.unique()
    redacted, found = _redact_strings(plan, different, None, "")
    if not found:
        return pl.repeat(value=False, n=values.len(), eager=True)
    changed = different.filter((redacted != different).fill_null(value=True))
    return values.is_in(changed.implode())
