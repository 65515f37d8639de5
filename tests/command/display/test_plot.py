"""Pictures with the values of the result."""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tdaflink.display.diagrams.picture_formats import picture_for
from tdaflink.display.diagrams.plot import save_picture
from tdaflink.domain.errors import UsageError
from tdaflink.domain.messages.records import Bar, Result

TORUS = Result(
    job_id="torus-1",
    timestamp="2024-01-01T12:00:05.000Z",
    algorithm="alpha",
    num_points=1000,
    seconds=0.3,
    betti=(1, 2, 1),
    bars=(
        Bar(0, 0.0, math.inf),
        *(Bar(0, 0.0, 0.001 * k) for k in range(1, 200)),
        Bar(1, 0.163, math.inf),
        Bar(1, 0.167, math.inf),
        Bar(1, 0.17, 0.44),
        Bar(2, 0.475, math.inf),
    ),
    cut=0.75,
)


def words(svg: Path) -> str:
    """Return the texts of a picture: matplotlib draws letters as paths, with the text as a comment."""
    return "\n".join(re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8"), re.DOTALL))


def test_a_picture_is_labelled(tmp_path: Path) -> None:
    save_picture(TORUS, tmp_path / "torus.svg")
    text = words(tmp_path / "torus.svg")
    assert "torus-1  ·  alpha, 1000 points  ·  Betti numbers 1, 2, 1" in text
    for label in ("Barcode", "Persistence diagram", "radius", "birth (radius)", "death (radius)", "∞"):
        assert label in text.splitlines()
    assert "T = 0.75" in text
    assert "40 of 200" in text


def test_the_title_names_the_window(tmp_path: Path) -> None:
    save_picture(replace(TORUS, job_id="pump", window="#81-180"), tmp_path / "window.svg")
    assert "pump, window #81-180  ·  alpha, 1000 points" in words(tmp_path / "window.svg")


def test_rips_is_drawn_in_edge_lengths_and_without_a_cut_no_line_is_drawn(tmp_path: Path) -> None:
    bars = (Bar(0, 0.0, math.inf), Bar(0, 0.0, 1.0))
    rips = Result("r", TORUS.timestamp, "vietoris_rips", 2, 0.1, (1, 0), bars)
    save_picture(rips, tmp_path / "rips.svg")
    text = words(tmp_path / "rips.svg")
    assert "birth (edge length)" in text
    assert "T =" not in text


@pytest.mark.parametrize("name", ["one.png", "one.svg", "one.pdf", "ONE.PNG"])
def test_a_cloud_of_one_point_has_a_picture_in_every_form(tmp_path: Path, name: str) -> None:
    lone = Result("one", TORUS.timestamp, "alpha", 1, 0.0, (1, 0), (Bar(0, 0.0, math.inf),))
    save_picture(lone, tmp_path / name)
    start = (tmp_path / name).read_bytes()[:8]
    assert start.startswith((b"\x89PNG", b"<?xml", b"%PDF"))


def test_the_same_result_is_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        save_picture(TORUS, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file


def test_a_name_that_no_picture_can_have_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'\.bmp'"):
        picture_for(tmp_path / "torus.bmp")
    with pytest.raises(UsageError, match="there is no folder"):
        picture_for(tmp_path / "nowhere" / "torus.png")


@pytest.mark.parametrize(
    ("job_id", "shown"),
    [
        ("a$_$b", "a$_$b"),
        (r"$\frac{1}{0}$ \undefined", r"$\frac{1}{0}$ \undefined"),
        ("\x1b]0;x\x07你\n" + "y" * 5000, r"\x1b]0;x\x07你\ny"),
    ],
)
def test_an_id_is_text_and_no_formula(tmp_path: Path, job_id: str, shown: str) -> None:
    save_picture(replace(TORUS, job_id=job_id, algorithm=job_id), tmp_path / "odd.svg")
    assert shown in html.unescape(words(tmp_path / "odd.svg"))


@pytest.mark.parametrize(
    ("bars", "unit"),
    [
        ((Bar(0, 0.0, 5e-324), Bar(0, 0.0, math.inf)), "radius, in 1e-324"),
        ((Bar(0, 0.0, 1.7e308), Bar(1, 1.6e308, 1.79e308)), "radius, in 1e308"),
        ((Bar(0, -3.0, 2.0), Bar(1, -1.0, 1.0)), "radius"),
        ((Bar(0, math.nan, 1.0), Bar(0, math.inf, math.inf), Bar(1, 0.5, 0.5)), "radius"),
        ((), "radius"),
    ],
    ids=str,
)
@pytest.mark.parametrize("cut", [None, math.inf, 0.0])
def test_odd_values_have_a_picture(
    tmp_path: Path, bars: tuple[Bar, ...], unit: str, cut: float | None
) -> None:
    path = tmp_path / "odd.svg"
    picture = picture_for(path)
    picture.take(replace(TORUS, bars=bars, cut=cut))
    assert picture.save() == f"{path} shows torus-1."
    assert f"birth ({unit})" in words(path)
