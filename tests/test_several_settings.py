"""Several sources of one kind in obsnb.toml, in a call, and beside the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from obsnb.errors import SettingsError
from obsnb.settings import Bearer, Endpoint, Settings, load

EU, US = "http://eu.example:3100", "http://us.example:3100"
FILE = f"""
[profiles.p]
token = "planted-all"

[profiles.p.loki]
read_timeout_s = 7
tenant = "all"

[profiles.p.loki.eu]
url = "{EU}"

[profiles.p.loki.us]
url = "{US}/prefix"
tenant = "us-only"
user = "reader"
password = "planted-word"
ca_file = "us.pem"

[profiles.p.tempo]
url = "http://tempo.example"
"""


def loaded(
    folder: Path, text: str = FILE, *, environ: dict[str, str] | None = None, **given: object
) -> Settings:
    path = folder / "obsnb.toml"
    path.write_text(text, encoding="utf-8")
    return load(path=path, environ=environ or {}, folder=folder, **given)  # type: ignore[arg-type]  # any of its arguments


def urls(settings: Settings) -> dict[str, str]:
    return {one.name: one.url for ends in settings.several.values() for one in ends}


def token(endpoint: Endpoint | None) -> str | None:
    assert endpoint is not None
    return endpoint.auth.token.reveal() if isinstance(endpoint.auth, Bearer) else None


def test_each_table_is_a_source_over_what_is_said_for_all_of_its_kind(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    eu, us = settings.several["loki"]
    assert settings.loki is None
    assert (eu.name, eu.kind, eu.url, eu.tenant, token(eu)) == ("loki.eu", "loki", EU, "all", "planted-all")
    assert (us.name, us.url, us.tenant, us.read_timeout_s) == ("loki.us", f"{US}/prefix", "us-only", 7)
    assert type(us.auth).__name__ == "Basic"
    assert us.ca_file == str(tmp_path / "us.pem")
    assert settings.tempo is not None
    assert repr(settings) == (
        "Settings(profile p: Endpoint(tempo at http://tempo.example, Bearer), "
        f"Endpoint(loki.eu at {EU}, tenant all, Bearer), "
        f"Endpoint(loki.us at {US}/prefix, tenant us-only, Basic))"
    )


def test_headers_stay_a_table_of_the_single_source(tmp_path: Path) -> None:
    text = f'[profiles.p.loki]\nurl = "{EU}"\n[profiles.p.loki.headers]\nX-Key = "v"\n'
    settings = loaded(tmp_path, text)
    assert settings.several == {}
    assert settings.loki is not None
    assert list(settings.loki.headers) == ["X-Key"]


def test_headers_above_several_are_for_each(tmp_path: Path) -> None:
    text = f'[profiles.p.loki.headers]\nX-Key = "v"\n[profiles.p.loki.eu]\nurl = "{EU}"\n'
    (eu,) = loaded(tmp_path, text).several["loki"]
    assert list(eu.headers) == ["X-Key"]


def test_those_that_are_passed_take_the_place_of_all_in_the_profile(tmp_path: Path) -> None:
    settings = loaded(tmp_path, loki={"us": US, "ap": "http://ap.example"}, tenant="mine")
    us, ap = settings.several["loki"]
    assert [us.name, ap.name] == ["loki.us", "loki.ap"]
    # The same host as the profile's: what was written for it counts. Another: nothing does.
    assert (us.url, us.tenant, type(us.auth).__name__) == (US, "mine", "Basic")
    assert (ap.tenant, ap.auth) == ("mine", None)


def test_a_token_is_not_followed_to_another_host_of_the_same_name(tmp_path: Path) -> None:
    (us,) = loaded(tmp_path, loki={"us": "http://elsewhere.example"}).several["loki"]
    assert (us.auth, us.tenant) == (None, None)
    single = loaded(tmp_path, loki="http://elsewhere.example")
    assert single.loki is not None
    assert (single.loki.auth, single.loki.tenant, single.several) == (None, None, {})


def test_an_endpoint_is_taken_as_it_is_but_for_its_name(tmp_path: Path) -> None:
    given = Endpoint("mine", "loki", EU, tenant="t", retries=0)
    (eu,) = loaded(tmp_path, loki={"eu": given}).several["loki"]
    assert (eu.name, eu.tenant, eu.retries, eu.auth) == ("loki.eu", "t", 0, None)


def test_the_environment_means_a_single_source_and_goes_before_several(tmp_path: Path) -> None:
    settings = loaded(tmp_path, environ={"OBSNB_LOKI_URL": "http://one.example", "OBSNB_LOKI_TENANT": "t"})
    assert settings.several == {}
    assert settings.loki is not None
    assert (settings.loki.url, settings.loki.tenant, settings.loki.auth) == ("http://one.example", "t", None)


def test_what_the_environment_says_for_all_is_for_each_of_several(tmp_path: Path) -> None:
    settings = loaded(tmp_path, environ={"OBSNB_TENANT": "t"})
    assert [one.tenant for one in settings.several["loki"]] == ["t", "t"]


def test_a_variable_of_a_single_source_is_refused_beside_several(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, environ={"OBSNB_LOKI_TOKEN": "planted"})
    assert str(caught.value) == (
        "OBSNB_LOKI_TOKEN is of a single source, and there are several of the kind loki: eu, us.\n"
        "Hint: Say it in obsnb.toml, in the table of the one that is meant, and unset the variable."
    )


def test_the_variables_of_other_programs_are_below_several(tmp_path: Path) -> None:
    assert urls(loaded(tmp_path, environ={"LOKI_ADDR": "http://other.example"})) == {
        "loki.eu": EU,
        "loki.us": f"{US}/prefix",
    }


def test_several_of_the_profile_stand_beside_its_grafana_and_below_a_passed_one(tmp_path: Path) -> None:
    beside = loaded(tmp_path, FILE + '[profiles.p.grafana]\nurl = "http://g.example"\n')
    assert len(beside.several["loki"]) == 2
    below = loaded(tmp_path, grafana="http://g.example")
    assert (below.several, below.loki) == ({}, None)


def test_beside_a_grafana_several_may_be_data_sources(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "", grafana="http://g.example", loki={"eu": "logs-eu", "us": US})
    assert settings.datasources == {"loki.eu": "logs-eu"}
    assert urls(settings) == {"loki.us": US}


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        (
            f'[profiles.p.loki]\nurl = "{EU}"\n[profiles.p.loki.us]\nurl = "{US}"\n',
            "{file} [profiles.p.loki] has a url, and tables of several sources as well: us.",
            "Move the url and what belongs to it into a table with a name, such as loki.main.",
        ),
        (
            "[profiles.p.loki.eu]\ntenant = 'x'\n",
            "{file} [profiles.p.loki.eu] has no url.",
            "Each of several",
        ),
        (
            f'[profiles.p.loki.eu]\nurl = "{EU}"\nuri = "x"\n',
            "{file} [profiles.p.loki.eu] has an unknown key",
            "Did",
        ),
        (
            f'[profiles.p.loki]\ntenat = "x"\n[profiles.p.loki.eu]\nurl = "{EU}"\n',
            "{file} [profiles.p.loki] has an unknown key, 'tenat'.",
            "Did you mean tenant?",
        ),
        (
            f'[profiles.p.loki]\nurl = "{EU}"\n[profiles.p.loki.header]\nX = "v"\n',
            "{file} [profiles.p.loki] has an unknown key, 'header'.",
            "Did you mean headers?",
        ),
        (
            f'[profiles.p.loki.tenant]\nurl = "{EU}"\n',
            "{file} [profiles.p.loki] calls a source 'tenant', which cannot be its name.",
            "A name has letters, digits, - and _, and is no key",
        ),
        (
            f'[profiles.p.prometheus.loki]\nurl = "{EU}"\n',
            "{file} [profiles.p.prometheus] calls a source 'loki', which cannot be its name.",
            "A name has letters",
        ),
        (
            f'[profiles.p.loki."a.b"]\nurl = "{EU}"\n',
            "{file} [profiles.p.loki] calls a source 'a.b', which cannot be its name.",
            "A name has letters",
        ),
        (
            f'[profiles.p.loki.eu]\nurl = "{EU}"\npassword = "b"\n',
            "There is a password for loki.eu, but no user.",
            "Add user = ... to obsnb.toml.",
        ),
    ],
)
def test_what_the_file_may_not_say_of_several(tmp_path: Path, text: str, what: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert caught.value.what.startswith(what.format(file=tmp_path / "obsnb.toml"))
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("given", [{}, {"eu": None}, {"eu": 1}])
def test_a_call_without_a_url_for_each_is_refused(tmp_path: Path, given: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, "", loki=given)
    assert str(caught.value) == (
        "connect(loki=...) is a table of several sources, and not each has a URL.\n"
        'Hint: Write loki={"eu": "http://...", "us": "http://..."}.'
    )


def test_no_error_and_no_repr_shows_a_secret(tmp_path: Path) -> None:
    assert "planted" not in repr(loaded(tmp_path)) + repr(loaded(tmp_path).several)
