"""What sets a selection apart: found, folded, set aside, and silent where there is nothing."""

import numpy as np
import polars as pl
import pytest

import obsnb
from obsnb.analysis.contrast import contrast
from obsnb.errors import FrameError, UsageError
from tests.analysis.incidents import incident
from tests.analysis.made_up import lines, spans


def _rows(**columns):
    return pl.DataFrame(columns)


def _pods(bad, good):
    return _rows(
        pod=["a"] * bad + ["b"] * good, version=["2"] * bad + ["1"] * good, zone=["z"] * (bad + good)
    )


def _findings(*arguments, **named):
    return contrast(*arguments, **named).filter(pl.col("rank").is_not_null())


def test_a_value_that_the_selection_has_more_of_is_found_with_its_shares():
    row = _findings(_pods(40, 10), _pods(10, 90)).row(0, named=True)
    assert (row["kind"], row["column"], row["value"], row["direction"]) == ("value", "pod", "a", "over")
    assert (row["count"], row["of"], row["baseline_count"], row["baseline_of"]) == (40, 50, 10, 100)
    assert row["lift"] == pytest.approx(8)
    assert row["effect"] == pytest.approx(0.7)
    assert row["effect_low"] < row["effect"] < row["effect_high"]
    assert row["q_value"] < 1e-9


def test_columns_that_select_the_same_rows_are_one_finding_that_names_the_others():
    found = _findings(_pods(40, 10), _pods(10, 90))
    assert found["same_as"].to_list() == [["version=2"]]


def test_columns_of_equal_counts_but_other_rows_are_not_folded():
    chosen = _rows(a=["x", "x", "y", "y"] * 20, b=["x", "y", "x", "y"] * 20)
    found = _findings(chosen, _rows(a=["y"] * 80, b=["y"] * 80))
    assert found["same_as"].to_list() == [[], []]


def test_numbers_that_order_the_rows_the_same_way_are_one_finding():
    chosen = _rows(ms=[float(n) for n in range(50, 100)])
    rest = _rows(ms=[float(n) for n in range(50)])
    seconds = pl.col("ms").truediv(1000).alias("s")
    row = _findings(chosen.with_columns(seconds), rest.with_columns(seconds)).row(0, named=True)
    assert (row["column"], row["direction"], row["effect"], row["same_as"]) == ("ms", "up", 1.0, ["s"])
    assert (row["median"], row["baseline_median"]) == (74.5, 24.5)


def test_ids_are_set_aside_and_said_so():
    ids = [f"id-{n}" for n in range(60)]
    found = contrast(_rows(request=ids[:30], pod=["a"] * 30), _rows(request=ids[30:], pod=["b"] * 30))
    aside = found.filter(pl.col("kind") == "set aside").select("column", "note").rows()
    assert aside == [("request", "60 different values in 60 rows: an id, or free text")]


def test_a_column_that_only_one_of_the_two_has_is_set_aside():
    found = contrast(_rows(pod=["a"], extra=["x"]), _rows(pod=["a"]))
    assert found.select("column", "note").rows() == [("extra", "only the selection has it")]


def test_status_codes_are_values_and_latencies_are_numbers():
    chosen = _rows(code=[500] * 30, took=[0.5 + n / 100 for n in range(30)])
    rest = _rows(code=[200] * 30, took=[0.1 + n / 100 for n in range(30)])
    found = _findings(chosen, rest).select("kind", "column", "value").rows()
    assert sorted(found, key=str) == [("number", "took", None), ("value", "code", "500")]


def test_lines_are_compared_by_their_patterns():
    chosen = lines(*((n, "shop", f"connection {n} to 10.0.0.{n} refused") for n in range(30)))
    rest = lines(*((n, "shop", f"served {n} in {n} ms") for n in range(30)), t0=10**12)
    found = _findings(chosen, rest.with_columns(pl.col("row_id") + "x"))
    assert ("pattern", "connection <*> to <*> refused") in found.select("column", "value").rows()


def _traced(number, value, **further):
    resource = [{"key": "k8s.pod.name", "type": "string", "value": value}]
    sized = [{"key": "size", "type": "int", "value": str(number * number)}]
    row = {"is": f"t{number} s - shop serve", "at": (number, 5), "resource": resource, "attributes": sized}
    return row | further


def test_attributes_in_the_lists_of_spans_are_compared_as_values_and_numbers():
    chosen = spans(*(_traced(n, "pod-1") for n in range(30, 60)))
    rest = spans(*(_traced(n, "pod-2") for n in range(30)))
    found = {row["column"]: row for row in _findings(chosen, rest).to_dicts()}
    assert (found["k8s.pod.name"]["value"], found["k8s.pod.name"]["lift"]) == ("pod-1", float("inf"))
    assert (found["size"]["kind"], found["size"]["direction"]) == ("number", "up")


def test_a_span_that_both_have_counts_as_selected_only():
    everything = spans(*(_traced(n, "pod-1" if n < 20 else "pod-2") for n in range(60)))
    row = _findings(everything.head(20), everything).row(0, named=True)
    assert (row["of"], row["baseline_of"], row["baseline_count"]) == (20, 40, 0)


def _series(level, hour, pods=4):
    minutes = range(60)
    return pl.concat(
        pl.DataFrame(
            {
                "timestamp": [(hour * 60 + minute) * 60 * 10**9 for minute in minutes],
                "metric": ["cpu"] * 60,
                "pod": [f"p{pod}"] * 60,
                "value": [(level if pod == 2 else 1.0) + (minute * 7 % 10) / 100 for minute in minutes],
            }
        ).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
        for pod in range(pods)
    )


def test_samples_are_compared_within_their_series_only():
    found = _findings(_series(3.0, 1), _series(1.0, 0))
    assert found.select("kind", "column", "direction").rows() == [("number", 'cpu{pod="p2"}', "up")]


