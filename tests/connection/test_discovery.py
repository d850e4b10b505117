"""Looking around: labels, raw samples, and who can verify an answer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import obsnb
from obsnb.errors import QueryError, UsageError
from tests.archive.conftest import WINDOW
from tests.connection.conftest import Source, connected


@dataclass
class Indexed(Source):
    """A source that has an index, counts, and holds raw samples."""

    def label_values(self, name, window):
        return [f"{name} in {window}"]

    def samples(self, selector, window):
        return self._answer("series", selector, window, obsnb.schema.SERIES.empty(), samples=True)

    def verified(self, answer):
        self.asked.append(("verified", "", {}))
        return answer


def test_labels_and_their_values_are_asked_of_the_window(source):
    obs = connected(Indexed())
    assert obs.labels(WINDOW) == ["namespace"]
    assert obs.label_values("pod", WINDOW) == [f"pod in {WINDOW}"]


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
