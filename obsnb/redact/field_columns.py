"""The values of named fields in a column of texts, by polars wherever that comes to the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from obsnb.redact.fields import NO_VALUE, Fields

if TYPE_CHECKING:
    import polars as pl

__all__ = ["sub_fields"]

#: How far behind a name its value must end, in characters; a longer one is left to `re`.
_NEAR = 160
#: How many values of one text are replaced here; a text with more is left to `re`.
_ROUNDS = 4
#: Names that end where a value can begin: nothing of what stands between the two is part of a name.
_PLAIN_NAME = re.compile(r"[\w.-]+", re.ASCII)
#: What every alternative of `Fields.behind` begins with.
_BEHIND = r"(?:[\\\"']|[ \t]*[:=])"
#: Those of its alternatives that need to look neither ahead nor behind, the quotes that a value keeps, and
#: those that it gets: a JSON string, one within a JSON string, a JSON number, and logfmt or a query string.
_SHAPES = (
    (r"\"[ \t]*:[ \t]*\"", r"[^\"\\]+", r"\"", ""),
    (r"\\\"[ \t]*:[ \t]*\\\"", r"[^\"\\]+", r"\\\"", ""),
    (r"\"[ \t]*:[ \t]*", r"-?[0-9][0-9.eE+-]*", r"[^0-9.eE+-]", '"'),
    (r"=", r"[A-Za-z0-9_-]+", r"[ \t-\r\"'`\\,;&|<>(){}\[\]]", ""),
)


def sub_fields(
    fields: Fields, texts: pl.Series, put: Callable[[str], str]
) -> tuple[pl.Series, pl.Series, Counter[str]]:
    r"""The texts with each value as ``put`` has it, where they can be told by polars alone.

    Parameters
    ----------
    fields
        The names.
    texts
        String, without nulls.
    put
        What stands in the place of a value; called once for each different one.

    Returns
    -------
    texts, left, counts
        The texts; the places of those that were left as they were, for `Fields.sub` to look at; how many
        values were replaced.

    Notes
    -----
    A text is done here where all of its names that may have a value have one of the usual shapes, and is
    ASCII, because `re` and polars mean other letters and digits by ``\w`` and ``\d``, and because polars
    finds bytes and cuts characters. So the outcome is the same as that of `Fields.sub`.
    """
    import polars as pl

    nothing = pl.Series("place", [], dtype=pl.UInt32)
    if not all(_PLAIN_NAME.fullmatch(name) for name in fields.spellings):
        return texts, texts.str.contains_any(list(fields.spellings)).arg_true(), Counter()
    found = _values(fields, texts)
    if found.is_empty():
        return texts, nothing, Counter()
    plain, left = _apart(found)
    if plain.is_empty():
        return texts, left, Counter()
    made = {value: _made(value, put) for value in plain["value"].unique()}
    changed = {value: new for value, new in made.items() if new != value}
    plain = plain.filter(pl.col("value").is_in(list(changed)))
    if plain.is_empty():
        return texts, left, Counter()
    new = pl.col("value").replace_strict(list(changed), list(changed.values()), return_dtype=pl.String)
    plain = plain.with_columns(new=pl.concat_str("mark", new, "mark"))
    return _replaced(texts, plain), left, Counter({fields.kind: plain.height})


def _made(value: str, put: Callable[[str], str]) -> str:
    return value if re.fullmatch(NO_VALUE, value, re.IGNORECASE) else put(value)


def _values(fields: Fields, texts: pl.Series) -> pl.DataFrame:
    """A row a name that may have a value: place of its text, at, start, end, value, mark; null if unusual."""
    import polars as pl

    names = "|".join(re.escape(name) for name in fields.spellings)  # the longer first
    at = texts.str.find_many(list(fields.spellings), overlapping=True)
    rows = pl.DataFrame(
        {"place": pl.int_range(texts.len(), dtype=pl.UInt32, eager=True), "text": texts, "at": at}
    )
    rows = rows.filter(at.list.len() > 0)
    if rows.is_empty():
        return rows
    ascii_ = pl.col("text").str.len_bytes() == pl.col("text").str.len_chars()
    odd = rows.filter(~ascii_).select("place")
    once = pl.col("at").list.len() == 1
    several = (
        rows.filter(ascii_ & ~once).explode("at").unique(["place", "at"])
    )  # a name may begin with another
    named = pl.concat([rows.filter(ascii_ & once).explode("at"), several])
    at_ = pl.col("at").cast(pl.Int64)
    # From one character before the name; an end of its own, so that every value has one.
    around = pl.concat_str(
        pl.when(at_ == 0).then(pl.lit(" ")).otherwise(pl.lit("")),
        pl.col("text").str.slice(pl.max_horizontal(at_ - 1, 0), _NEAR),
        pl.when(pl.col("text").str.len_bytes() - at_ < _NEAR - 1).then(pl.lit("\n")).otherwise(pl.lit("")),
    )
    named = named.select("place", "at", around=around)
    parts = (
        named["around"].str.extract_groups(_one_of_the_shapes(names)).struct.unnest()
    )  # once, for all of it
    numbers = range(len(_SHAPES))
    marks = [pl.when(pl.col(f"value{n}").is_not_null()).then(pl.lit(_SHAPES[n][3])) for n in numbers]
    told = named.hstack(
        parts.select(
            head=pl.col("name").str.len_bytes() + pl.coalesce(f"head{n}" for n in numbers).str.len_bytes(),
            value=pl.coalesce(f"value{n}" for n in numbers),
            mark=pl.coalesce(marks),
        )
    )
    told = told.with_columns(start=pl.col("at") + pl.col("head"))
    told = told.with_columns(end=pl.col("start") + pl.col("value").str.len_bytes())
    # Most names have a usual value; of the others, many have none.
    none = pl.col("value").is_null() & ~pl.col("around").str.contains(
        rf"\A[^A-Za-z0-9_-](?:{names}){_BEHIND}"
    )
    return pl.concat(
        [told.filter(~told.select(none).to_series()).drop("around", "head"), odd], how="diagonal"
    )


def _one_of_the_shapes(names: str) -> str:
    shapes = (
        rf"(?P<head{number}>{before})(?P<value{number}>{value}){behind}"
        for number, (before, value, behind, _) in enumerate(_SHAPES)
    )
    return rf"\A[^A-Za-z0-9_-](?P<name>{names})(?:{'|'.join(shapes)})"


def _apart(found: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """The values of texts with nothing unusual in them, last first and numbered; the places of the others."""
    import polars as pl

    twice = found["place"].is_duplicated()
    alone = found.filter(~twice).with_columns(round=pl.lit(0, pl.Int64))
    several = found.filter(twice).sort("place", "at", descending=[False, True])
    within = (pl.col("end") > pl.col("at").shift(1)).fill_null(value=False)
    several = several.with_columns(round=pl.int_range(pl.len()).over("place"))
    several = several.with_columns(value=pl.when((pl.col("round") == 0) | ~within).then("value"))
    found = pl.concat([alone, several])
    unusual = found["value"].is_null() | (found["round"] >= _ROUNDS)
    left = found.filter(unusual)["place"].unique(maintain_order=True)
    return found.filter(~found["place"].is_in(left.implode())) if left.len() else found, left


def _replaced(texts: pl.Series, values: pl.DataFrame) -> pl.Series:
    """The texts with the new values; from the last to the first, so that the places stay right."""
    import polars as pl

    frame = pl.DataFrame({"place": pl.int_range(texts.len(), dtype=pl.UInt32, eager=True), "text": texts})
    for _, one in sorted(values.partition_by("round", as_dict=True).items()):
        frame = frame.join(
            one.select("place", "start", "end", "new"), on="place", how="left", maintain_order="left"
        )
        text = pl.col("text")
        made = pl.concat_str(text.str.slice(0, pl.col("start")), "new", text.str.slice(pl.col("end")))
        frame = frame.select("place", text=pl.when(pl.col("new").is_null()).then(text).otherwise(made))
    return frame["text"].alias(texts.name)
