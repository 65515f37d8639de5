"""The page of results: all important data, bounded in size, and no text that could be markup."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tdaflink.display.diagrams import page_data
from tdaflink.display.diagrams.page import Page
from tdaflink.display.diagrams.page_data import CURVE_VALUES, Gathered
from tdaflink.domain.messages.records import Bar, DiagramDistance, Result

BARS = (Bar(0, 0.0, math.inf), Bar(0, 0.0, 0.5), Bar(0, 0.0, 0.25), Bar(1, 0.5, 1.0))
WINDOW = Result(
    job_id="pump-7",
    timestamp="2024-01-01T12:00:05.000Z",
    algorithm="vietoris_rips",
    num_points=3,
    seconds=0.001,
    betti=(1, 0),
    bars=BARS,
    window="#1-3",
    last_seq=3,
    id="a",
    moment="2024-01-01T12:00:00.000Z",
    distance=DiagramDistance("bottleneck", 0.25, 0.2, True),
)
HOSTILE = "</script><script>alert(1)</script><!--&lt;"


def embedded(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    found: dict[str, Any] = json.loads(data)
    return found


def saved(path: Path, *results: Result) -> Path:
    page = Page(path)
    for result in results:
        page.take(result)
    page.save()
    return path


def test_a_window_is_there_with_its_bars_ranks_and_distance(tmp_path: Path) -> None:
    (series,) = embedded(saved(tmp_path / "p.html", WINDOW))["series"]
    (window,) = series["windows"]
    assert (series["name"], series["kind"]) == ("pump-7", "stream")
    assert window["bars"] == [[0.0, None, 0.0, 0.5, 0.0, 0.25], [0.5, 1.0]]
    assert window["totals"] == [3, 1]
    assert window["end"] == 1.05
    assert window["last_seq"] == 3
    assert window["distance"] == {"metric": "bottleneck", "value": 0.25, "threshold": 0.2, "alert": True}
    places = [1.05 * k / (CURVE_VALUES - 1) for k in range(CURVE_VALUES)]
    assert window["curves"][0] == [1 + (t < 0.5) + (t < 0.25) for t in places]
    assert window["curves"][1] == [int(0.5 <= t < 1.0) for t in places]


def test_streams_are_apart_and_requests_in_the_order_of_their_times(tmp_path: Path) -> None:
    late = replace(WINDOW, id="r2", window="", job_id="b", timestamp="2024-01-01T12:00:09.000Z")
    early = replace(late, id="r1", job_id="c", timestamp="2024-01-01T12:00:01.000Z")
    other = replace(WINDOW, id="s", job_id="pump-8")
    found = embedded(saved(tmp_path / "p.html", WINDOW, late, other, early))["series"]
    assert [(series["kind"], series["name"]) for series in found] == [
        ("requests", ""),
        ("stream", "pump-7"),
        ("stream", "pump-8"),
    ]
    assert [window["job"] for window in found[0]["windows"]] == ["c", "b"]


def test_a_result_that_comes_twice_is_there_once(tmp_path: Path) -> None:
    (series,) = embedded(saved(tmp_path / "p.html", WINDOW, replace(WINDOW, seconds=0.002)))["series"]
    assert [window["seconds"] for window in series["windows"]] == [0.002]


def test_ids_cannot_become_markup(tmp_path: Path) -> None:
    hostile = replace(WINDOW, job_id=HOSTILE, algorithm=HOSTILE, window=HOSTILE, moment=HOSTILE)
    path = saved(tmp_path / "p.html", hostile, replace(hostile, window="", id="b"))
    assert "alert(1)" in path.read_text(encoding="utf-8")
    assert len(re.findall("<script", path.read_text(encoding="utf-8"))) == 2
    requests, stream = embedded(path)["series"]
    assert stream["name"] == requests["windows"][0]["job"] == HOSTILE


def test_the_page_may_fetch_nothing_and_names_no_address(tmp_path: Path) -> None:
    text = saved(tmp_path / "p.html", WINDOW).read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[\w./]+", text)) == {"http://www.w3.org/2000/svg"}  # an XML namespace
    assert not re.search(r"\s(src|href)=", text)


def test_thousands_of_windows_are_bounded_and_the_rest_is_told(tmp_path: Path) -> None:
    bars = tuple(Bar(d, 0.001 * k, 0.9 + 0.0001 * k) for d in (0, 1) for k in range(120))
    page = Page(tmp_path / "p.html")
    many = page_data.MAX_WINDOWS + 10
    for number in range(many):
        page.take(replace(WINDOW, bars=bars, id=str(number), window=f"#{number}"))
    assert page.save().endswith("5000 results. 10 older results are omitted.")
    found = embedded(tmp_path / "p.html")
    (series,) = found["series"]
    assert found["left_out"] == 10
    assert series["windows"][0]["window"] == "#10"
    assert found["longest"] == 30
    assert {len(window["bars"][1]) for window in series["windows"]} == {60}
    assert series["windows"][0]["totals"] == [120, 120]
    assert (tmp_path / "p.html").stat().st_size < 10_000_000


def test_numbers_that_are_none_do_no_harm() -> None:
    nan = math.nan
    bars = (*BARS, Bar(0, nan, 1.0), Bar(0, 0.0, nan), Bar(-1, 0.0, 1.0), Bar(10**9, 0.0, 1.0))
    gathered = Gathered()
    gathered.take(replace(WINDOW, bars=bars, cut=nan, seconds=nan, betti=()))
    (window,) = gathered.document()["series"][0]["windows"]
    assert window["bars"][:2] == [[0.0, None, 0.0, 0.5, 0.0, 0.25], [0.5, 1.0]]
    assert len(window["bars"]) == 10
    json.dumps(window, allow_nan=False)


def test_nothing_is_written_without_a_result(tmp_path: Path) -> None:
    assert (
        Page(tmp_path / "p.html").save() == f"No result, so no page: {tmp_path / 'p.html'} was not written."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.html", "a.htm", "A.HTML"])
def test_a_page_is_asked_for_by_its_ending(tmp_path: Path, name: str) -> None:
    from tdaflink.display.diagrams.picture_formats import picture_for

    assert isinstance(picture_for(tmp_path / name), Page)
