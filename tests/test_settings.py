"""Profiles, the environment, and secrets that are never shown."""

import copy
import dataclasses
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import SettingsError
from obsnb.settings import Basic, Bearer, Endpoint, Secret, Settings, TokenCommand, TokenFile, load

PLANTED = "planted-word-9417"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder without an obsnb.toml in it or above it."""
    return tmp_path


def write(folder: Path, text: str, name: str = "obsnb.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def from_file(folder: Path, text: str, *, profile: str | None = None, **environ: str) -> Settings:
    return load(profile, path=write(folder, text), environ=environ, folder=folder)


def from_environment(folder: Path, **environ: str) -> Settings:
    return load(environ={"XDG_CONFIG_HOME": str(folder), **environ}, folder=folder)


def auth_of(endpoint: Endpoint | None) -> tuple[str, ...]:
    """What an endpoint's credentials come to, revealed."""
    assert endpoint is not None
    match endpoint.auth:
        case Basic(user, password):
            return ("basic", user, password.reveal())
        case Bearer(token):
            return ("bearer", token.reveal())
        case TokenCommand(command):
            return ("command", *command)
        case TokenFile(path):
            return ("file", path)
    return ()


# Secrets


def test_a_secret_is_shown_as_stars_and_told_only_when_asked() -> None:
    secret = Secret(PLANTED)
    assert [repr(secret), str(secret), f"{secret:>40}", "%s" % secret] == ["Secret(***)", "***", "***", "***"]  # noqa: UP031 - the old formatting is one of the ways out
    assert secret.reveal() == PLANTED


def test_a_secret_is_not_pickled_but_copied() -> None:
    secret = Secret(PLANTED)
    with pytest.raises(SettingsError) as refused:
        pickle.dumps(secret)
    assert str(refused.value) == (
        "A secret is not pickled: the file would hold it as plain text.\n"
        "Hint: Load the settings anew where they are needed."
    )
    assert copy.copy(secret) == copy.deepcopy(secret) == secret


@given(st.text(), st.text())
def test_secrets_are_equal_where_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert Secret(one) == Secret(one)
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one


def test_nothing_that_holds_a_secret_shows_it() -> None:
    endpoint = Endpoint(
        "loki",
        "loki",
        f"https://reader:{PLANTED}@logs.example.org/prefix/",
        tenant="acme",
        headers={"X-Api-Key": Secret(PLANTED)},
        proxy=f"http://reader:{PLANTED}@proxy.example.org:3128",
        verify=False,
    )
    settings = Settings(loki=endpoint, profile="prod")
    assert repr(endpoint) == (
        "Endpoint(loki at https://logs.example.org/prefix, tenant acme, Basic, TLS not verified)"
    )
    assert endpoint.proxy == "http://proxy.example.org:3128"
    assert endpoint.proxy_auth == Basic("reader", Secret(PLANTED))
    shown = [repr(x) for x in (endpoint, settings, endpoint.auth, endpoint.proxy_auth, endpoint.headers)]
    shown += [repr(dataclasses.asdict(endpoint)), repr(vars(endpoint)), repr(TokenCommand(("get", PLANTED)))]
    shown += [
        repr(dataclasses.asdict(Settings(loki=endpoint))),
        repr(dataclasses.replace(endpoint, retries=0)),
    ]
    assert PLANTED not in " ".join(shown)


# URLs


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("http://localhost:3100/", "http://localhost:3100"),
        ("HTTP://Localhost:3100", "http://localhost:3100"),
        ("https://[::1]:9090/prometheus/", "https://[::1]:9090/prometheus"),
        (" http://h/a/b ", "http://h/a/b"),
    ],
)
def test_a_url_is_kept_without_its_last_slash(url: str, bare: str) -> None:
    assert Endpoint("loki", "loki", url).url == bare


