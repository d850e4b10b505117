"""The incidents that were recorded from the lab: whole, small, and found.

Nothing in the analysis knows them: what is asserted here is what it says of them, not what it was made for.
"""

import json

import pytest

import obsnb
from obsnb.archive.bundled import incident_path, incidents
from obsnb.lab.faults.catalogue import FAULTS
from obsnb.lab.settings import NAMESPACE

NAMES = ("lab-authentication", "lab-data-source", "lab-frontend", "lab-quiet", "lab-slow-query")


def _truth(name):
    return json.loads((incident_path(name) / "truth.json").read_text("utf-8"))


def test_there_are_five_and_each_is_under_four_megabytes():
    assert {name for name in incidents() if name.startswith("lab-")} == set(NAMES)
    for name in NAMES:
        held = [path for path in incident_path(name).rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in held) < 4_000_000


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole_and_its_truth_fits_it(name):
    obs, truth = obsnb.open_archive(name), _truth(name)
    obs.verify()
    assert dict(obs.scope) == {"namespace": NAMESPACE}
    assert (obs.window.start_ns / 1e9, obs.window.end_ns / 1e9) == (truth["start"], truth["end"])
    assert all(record.complete == "yes" for record in obs.recorded if record.role != "slow.logs")
    lines = obs.role("scope.logs", obs.window, scope=dict(obs.scope))
    assert lines.height == truth["log_lines"]
    if truth["causes"]:
        assert truth["root_cause"]["fault"] in FAULTS
        assert truth["start"] < truth["onset"] < truth["recovery"] < truth["end"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lab-quiet"])
def test_the_onset_is_found_within_a_minute_and_what_shows_it_is_the_first_suspect(name):
    inv, truth = obsnb.investigate(obsnb.open_archive(name)), _truth(name)
    assert abs(inv.during.start_ns / 1e9 - truth["onset"]) <= 60
    cause = truth["root_cause"]
    assert inv.suspects()["service"][0] in {cause["service"], cause.get("via")}
    assert inv.summary().confident


def test_a_quiet_run_has_no_onset_and_no_confident_suspect():
    inv = obsnb.investigate(obsnb.open_archive("lab-quiet"))
    assert inv.summary().where == "no confident suspect."
    assert inv.summary().lines[1][1].startswith("no onset was found")
