"""What only looks like a secret, made as near to one as it comes in honest logs."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable

__all__ = ["LOOKALIKES"]

_HEX = "0123456789abcdef"


def _some(chance: random.Random, count: int, of: str) -> str:
    return "".join(chance.choice(of) for _ in range(count))


def _digits(chance: random.Random, count: int) -> str:
    return _some(chance, count, string.digits)


def _four(chance: random.Random) -> str:
    return ".".join(str(chance.randint(0, 255)) for _ in range(4))


def _mac(chance: random.Random, count: int) -> str:
    return ":".join(_some(chance, 2, _HEX) for _ in range(count))


#: What it is → how a line with it is made.
LOOKALIKES: dict[str, Callable[[random.Random], str]] = {
    "uuid": lambda c: f"request {uuid.UUID(int=c.getrandbits(128), version=4)} done",
    "uuid of digits": lambda c: "id " + "-".join(_digits(c, n) for n in (8, 4, 4, 4, 12)),
    "trace id": lambda c: f'{{"trace_id":"{_some(c, 32, _HEX)}","span_id":"{_some(c, 16, _HEX)}"}}',
    "span id of digits": lambda c: f"span_id={c.choice('3456')}{_digits(c, 15)}",
    "traceparent": lambda c: f"traceparent: 00-{_some(c, 32, _HEX)}-{_some(c, 16, _HEX)}-01",
    "hash": lambda c: f"layer sha256:{_some(c, 64, _HEX)} pulled, etag {_some(c, 32, _HEX)}",
    "commit": lambda c: f"built from {_some(c, 40, _HEX)}",
    "version in a key": lambda c: c.choice(('{{"version":"{}"}}', "app_version={}", "Version: {}")).format(
        _four(c)
    ),
    "version after v": lambda c: f"started shop v{_four(c)}",
    "version of a browser": lambda c: f"Mozilla/5.0 Chrome/{c.randint(90, 200)}.0.0.0 Safari/537.36",
    "version of a package": lambda c: f"requires libfoo>={_four(c)}",
    "version in an image": lambda c: f"pulled registry.example.org/team/shop:{_four(c)}",
    "version in a file's name": lambda c: f"loading shop-{_four(c)}-SNAPSHOT.jar",
    "version after upgrade": lambda c: f"upgraded to {_four(c)}",
    "version after a bare word": lambda c: f"firefly {_four(c)} is ready",
    "section number": lambda c: (
        f"see section {c.randint(1, 9)}.{c.randint(1, 9)}.{c.randint(1, 9)}.{c.randint(1, 9)}"
    ),
    "object identifier": lambda c: f"unknown OID 1.3.6.1.4.1.{c.randint(1, 60_000)}.2",
    "order number": lambda c: f"order {_digits(c, 16)} shipped",
    "order number like a card": lambda c: (
        f"order {c.choice(('4', '51', '37', '6011'))}{_digits(c, 14)[:14]} shipped"
    ),
    "time in ns": lambda c: f"ts={c.randint(16, 18)}{_digits(c, 17)}",
    "time in ms": lambda c: f'{{"at":{c.randint(16, 18)}{_digits(c, 11)}}}',
    "clock": lambda c: f"at {c.randint(10, 23)}:{c.randint(10, 59)}:{c.randint(10, 59)}.{_digits(c, 6)}",
    "duration": lambda c: f"took 0.{c.choice('45')}{_digits(c, 15)}s",
    "MAC address": lambda c: f"link {_mac(c, 6)} up",
    "EUI-64": lambda c: f"device {_mac(c, 8)} joined",
    "fingerprint": lambda c: f"cert {_mac(c, 20)}",
    "C++ name": lambda c: (
        f"in {c.choice(('Cafe', 'Dead', 'Face', 'Ada'))}::{c.choice(('Bad', 'Feed', 'run'))}()"
    ),
    "decorator": lambda c: (
        f"@app.route('/v{c.randint(1, 9)}') and @angular/core@{c.randint(1, 20)}.2.{c.randint(1, 9)}"
    ),
    "picture of two sizes": lambda c: f"GET /logo@{c.randint(2, 3)}x.png 200",
    "unit of systemd": lambda c: f"started getty@tty{c.randint(1, 9)}.service",
    "git remote": lambda c: f"fetching git@example.org:team/shop{c.randint(1, 9)}.git",
    "user of a URL": lambda c: f"postgres://app@db{c.randint(1, 9)}.example.org/shop",
    "object of Java": lambda c: f"com.example.Shop@{_some(c, 8, _HEX)} closed",
    "tokens counted": lambda c: f'{{"max_tokens":{c.randint(1, 9_999)},"input_tokens":{c.randint(1, 999)}}}',
    "word token": lambda c: c.choice(
        (
            "unexpected token: }}",
            "invalid token: unexpected end of input",
            "token bucket empty",
            "csrf token missing",
        )
    ),
    "word password": lambda c: c.choice(
        (
            "password reset requested",
            "FATAL: password authentication failed for user app",
            "password must have a digit",
        )
    ),
    "word key": lambda c: f"primary key={c.randint(1, 99)} cache key: shop:{c.randint(1, 99)}",
    "word cookie": lambda c: c.choice(
        ("cookie consent given", "no cookie in request", "cookies enabled: true")
    ),
    "placeholder": lambda c: c.choice(
        ("password=%s", "token=${TOKEN}", '{"password":null}', "user_id=? token=***")
    ),
    "private address": lambda c: f"pod 10.{c.randint(0, 255)}.{c.randint(0, 255)}.{c.randint(1, 254)} ready",
    "pod": lambda c: f"shop-{_some(c, 9, _HEX)}-{_some(c, 5, string.ascii_lowercase)} restarted",
    "coordinates": lambda c: f"at {c.randint(10, 80)}.{_digits(c, 4)},{c.randint(10, 80)}.{_digits(c, 4)}",
    "join": lambda c: f"SELECT 1 FROM a JOIN b ON a.user_id = b.user_id AND b.n={c.randint(1, 9)}",
    "base64": lambda c: f"data:image/png;base64,{_some(c, 48, string.ascii_letters + string.digits + '+/')}",
}
