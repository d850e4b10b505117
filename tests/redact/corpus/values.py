"""Made-up values of each kind, all from one source of chance."""

from __future__ import annotations

import json
import random
import string
from base64 import b64encode, urlsafe_b64encode

__all__ = ["VALUES"]

_WORDS = (
    *("amber", "brook", "cedar", "delta", "ember", "flint", "grove", "hazel"),
    *("inlet", "jolly", "koala", "lemon", "maple", "noble", "otter"),
)
_LETTERS = string.ascii_letters + string.digits


def _letters(chance: random.Random, count: int, of: str = _LETTERS) -> str:
    return "".join(chance.choice(of) for _ in range(count))


def _password(chance: random.Random) -> str:
    shapes = (
        lambda: _letters(chance, 14),
        lambda: f"{chance.choice(_WORDS).title()}-{chance.choice(_WORDS)}{chance.randint(10, 99)}!",
        lambda: f"{_letters(chance, 5)}#{_letters(chance, 5)}$9",
        lambda: chance.choice(_WORDS) + str(chance.randint(1_000, 9_999)),
    )
    return chance.choice(shapes)()


def _token(chance: random.Random) -> str:
    return chance.choice(
        (_letters(chance, 32), _letters(chance, 40, "0123456789abcdef"), _letters(chance, 24))
    )


def _jwt(chance: random.Random) -> str:
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"sub": _letters(chance, 8), "exp": chance.randint(10**9, 2 * 10**9)},
    )
    head, body = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.{_letters(chance, 43, _LETTERS + '-_')}"


def _basic(chance: random.Random) -> str:
    return b64encode(f"{chance.choice(_WORDS)}:{_password(chance)}".encode()).decode()


def _cloud_key(chance: random.Random) -> str:
    upper, hexadecimal = string.ascii_uppercase + string.digits, "0123456789abcdef"
    return chance.choice(
        (
            f"AKIA{_letters(chance, 16, upper)}",
            f"ghp_{_letters(chance, 36)}",
            f"github_pat_{_letters(chance, 22)}_{_letters(chance, 59)}",
            f"glpat-{_letters(chance, 20)}",
            f"xoxb-{_letters(chance, 12, string.digits)}-{_letters(chance, 24)}",
            f"AIza{_letters(chance, 35)}",
            f"sk_live_{_letters(chance, 24)}",
            f"glsa_{_letters(chance, 32)}_{_letters(chance, 8, hexadecimal)}",
            f"npm_{_letters(chance, 36)}",
            f"hvs.{_letters(chance, 24)}",
            f"SG.{_letters(chance, 22)}.{_letters(chance, 43)}",
            f"dop_v1_{_letters(chance, 64, hexadecimal)}",
        )
    )


def _private_key(chance: random.Random) -> str:
    kind = chance.choice(("RSA ", "EC ", "OPENSSH ", ""))
    body = "\\n".join(_letters(chance, 64, _LETTERS + "+/") for _ in range(3))
    return f"-----BEGIN {kind}PRIVATE KEY-----\\n{body}\\n-----END {kind}PRIVATE KEY-----"


def _email(chance: random.Random) -> str:
    name, other = chance.sample(_WORDS, 2)
    local = chance.choice(
        (name, f"{name}.{other}", f"{name}+{other}", f"{name[0]}_{other}", f"{name}-{other}9")
    )
    domain = chance.choice(
        ("example.org", "mail.example.com", "example.co.uk", "büro.example", "example.photography")
    )
    return f"{local}@{domain}"


def _card(chance: random.Random) -> str:
    start, length = chance.choice(
        (("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3530", 16), ("36", 14))
    )
    digits = start + _letters(chance, length - len(start) - 1, string.digits)
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    number = f"{digits}{-total % 10}"
    if length == 16:
        gap = chance.choice(("", " ", "-"))
        return gap.join(number[at : at + 4] for at in range(0, 16, 4))
    return number


def _ipv4(chance: random.Random) -> str:
    """A public one: first numbers that no network keeps for itself."""
    first = chance.choice([n for n in range(1, 224) if n not in {10, 100, 127, 169, 172, 192}])
    return ".".join(str(n) for n in (first, *(chance.randint(0, 255) for _ in range(3))))


def _ipv6(chance: random.Random) -> str:
    groups = [f"2a0{chance.randint(0, 9)}", *(f"{chance.randint(1, 0xFFFF):x}" for _ in range(7))]
    whole = ":".join(groups)
    return chance.choice(
        (whole, whole.upper(), f"{groups[0]}:{groups[1]}::{groups[2]}", f"{groups[0]}::{groups[3]}")
    )


def _user(chance: random.Random) -> str:
    return chance.choice(
        (f"u-{chance.randint(100, 99_999)}", str(chance.randint(10_000, 10**8)), chance.choice(_WORDS) + ".b")
    )


#: Kind → how a value is made.
VALUES = {
    "password": _password,
    "secret": _token,
    "bearer": _token,
    "authorization": _basic,
    "cookie": _token,
    "url-password": lambda chance: _letters(chance, 16),
    "jwt": _jwt,
    "cloud-key": _cloud_key,
    "private-key": _private_key,
    "email": _email,
    "card": _card,
    "ip (v4)": _ipv4,
    "ip (v6)": _ipv6,
    "user": _user,
}
