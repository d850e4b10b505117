"""What a lab is to be: settings, names, sampling, ports."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.errors import UsageError
from obsnb.lab.roster import roster_of
from obsnb.lab.settings import HOST, LabSettings, Sampling, free_ports, listens, read_sampling


@given(st.integers(3, 40), st.one_of(st.none(), st.integers(0, 2**32)))
def test_any_number_of_services_have_names_of_their_own_and_call_only_each_other(many, seed):
    roster = roster_of(LabSettings("lab", services=many, name_seed=seed))
    names = [each.name for each in roster.services]
    assert len(set(names)) == len(names) == many
    assert roster.frontend not in names
    assert {called for each in roster.services for called in each.calls} <= set(names)
    assert set(roster.processes) <= {"backend", "identity", "fleet", "worker"}


def test_forty_services_are_all_reached_from_the_backend_without_a_circle():
    roster = roster_of(LabSettings("lab", services=40))
    reached, front = set(), [roster.services[0].name]
    while front:
        name = front.pop()
        assert name not in reached, "a service is called by two"
        reached.add(name)
        front += roster[name].calls
    assert reached == {each.name for each in roster.services if each.part != "worker"}


def test_names_that_are_given_take_the_place_of_the_first_ones():
    roster = roster_of(LabSettings("lab", names=("api", "keys")))
    assert [each.name for each in roster.services][:3] == ["api", "keys", "metrics-store"]
    assert roster["api"].calls[0] == "keys"


def test_other_names_with_the_same_seed_are_the_same_names():
    one, same, other = (roster_of(LabSettings("lab", name_seed=seed)) for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"services": 2}, "A lab has 3 to 40 logical services, not 2."),
        ({"services": 41}, "A lab has 3 to 40 logical services, not 41."),
        ({"rate": 0.0}, "The rate is a number above zero, not 0.0."),
        ({"rate": float("inf")}, "The rate is a number above zero, not inf."),
        ({"slow_query_s": float("nan")}, "The slow query is a number above zero, not nan."),
        (
            {"loki": "localhost:3100"},
            "--loki is an address that begins with http:// or https://, not 'localhost:3100'.\n"
            "Hint: Such as http://127.0.0.1:4318, without a path.",
        ),
        (
            {"names": ("a/b",)},
            "'a/b' cannot be a service's name.\n"
            "Hint: Letters, digits, dots, hyphens and underscores, 40 at most, a letter first.",
        ),
        ({"services": 3, "names": ("a", "b", "c", "d")}, "There are 4 names for 3 services."),
        ({"names": ("a", "a")}, "Two services have the same name.\nHint: Give each a name of its own."),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, told):
    with pytest.raises(UsageError) as refused:
        LabSettings("lab", **wrong)
    assert str(refused.value) == told


@pytest.mark.parametrize("name", ["identity", "frontend"])
def test_a_name_that_another_service_has_already_is_refused(name):
    with pytest.raises(UsageError) as refused:
        roster_of(LabSettings("lab", names=(name,)))
    assert str(refused.value) == (
        f"Another service of this lab is called {name!r} already.\n"
        "Hint: Name that one too, or choose another name."
    )
    assert roster_of(LabSettings("lab", names=("identity", "backend")))["backend"].part == "identity"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_bare_scheme_of_postgresql_means_the_driver_that_the_extra_brings(scheme):
    settings = LabSettings("lab", database_url=f"{scheme}://me@127.0.0.1/lab")
    assert settings.database == "postgresql+psycopg://me@127.0.0.1/lab"


def test_settings_come_back_from_json_as_they_were():
    settings = LabSettings("lab", names=("api",), sampling=Sampling("head", 0.5), ports={"backend": 1})
    assert LabSettings.from_json(settings.to_json()) == settings


def test_the_key_is_in_no_repr():
    settings = LabSettings("lab")
    assert settings.key not in repr(settings)


@pytest.mark.parametrize("text", ["", "head", "tail:2", "head:-0.1", "some:0.5", "head:nan"])
def test_a_way_to_sample_that_is_none_is_refused(text):
    with pytest.raises(UsageError) as refused:
        read_sampling(text)
    assert str(refused.value) == (
        f"{text!r} is not a way to sample.\nHint: Say all, head:SHARE or tail:SHARE, SHARE from 0 to 1."
    )


def test_a_port_that_is_taken_is_named_with_what_wanted_it():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as refused:
            free_ports(("backend",), first=port)
    assert str(refused.value) == (
        f"Port {port} of 127.0.0.1 is busy: the lab's backend cannot listen there.\n"
        "Hint: Choose another --port, or leave it out and any free ones are taken."
    )


def test_whether_a_server_listens_is_known_from_its_address():
    with socket.socket() as one:
        one.bind((HOST, 0))
        url = f"http://{HOST}:{one.getsockname()[1]}"
        assert not listens(url)
        one.listen()
        assert listens(f"{url}/")
    assert not listens("http://127.0.0.1:99999")


def test_nothing_of_the_lab_names_an_address_beyond_loopback():
    assert HOST == "127.0.0.1"
    package = Path(__file__).parents[2] / "obsnb" / "lab"
    for path in package.rglob("*.py"):
        assert "0.0.0.0" not in path.read_text("utf-8"), path
