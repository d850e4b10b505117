"""An error that tells how somebody else answered is about whom was asked."""

from __future__ import annotations

import polars as pl
import pytest

from obsnb.analysis.failures import failures


def _waits(said: str) -> bool:
    frame = pl.DataFrame({"status": ["error"], "status_message": [said]})
    return bool(failures(frame)["waiting"][0])


@pytest.mark.parametrize(
    "said",
    [
        "Request failed with status code 500",
        "Response status code does not indicate success: 502 (Bad Gateway).",
        "500 Server Error: Internal Server Error for url: http://stock:8080/v1",
        "[500] during [POST] to [http://stock/v1] [Client#call()]",
        "Server error: `POST http://stock/v1` resulted in a `500 Internal Server Error` response",
        "HTTP status server error (500 Internal Server Error) for url (http://stock/v1)",
    ],
)
def test_what_a_client_says_of_a_failed_answer_speaks_of_its_callee(said: str) -> None:
    assert _waits(said)


@pytest.mark.parametrize(
    "said", ["Request failed with status code 404", "cannot parse amount", "order 500 during checkout"]
)
def test_what_is_wrong_with_a_request_or_in_the_service_does_not(said: str) -> None:
    assert not _waits(said)
