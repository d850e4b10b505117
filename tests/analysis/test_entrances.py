"""A request that passes several services that count it is one request."""

import json

import pytest

import obsnb
from obsnb.archive.bundled import incident_path
from tests.analysis.made_up import spans


def _of(obs, role):
    return obs.role(role, obs.window, scope=obs.scope)


def _measured(impact, measure):
    return impact.filter(impact["measure"] == measure).row(0, named=True)


@pytest.mark.parametrize("incident", ["lab-data-source", "lab-authentication"])
def test_the_requests_of_an_incident_are_those_that_its_users_made(incident):
    users = json.loads((incident_path(incident) / "truth.json").read_text("utf-8"))["users"]
    obs = obsnb.open_archive(incident)
    whole = obsnb.impact(
        _of(obs, "requests.total"), during=obs.window, spans=_of(obs, "sample.spans"), objective=None
    )
    answered = sum(count for what, count in users.items() if not what.endswith(" none"))
    failed = sum(count for what, count in users.items() if what.split()[-1].startswith("5"))
    # Counters are read every 15 s, so that the window's first and last seconds are counted in part.
    assert _measured(whole, "failed requests")["during"] == pytest.approx(failed, rel=0.02)
    assert _measured(whole, "requests")["during"] == pytest.approx(answered, rel=0.1)
    assert _measured(whole, "requests")["how"] == "request counters of backend, where requests come in"


def test_without_spans_nobody_knows_where_requests_come_in_and_all_are_counted():
    obs = obsnb.open_archive("lab-quiet")
    series = _of(obs, "requests.total")
    alone = obsnb.impact(series, during=obs.window)
    none = obsnb.impact(series, during=obs.window, spans=spans())
    assert alone.equals(none)
    assert _measured(alone, "requests")["how"] == "request counters"