def test_labels_of_series_are_counted_once_a_series_and_not_once_a_sample():
    found = contrast(_series(3.0, 1, pods=3), _series(1.0, 0), alpha=1)
    pod = found.filter((pl.col("column") == "pod") & (pl.col("value") == "p2")).row(0, named=True)
    assert (pod["count"], pod["of"], pod["baseline_of"]) == (1, 3, 4)


def test_two_halves_of_the_same_rows_have_nothing_between_them():
    rng = np.random.default_rng(5)
    false_alarms = 0
    for _ in range(10):
        frame = pl.DataFrame({f"c{n}": rng.integers(0, 30, 400) for n in range(8)}).with_columns(
            pl.all().cast(pl.String), x=pl.Series(rng.normal(size=400))
        )
        false_alarms += _findings(frame.head(200), frame.tail(200)).height > 0
    assert false_alarms <= 3  # one in twenty is what alpha allows; four or more of ten is 1 in 1,000


def test_the_order_of_the_rows_does_not_matter():
    frame = incident("slow-query").spans.head(1500)
    bad = pl.col("status").cast(pl.String) == "error"
    there = contrast(frame.filter(bad), frame.filter(~bad))
    mixed = frame.sample(fraction=1, shuffle=True, seed=1)
    back = contrast(mixed.filter(bad), mixed.filter(~bad))
    exact = ["rank", "kind", "column", "value", "count", "baseline_count", "note"]
    assert there.select(exact).equals(back.select(exact))


@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "lazy"])
def test_any_kind_of_frame_gives_the_same(kind):
    made = {
        "pandas": lambda one: one.to_pandas(),
        "pyarrow": lambda one: one.to_arrow(),
        "lazy": lambda one: one.lazy(),
    }[kind]
    chosen, rest = _pods(40, 10), _pods(10, 90)
    found = contrast(made(chosen), made(rest))
    assert type(found).__module__.split(".")[0] == {"lazy": "polars"}.get(kind, kind)
    read = found if kind == "lazy" else pl.DataFrame(found)
    assert read["effect"].to_list() == contrast(chosen, rest)["effect"].to_list()


@pytest.mark.parametrize(
    ("chosen", "rest"),
    [
        (_pods(0, 0), _pods(0, 0)),
        (_pods(0, 0), _pods(5, 5)),
        (_pods(5, 5), _pods(0, 0)),
        (_pods(1, 0), _pods(0, 1)),
        (pl.DataFrame(), pl.DataFrame()),
        (_rows(x=[None, None]), _rows(x=[None, None])),
        (_rows(x=[float("nan")] * 30), _rows(x=[1.0] * 30)),
        (_rows(a=["x"] * 30), _rows(b=["y"] * 30)),
    ],
    ids=[
        "empty",
        "no selection",
        "no baseline",
        "one row",
        "no columns",
        "nulls",
        "not numbers",
        "strangers",
    ],
)
def test_where_nothing_can_be_told_nothing_is_found(chosen, rest):
    assert _findings(chosen, rest).is_empty()
    assert contrast(chosen, rest).columns == contrast(_pods(40, 10), _pods(10, 90)).columns


def test_negative_durations_are_compared_as_they_stand_and_a_span_that_is_there_twice_once():
    rows = [_traced(n, "p", at=(n, -n)) for n in range(1, 31)]
    later = [_traced(n, "p", at=(n, n)) for n in range(31, 61)]
    found = _findings(spans(*rows, *rows), spans(*later, *later))
    duration = found.filter(pl.col("column") == "duration").row(0, named=True)
    assert (duration["direction"], duration["count"], duration["median"]) == ("down", 30, -0.0155)


def test_frames_whose_types_do_not_go_together_are_refused_with_the_reason():
    with pytest.raises(FrameError) as caught:
        contrast(_rows(x=[["a"]]), _rows(x=[1]))
    assert "contrast cannot put the two frames together:" in str(caught.value)
    assert "Hint: Cast the column to one type in both, or leave it out." in str(caught.value)


@pytest.fixture(scope="module")
def inv():
    return obsnb.investigate(obsnb.open_archive("slow-query"))


def test_an_investigation_finds_what_the_failed_spans_have_in_common(inv):
    traces = inv.traces()
    failed = traces.filter(pl.col("status").cast(pl.String) == "error")
    found = inv.contrast(failed, traces)
    assert found["of"][0] == failed.height
    assert found["baseline_of"][0] == traces.height - failed.height
    assert "TimeoutError" in found.filter(pl.col("column") == "error.type")["value"].to_list()
    assert inv.contrast("series").filter(pl.col("column").str.starts_with("active_connections")).height == 1


def test_an_investigation_says_what_it_can_contrast(inv):
    with pytest.raises(UsageError) as caught:
        inv.contrast("alerts")
    assert str(caught.value) == (
        "contrast has no rows called 'alerts'.\n"
        'Hint: Pass "logs", "spans" or "series", or a frame of the rows that you chose.'
    )
    with pytest.raises(UsageError) as caught:
        inv.contrast(pl.DataFrame({"x": [1]}))
    assert str(caught.value) == (
        "contrast does not know what to compare these rows with: they are no lines, spans or samples.\n"
        "Hint: Pass a baseline too: inv.contrast(selected, others)."
    )


def test_levels_that_mean_the_same_are_one_value_of_lines():
    said = lines(*[(second, "api", "ok") for second in range(50)])
    told = said.with_columns(level=pl.Series(["WARNING", "warn"] * 5 + ["info"] * 40))
    found = _findings(told.head(10), told.tail(40)).filter(pl.col("column") == "level")
    assert found.select("value", "count", "baseline_count").rows() == [("warn", 10, 0)]
