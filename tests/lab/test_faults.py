"""Faults as data: what each is, whom it can strike, that it begins and is mended."""

import pytest

from obsnb.errors import UsageError
from obsnb.lab.faults.catalogue import (
    FAULTS,
    SCENARIOS,
    fault_named,
    root_cause,
    scenario_named,
    struck_by,
)
from obsnb.lab.faults.control import Control, Watcher
from obsnb.lab.roster import roster_of
from obsnb.lab.settings import LabSettings

SETTINGS = LabSettings("lab")
ROSTER = roster_of(SETTINGS)


def test_there_are_more_than_fourteen_and_each_says_what_happened():
    assert len(FAULTS) >= 14
    assert all(fault.cause.endswith(".") for fault in FAULTS.values())


@pytest.mark.parametrize("name", FAULTS)
def test_the_truth_of_each_names_a_service_that_the_lab_has_or_its_database(name):
    fault = fault_named(name)
    told = root_cause(fault, struck_by(fault, ROSTER), ROSTER, SETTINGS)
    assert told["fault"] == name
    assert told["service"] in {*(each.name for each in ROSTER.services), ROSTER.frontend, "sqlite"}
    assert told.get("via") != told["service"]


def test_the_truth_follows_the_names_that_the_services_have():
    settings = LabSettings("lab", name_seed=5)
    roster = roster_of(settings)
    fault = fault_named("source-timeout")
    told = root_cause(fault, struck_by(fault, roster), roster, settings)
    assert told["service"] == roster.of("source")[0].name
    assert told["via"] == roster.services[0].name


def test_an_unknown_fault_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError) as refused:
        fault_named("dropped-indx")
    assert str(refused.value) == (
        f"There is no fault 'dropped-indx'.\nHint: The faults are {', '.join(FAULTS)}."
    )


def test_a_fault_strikes_only_what_it_can():
    fault = fault_named("source-limited")
    assert struck_by(fault, ROSTER, "logs-store") == "logs-store"
    with pytest.raises(UsageError) as refused:
        struck_by(fault, ROSTER, "identity")
    assert str(refused.value) == (
        "source-limited cannot strike 'identity'.\n"
        "Hint: It can strike metrics-store, logs-store, traces-store."
    )


def test_a_lab_without_a_worker_says_that_it_cannot_have_its_faults():
    small = roster_of(LabSettings("lab", services=3))
    with pytest.raises(UsageError) as refused:
        struck_by(fault_named("lock-contention"), small)
    assert str(refused.value) == (
        "lock-contention strikes a worker, and this lab has none.\nHint: Ask for more --services."
    )


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_are_made_of_faults_that_there_are(name):
    faults, _ = scenario_named(name)
    assert all(fault.name in FAULTS for fault in faults)


def test_two_faults_at_once_are_joined_with_a_plus_and_three_are_too_many():
    faults, browser = scenario_named("cpu-burn+clock-skew")
    assert [fault.name for fault in faults] == ["cpu-burn", "clock-skew"]
    assert not browser
    assert scenario_named("frontend-release")[1]
    for wrong in ("cpu-burn+clock-skew+n-plus-one", "cpu-burn+cpu-burn"):
        with pytest.raises(UsageError, match="is not one fault, or two different ones"):
            scenario_named(wrong)


def test_what_is_broken_is_written_down_with_its_begin_and_its_end(tmp_path):
    control = Control(tmp_path)
    control.begin(fault_named("cpu-burn"), "backend")
    with pytest.raises(UsageError, match=r"^cpu-burn is on already\."):
        control.begin(fault_named("cpu-burn"), "backend")
    control.begin(fault_named("clock-skew"), "logs-store")
    with pytest.raises(UsageError, match="two at once is the most"):
        control.begin(fault_named("n-plus-one"), "backend")
    assert [each.fault for each in control.end("cpu-burn")] == ["cpu-burn"]
    assert [each.fault for each in control.active()] == ["clock-skew"]
    control.end()
    assert all(each.recovery_ns >= each.onset_ns for each in control.history())
    with pytest.raises(UsageError, match=r"^cpu-burn is not on\."):
        control.end("cpu-burn")


def test_a_process_does_its_part_of_a_fault_once_and_mends_it_once(tmp_path):
    control, done, failures = Control(tmp_path), [], []

    def act(here):
        done.append("broken")
        return lambda: done.append("mended")

    fault = fault_named("cpu-burn")
    watcher = Watcher(control, lambda *_: object(), lambda name, error: failures.append(name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAULTS, "cpu-burn", type(fault)(**{**vars(fault), "act": act}))
        control.begin(fault, "backend")
        watcher.look()
        watcher.look()
        control.end()
        watcher.look()
        watcher.look()
    assert done == ["broken", "mended"]
    assert failures == []


def test_what_cannot_be_written_down_is_said(tmp_path):
    control = Control(tmp_path / "gone")
    with pytest.raises(UsageError) as refused:
        control.begin(fault_named("cpu-burn"), "backend")
    assert str(refused.value) == (
        f"{tmp_path}/gone/broken.json cannot be written: No such file or directory.\n"
        "Hint: Look at the room on the disk."
    )


def test_an_act_that_fails_is_told_and_not_tried_again(tmp_path):
    control, failures = Control(tmp_path), []
    fault = fault_named("cpu-burn")
    watcher = Watcher(control, lambda *_: None if failures else object(), lambda *told: failures.append(told))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAULTS, "cpu-burn", type(fault)(**{**vars(fault), "act": lambda here: 1 / 0}))
        control.begin(fault, "backend")
        watcher.look()
        watcher.look()
    assert [(name, type(error)) for name, error in failures] == [("cpu-burn", ZeroDivisionError)]