def test_credentials_in_a_url_are_moved_out_of_it() -> None:
    endpoint = Endpoint("loki", "loki", "https://us%40er:p%40w%3A@host:8/x")
    assert endpoint.url == "https://host:8/x"
    assert auth_of(endpoint) == ("basic", "us@er", "p@w:")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("localhost:3100", "'localhost:3100'"),
        ("ftp://host", "'ftp://host'"),
        ("http://", "'http://'"),
        ("", "''"),
        ("http://[::1", "'http://[::1'"),
        ("http://host:99999", "'http://host:99999'"),
        (f"https://user:1/{PLANTED}@host", "'https://***@host'"),
        (f"https://user:{PLANTED[:4]}/x@host", "'https://***@host'"),
        (f"user:{PLANTED}@host:3100", "'***@host:3100'"),
        (f"x:y@http://u:{PLANTED}@h", "'***@h'"),
    ],
)
def test_what_is_no_url_is_refused_without_showing_a_password(url: str, shown: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Endpoint("loki", "loki", url)
    assert str(refused.value) == (
        f"The URL of loki is not one: {shown}\n"
        'Hint: Write it as "http://localhost:3100"; in a password, write @ as %40, / as %2F and : as %3A.'
    )


def test_a_url_with_parameters_is_refused_without_showing_them() -> None:
    with pytest.raises(SettingsError) as refused:
        Endpoint("loki", "loki", f"http://host/x?token={PLANTED}")
    assert str(refused.value) == (
        "The URL of loki has parameters after its path.\n"
        "Hint: Leave out what follows ? or #; further headers go into headers = { ... }."
    )


@pytest.mark.parametrize("value", ["two\nlines", "tab\t", "umlaut ü", "\x00"])
def test_a_header_or_tenant_that_cannot_be_sent_is_refused_unseen(value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Endpoint("loki", "loki", "http://host", headers={"X-Key": Secret(value)})
    assert str(refused.value) == (
        "A header of loki cannot be sent: 'X-Key' or its value has a character that headers do not take.\n"
        "Hint: A header is one line of ASCII text."
    )
    with pytest.raises(SettingsError, match="X-Scope-OrgID"):
        Endpoint("loki", "loki", "http://host", tenant=value)


# The environment


def test_the_environment_names_each_source_and_what_holds_for_all(home: Path) -> None:
    settings = from_environment(
        home,
        OBSNB_LOKI_URL="http://loki:3100",
        OBSNB_PROMETHEUS_URL="http://prometheus:9090",
        OBSNB_TENANT="acme",
        OBSNB_TOKEN=PLANTED,
        OBSNB_PROMETHEUS_USER="reader",
        OBSNB_PROMETHEUS_PASSWORD="word",
        OBSNB_LOKI_PARALLEL="3",
        OBSNB_LOKI_READ_TIMEOUT_S="2.5",
        OBSNB_VERIFY="no",
        OBSNB_PROMETHEUS_VERIFY="true",
        OBSNB_PROMETHEUS_TENANT="other",
        OBSNB_FRAMES="pandas",
        OBSNB_MAX_ROWS="1000",
    )
    assert settings.loki == Endpoint(
        "loki",
        "loki",
        "http://loki:3100",
        tenant="acme",
        auth=Bearer(Secret(PLANTED)),
        verify=False,
        parallel=3,
        read_timeout_s=2.5,
    )
    assert settings.prometheus == Endpoint(
        "prometheus",
        "prometheus",
        "http://prometheus:9090",
        tenant="other",
        auth=Basic("reader", Secret("word")),
    )
    assert settings.tempo is None
    assert (settings.frames, settings.max_rows, settings.profile) == ("pandas", 1000, None)


def test_nothing_set_is_no_source_and_the_defaults(home: Path) -> None:
    settings = from_environment(home)
    assert settings == Settings()
    assert (settings.frames, settings.max_rows) == ("polars", 5_000_000)
    assert repr(settings) == "Settings(profile None: no source)"


def test_a_token_command_in_the_environment_is_split_into_words_and_never_given_to_a_shell(
    home: Path,
) -> None:
    settings = from_environment(
        home, OBSNB_LOKI_URL="http://loki", OBSNB_LOKI_TOKEN_COMMAND="get-token 'for me' ; rm"
    )
    assert auth_of(settings.loki) == ("command", "get-token", "for me", ";", "rm")


def test_the_variables_of_other_programs_are_taken_where_nothing_else_names_the_source(home: Path) -> None:
    others = {
        "LOKI_ADDR": "http://loki:3100",
        "LOKI_USERNAME": "reader",
        "LOKI_PASSWORD": "word",
        "LOKI_ORG_ID": "acme",
        "PROMETHEUS_URL": "http://prometheus:9090",
        "TEMPO_URL": "http://tempo:3200",
    }
    settings = from_environment(home, **others)
    assert settings.loki is not None
    assert settings.loki.tenant == "acme"
    assert auth_of(settings.loki) == ("basic", "reader", "word")
    assert settings.prometheus is not None
    assert settings.prometheus.url == "http://prometheus:9090"
    assert settings.tempo is not None
    assert settings.tempo.url == "http://tempo:3200"

    settings = from_environment(home, **others, OBSNB_LOKI_URL="http://elsewhere:3100")
    assert settings.loki == Endpoint("loki", "loki", "http://elsewhere:3100")


def test_logclis_user_without_its_address_says_nothing(home: Path) -> None:
    settings = from_environment(home, LOKI_USERNAME="reader", OBSNB_LOKI_URL="http://loki")
    assert settings.loki == Endpoint("loki", "loki", "http://loki")


def test_labels_of_replicas_come_from_the_file_or_a_variable_and_none_folds_nothing(home: Path) -> None:
    text = "[profiles.p.prometheus]\nurl = 'http://a'\nreplica_labels = []"
    assert load(path=write(home, text), environ={}).prometheus.replica_labels == ()
    said = from_environment(
        home, OBSNB_PROMETHEUS_URL="http://a", OBSNB_PROMETHEUS_REPLICA_LABELS="pair, site"
    )
    assert said.prometheus is not None
    assert said.prometheus.replica_labels == ("pair", "site")


def test_a_misspelt_variable_of_a_source_is_an_error(home: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment(home, OBSNB_LOKI_ULR="http://loki")
    assert str(refused.value) == (
        "OBSNB_LOKI_ULR is not a variable that obsnb knows.\n"
        "Hint: After OBSNB_LOKI_ comes one of URL, TENANT, TOKEN, TOKEN_ENV, TOKEN_FILE, TOKEN_COMMAND, "
        "USER, PASSWORD, PASSWORD_ENV, PASSWORD_FILE, CA_FILE, CLIENT_CERT, CLIENT_KEY, PROXY, VERIFY, "
        "CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TOTAL_TIMEOUT_S, PARALLEL, RETRIES, "
        "REPLICA_LABELS, MAX_BYTES, MAX_SERIES, MAX_REQUESTS, MAX_SECONDS."
    )


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("OBSNB_LOKI_PARALLEL", "many", "OBSNB_LOKI_PARALLEL is not a whole number from 1 to 64."),
        ("OBSNB_LOKI_PARALLEL", "0", "OBSNB_LOKI_PARALLEL is not a whole number from 1 to 64."),
        ("OBSNB_RETRIES", "2.5", "OBSNB_RETRIES is not a whole number from 0 to 20."),
        ("OBSNB_LOKI_VERIFY", "perhaps", "OBSNB_LOKI_VERIFY is not true or false."),
        ("OBSNB_READ_TIMEOUT_S", "inf", "OBSNB_READ_TIMEOUT_S is not a number of seconds above 0."),
        ("OBSNB_READ_TIMEOUT_S", "-1", "OBSNB_READ_TIMEOUT_S is not a number of seconds above 0."),
        (
            "OBSNB_TOKEN_COMMAND",
            f"get '{PLANTED}",
            'OBSNB_TOKEN_COMMAND is not a list of words, such as ["vault", "read"].',
        ),
        ("OBSNB_FRAMES", "spark", 'OBSNB_FRAMES is not "polars" or "pandas".'),
        ("OBSNB_MAX_ROWS", "1e6", "OBSNB_MAX_ROWS is not a whole number from 1 to 1,000,000,000,000."),
    ],
)
def test_a_variable_of_the_wrong_form_says_the_form_and_not_the_value(
    home: Path, name: str, value: str, text: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        from_environment(home, **{name: value})
    assert str(refused.value) == text


# The file

FILE = """
profile = "prod"

[conventions]
service_labels = ["app"]
slow_s = 2.0
service_aliases = { api = "backend", db = "postgres" }

[profiles.prod]
tenant = "acme"
frames = "pandas"
max_rows = 10
token_env = "PROD_WORD"

[profiles.prod.loki]
url = "https://logs.example.org/loki"
ca_file = "ca.pem"
headers = { X-Team = "sre", X-Key = { env = "TEAM_KEY" } }

[profiles.prod.prometheus]
url = "https://metrics.example.org/prometheus"
user = "reader"
password_file = "word.txt"

[profiles.prod.conventions]
slow_s = 3
service_aliases = { db = "postgresql" }

[profiles.lab.tempo]
url = "http://localhost:3200"
token_command = ["get-token", "lab"]
"""


def test_a_profile_says_what_holds_for_all_and_for_each(home: Path) -> None:
    write(home, "word\n", "word.txt")
    settings = from_file(home, FILE, PROD_WORD=f" {PLANTED}\n", TEAM_KEY="key")
    assert settings.loki == Endpoint(
        "loki",
        "loki",
        "https://logs.example.org/loki",
        tenant="acme",
        auth=Bearer(Secret(PLANTED)),
        headers={"X-Team": Secret("sre"), "X-Key": Secret("key")},
        ca_file=str(home / "ca.pem"),
    )
    assert auth_of(settings.prometheus) == ("basic", "reader", "word")
    assert settings.tempo is None
    assert (settings.frames, settings.max_rows) == ("pandas", 10)
    assert (settings.profile, settings.profiles) == ("prod", ("prod", "lab"))
    assert settings.file == home / "obsnb.toml"


def test_the_profiles_conventions_lie_over_the_files_and_fit_conventions(home: Path) -> None:
    settings = from_file(home, FILE, profile="lab")
    assert settings.conventions == {
        "service_labels": ["app"],
        "slow_s": 2.0,
        "service_aliases": {"api": "backend", "db": "postgres"},
    }
    write(home, "word\n", "word.txt")
    settings = from_file(home, FILE, PROD_WORD="x", TEAM_KEY="key")
    conventions = DEFAULT.override(settings.conventions)
    assert conventions.service_labels == ("app",)
    assert conventions.slow_s == 3.0
    assert dict(conventions.service_aliases) == {"api": "backend", "db": "postgresql"}


@pytest.mark.parametrize(
    ("text", "environ", "named", "chosen"),
    [
        ('profile = "b"\n[profiles.a]\n[profiles.b]\n[profiles.c]', {"OBSNB_PROFILE": "c"}, "a", "a"),
        ('profile = "b"\n[profiles.a]\n[profiles.b]\n[profiles.c]', {"OBSNB_PROFILE": "c"}, None, "c"),
        ('profile = "b"\n[profiles.a]\n[profiles.b]\n[profiles.c]', {}, None, "b"),
        ("[profiles.a]\n[profiles.default]", {}, None, "default"),
        ("[profiles.a]", {}, None, "a"),
        ("[profiles.a]\n[profiles.b]", {}, None, None),
        ("", {}, None, None),
    ],
)
def test_a_profile_is_named_by_the_call_the_environment_the_file_or_by_being_the_only_one(
    home: Path, text: str, environ: dict[str, str], named: str | None, chosen: str | None
) -> None:
    assert from_file(home, text, profile=named, **environ).profile == chosen


def test_a_profile_that_is_not_there_names_those_that_are(home: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        from_file(home, FILE, profile="prd")
    assert str(refused.value) == (
        f"There is no profile 'prd': {home / 'obsnb.toml'} does not have it.\nHint: It has prod, lab."
    )
    with pytest.raises(SettingsError) as refused:
        load("prod", environ={"XDG_CONFIG_HOME": str(home)}, folder=home.parent)
    assert str(refused.value) == (
        "There is no profile 'prod': no obsnb.toml was found.\nHint: Write [profiles.prod] into obsnb.toml."
    )


def test_arguments_win_over_the_environment_and_that_over_the_profile(home: Path) -> None:
    text = '[profiles.p]\ntenant = "c"\nframes = "pandas"\n[profiles.p.loki]\nurl = "http://c"\nretries = 3'
    path = write(home, text)
    environ = {"OBSNB_LOKI_URL": "http://c/b", "OBSNB_TENANT": "b", "OBSNB_FRAMES": "polars"}
    low = load(path=path, environ={})
    assert (low.loki, low.frames) == (
        Endpoint("loki", "loki", "http://c", tenant="c", retries=3),
        "pandas",
    )
    middle = load(path=path, environ=environ)
    assert (middle.loki, middle.frames) == (
        Endpoint("loki", "loki", "http://c/b", tenant="b", retries=3),
        "polars",
    )
    high = load(path=path, environ=environ, loki="http://c/a", tenant="a", frames="pandas", max_rows=7)
    assert (high.loki, high.frames, high.max_rows) == (
        Endpoint("loki", "loki", "http://c/a", tenant="a", retries=3),
        "pandas",
        7,
    )


def test_an_endpoint_given_is_taken_as_it_is(home: Path) -> None:
    given_one = Endpoint("logs", "loki", "http://given")
    settings = load(
        environ={"XDG_CONFIG_HOME": str(home), "OBSNB_TOKEN": PLANTED}, folder=home, loki=given_one
    )
    assert settings.loki is given_one


def test_frames_of_a_call_are_checked(home: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(environ={"XDG_CONFIG_HOME": str(home)}, folder=home, frames="spark")
    assert str(refused.value) == 'connect(): frames is not "polars" or "pandas".'


# A secret goes only where it was written for


def test_a_token_is_not_sent_to_another_host_than_it_was_written_for(home: Path) -> None:
    write(home, "word\n", "word.txt")
    path = write(home, FILE)
    environ = {"PROD_WORD": PLANTED, "TEAM_KEY": "key"}
    settings = load(path=path, environ=environ, loki="http://localhost:3100", tempo="http://localhost:3200")
    assert settings.loki == Endpoint("loki", "loki", "http://localhost:3100")
    assert settings.tempo == Endpoint("tempo", "tempo", "http://localhost:3200")
    assert auth_of(settings.prometheus) == ("basic", "reader", "word")


@pytest.mark.parametrize("other", ["https://logs", "http://logs:81", "http://logs.evil.example"])
def test_scheme_port_and_name_make_another_host(home: Path, other: str) -> None:
    environ = {"XDG_CONFIG_HOME": str(home), "OBSNB_LOKI_URL": "http://logs", "OBSNB_LOKI_TOKEN": PLANTED}
    assert auth_of(load(environ=environ, folder=home, loki="http://logs/deeper").loki) == ("bearer", PLANTED)
    assert auth_of(load(environ=environ, folder=home, loki=other).loki) == ()


def test_a_token_in_the_environment_without_a_url_is_for_the_urls_that_are_given(home: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(home), "OBSNB_TOKEN": PLANTED}
    assert auth_of(load(environ=environ, folder=home, loki="http://a").loki) == ("bearer", PLANTED)


def test_a_password_from_the_environment_joins_the_user_of_the_profile(home: Path) -> None:
    text = '[profiles.p.loki]\nurl = "http://c"\nuser = "reader"'
    settings = from_file(home, text, OBSNB_LOKI_PASSWORD="word")
    assert auth_of(settings.loki) == ("basic", "reader", "word")


@pytest.mark.parametrize(
    ("table", "environ", "auth"),
    [
        ('user = "u"\npassword = "w"', {"OBSNB_LOKI_TOKEN": "t"}, ("bearer", "t")),
        ('token = "t"', {"OBSNB_LOKI_USER": "u", "OBSNB_LOKI_PASSWORD": "w"}, ("basic", "u", "w")),
        ('token_command = ["x"]', {"OBSNB_TOKEN": "t"}, ("bearer", "t")),
        ('token = "low"', {"OBSNB_LOKI_TOKEN_FILE": "/f", "OBSNB_TOKEN": "t"}, ("file", "/f")),
        ('user = "u"\npassword_env = "W"', {"W": "w"}, ("basic", "u", "w")),
        ('user = "u"\npassword_env = "W"', {"OBSNB_PASSWORD": "v"}, ("basic", "u", "v")),
        ('user = "u"\npassword_env = "W"', {"OBSNB_PASSWORD": "v", "W": "w"}, ("basic", "u", "v")),
        ('user = "u"\npassword = "w"', {"OBSNB_PASSWORD_ENV": "V", "V": "v"}, ("basic", "u", "v")),
        ('user = "u"\npassword_file = "w"', {"OBSNB_LOKI_PASSWORD": "v"}, ("basic", "u", "v")),
        ('user = "u"', {}, ("basic", "u", "")),
    ],
)
def test_credentials_said_higher_up_replace_the_other_kind_lower_down(
    home: Path, table: str, environ: dict[str, str], auth: tuple[str, ...]
) -> None:
    settings = from_file(home, f'[profiles.p.loki]\nurl = "http://c"\n{table}', **environ)
    assert auth_of(settings.loki) == auth


def test_credentials_in_a_url_argument_win(home: Path) -> None:
    settings = load(
        environ={"XDG_CONFIG_HOME": str(home), "OBSNB_TOKEN": "t"}, folder=home, loki="http://u:w@host"
    )
    assert auth_of(settings.loki) == ("basic", "u", "w")


def test_files_of_a_profile_lie_beside_it_and_a_token_file_is_read_only_when_needed(home: Path) -> None:
    settings = from_file(home, '[profiles.p.loki]\nurl = "http://c"\ntoken_file = "not/there"')
    assert auth_of(settings.loki) == ("file", str(home / "not" / "there"))


# How much a query may ask for


def test_a_source_has_its_own_limits_before_those_of_its_profile(home: Path) -> None:
    text = """
[profiles.p]
max_bytes = "20 GB"
max_seconds = 90
[profiles.p.loki]
url = "http://loki"
max_bytes = 5_000
max_requests = 40
[profiles.p.prometheus.eu]
url = "http://eu"
max_series = 1_000
"""
    settings = from_file(home, text)
    assert settings.loki is not None
    assert (settings.loki.max_bytes, settings.loki.max_requests, settings.loki.max_seconds) == (5_000, 40, 90)
    (metrics,) = settings.several["prometheus"]
    assert (metrics.max_bytes, metrics.max_series, metrics.max_seconds) == (20 * 10**9, 1_000, 90)


def test_a_profiles_limits_hold_for_a_server_that_it_does_not_name_and_its_token_does_not(home: Path) -> None:
    text = f"[profiles.p]\nmax_series = 70\ntoken = '{PLANTED}'\n[profiles.p.loki]\nurl = 'http://a'"
    settings = load(path=write(home, text), environ={"OBSNB_MAX_BYTES": "1.5 GiB"}, prometheus="http://b")
    assert settings.prometheus is not None
    assert settings.prometheus.max_series == 70
    assert settings.prometheus.max_bytes == 3 * 2**29
    assert auth_of(settings.prometheus) == ()


def test_limits_that_are_passed_win_and_are_checked(home: Path) -> None:
    text = "[profiles.p.loki]\nurl = 'http://a'\nmax_bytes = 1"
    settings = load(path=write(home, text), environ={}, limits={"max_bytes": "2kB"})
    assert settings.loki is not None
    assert settings.loki.max_bytes == 2_000
    with pytest.raises(SettingsError) as refused:
        load(environ={}, folder=home, limits={"max_byte": 1})
    assert str(refused.value) == (
        "connect(limits=...) has an unknown key, 'max_byte'.\n"
        "Hint: Did you mean max_bytes? Known are max_bytes, max_series, max_requests, max_seconds."
    )


@pytest.mark.parametrize("said", [0, True, "", "GB", "5 parsecs", "-1 GB", 1.5])
def test_what_is_no_size_is_refused(home: Path, said: object) -> None:
    with pytest.raises(SettingsError) as refused:
        load(environ={}, folder=home, limits={"max_bytes": said})
    assert str(refused.value) == (
        'connect(limits=...): max_bytes is not a number of bytes, such as 20_000_000_000 or "20 GB".'
    )


# What the file may not say


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("[loki]", "{file} has an unknown key, 'loki'.", "Known are profile, conventions, profiles, redact."),
        (
            "[profiles.p]\ntennant = 'a'",
            "{file} [profiles.p] has an unknown key, 'tennant'.",
            "Did you mean tenant? Known are frames, max_rows, late_margin_s, cache, cache_dir, cache_size, "
            "tenant, token, token_env, token_file, token_command, user, password, password_env, "
            "password_file, headers, ca_file, "
            "client_cert, client_key, proxy, verify, connect_timeout_s, read_timeout_s, total_timeout_s, "
            "parallel, retries, replica_labels, max_bytes, max_series, max_requests, max_seconds, "
            "conventions, redact, loki, prometheus, tempo, grafana.",
        ),
        (
            "[profiles.p.loki]\nzzz = 1",
            "{file} [profiles.p.loki] has an unknown key, 'zzz'.",
            "Known are url, tenant, token, token_env, token_file, token_command, user, password, "
            "password_env, password_file, headers, ca_file, client_cert, client_key, proxy, verify, "
            "connect_timeout_s, read_timeout_s, total_timeout_s, parallel, retries, "
            "replica_labels, max_bytes, max_series, max_requests, max_seconds.",
        ),
        ("[profiles.p.loki]\nverify = 'no'", "{file} [profiles.p.loki]: verify is not true or false.", ""),
        (
            "[profiles.p.loki]\nparallel = true",
            "{file} [profiles.p.loki]: parallel is not a whole number from 1 to 64.",
            "",
        ),
        ("[profiles.p.loki]\ntoken = 12", "{file} [profiles.p.loki]: token is not text.", ""),
        (
            "[profiles.p]\ntoken_command = 'a b'",
            '{file} [profiles.p]: token_command is not a list of words, such as ["vault", "read"].',
            "",
        ),
        (
            "[profiles.p.loki]\nheaders = { a = 1 }",
            '{file} [profiles.p.loki]: headers is not a table of text or {{ env = "NAME" }}.',
            "",
        ),
        (
            "[profiles]\np = 1",
            "{file} [profiles.p] is not a table.",
            "A table has key = value lines below its name.",
        ),
        (
            "profiles = 1",
            "{file} [profiles] is not a table.",
            "A table has key = value lines below its name.",
        ),
        (
            "conventions = []",
            "{file} [conventions] is not a table.",
            "A table has key = value lines below its name.",
        ),
        (
            "[profiles.p]\nconventions = 1",
            "{file} [profiles.p.conventions] is not a table.",
            "A table has key = value lines below its name.",
        ),
        ("x = ", "{file} is not TOML: Invalid value (at end of document).", ""),
        (
            "[profiles.p.loki]\nurl = 'http://h'\ntoken = 'a'\ntoken_env = 'b'",
            "{file} (profile p) says both token and token_env.",
            "Keep one of them.",
        ),
        (
            "[profiles.p.loki]\nurl = 'http://h'\ntoken = 'a'\nuser = 'b'",
            "{file} (profile p) gives both a token and a user with a password.",
            "Keep one of them.",
        ),
        (
            "[profiles.p.loki]\nurl = 'http://h'\npassword = 'b'",
            "There is a password for loki, but no user.",
            "Add user = ... to obsnb.toml, or set OBSNB_LOKI_USER.",
        ),
        (
            "[profiles.p.loki]\nurl = 'http://h'\ntoken_env = 'NOWHERE'",
            "{file} (profile p): token_env names the variable NOWHERE, which is not set.",
            "Set NOWHERE, or name another.",
        ),
        (
            "[profiles.p.loki]\nurl = 'http://h'\nheaders = { X-Key = { env = 'NOWHERE' } }",
            "loki: headers: X-Key names the variable NOWHERE, which is not set.",
            "Set NOWHERE, or name another.",
        ),
        (
            "[profiles.p.loki]\nurl = 'http://h'\nuser = 'u'\npassword_file = '/nowhere/word'",
            "{file} (profile p): password_file names /nowhere/word, which cannot be used: No such file or "
            "directory.",
            "",
        ),
    ],
)
def test_what_the_file_may_not_say_is_named_with_its_place(
    home: Path, text: str, what: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        from_file(home, text)
    assert refused.value.what == what.format(file=home / "obsnb.toml")
    assert refused.value.hint == hint


def test_a_profile_that_is_not_used_is_checked_too(home: Path) -> None:
    with pytest.raises(SettingsError, match=r"\[profiles.b\] has an unknown key, 'x'"):
        from_file(home, "[profiles.a]\n[profiles.b]\nx = 1", profile="a")


def test_no_error_of_a_file_tells_a_secret(home: Path) -> None:
    texts = [
        f"[profiles.p.loki]\ntoken = '{PLANTED}'\ntoken_env = 'b'\nurl = 'http://h'",
        f"[profiles.p.loki]\ntoken = ['{PLANTED}']",
        f"[profiles.p.loki]\ntoken = '{PLANTED}",
        f"[profiles.p.loki]\nurl = 'user:{PLANTED}@host'",
        f"[profiles.p.loki]\nurl = 'https://h'\nuser = 'u'\npassword = '{PLANTED}'\ntoken = '{PLANTED}'",
    ]
    for text in texts:
        with pytest.raises(SettingsError) as refused:
            from_file(home, text)
        assert PLANTED not in str(refused.value)
        assert refused.value.__context__ is None


def test_a_file_that_cannot_be_read_says_so(home: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load(path=home / "none.toml", environ={})
    assert str(refused.value) == f"{home / 'none.toml'} cannot be read: No such file or directory."
    (home / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError) as refused:
        load(path=home / "bytes.toml", environ={})
    assert str(refused.value) == f"{home / 'bytes.toml'} is not TOML: it is not UTF-8."


# Where the file is found


def test_the_file_is_searched_upward_and_then_at_home(home: Path) -> None:
    deep = home / "a" / "b"
    deep.mkdir(parents=True)
    config = home / "config"
    environ = {"XDG_CONFIG_HOME": str(config)}
    assert load(environ=environ, folder=deep).file is None
    at_home = write(config / "obsnb", "")
    assert load(environ=environ, folder=deep).file == at_home
    above = write(home, "")
    assert load(environ=environ, folder=deep).file == above
    near = write(home / "a", "")
    assert load(environ=environ, folder=deep).file == near
    named = write(home, "", "other.toml")
    assert load(environ={**environ, "OBSNB_CONFIG": str(named)}, folder=deep).file == named
    assert load(path=above, environ={**environ, "OBSNB_CONFIG": str(named)}, folder=deep).file == above


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="files have no owner's number here")
def test_a_found_file_of_another_user_is_not_followed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(home, '[profiles.p.loki]\nurl = "http://h"\ntoken_command = ["x"]')
    monkeypatch.setattr("os.getuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid == 0:
        os.chown(path, 12345, -1)
    with pytest.raises(SettingsError) as refused:
        load(environ={"XDG_CONFIG_HOME": str(home)}, folder=home)
    assert str(refused.value) == (
        f"{path} belongs to another user, so what it says is not followed: it may name a command.\n"
        "Hint: If you trust it, name it: obsnb.connect(path=...) or OBSNB_CONFIG."
    )
    assert load(path=path, environ={}).profile == "p"
