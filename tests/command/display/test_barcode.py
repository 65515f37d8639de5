"""The barcode on the screen."""

from __future__ import annotations

import io
import math

import pytest

from tdaflink.display.diagrams.barcode import ASCII, UNICODE, Glyphs, barcode, barcode_text, glyphs_for
from tdaflink.domain.messages.records import Bar

BARS = [
    Bar(0, 0.0, math.inf),
    Bar(0, 0.0, 0.1),
    Bar(0, 0.0, 0.05),
    Bar(0, 0.0, 0.04),
    Bar(1, 0.15, math.inf),
    Bar(1, 0.1, 0.35),
]


def screen(bars: list[Bar], glyphs: Glyphs = UNICODE, **options: object) -> str:
    lines = barcode(bars, glyphs=glyphs, **options)  # type: ignore[arg-type]
    return "\n".join((line.before + line.drawn + line.after).rstrip() for line in lines) + "\n"


def test_the_whole_screen() -> None:
    assert (
        screen(BARS, dimensions=3, end=0.6, width=62, longest=2)
        == """\
H0  ┃███████████████████████████████████████▶ [0, ∞)
    ┃██████▌                                  [0, 0.1)
    ┃ … 2 more, none longer than 0.05
H1  ┃          █████████████████████████████▶ [0.15, ∞)
    ┃      ▐████████████████▌                 [0.1, 0.35)
H2  ┃ no bars
    ┗━━━━━━━━━━━━┷━━━━━━━━━━━━━┷━━━━━━━━━━━━┷
    0            0.2           0.4          0.6
"""
    )


def test_the_whole_screen_in_ascii() -> None:
    assert (
        screen(BARS, ASCII, dimensions=3, end=0.6, width=62, longest=2)
        == """\
H0  |=======================================> [0, inf)
    |=======                                  [0, 0.1)
    | ... 2 more, none longer than 0.05
H1  |          =============================> [0.15, inf)
    |      ==================                 [0.1, 0.35)
H2  | no bars
    +------------+-------------+------------+
    0            0.2           0.4          0.6
"""
    )


def test_without_a_cut_the_scale_ends_after_the_last_value() -> None:
    assert (
        screen([Bar(0, 0.0, 2.0), Bar(0, 0.0, math.inf)], width=50)
        == """\
H0  ┃███████████████████████████▶ [0, ∞)
    ┃██████████████████████████▌  [0, 2)
    ┗━━━━━━━━━━━━━━━━━━━━━━━━━━┷━
    0                          2
"""
    )


@pytest.mark.parametrize("width", [50, 80, 133])
def test_no_line_is_wider_than_asked(width: int) -> None:
    bars = [*BARS, Bar(1, 0.123456, 0.987654), Bar(2, 1e-9, 1.5e-9), Bar(2, 12345.6, 123456.7)]
    for line in screen(bars, width=width).splitlines():
        assert len(line) <= width


def test_a_bar_is_seen_however_short_and_wherever_it_lies() -> None:
    for birth in (0.0, 0.3, 0.6):
        drawn = [line.drawn for line in barcode([Bar(0, birth, birth + 1e-12)], end=0.6) if line.drawn]
        assert len(drawn[0].strip()) == 1


def test_a_cloud_of_one_point_has_a_barcode() -> None:
    assert (
        screen([Bar(0, 0.0, math.inf)], dimensions=2, width=40)
        == """\
H0  ┃█████████████████▶ [0, ∞)
H1  ┃ no bars
    ┗━━━━━━━━┷━━━━━━━━┷
    0        0.5      1
"""
    )


def test_colour_is_the_only_difference_between_a_terminal_and_a_file() -> None:
    lines = barcode(BARS, end=0.6)
    assert barcode_text(lines).plain == "\n".join(line.before + line.drawn + line.after for line in lines)


@pytest.mark.parametrize(
    ("encoding", "glyphs"), [("utf-8", UNICODE), ("ascii", ASCII), ("latin-1", ASCII), ("cp437", ASCII)]
)
def test_signs_fit_the_encoding_of_the_stream(encoding: str, glyphs: Glyphs) -> None:
    assert glyphs_for(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) is glyphs
    text = screen(BARS, glyphs_for(io.TextIOWrapper(io.BytesIO(), encoding=encoding)))
    assert text.encode(encoding)


@pytest.mark.parametrize(
    "bars",
    [
        [Bar(0, 0.0, 5e-324), Bar(0, 0.0, math.inf)],
        [Bar(0, 0.0, 1.7e308), Bar(1, 1.6e308, 1.79e308)],
        [Bar(0, -1.7e308, 1.7e308)],
        [Bar(0, -3.0, -1.0)],
        [Bar(1, 0.5, 0.5)],
        [Bar(1, 2.0, 1.0)],
        [Bar(0, math.nan, 1.0), Bar(0, math.inf, math.inf), Bar(0, 0.0, math.nan)],
        [Bar(0, 1e17, 1e17 + 20)],
        [],
    ],
    ids=str,
)
@pytest.mark.parametrize("end", [None, 0.0, 5e-324, 1.0, math.inf, math.nan])
def test_odd_bars_are_drawn_within_the_width(bars: list[Bar], end: float | None) -> None:
    for width in (40, 80):
        lines = barcode(bars, dimensions=2, end=end, width=width)
        assert len(lines) >= 4
        assert max(len(line.before + line.drawn + line.after) for line in lines) <= width + 12


def test_a_bar_of_the_smallest_number_has_its_length() -> None:
    lines = barcode([Bar(0, 0.0, 5e-324)], width=50)
    assert lines[0].drawn == "█" * len(lines[0].drawn)


def test_values_below_zero_have_their_place() -> None:
    (first, *_) = barcode([Bar(0, -1.0, 1.0), Bar(0, -1.0, math.inf)], width=60)
    assert first.drawn[0] == "█"
    assert any("-1" in line.before for line in barcode([Bar(0, -1.0, 1.0)], width=60))
