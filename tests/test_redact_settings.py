"""The ``[redact]`` tables of obsnb.toml, and where the key of pseudonyms comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from obsnb import settings
from obsnb.errors import SettingsError

_KEY = "sixteen letters and more"


def _load(folder: Path, text: str, profile: str | None = None, **environ: str) -> settings.Settings:
    (folder / "obsnb.toml").write_text(text, "utf-8")
    return settings.load(profile, environ=environ, folder=folder)


def test_a_profiles_table_goes_over_the_files(tmp_path: Path) -> None:
    text = (
        '[redact]\nemail = "mask"\nip = "keep"\n[redact.fields]\na = "mask"\n'
        '[profiles.p.redact]\nip = "mask"\n[profiles.p.redact.fields]\nb = "remove"\n'
    )
    found = _load(tmp_path, text, "p")
    assert found.redact == {"email": "mask", "ip": "mask", "fields": {"a": "mask", "b": "remove"}}
    assert found.redact_key is None


def test_the_key_comes_from_the_environment_or_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{_KEY} of a file\n", "utf-8")
    both = '[redact]\nkey_env = "MINE"\nkey_file = "key"\n'
    places = [
        _load(tmp_path, both, OBSNB_REDACT_KEY=_KEY, MINE=f"{_KEY}, mine"),
        _load(tmp_path, both, MINE=f"{_KEY}, mine"),
        _load(tmp_path, '[redact]\nkey_file = "key"\n'),
    ]
    keys = [found.redact_key for found in places]
    assert [key and key.reveal() for key in keys] == [_KEY, f"{_KEY}, mine", f"{_KEY} of a file"]
    assert not any(_KEY in repr(found) for found in places)


@pytest.mark.parametrize(
    ("text", "environ", "what", "hint"),
    [
        (
            "",
            {"OBSNB_REDACT_KEY": "short"},
            "The key of pseudonyms in OBSNB_REDACT_KEY has fewer than 16 characters: it could be guessed.",
            "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        ),
        (
            '[redact]\nkey_env = "MINE"\n',
            {},
            "The key of pseudonyms should be in MINE, which is not set.",
            "Set it, or take key_env out of [redact]: then each archive has a key of its own.",
        ),
        (
            '[redact]\nkey_file = "none"\n',
            {},
            "The key of pseudonyms cannot be read from {folder}/none: No such file or directory.",
            "",
        ),
        (
            "redact = 1\n",
            {},
            "{folder}/obsnb.toml [redact] is not a table.",
            "A table has key = value lines below its name.",
        ),
        ("[redact]\nkey_env = 1\n", {}, "{folder}/obsnb.toml [redact]: key_env is not text.", ""),
    ],
)
def test_what_cannot_be_a_key_is_refused_unseen(
    tmp_path: Path, text: str, environ: dict[str, str], what: str, hint: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        _load(tmp_path, text, **environ)
    assert refused.value.what == what.format(folder=tmp_path)
    assert refused.value.hint == hint
