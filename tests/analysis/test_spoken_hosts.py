"""Whoever tells nothing of itself is known from the errors of those who could not reach it."""

from __future__ import annotations

import polars as pl
import pytest

from obsnb.analysis.service_names import Names, service_names
from obsnb.analysis.spoken_hosts import with_spoken_hosts
from obsnb.analysis.suspects import suspects
from obsnb.timerange import TimeRange

S = 10**9
_BEFORE, _DURING = TimeRange(0, 60 * S), TimeRange(60 * S, 360 * S)


def _spoken(text: str, *, grade: float = 1.0) -> set[str]:
    lines = pl.DataFrame({"text": [text], "grade": [grade]})
    return set(with_spoken_hosts(Names(), lines).known.values())


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ('Post "https://api.stripe.com/v1/charges": x509: certificate has expired', "api.stripe.com"),
        ("HTTPConnectionPool(host='mail.example.org', port=443): Max retries exceeded", "mail.example.org"),
        ("getaddrinfo EAI_AGAIN geo.example.org", "geo.example.org"),
        ("dial tcp: lookup cart-db on 10.96.0.10:53: no such host", "cart-db"),
        ("cURL error 6: Could not resolve host: cart-db", "cart-db"),
        ("Connection to cart-db:5432 refused. Check that the hostname and port are correct", "cart-db"),
        ("Connection refused (cart-db:5432)", "cart-db"),
        ("failed to connect to `host=cart-db user=app`: connection refused", "cart-db"),
        ("connect timed out: http://cart-db.prod.svc.cluster.local:8080/v1", "cart-db"),
    ],
)
def test_a_host_that_could_not_be_reached_is_known(text: str, host: str) -> None:
    assert _spoken(text) == {host}


@pytest.mark.parametrize(
    "text",
    [
        "dial tcp 10.42.3.17:8080: connect: connection refused",
        "connect ECONNREFUSED 127.0.0.1:5432 at http://localhost:5432",
        "KeyError: 'total' while serving http://shop.example.org/cart",
        "deadlock detected (Background on this error at: https://sqlalche.me/e/20/4xp6) timed out",
        "query timed out, see https://docs.example.org/timeouts",
    ],
)
def test_an_address_a_page_about_it_and_a_request_that_is_served_are_no_hosts(text: str) -> None:
    assert _spoken(text) == set()


def test_a_warning_makes_nobody_known() -> None:
    assert _spoken("connect to cart-db:5432 timed out, retrying", grade=0.5) == set()


def test_a_host_that_is_a_services_by_another_name_is_no_second_one() -> None:
    names = service_names(pl.Series(["Cart.API"]))
    lines = pl.DataFrame({"text": ["Connection refused (cart-api:8080)"], "grade": [1.0]})
    assert with_spoken_hosts(names, lines) == names


def test_what_the_exception_of_a_line_says_tells_whom_it_is_about_and_what_kind_of_cause_it_is() -> None:
    said = "requests.exceptions.SSLError: HTTPSConnectionPool(host='api.stripe.com', port=443): Max retries"
    trace = (
        f'Traceback (most recent call last):\\n  File \\"/app/pay.py\\", line 8, in pay\\n    ask()\\n{said}'
    )
    broken = (
        f'{{"level": "error", "message": "request failed", "exception": "{trace} (certificate has expired)"}}'
    )
    rows = [
        {"timestamp": n * S, "service": "pay", "line": broken if n >= 60 else '{"message": "ok"}'}
        for n in range(0, 360, 3)
    ]
    lines = pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    row = suspects(lines, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert (row["service"], row["cause_kind"]) == ("api.stripe.com", "configuration")
