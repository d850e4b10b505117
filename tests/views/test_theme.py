from __future__ import annotations

import pytest

from obsnb.views.theme import DARK, DASHES, LIGHT, Theme, slots, theme


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """How far apart two colours are in lightness, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_line_can_be_seen_and_every_text_read(colours: Theme) -> None:
    for line in (*colours.series, colours.bad):
        assert contrast(line, colours.paper) >= 3
        assert contrast(line, colours.bad_tint) >= 2.5
    for paper in (colours.paper, colours.bad_tint, colours.calm_tint):
        assert contrast(colours.ink, paper) >= 7
        assert contrast(colours.quiet, paper) >= 4.5
    assert contrast(colours.bad, colours.paper) >= 4.5


def test_no_two_lines_share_colour_and_dash() -> None:
    looks = list(zip(LIGHT.series, DASHES, strict=True))
    assert len(set(looks)) == len(looks) == len(DARK.series)


def test_names_get_places_in_order_and_begin_anew_past_the_last_colour() -> None:
    assert slots(["b", "a", "b"]) == {"b": 0, "a": 1}
    many = slots([str(number) for number in range(9)])
    assert many["7"] == 0


def test_a_mode_names_its_theme() -> None:
    assert theme("light") is LIGHT
    assert theme("dark") is DARK
