"""What is said to have changed at a suspect that is asked more often than before."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from obsnb.analysis.causes import cause_of
from obsnb.analysis.fusion import Suspect
from obsnb.analysis.scores import Finding

_FAILS = Finding("identity", "errors", 0.9, 1.0, 0, "422 of 479 traces failed in identity with 503.")


def _uses(times: float | None) -> Finding:
    return Finding("identity", "resource", 0.6, 0.0, 0, "cpu of identity went up.", times=times)


@pytest.mark.parametrize(
    ("load", "times", "found"),
    [
        pytest.param(
            {"identity": 7.6, "backend": 1.1},
            2.4,
            ("unknown", _FAILS.reason.rstrip(".")),
            id="its callers are asked no more, so they ask again; the processor follows",
        ),
        pytest.param(
            {"identity": 7.6, "backend": 1.1},
            20.0,
            ("resource", "cpu of identity went up"),
            id="more is used than the requests that are asked again explain",
        ),
        pytest.param(
            {"identity": 7.6, "backend": 7.0},
            2.4,
            ("load", "7.6 times the requests; cpu of identity went up"),
            id="its callers are asked more too",
        ),
        pytest.param(
            {"identity": 7.6},
            2.4,
            ("load", "7.6 times the requests; cpu of identity went up"),
            id="nothing is known of its callers",
        ),
        pytest.param(
            {"identity": 1.1, "backend": 1.1},
            2.4,
            ("resource", "cpu of identity went up"),
            id="it is asked no more than before",
        ),
    ],
)
def test_requests_that_only_its_callers_add_are_no_load(
    load: Mapping[str, float], times: float, found: tuple[str, str]
) -> None:
    suspect = Suspect("identity", 0.97, (_FAILS, _uses(times)))
    assert cause_of(suspect, load=load, onset_ns=0, callers={"backend"}) == found
