"""Memory: snapshots in the forms that systems write, and what grew between them."""

import json

import polars as pl
import pytest

import obsnb
from tests.analysis.lines import lines_of


def _guide(rss, diff):
    return json.dumps(
        {
            "message": "Memory usage after search",
            "memory_usage": {"rss": rss, "vms": 2, "percent": 1.5},
            "top_differences": [
                {"filename": '  File "/app/basket.py", line 12', "size_diff": diff, "count_diff": 3}
            ],
        }
    )


def _only(frame, kind):
    return frame.filter(pl.col("kind") == kind).to_dicts()


def test_the_guides_fields_give_the_process_and_each_line_of_code():
    out = obsnb.memory_snapshots(lines_of([_guide(1_000, 500)], service=["kiosk"]))
    assert _only(out, "rss")[0]["size"] == 1_000
    (place,) = _only(out, "location")
    assert (place["location"], place["size_diff"], place["count_diff"], place["size"]) == (
        "/app/basket.py:12",
        500,
        3,
        None,
    )
    assert place["evidence"] == ["log:r0"]


@pytest.mark.parametrize(
    ("text", "kind", "size"),
    [
        ("/app/x.py:12: size=4.0 MiB (+1.0 MiB), count=1234 (+12), average=3.5 KiB", "location", 4 * 2**20),
        ("#1: /app/x.py:12: 34.5 KiB", "location", 35_328),
        ("[12.3s][info][gc] GC(5) Pause Young (Normal) 24M->4M(256M) 3.1ms", "heap", 4 * 2**20),
        ('{"msg":"memory","rss":5,"heapTotal":9,"heapUsed":7}', "heap", 7),
    ],
)
def test_other_systems_forms_are_read(text, kind, size):
    assert _only(obsnb.memory_snapshots(lines_of([text])), kind)[0]["size"] == size


def test_the_labs_endpoint_answers_lines_of_code_and_a_peak():
    answer = {"top": [{"line": "x.py:4", "bytes": 44, "blocks": 1}], "peak_rss_bytes": 99, "collections": [1]}
    out = obsnb.memory_snapshots(answers=answer, service="backend")
    assert _only(out, "rss")[0]["size"] == 99
    assert [(row["location"], row["size_diff"]) for row in _only(out, "location")] == [("x.py:4", 44)]


def test_what_grew_most_comes_first_with_its_rate_and_how_steadily():
    texts = [_guide(1_000 * n, 10) for n in (1, 2, 3, 7)]
    out = obsnb.memory_differences(obsnb.memory_snapshots(lines_of(texts, every_s=1_200)))
    rss, place, virtual = out.to_dicts()
    assert (rss["kind"], rss["growth"], rss["rising"], rss["growth_per_hour"]) == ("rss", 6_000, 1.0, 6_000.0)
    assert (place["kind"], place["growth"], place["snapshots"]) == ("location", 40, 4)
    assert (virtual["growth"], virtual["rising"]) == (0, 0.0)


def test_a_single_snapshot_has_no_rate():
    (row,) = obsnb.memory_differences(
        obsnb.memory_snapshots(lines_of(['{"msg":"memory","rss":5}']))
    ).to_dicts()
    assert (row["growth"], row["growth_per_hour"], row["rising"]) == (None, None, None)


@pytest.mark.parametrize("texts", [[], [None], ["memory is fine"], ["10:12:30: 4 items"]])
def test_lines_that_tell_of_no_size_give_an_empty_frame(texts):
    out = obsnb.memory_snapshots(lines_of(texts))
    assert out.shape == (0, 10)
    assert obsnb.memory_differences(out).shape == (0, 13)


def test_numbers_that_no_memory_has_are_left_out():
    texts = [
        '{"msg":"memory","rss":1e300}',
        '{"msg":"memory","rss":99999999999999999999}',
        '{"msg":"memory","rss":7}',
    ]
    assert obsnb.memory_snapshots(lines_of(texts))["size"].to_list() == [7]
