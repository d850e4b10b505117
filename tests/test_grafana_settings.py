"""What is said of Grafana: where it is, which of its data sources, and what goes around it."""

from pathlib import Path

import pytest

from obsnb.errors import SettingsError
from obsnb.settings import Bearer, Endpoint, Secret, Settings, load

PLANTED = "planted-word-5520"
GRAFANA = "https://grafana.example.org"


def loaded(folder: Path, text: str = "", *, environ: dict[str, str] | None = None, **given: str) -> Settings:
    path = folder / "obsnb.toml"
    path.write_text(text or "[profiles]\n", encoding="utf-8")
    return load(path=path, environ=environ or {}, folder=folder, **given)  # type: ignore[arg-type] - texts


def test_grafana_is_passed_with_its_token_and_the_sources_are_left_to_it(tmp_path: Path) -> None:
    found = loaded(tmp_path, grafana=f"{GRAFANA}/", token=PLANTED, loki="Prod logs")
    assert found.grafana is not None
    assert (found.grafana.url, found.grafana.auth) == (GRAFANA, Bearer(Secret(PLANTED)))
    assert (found.loki, found.prometheus, found.tempo) == (None, None, None)
    assert found.datasources == {"loki": "Prod logs"}
    assert repr(found) == f"Settings(profile None: Endpoint(grafana at {GRAFANA}, Bearer))"
    assert PLANTED not in repr(vars(found))


def test_the_environment_names_grafana_its_token_and_its_data_sources(tmp_path: Path) -> None:
    environ = {"OBSNB_GRAFANA_URL": GRAFANA, "OBSNB_GRAFANA_TOKEN": PLANTED, "OBSNB_GRAFANA_TEMPO": "abc"}
    found = loaded(tmp_path, environ=environ)
    assert found.grafana == Endpoint("grafana", "grafana", GRAFANA, auth=Bearer(Secret(PLANTED)))
    assert found.datasources == {"tempo": "abc"}


def test_a_profile_has_a_table_for_grafana(tmp_path: Path) -> None:
    text = f"""
[profiles.prod.grafana]
url = "{GRAFANA}"
token_file = "token"
ca_file = "ca.pem"
prometheus = "mimir"
"""
    found = loaded(tmp_path, text)
    assert found.grafana is not None
    assert found.grafana.ca_file == str(tmp_path / "ca.pem")
    assert found.datasources == {"prometheus": "mimir"}


SEVERAL = f"""
[profiles.prod.grafana]
url = "{GRAFANA}"
loki = {{ eu = "logs-eu", us = "Logs of the US" }}
tempo = "traces"
"""


def test_a_profile_names_several_of_grafanas_data_sources(tmp_path: Path) -> None:
    found = loaded(tmp_path, SEVERAL)
    assert found.datasources == {"loki.eu": "logs-eu", "loki.us": "Logs of the US", "tempo": "traces"}
    assert found.several == {}
    assert found.grafana is not None


def test_one_that_is_passed_takes_the_place_of_several_of_grafanas(tmp_path: Path) -> None:
    assert loaded(tmp_path, SEVERAL, loki="mine").datasources == {"loki": "mine", "tempo": "traces"}
    direct = loaded(tmp_path, SEVERAL, loki="http://loki:3100")
    assert direct.loki is not None
    assert direct.datasources == {"tempo": "traces"}


NO_TABLE = (
    "{file} [profiles.p.grafana]: loki is not the name or uid of a data source, or of several a table "
    'such as {{ eu = "logs-eu", us = "logs-us" }}.'
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{}", NO_TABLE),
        ("{ eu = 5 }", NO_TABLE),
        (
            '{ "a b" = "uid" }',
            "{file} (profile p) grafana.loki calls a source 'a b', which cannot be its name.",
        ),
    ],
)
def test_a_table_of_data_sources_that_cannot_be_is_refused(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, f'[profiles.p.grafana]\nurl = "{GRAFANA}"\nloki = {said}')
    assert refused.value.what == told.format(file=tmp_path / "obsnb.toml")


def test_a_passed_name_goes_before_one_that_is_set(tmp_path: Path) -> None:
    environ = {"OBSNB_GRAFANA_LOKI": "other", "OBSNB_GRAFANA_TEMPO": "traces"}
    found = loaded(tmp_path, grafana=GRAFANA, loki="mine", environ=environ)
    assert found.datasources == {"loki": "mine", "tempo": "traces"}


@pytest.mark.parametrize(
    ("given", "environ", "direct"),
    [
        ({"grafana": GRAFANA, "loki": "http://loki:3100"}, {}, True),
        ({"grafana": GRAFANA}, {"OBSNB_LOKI_URL": "http://loki:3100"}, False),
        ({"grafana": GRAFANA}, {"LOKI_ADDR": "http://loki:3100"}, False),
        ({}, {"OBSNB_GRAFANA_URL": GRAFANA, "OBSNB_LOKI_URL": "http://loki:3100"}, True),
        ({}, {"OBSNB_GRAFANA_URL": GRAFANA, "LOKI_ADDR": "http://loki:3100"}, False),
        ({"loki": "http://loki:3100"}, {"OBSNB_GRAFANA_URL": GRAFANA}, True),
    ],
)
def test_a_sources_own_url_counts_where_it_is_said_no_further_down_than_grafanas(
    tmp_path: Path, given: dict[str, str], environ: dict[str, str], direct: bool
) -> None:
    found = loaded(tmp_path, environ=environ, **given)
    assert (found.loki is not None) is direct
    assert found.tempo is None


def test_a_profiles_own_url_stands_beside_its_grafana_and_below_a_passed_one(tmp_path: Path) -> None:
    text = f'[profiles.p.grafana]\nurl = "{GRAFANA}"\n[profiles.p.loki]\nurl = "http://loki:3100"\n'
    beside, below = loaded(tmp_path, text), loaded(tmp_path, text, grafana="http://other:3000")
    assert beside.loki is not None
    assert below.loki is None


def test_without_a_grafana_a_name_is_no_url(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, loki="prod-logs")
    assert str(caught.value) == (
        "The URL of loki is not one: 'prod-logs'\n"
        'Hint: Write it as "http://localhost:3100"; in a password, write @ as %40, / as %2F and : as %3A.'
    )


def test_a_misspelt_variable_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, environ={"OBSNB_GRAFANA_LOGS": "x"})
    assert str(caught.value).startswith("OBSNB_GRAFANA_LOGS is not a variable that obsnb knows.\nHint: ")
    assert str(caught.value).endswith("loki, prometheus, tempo.".upper().replace(".", "") + ".")
