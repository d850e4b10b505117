"""Looking around: labels, raw samples, and who can verify an answer."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pytest

import obsnb
from obsnb.connection.roles import default_step
from obsnb.errors import QueryError, UsageError
from obsnb.ledger import QueryRecord
from obsnb.sources.base import Answer
from tests.archive.conftest import WINDOW
from tests.connection.conftest import Source, connected


@dataclass
class Indexed(Source):
    """A source that has an index, counts, and holds raw samples."""

    def index_names(self, window, *, label=None):
        return self._said("labels" if label is None else f"label/{label}/values", window)

    def streams(self, selector, window):
        return self._said(selector, window, of="streams")

    def volume(self, selector, window, *, by, limit):
        return self._said(selector, window, of="volume", by=by, limit=limit)

    def volume_over_time(self, selector, window, *, step_ns, by, limit):
        return self._said(selector, window, of="volumes", step_ns=step_ns, by=by, limit=limit)

    def patterns(self, selector, window, *, step_ns):
        return self._said(selector, window, of="patterns", step_ns=step_ns)

    def detected_fields(self, query, window, *, lines, limit):
        return self._said(query, window, of="fields", lines=lines, limit=limit)

    def _said(self, query, window, **params):
        self.asked.append(("index", query, params))
        frame = pl.DataFrame({"name": [f"{query} in {window}"]})
        return Answer(
            frame, QueryRecord("index", self.name, query, query, window, rows=1, complete="unknown")
        )

    def samples(self, selector, window):
        return self._answer("series", selector, window, obsnb.schema.SERIES.empty(), samples=True)

    def verified(self, answer):
        self.asked.append(("verified", "", {}))
        return answer


def test_labels_and_their_values_are_asked_of_the_window_and_enter_the_ledger():
    obs = connected(Indexed())
    assert obs.labels(WINDOW) == [f"labels in {WINDOW}"]
    assert obs.label_values("pod", WINDOW) == [f"label/pod/values in {WINDOW}"]
    assert [record.query for record in obs.ledger] == ["labels", "label/pod/values"]


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (lambda obs: obs.log_streams('{a="b"}', WINDOW), {"of": "streams"}),
        (lambda obs: obs.log_volume('{a="b"}', WINDOW), {"of": "volume", "by": (), "limit": 100}),
        (
            lambda obs: obs.log_volume('{a="b"}', WINDOW, by="pod", limit=5),
            {"of": "volume", "by": ("pod",), "limit": 5},
        ),
        (
            lambda obs: obs.log_volume('{a="b"}', WINDOW, step="5m"),
            {"of": "volumes", "step_ns": 300 * 10**9, "by": (), "limit": 100},
        ),
        (
            lambda obs: obs.server_patterns('{a="b"}', WINDOW),
            {"of": "patterns", "step_ns": default_step(WINDOW)},
        ),
        (
            lambda obs: obs.server_patterns('{a="b"}', WINDOW, step="2m"),
            {"of": "patterns", "step_ns": 120 * 10**9},
        ),
        (lambda obs: obs.detected_fields('{a="b"}', WINDOW), {"of": "fields", "lines": 100, "limit": 1_000}),
    ],
)
def test_what_an_index_tells_is_a_frame_and_a_row_in_the_ledger(ask, asked):
    source = Indexed()
    obs = connected(source)
    assert isinstance(ask(obs), pl.DataFrame)
    assert source.asked == [("index", '{a="b"}', asked)]
    assert [(record.kind, record.number) for record in obs.ledger] == [("index", 1)]
    assert type(ask(connected(Indexed(), frames="pandas"))).__module__.startswith("pandas")


def test_what_an_index_told_is_not_frozen(tmp_path):
    obs = connected(Indexed())
    obs.log_streams('{a="b"}', WINDOW)
    with pytest.raises(UsageError):
        obs.save(tmp_path / "incident")
    obs.logs('{a="b"}', WINDOW)
    obs.save(tmp_path / "incident")
    assert [record.kind for record in obsnb.open_archive(tmp_path / "incident").recorded] == ["logs"]


def test_live_sources_are_looked_at_in_a_window_only():
    with pytest.raises(UsageError):
        connected(Indexed()).log_streams('{a="b"}')


def test_raw_samples_enter_the_ledger():
    source = Indexed()
    obs = connected(source)
    assert obs.samples("up", WINDOW).height == 0
    assert source.asked == [("series", "up", {"samples": True})]
    assert len(obs.ledger) == 1
    with pytest.raises(QueryError):
        obs.samples("{ status = error }", WINDOW)


def test_lines_are_verified_only_where_that_was_asked_for():
    source = Indexed()
    obs = connected(source)
    obs.logs('{a="b"}', WINDOW)
    obs.logs('{a="b"}', WINDOW, verify=True)
    assert [asked[0] for asked in source.asked] == ["logs", "logs", "verified"]


def test_a_limit_cannot_be_verified_and_nothing_is_asked():
    source = Indexed()
    with pytest.raises(UsageError) as caught:
        connected(source).logs('{a="b"}', WINDOW, limit=3, verify=True)
    assert str(caught.value) == (
        "verify=True counts all lines, and limit= asks for some of them.\nHint: Leave one of them out."
    )
    assert source.asked == []


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (
            lambda obs: obs.labels(),
            "labels asks a server's index, and an archive has none.\n"
            "Hint: The label columns of obs.logs(...) hold what the archive has.",
        ),
        (
            lambda obs: obs.log_volume('{namespace="shop-prod"}'),
            "log_volume asks a server's index, and an archive has none.\n"
            "Hint: The label columns of obs.logs(...) hold what the archive has.",
        ),
        (
            lambda obs: obs.samples("up"),
            "An archive has no raw samples: it answers what it was asked when it was made.\n"
            "Hint: obs.metrics(query) answers from it; obs.ledger and obs.recorded name what is there.",
        ),
        (
            lambda obs: obs.logs('{namespace="shop-prod"}', verify=True),
            "verify=True lets a server count, and an archive has none.\n"
            "Hint: The archive's own record says whether the answer was complete: obs.ledger.",
        ),
    ],
)
def test_an_archive_says_that_it_has_no_index_and_no_server(ask, told):
    with pytest.raises(UsageError) as caught:
        ask(obsnb.open_archive("slow-query"))
    assert str(caught.value) == told
