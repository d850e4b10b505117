"""Whom the words of an error name: a word of the language only where it is used as a peer's name."""

import polars as pl
import pytest

from obsnb import suspects
from obsnb.analysis.mentions import mentioned
from obsnb.analysis.service_names import Names
from obsnb.timerange import TimeRange
from tests.analysis.lines import lines_of

_S = 10**9

_KNOWN = Names(
    {
        name.lower(): name
        for name in ("frontend", "payment", "user", "cart", "gateway", "cart-db-0", "Search", "redis")
    }
)
_DOTTED = "api.stripe.com"


def _named(text, *, service="frontend"):
    names = Names({**_KNOWN.known, _DOTTED: _DOTTED})
    return mentioned(pl.DataFrame({"service": [service], "text": [text]}), names)[0]


@pytest.mark.parametrize(
    "text",
    [
        "Payment request failed. Invalid token.",
        "could not process payment request",
        "user not found",
        "no such user: 5521",
        "Failed to load: user: 5521",
        "could not add the item to cart",
        "unexpected input from user",
        "502 Bad Gateway",
        "KeyError: 'user'",
        'column "user" does not exist',
        "NullPointerException: user.name is null",
        "error calling user.save()",
        "failed to call user(): no rows",
        "GET /v1/orders/user HTTP/1.1",
        "open /var/lib/user: no such file",
        "the payment-method is not supported",
        "request failed in the user service portal",
        "the payment provider settings are out of date",
    ],
)
def test_a_word_of_prose_or_of_data_names_no_service(text):
    assert _named(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "dial tcp payment:8080: connect: connection refused",
        "Post http://payment/charge: EOF",
        "I/O error on GET request for https://u:p@payment:8443/charge",
        "no healthy endpoint for payment.shop.svc.cluster.local",
        "lookup payment on 10.96.0.10:53: no such host",
        "getaddrinfo ENOTFOUND payment",
    ],
)
def test_a_word_that_is_the_host_of_an_address_names_the_service(text):
    assert _named(text) == "payment"


@pytest.mark.parametrize(
    "text",
    [
        'host not found in upstream "payment"',
        "service 'payment' does not answer",
        "failed peer.service=payment status=503",
        '{"msg": "call failed", "upstream": "payment"}',
        "HTTPConnectionPool(host='payment', port=8080): Max retries exceeded",
    ],
)
def test_a_word_that_is_quoted_or_given_as_a_peer_names_the_service(text):
    assert _named(text) == "payment"


@pytest.mark.parametrize(
    "text",
    [
        "Failed to call payment: deadline exceeded",
        "error calling Payment",
        "could not connect to payment",
        "upstream payment failed: 503 from payment",
        "Payment service unavailable",
        "ClientError: payment: connection refused",
        "ClientError: payment: 429 too many requests",
        "Unhandled error: payment request failed: read timed out",
        "response from payment.",
        '10.0.0.7 - - "POST /api/v1/payment/charges HTTP/1.1" 502 157',
    ],
)
def test_a_word_that_a_line_uses_as_a_peer_names_the_service(text):
    assert _named(text) == "payment"


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("Lost cart-db-0 while writing", "cart-db-0"),
        ("CART-DB-0 gone", "cart-db-0"),
        ("charge declined (api.stripe.com)", _DOTTED),
        ("Redis connection lost", "redis"),
        ("error calling search", "Search"),
    ],
)
def test_a_name_that_is_no_word_of_the_language_counts_wherever_it_stands(text, service):
    assert _named(text) == service


def test_where_one_is_called_and_others_are_only_words_the_called_one_is_named():
    assert _named("user not found: error calling payment for the cart") == "payment"


def test_a_word_with_another_number_each_time_is_followed_by_an_id_and_no_port():
    texts = [f"failed for user:{number}, payment:8080 refused" for number in (5521, 17, 4401, 90)]
    frame = pl.DataFrame({"service": ["frontend"] * len(texts), "text": texts})
    assert mentioned(frame, _KNOWN).to_list() == ["payment"] * len(texts)


def test_a_host_of_a_public_domain_is_no_service_that_is_called_as_any_host_may_be():
    names = Names({"api": "api", "orders": "orders"})
    found = [names.peer(host) for host in ("api.stripe.com", "orders.shop.com", "api.shop.svc.cluster.local")]
    assert found == ["api.stripe.com", "orders", "api"]


def test_two_peers_are_none():
    assert _named("call payment: rpc error: 503 from user") is None


def test_in_the_title_of_a_change_a_word_names_a_service_wherever_it_stands():
    title = pl.DataFrame({"service": [""], "text": ["config map of cart changed"]})
    assert mentioned(title, _KNOWN, anywhere=True)[0] == "cart"


@pytest.mark.parametrize(
    ("text", "blamed"),
    [("Payment request failed. Invalid token.", "frontend"), ("no answer from payment:8080", "payment")],
)
def test_the_first_suspect_is_who_is_called_and_not_what_the_words_are_about(text, blamed):
    told = [
        ("frontend", "error", text) if second >= 300 and second % 2 else (service, "info", "done")
        for second in range(600)
        for service in ("frontend", "payment")
    ]
    services, levels, lines = zip(*told, strict=True)
    logs = lines_of(list(lines), service=list(services), level=list(levels))
    out = suspects(logs, during=TimeRange(600 * _S, 1200 * _S), baseline=TimeRange(0, 600 * _S))
    assert out["service"][0] == blamed
    assert out["score"][0] > 0.3
