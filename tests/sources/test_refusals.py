"""What servers say when they refuse, in our words."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb import errors
from obsnb.sources.refusals import asked, refusal, shorter_helps, unreadable
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Response

RECORDINGS = Path(__file__).parents[1] / "recordings"
REFUSED = sorted(
    path
    for path in RECORDINGS.glob("*/*/*.json")
    if json.loads(path.read_text()).get("status", 200) not in (200,)
)
WINDOW = TimeRange(0, 60_000_000_000)


def recorded(name: str) -> errors.SourceError:
    """The error that a recorded refusal amounts to."""
    path = RECORDINGS / f"{name}.json"
    said = json.loads(path.read_text())
    response = Response(said["status"], said["response_headers"], path.with_suffix(".body").read_bytes())
    query = said["params"].get("query") or said["params"].get("q")
    return refusal(response, source=said["backend"], kind=said["backend"], query=query)


def plain(status: int, text: str, **headers: str) -> Response:
    return Response(status, {"content-type": "text/plain", **headers}, text.encode())


EXPECTED = {
    "otlp-and-tenants/loki/tenant-none": (
        errors.AccessError,
        "loki answered 401: it serves several tenants, and none was named.\n"
        '  query:  {service_name="orders"}\n'
        "  server: no org id\n"
        'Hint: Pass tenant="...", set OBSNB_TENANT, or write tenant = "..." into obsnb.toml.',
    ),
    "slow-query/loki/error-parse": (
        errors.RejectedError,
        "loki answered 400: it cannot parse the query (line 1, column 12).\n"
        "  query:  {namespace=prod}\n"
        "  server: parse error at line 1, col 12: syntax error: unexpected IDENTIFIER, expecting STRING\n"
        "Hint: A value stands in double quotes. It stumbled here: prod}",
    ),
    "slow-query/loki/error-empty-matcher": (
        errors.RejectedError,
        "loki answered 400: every matcher of the query also matches the empty text.\n"
        '  query:  {namespace=~".*"}\n'
        "  server: parse error : queries require at least one regexp or equality matcher that does not have "
        'an empty-compatible value. For instance, app=~".*" does not meet this requirement, but app=~".+" '
        "will\n"
        'Hint: Let one matcher ask for something, such as {namespace="prod"} or {namespace=~".+"}.',
    ),
    "slow-query/loki/error-limit": (
        errors.LimitError,
        "loki answered 400: more rows were asked for at once than it gives.\n"
        '  query:  {namespace="shop-prod"}\n'
        "  server: max entries limit per query exceeded, limit > max_entries_limit_per_query (5001 > 5000)\n"
        "Hint: Give a smaller limit, or none: without one, every row is fetched page by page.",
    ),
    "slow-query/loki/error-log-as-instant": (
        errors.RejectedError,
        "loki answered 400: lines cannot be asked for at one moment.\n"
        '  query:  {namespace="shop-prod"}\n'
        "  server: log queries are not supported as an instant query type, please change your query to a "
        "range query type\n"
        "Hint: obs.logs(query, window) asks for the lines of a window; obs.metrics(...) takes numbers, such "
        "as count_over_time(... [1m]).",
    ),
    "slow-query/loki/error-not-found": (
        errors.RejectedError,
        "loki answered 404: it has nothing at this path.\n"
        "  server: 404 page not found\n"
        "Hint: Check the URL of this source (OBSNB_LOKI_URL): it is the server's own, without /api/v1 or a "
        "page's name, and with a path only where the server lies below one, as Mimir's API below "
        "/prometheus.",
    ),
    "slow-query/loki/error-range": (
        errors.LimitError,
        "loki answered 400: the window is longer than it allows.\n"
        '  query:  {namespace="shop-prod"}\n'
        "  server: the query time range exceeds the limit (query length: 961h0m1s, limit: 30d1h)\n"
        "Hint: Ask for a shorter window.",
    ),
    "slow-query/loki/error-too-many-points": (
        errors.LimitError,
        "loki answered 400: the step is too short for this window.\n"
        '  query:  sum(rate({namespace="shop-prod"}[1m]))\n'
        "  server: exceeded maximum resolution of 11,000 points per time series. Try increasing the value of "
        "the step parameter\n"
        'Hint: Use a longer step, such as step="1m", or a shorter window.',
    ),
    "slow-query/prometheus/error-11000": (
        errors.LimitError,
        "prometheus answered 400: the step is too short for this window.\n"
        "  query:  up\n"
        "  server: bad_data: exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
        "query resolution (?step=XX)\n"
        'Hint: Use a longer step, such as step="1m", or a shorter window.',
    ),
    "slow-query/prometheus/error-end-before-start": (
        errors.RejectedError,
        "prometheus answered 400: the window ends before it starts.\n"
        "  query:  up\n"
        '  server: bad_data: invalid parameter "end": end timestamp must not be before start time\n'
        "Hint: Make the window with obsnb.window(start, end), the earlier time first.",
    ),
    "slow-query/prometheus/error-parse": (
        errors.RejectedError,
        "prometheus answered 400: it cannot parse the query (line 1, column 10).\n"
        "  query:  sum(rate(\n"
        '  server: bad_data: invalid parameter "query": 1:10: parse error: unclosed left parenthesis\n'
        "Hint: The query ends too early: a bracket, a quote or a value is missing at its end.",
    ),
    "slow-query/tempo/error-parse": (
        errors.RejectedError,
        "tempo answered 400: it cannot parse the query (line 1, column 12).\n"
        "  query:  { status = \n"
        "  server: invalid TraceQL query: parse error at line 1, col 12: syntax error: unexpected $end\n"
        "Hint: The query ends too early: a bracket, a quote or a value is missing at its end.",
    ),
    "slow-query/tempo/error-start-after-end": (
        errors.RejectedError,
        "tempo answered 400: the window ends before it starts.\n"
        "  query:  {}\n"
        "  server: http parameter start must be before end. received start=1795461200 end=1795457599\n"
        "Hint: Make the window with obsnb.window(start, end), the earlier time first.",
    ),
    "slow-query/tempo/error-step": (
        errors.LimitError,
        "tempo answered 400: the step is too short for this window.\n"
        "  query:  {} | rate()\n"
        "  server: step of 1ms is too small, minimum step for given range is 360.1ms\n"
        'Hint: Use a longer step, such as step="1m", or a shorter window.',
    ),
    "slow-query/tempo/trace-bad-id": (
        errors.RejectedError,
        "tempo answered 400: that is not a trace id.\n"
        "  server: trace IDs can only contain hex characters: invalid character 'n' at position 1\n"
        "Hint: A trace id is up to 32 hexadecimal digits.",
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_refusal_says_what_it_means_and_what_to_do(name: str) -> None:
    kind, text = EXPECTED[name]
    error = recorded(name)
    assert str(error) == text
    assert type(error) is kind
    assert error.status == json.loads((RECORDINGS / f"{name}.json").read_text())["status"]


def test_a_pipeline_error_is_not_taken_for_something_that_its_labels_say() -> None:
    error = recorded("slow-query/loki/error-series")
    assert type(error) is errors.RejectedError
    assert error.what == "loki answered 400: a stage of the query failed on some of the lines."
    assert error.hint == 'Add | __error__="" after the parser: lines that it cannot parse are then left out.'
    assert error.server is not None
    assert len(error.server) == 500
    assert error.server.endswith("…")


def test_a_failed_match_names_the_way_out_in_promql() -> None:
    error = recorded("slow-query/prometheus/error-execution")
    assert type(error) is errors.RejectedError
    assert error.what == "prometheus answered 422: the two sides of an operation do not match one to one."
    assert error.server is not None
    assert error.server.startswith("execution: found duplicate series for the match group {} on the right")


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: str(path.relative_to(RECORDINGS)))
def test_no_recorded_refusal_goes_without_a_hint_or_over_the_width(path: Path) -> None:
    error = recorded(str(path.relative_to(RECORDINGS).with_suffix("")))
    assert error.hint
    assert len(error.server or "") <= 500
    assert "\n" not in (error.server or "")


@pytest.mark.parametrize(
    ("status", "kind", "what"),
    [
        (400, errors.RejectedError, "it does not take this request"),
        (401, errors.AccessError, "it does not accept the credentials, or wants some"),
        (403, errors.AccessError, "the credentials do not allow this, or not for this tenant"),
        (404, errors.RejectedError, "it has nothing at this path"),
        (407, errors.AccessError, "the proxy wants credentials"),
        (408, errors.LimitError, "the query took longer than it allows"),
        (413, errors.LimitError, "the query or its answer is too big for it"),
        (414, errors.LimitError, "the query's text is too long for it"),
        (418, errors.RejectedError, "it does not take this request"),
        (422, errors.RejectedError, "it does not take this request"),
        (429, errors.LimitError, "it has too much to do"),
        (499, errors.LimitError, "the query was cancelled before it was done"),
        (500, errors.ServerError, "it failed"),
        (502, errors.ServerError, "what stands in front of it does not reach it"),
        (503, errors.ServerError, "it is not ready"),
        (504, errors.LimitError, "the query took longer than it allows"),
    ],
)
def test_words_that_say_nothing_leave_the_status_to_speak(
    status: int, kind: type[errors.SourceError], what: str
) -> None:
    error = refusal(plain(status, "hm"), source="loki", kind="loki")
    assert (type(error), error.what) == (kind, f"loki answered {status}: {what}.")
    assert error.server == "hm"


@pytest.mark.parametrize(
    ("status", "text", "kind", "what"),
    [
        (429, "too many outstanding requests", errors.LimitError, "it has too much to do"),
        (429, "job queue full", errors.LimitError, "it has too much to do"),
        (
            400,
            "the query would read too many bytes (query: 2TB, limit: 1TB)",
            errors.LimitError,
            "the query reads or returns more than it allows",
        ),
        (
            400,
            "maximum number of series (500) reached for a single query",
            errors.LimitError,
            "the query makes more series than it allows",
        ),
        (
            400,
            "range specified by start and end exceeds 168h0m0s. received start=1 end=2",
            errors.LimitError,
            "the window is longer than it allows",
        ),
        (
            500,
            "rpc error: code = Unknown desc = context deadline exceeded",
            errors.LimitError,
            "the query took longer than it allows",
        ),
        (
            401,
            "multiple org IDs present",
            errors.AccessError,
            "it does not take several tenants at once",
        ),
        (
            400,
            '{"message":"Authentication to data source failed"}',
            errors.AccessError,
            "Grafana is let in, but the data source behind it refuses Grafana's credentials",
        ),
        (
            400,
            "Client sent an HTTP request to an HTTPS server.",
            errors.RejectedError,
            "it speaks https at this port",
        ),
        (
            503,
            '{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}',
            errors.LimitError,
            "the query took longer than it allows",
        ),
        (
            422,
            '{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of '
            'series (limit: 100000 series) (err-mimir-max-series-per-query). Reduce the time range."}',
            errors.LimitError,
            "the query makes more series than it allows",
        ),
        (
            422,
            '{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of '
            'chunks fetched from store-gateways (limit: 2000000 chunks) (err-mimir-max-chunks-per-query)."}',
            errors.LimitError,
            "the query reads or returns more than it allows",
        ),
        (
            422,
            '{"status":"error","errorType":"execution","error":"the query exceeded the maximum allowed '
            "estimated amount of memory consumed by a single query (limit: 1073741824 bytes) "
            '(err-mimir-max-estimated-memory-consumption-per-query)."}',
            errors.LimitError,
            "the query reads or returns more than it allows",
        ),
        (
            422,
            '{"status":"error","errorType":"execution","error":"the total query time range exceeds the limit '
            '(query length: 961h0m0s, limit: 720h0m0s) (err-mimir-max-total-query-length)."}',
            errors.LimitError,
            "the window is longer than it allows",
        ),
        (
            400,
            '{"status":"error","errorType":"bad_data","error":"the raw query size in bytes exceeds the limit '
            '(query size: 20000, limit: 10000) (err-mimir-max-query-expression-size-bytes)."}',
            errors.LimitError,
            "the query's text is too long for it",
        ),
        (
            422,
            '{"status":"error","errorType":"execution","error":"the request has been blocked by the cluster '
            'administrator (err-mimir-query-blocked)"}',
            errors.AccessError,
            "who runs it has blocked this query",
        ),
        (
            503,
            '{"status":"error","errorType":"503","error":"couldn\'t start executing the request in 10.000 '
            'seconds, since -search.maxConcurrentRequests=8 concurrent requests are executed."}',
            errors.LimitError,
            "it has too much to do",
        ),
        (
            422,
            '{"status":"error","errorType":"execution","error":"query processing would load too many samples '
            'into memory in query execution"}',
            errors.LimitError,
            "the query reads or returns more than it allows",
        ),
    ],
)
def test_a_limit_is_known_by_the_servers_words_whatever_the_status(
    status: int, text: str, kind: type[errors.SourceError], what: str
) -> None:
    error = refusal(plain(status, text), source="x", kind="prometheus")
    assert (type(error), error.what) == (kind, f"x answered {status}: {what}.")


def test_the_word_timeout_in_a_query_that_is_taken_ill_is_not_a_time_out() -> None:
    error = refusal(plain(400, 'unknown function with name "timeout"'), source="loki", kind="loki")
    assert type(error) is errors.RejectedError


def test_credentials_are_asked_for_by_the_names_of_this_kind_of_source() -> None:
    error = refusal(plain(401, "unauthorized"), source="metrics", kind="prometheus")
    assert error.hint == (
        "Check the credentials: OBSNB_PROMETHEUS_TOKEN, or OBSNB_PROMETHEUS_USER and "
        "OBSNB_PROMETHEUS_PASSWORD, or the table of this source in obsnb.toml."
    )


def test_a_refusal_after_retries_says_how_many() -> None:
    once = Response(503, {}, b"not ready", retries=1)
    often = Response(503, {}, b"not ready", retries=4)
    assert refusal(once, source="loki", kind="loki").what == (
        "loki answered 503 (after 1 retry): it is not ready."
    )
    assert refusal(often, source="loki", kind="loki").what == (
        "loki answered 503 (after 4 retries): it is not ready."
    )


def test_an_empty_refusal_has_no_words_of_the_server() -> None:
    error = refusal(Response(404, {}, b""), source="tempo", kind="tempo", query="abc", window=WINDOW)
    assert str(error) == (
        "tempo answered 404: it has nothing at this path.\n"
        "  query:  abc\n"
        "  window: 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z\n"
        "Hint: Check the URL of this source (OBSNB_TEMPO_URL): it is the server's own, without /api/v1 or a "
        "page's name, and with a path only where the server lies below one, as Mimir's API below /prometheus."
    )


LOGIN = b"<!DOCTYPE html><html><head><title>Sign in &amp; more</title></head><body>...</body></html>"


def test_a_login_page_is_said_to_be_one() -> None:
    error = refusal(Response(403, {"content-type": "text/html"}, LOGIN), source="loki", kind="loki")
    assert type(error) is errors.AccessError
    assert str(error) == (
        "loki answered 403: an HTML page came back, probably of a login or a proxy.\n"
        '  server: a page titled "Sign in & more"\n'
        "Hint: Check the URL of this source, and the credentials for what stands in front of it (obsnb.toml)."
    )


@pytest.mark.parametrize(
    ("status", "kind", "helps"),
    [(502, errors.ServerError, False), (504, errors.LimitError, True), (413, errors.LimitError, True)],
)
def test_a_proxys_page_about_a_status_means_the_status(
    status: int, kind: type[errors.SourceError], helps: bool
) -> None:
    page = f"<html><head><title>{status} Something</title></head></html>".encode()
    response = Response(status, {"content-type": "text/html"}, page)
    error = refusal(response, source="loki", kind="loki")
    assert type(error) is kind
    assert error.server == f'a page titled "{status} Something"'
    assert shorter_helps(response) is helps


def test_a_redirect_to_a_login_page_is_said_without_its_parameters() -> None:
    response = plain(302, "", location="https://sso.example.org/login?state=one-time-code")
    error = refusal(response, source="loki", kind="loki")
    assert type(error) is errors.AccessError
    assert str(error) == (
        "loki answered 302: it sends to https://sso.example.org/login, probably a login page.\n"
        "Hint: Credentials are missing or have run out. Check the credentials: OBSNB_LOKI_TOKEN, or "
        "OBSNB_LOKI_USER and OBSNB_LOKI_PASSWORD, or the table of this source in obsnb.toml."
    )


@pytest.mark.parametrize("location", ["http://[", "", "//", "\x00", "?x", "//user:word@host/path"])
def test_any_redirect_has_words(location: str) -> None:
    error = refusal(plain(307, "", location=location), source="loki", kind="loki")
    assert error.what.startswith("loki answered 307: it sends to ")
    assert "word" not in str(error)
    assert "\x00" not in str(error)


def test_a_redirect_elsewhere_asks_for_the_new_url() -> None:
    error = refusal(plain(301, "", location="https://logs.example.org/loki"), source="loki", kind="loki")
    assert type(error) is errors.RejectedError
    assert str(error) == (
        "loki answered 301: it sends to https://logs.example.org/loki, and credentials are not taken "
        "elsewhere.\n"
        "Hint: If that is where this source lives now, give its URL: OBSNB_LOKI_URL, or obsnb.toml."
    )


def test_a_position_in_a_query_of_several_lines_shows_its_line() -> None:
    response = plain(400, "parse error at line 2, col 3: syntax error: unexpected IDENTIFIER")
    error = refusal(response, source="loki", kind="loki", query='{a="b"}\n| jsn | x')
    assert error.hint == "It stumbled here: jsn | x"


@pytest.mark.parametrize("position", ["line 9, col 1", "line 0, col 0", "line 1, col 99999999999999999999"])
def test_a_position_outside_of_the_query_is_survived(position: str) -> None:
    error = refusal(plain(400, f"parse error at {position}: x"), source="loki", kind="loki", query="{a}\n{b}")
    assert error.hint == "The server's words say what it stumbled over."


@pytest.mark.parametrize(
    ("response", "helps"),
    [
        (plain(504, "gateway timeout"), True),
        (plain(400, "the query time range exceeds the limit (query length: 1h, limit: 1m)"), True),
        (plain(400, "the query would read too many bytes"), True),
        (plain(500, "context deadline exceeded"), True),
        (plain(400, "parse error at line 1, col 1"), False),
        (plain(400, "max entries limit per query exceeded"), False),
        (plain(429, "too many outstanding requests"), False),
        (plain(401, "no org id"), False),
        (plain(200, "the query would read too many bytes"), False),
        (plain(302, "timeout", location="/login"), False),
    ],
)
def test_a_shorter_window_helps_against_sizes_and_times_only(response: Response, helps: bool) -> None:
    assert shorter_helps(response) is helps


def test_an_answer_that_cannot_be_read_says_how_it_begins() -> None:
    response = Response(200, {"content-type": "application/json"}, b'{"status":"succ')
    error = unreadable(response, source="loki", query="{a}", window=WINDOW, why="the JSON ends too early")
    assert type(error) is errors.AnswerError
    assert error.status == 200
    assert str(error) == (
        "loki answered 200, but the answer cannot be read: the JSON ends too early.\n"
        "  query:  {a}\n"
        "  window: 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z\n"
        '  server: 15 bytes of application/json, beginning with {"status":"succ\n'
        "Hint: Check that the URL is this kind of server, and that nothing in between changes its answers."
    )


def test_an_answer_that_is_a_login_page_is_said_to_be_one() -> None:
    error = unreadable(Response(200, {}, LOGIN), source="loki", why="it is not JSON")
    assert str(error) == (
        "loki answered 200: an HTML page came back, probably of a login or a proxy.\n"
        '  server: a page titled "Sign in & more"\n'
        "Hint: Check the URL of this source, and the credentials for what stands in front of it (obsnb.toml)."
    )


@pytest.mark.parametrize(
    ("body", "server"),
    [
        (b"", "0 bytes of no content type"),
        (bytes(range(256)), "256 bytes of no content type"),
        (b"<html><script>x()</script><p>Hello</p>", "Hello"),
        (b"<html></html>", "a page without text"),
    ],
)
def test_binary_empty_and_textless_answers_are_described(body: bytes, server: str) -> None:
    error = unreadable(Response(200, {}, body), source="tempo", why="it is cut")
    assert (error.server or "").endswith(server)


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=2000)


@given(HOSTILE, st.sampled_from([302, 400, 401, 404, 422, 429, 500, 503]))
def test_whatever_a_server_says_stays_one_short_line_without_control_characters(
    text: str, status: int
) -> None:
    error = refusal(plain(status, text), source="loki", kind="loki", query="{}")
    said = error.server or ""
    assert len(said) <= 500
    assert said.isprintable()
    lines = str(error).splitlines()
    assert len(lines) <= 4
    assert sum(line.startswith("Hint:") for line in lines) == 1


@given(st.binary(max_size=300), st.sampled_from(["text/html", "application/json", ""]))
def test_whatever_bytes_come_with_200_an_error_can_be_made_of_them(body: bytes, content_type: str) -> None:
    error = unreadable(Response(200, {"content-type": content_type}, body), source="loki", why="it is cut")
    assert (error.server or "").isprintable()


def test_control_characters_and_deep_json_are_shown_and_survived() -> None:
    said = refusal(plain(400, "a\x1b[31m\u202eb\nHint: run this"), source="loki", kind="loki").server
    assert said == "a\\x1b[31m\\u202eb Hint: run this"
    deep = plain(400, '{"error":' * 20_000)
    assert (refusal(deep, source="loki", kind="loki").server or "").startswith('{"error":{"error":')


def test_an_error_that_passes_through_asked_says_what_was_asked_once() -> None:
    with pytest.raises(errors.UnreachableError) as inner, asked("{outer}", None), asked("{inner}", WINDOW):
        raise errors.UnreachableError("loki takes no connections.")
    assert str(inner.value) == (
        "loki takes no connections.\n"
        "  query:  {inner}\n"
        "  window: 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z"
    )
