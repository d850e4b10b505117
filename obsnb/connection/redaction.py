"""How what a connection writes is redacted: by its settings, its conventions' names for users, and a key."""

from __future__ import annotations

from pathlib import Path
from secrets import token_urlsafe

from obsnb.conventions import DEFAULT, Conventions
from obsnb.errors import ArchiveError
from obsnb.redact import Policy, Redactor
from obsnb.settings import Settings, known_secrets, load

__all__ = ["default_redactor", "redactor_for_run", "redactor_of"]


def redactor_of(found: Settings, conventions: Conventions, *, own_key: bytes | None = None) -> Redactor:
    """The redactor that the settings say.

    Parameters
    ----------
    own_key
        Of an archive, where the settings have none; without, a random one.

    Raises
    ------
    SettingsError
        A ``[redact]`` table says something unknown.
    """
    place = "[redact]" if found.file is None else f"{found.file} [redact]"
    names = [name for name in conventions.user_fields if name not in DEFAULT.user_fields]
    policy = Policy.of_table(found.redact, place=place).with_users(names)
    key = own_key if found.redact_key is None else found.redact_key.reveal().encode()
    return Redactor(policy, key=key, known=known_secrets(found.endpoints))


def default_redactor(
    conventions: Conventions | None = None, *, profile: str | None = None, own_key: bytes | None = None
) -> Redactor:
    """The same by the environment and the obsnb.toml that are found.

    Parameters
    ----------
    conventions
        The stack's names; without, those of obsnb.toml.
    profile
        A profile of obsnb.toml.
    """
    found = load(profile)
    return redactor_of(found, conventions or DEFAULT.override(dict(found.conventions)), own_key=own_key)


def redactor_for_run(*, profile: str | None, archive: str | None) -> tuple[Redactor, dict[str, str]]:
    """What redacts a run's notebook, and the variables with which the run itself has the same policy and key.

    Parameters
    ----------
    profile
        A profile of obsnb.toml, where live servers are asked.
    archive
        Else the frozen incident: a path, or a bundled one's name.
    """
    found = load(profile)
    variables = {} if found.file is None else {"OBSNB_CONFIG": str(found.file)}
    own_key = _key_of(archive) if archive and profile is None else None
    if own_key is None and found.redact_key is None:
        variables["OBSNB_REDACT_KEY"] = token_urlsafe(32)
        own_key = variables["OBSNB_REDACT_KEY"].encode()
    names = DEFAULT.override(dict(found.conventions))
    return redactor_of(found, names, own_key=own_key), variables


def _key_of(archive: str) -> bytes | None:
    """An archive's own key; None where there is no archive, which the run says better."""
    from obsnb.archive.bundled import incident_path
    from obsnb.archive.reader import ArchiveReader

    try:
        return ArchiveReader.key_of(archive if Path(archive).exists() else incident_path(archive) or archive)
    except ArchiveError:
        return None
