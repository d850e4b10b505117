"""Nothing that a policy takes away is in any form of a report."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import polars as pl
import pytest

from obsnb.redact import Policy, Redactor
from obsnb.report.postmortem import ImpactRow
from obsnb.report.redaction import redacted
from tests.pages import words_of
from tests.report.made_up import postmortem

_PLANTED = ("hunter2hunter2", "ada@example.org", "81.2.69.142", "4111111111111111")
_LINE = "password={} {} from {} paid {}".format(*_PLANTED)


def _texts(value: Any) -> str:
    """All that a post-mortem's field holds, frames in full."""
    if isinstance(value, pl.DataFrame):
        return value.write_json()
    if is_dataclass(value):
        return " ".join(_texts(getattr(value, one.name)) for one in fields(value))
    return " ".join(map(_texts, value)) if isinstance(value, tuple) else repr(value)


def test_nothing_planted_in_any_field_is_left_and_what_people_wrote_keeps_its_names() -> None:
    told = postmortem(_LINE)
    users = ImpactRow("users", 2, "users", names=("u-ada", "u-grace"))
    made = redacted(replace(told, impact=(*told.impact, users), redactions={}), Redactor())
    for one in fields(made):
        found = [text for text in (*_PLANTED, "u-ada") if text in _texts(getattr(made, one.name))]
        assert found == (
            ["ada@example.org", "81.2.69.142", "4111111111111111"] if one.name == "notes" else []
        )
    assert made.redactions["password"] > 30
    assert made.redactions["user"] == 2


@pytest.mark.parametrize("form", ["to_html", "to_markdown"])
def test_the_report_says_what_was_redacted_how_and_how_much_and_what_was_kept(form: str) -> None:
    told = replace(postmortem(), summary=(_LINE, _LINE), redactions={"email": 3})
    policy = Policy.of_table({"email": "pseudonym", "password": "remove", "ip": "keep", "card": "mask"})
    text = words_of(getattr(redacted(told, Redactor(policy)), form)())
    for words in ("card: 2 masked", "email: 5 under pseudonyms", "password: 2 removed"):
        assert words in text
    assert "before anything was written. Kept by policy: ip, private-ip." in text.replace("\n", " ")


def test_a_post_mortem_without_anything_to_redact_is_the_same() -> None:
    told = replace(postmortem(), redactions={}, redaction_actions={}, impact=())
    made = redacted(told, Redactor(Policy.of_table({"user": "keep"})))
    assert made.to_markdown() == told.to_markdown().replace(
        "Nothing was found to redact.", "Nothing was found to redact. Kept by policy: user, private-ip."
    )
