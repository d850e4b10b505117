from __future__ import annotations

import polars as pl
import pytest

from obsnb.analysis.log_levels import spelt
from obsnb.analysis.logs import parse_logs
from obsnb.conventions import SEVERITY
from tests.report.made_up import START


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical])
def test_levels_that_mean_the_same_are_spelt_the_same_and_others_stay(kind: type[pl.DataType]) -> None:
    levels = pl.Series(["WARNING", "warn", " Wrn ", "40", "fatal", "notice", "odd", "", None]).cast(kind)
    assert spelt(levels).to_list() == ["warn"] * 4 + ["fatal", "notice", "odd", "", None]


def test_a_level_is_as_grave_however_it_is_spelt() -> None:
    names = pl.Series([*SEVERITY])
    assert [SEVERITY[name] for name in spelt(names)] == [
        {"notice": 10}.get(name, number) for name, number in SEVERITY.items()
    ]


def test_a_line_s_own_level_is_spelt_as_the_facets_are() -> None:
    lines = pl.DataFrame({"timestamp": [START], "line": ['{"level": "WARNING", "message": "slow"}']})
    frame = lines.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    parsed = parse_logs(frame)
    assert spelt(parsed["level"]).to_list() == parsed["parsed.level"].to_list() == ["warn"]
