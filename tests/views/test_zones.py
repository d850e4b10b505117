from __future__ import annotations

import time
from collections.abc import Iterator

import polars as pl
import pytest

from obsnb.errors import WindowError
from obsnb.instants import parse_instant
from obsnb.views.zones import zone_of

WINTER = parse_instant("2026-11-23T18:24:19.123456789Z")


@pytest.fixture
def machine_in_kolkata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_zone_says_its_name_and_what_it_is_off_utc() -> None:
    assert zone_of("Europe/Berlin", WINTER, WINTER).words == "Europe/Berlin (UTC+01:00)"
    assert zone_of("America/St_Johns", WINTER, WINTER).words == "America/St_Johns (UTC-03:30)"
    assert zone_of("UTC", WINTER, WINTER).words == "UTC"


def test_moments_are_as_the_zones_clocks_show_them() -> None:
    zone = zone_of("Europe/Berlin", WINTER, WINTER)
    assert zone.text(WINTER) == "2026-11-23T19:24:19.123456"
    wall = zone.wall(pl.Series([WINTER]).cast(pl.Datetime("ns", "UTC")))
    assert wall.dtype == pl.Datetime("us")
    assert str(wall[0]) == "2026-11-23 19:24:19.123456"


def test_where_the_clocks_are_changed_the_axis_keeps_one_offset_and_says_so() -> None:
    before, after = parse_instant("2026-10-25T00:00Z"), parse_instant("2026-10-25T03:00Z")
    zone = zone_of("Europe/Berlin", before, after)
    assert zone.text(after) == "2026-10-25T05:00:00"
    assert zone.note == "the clocks are changed meanwhile; all times are UTC+02:00"
    assert zone_of("Europe/Berlin", WINTER, WINTER).note == ""


@pytest.mark.usefixtures("machine_in_kolkata")
def test_without_a_name_it_is_the_machines_zone() -> None:
    assert zone_of(None, WINTER, WINTER).words == "IST (UTC+05:30)"


@pytest.mark.parametrize("name", ["Middle/Earth", "", "../etc/passwd", "Europe"])
def test_a_zone_that_is_not_known_is_named(name: str) -> None:
    with pytest.raises(WindowError) as caught:
        zone_of(name, WINTER, WINTER)
    assert str(caught.value) == (
        f"{name!r} is not a time zone that this machine knows.\n"
        'Hint: Use a name of the IANA database, such as "Europe/Berlin", or "UTC".'
    )
