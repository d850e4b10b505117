"""A policy says what is done with each kind; a key says which pseudonym stands for what."""

from __future__ import annotations

import json

import polars as pl
import pytest

from obsnb.errors import SettingsError
from obsnb.redact import Policy, Redactor
from obsnb.redact.policy import KINDS

_TEXT = "ada@example.org asked 81.2.69.142 with token=s3cr3t"


def _redactor(table: dict[str, object], key: bytes | None = None) -> Redactor:
    return Redactor(Policy.of_table(table), key=key)


def test_the_same_text_has_the_same_pseudonym_wherever_it_stands() -> None:
    redactor = Redactor()
    line = redactor.text("ada@example.org wrote to Ada@Example.org")[0]
    one, _, _, other = line.split()
    column = redactor.frame(pl.DataFrame({"a": ["x ada@example.org"]}))[0]["a"][0]
    assert one == other
    assert column == f"x {one}"
    assert redactor.html("<b>ada@example.org</b>")[0] == f"<b>{one}</b>"
    assert redactor.value({"user.email": "ada@example.org"})[0]["user.email"][6:] == one[7:]


def test_pseudonyms_are_the_same_in_two_archives_only_under_the_same_key() -> None:
    keys = (b"a key of 16 bytes", b"a key of 16 bytes", b"another of 16 byt", None, None)
    made = [Redactor(key=key).text("ada@example.org")[0] for key in keys]
    assert made[0] == made[1]
    assert len(set(made[1:])) == 4


def test_each_action_does_what_it_says_in_texts_and_columns() -> None:
    frame = pl.DataFrame({"line": [_TEXT], "user_id": ["ada"], "password": ["s3cr3t"]})
    did = {}
    for action in ("keep", "mask", "remove", "pseudonym"):
        redactor = _redactor({kind: action for kind in KINDS if kind != "field"})
        made, counts = redactor.frame(frame)
        did[action] = made.row(0)
        assert made["line"][0] == redactor.text(_TEXT)[0]
        found = {"email": 1, "ip": 1, "secret": 1, "user": 1, "password": 1}
        assert counts == ({} if action == "keep" else found)
    assert did["keep"] == frame.row(0)
    masked = "[redacted:email] asked [redacted:ip] with token=[redacted:secret]"
    assert did["mask"] == (masked, "[redacted:user]", "[redacted:password]")
    assert did["remove"] == (" asked  with token=", None, None)
    assert all(text.startswith("[") for text in did["pseudonym"])
    assert did["pseudonym"][0].count(":") == 3


def test_a_pseudonym_of_a_secret_tells_that_it_was_the_same_one() -> None:
    redactor = _redactor({"secret": "pseudonym"})
    made = redactor.text('token=s3cr3t-1 {"api_key": "s3cr3t-1", "client_secret": 53127}')[0]
    assert made.count(made[6:27]) == 2
    assert "s3cr3t" not in made
    json.loads(made[28:])


def test_a_stacks_own_fields_have_an_action_each() -> None:
    redactor = _redactor({"fields": {"order_ref": "remove", "customer": "mask", "user_id": "keep"}})
    line = '{"order_ref": "A-1", "customer": "Ada", "user_id": "u-7"}'
    assert redactor.text(line)[0] == '{"order_ref": "", "customer": "[redacted:field]", "user_id": "u-7"}'
    frame = pl.DataFrame({"parsed.order_ref": ["A-1"], "customer": ["Ada"], "user_id": ["u-7"]})
    assert redactor.frame(frame)[0].row(0) == (None, "[redacted:field]", "u-7")


@pytest.mark.parametrize(
    ("table", "what", "hint"),
    [
        (
            {"emial": "mask"},
            "[redact] has an unknown key, 'emial'.",
            f"Did you mean email? Known are {', '.join(kind for kind in KINDS if kind != 'field')}, "
            "user_fields, fields, key_env, key_file.",
        ),
        ({"email": "hide"}, "[redact]: email is not one of keep, mask, remove, pseudonym.", ""),
        (
            {"user_fields": "user_id"},
            "[redact]: user_fields is not a list of names.",
            'Write user_fields = ["user_id"].',
        ),
        (
            {"fields": ["x"]},
            "[redact]: fields is not a table.",
            'Write [redact.fields], and below it name = "mask".',
        ),
        ({"fields": {"x": 1}}, "[redact]: fields.x is not one of keep, mask, remove, pseudonym.", ""),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(table: dict[str, object], what: str, hint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Policy.of_table(table)
    assert (refused.value.what, refused.value.hint) == (what, hint)


def test_an_archives_policy_is_read_back_as_it_was_and_what_is_unknown_in_it_is_passed_over() -> None:
    policy = Policy.of_table({"email": "mask", "user_fields": ["who"], "fields": {"ref": "remove"}})
    table = json.loads(json.dumps(policy.to_table()))
    assert Policy.of_archive(table | {"kind-of-later": "mask"}) == policy
    del table["jwt"]
    assert Policy.of_archive(table).actions["jwt"] == "keep"


def test_html_is_redacted_as_it_is_read_and_stays_html() -> None:
    page = (
        '<p title="token=s3cr3t">{&quot;password&quot;: &quot;s3cr3t&quot;} a &lt; b</p>'
        '<script>var a = {"api_key": "s3cr3t"}; if (1 < 2) {}</script><i>1 &amp; 2</i>'
    )
    made, counts = Redactor().html(page)
    assert made == (
        '<p title="token=[redacted:secret]">{"password": "[redacted:password]"} a &lt; b</p>'
        '<script>var a = {"api_key": "[redacted:secret]"}; if (1 < 2) {}</script><i>1 &amp; 2</i>'
    )
    assert counts == {"secret": 2, "password": 1}


def test_a_secret_whose_key_and_value_a_report_kept_whole_apart_is_found() -> None:
    page = '<p>since <span class="whole">1 s</span> password: <span class="whole">correct-horse-7</span></p>'
    assert Redactor().html(page) == (
        "<p>since 1 s password: [redacted:password]</p>",
        {"password": 1},
    )
    time = '<time datetime="2026-11-23T18:37:19Z">2026-11-23T18:37:19Z</time>'
    quiet = f'<p><span class="whole">({time}),</span></p>'
    assert Redactor().html(quiet) == (quiet, {})
