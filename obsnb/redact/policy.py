"""What is done with what is found: kept, masked, removed, or replaced by a pseudonym."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from obsnb.errors import SettingsError

__all__ = ["ACTIONS", "KINDS", "PERSONAL", "SECRETS", "SECRETS_ONLY", "Action", "Policy"]

Action = Literal["keep", "mask", "remove", "pseudonym"]
ACTIONS: tuple[Action, ...] = get_args(Action)

#: What gives access.
SECRETS = (
    "own-secret",
    *("private-key", "authorization", "cookie", "bearer", "password", "secret", "url-password"),
    *("jwt", "cloud-key"),
)
#: What tells of a person, and the fields that a stack names.
PERSONAL = ("email", "card", "ip", "private-ip", "user", "field")
KINDS = (*SECRETS, *PERSONAL)

_DEFAULTS: Mapping[str, Action] = MappingProxyType(
    {
        **dict.fromkeys(SECRETS, "mask"),
        "card": "mask",
        # Who it was is nobody's business; that it was the same one twice is what correlation lives on.
        "email": "pseudonym",
        "ip": "pseudonym",
        "user": "pseudonym",
        "field": "pseudonym",
        # Pods and nodes, without which no network trouble is understood.
        "private-ip": "keep",
    }
)
#: OpenTelemetry's names and those of the application logs that obsnb knows. Not ``user`` alone: that is
#: as often a database's role or a process' owner.
_USERS = (
    "user_id",
    "userId",
    "user.id",
    "enduser.id",
    "user.email",
    "user.name",
    "user.full_name",
    "X-User-Id",
)
_OTHER = ("user_fields", "fields", "key_env", "key_file")
_NOTHING: Mapping[str, Action] = MappingProxyType({})


@dataclass(frozen=True)
class Policy:
    """An action for each kind of what is found, and for the fields that a stack names.

    Attributes
    ----------
    actions
        Kind → ``keep``, ``mask`` (``[redacted:kind]``), ``remove`` (nothing is left) or ``pseudonym``
        (``[kind:0f1e2d3c4b5a]``, the same for the same text).
    user_fields
        Columns, attributes and keys in log lines whose values are of the kind ``user``. A name stands
        for itself and for any that ends in it behind a dot.
    fields
        Further ones → what is done with their values, of the kind ``field``.
    """

    actions: Mapping[str, Action] = field(default_factory=lambda: _DEFAULTS, hash=False)
    user_fields: tuple[str, ...] = _USERS
    fields: Mapping[str, Action] = field(default_factory=lambda: _NOTHING, hash=False)

    def __repr__(self) -> str:
        other = {kind: action for kind, action in self.actions.items() if action != _DEFAULTS[kind]}
        return f"Policy({', '.join(f'{kind}: {action}' for kind, action in other.items()) or 'defaults'})"

    @classmethod
    def of_table(cls, table: Mapping[str, Any], *, place: str = "[redact]") -> Policy:
        """The policy that a ``[redact]`` table says, over the defaults.

        Parameters
        ----------
        table
            Kind → action; ``user_fields``, a list of names; ``fields``, a table of name → action. Where
            the key of pseudonyms is (``key_env``, ``key_file``) is for `obsnb.settings`.
        place
            Where it stands, for errors.

        Raises
        ------
        SettingsError
            A kind or an action that there is not, or a value of the wrong form.

        Examples
        --------
        >>> Policy.of_table({"email": "mask", "fields": {"order_ref": "remove"}})
        Policy(email: mask)
        """
        settable = [kind for kind in KINDS if kind != "field"]
        _check_keys(table, [*settable, *_OTHER], place)
        actions = {kind: _action(table[kind], f"{place}: {kind}") for kind in settable if kind in table}
        users = table.get("user_fields", list(_USERS))
        if not isinstance(users, list) or not all(isinstance(name, str) and name.strip() for name in users):
            raise SettingsError(
                f"{place}: user_fields is not a list of names.", hint='Write user_fields = ["user_id"].'
            )
        fields = table.get("fields", {})
        if not isinstance(fields, dict) or not all(name.strip() for name in fields):
            raise SettingsError(
                f"{place}: fields is not a table.", hint='Write [redact.fields], and below it name = "mask".'
            )
        named = {name: _action(value, f"{place}: fields.{name}") for name, value in fields.items()}
        return cls(MappingProxyType({**_DEFAULTS, **actions}), tuple(users), MappingProxyType(named))

    def with_users(self, names: Iterable[str]) -> Policy:
        """The same, with further fields that name users."""
        return replace(self, user_fields=tuple(dict.fromkeys((*self.user_fields, *names))))

    def always(self, action: Action, *, instead_of: Iterable[Action] = ACTIONS[1:]) -> Policy:
        """The same with another action in place of some; what is kept is kept."""
        replaced = set(instead_of) - {"keep"}

        def other(old: Mapping[str, Action]) -> Mapping[str, Action]:
            return MappingProxyType({name: action if was in replaced else was for name, was in old.items()})

        return replace(self, actions=other(self.actions), fields=other(self.fields))

    def to_table(self) -> dict[str, Any]:
        """The ``[redact]`` table that says the same, as an archive's manifest keeps it."""
        actions = {kind: self.actions[kind] for kind in KINDS if kind != "field"}
        return {**actions, "user_fields": list(self.user_fields), "fields": dict(self.fields)}

    @classmethod
    def of_archive(cls, table: Mapping[str, Any]) -> Policy:
        """What `to_table` gave, perhaps of another obsnb: a kind that only one of the two knows is kept."""
        known = {name: value for name, value in table.items() if name in {*KINDS, *_OTHER}}
        unknown = {kind: "keep" for kind in KINDS if kind != "field" and kind not in known}
        return cls.of_table(known | unknown)


#: For what people wrote themselves, names and addresses included: they did not mean to write a secret.
SECRETS_ONLY = Policy(
    MappingProxyType({kind: _DEFAULTS[kind] if kind in SECRETS else "keep" for kind in KINDS})
)


def _check_keys(table: Mapping[str, Any], known: list[str], place: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            meant = (
                f"Did you mean {near[0]}? " if near else "A field of your stack goes into [redact.fields]. "
            )
            raise SettingsError(
                f"{place} has an unknown key, {key!r}.", hint=f"{meant}Known are {', '.join(known)}."
            )


def _action(value: Any, place: str) -> Action:
    if value not in ACTIONS:
        raise SettingsError(f"{place} is not one of {', '.join(ACTIONS)}.")
    return cast("Action", value)
