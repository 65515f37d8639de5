"""The HTML page of a real job's results in a real browser."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.browser import running_browser
from support.command_runner import Cluster
from support.stream_samples import Streams, job, make_streams

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.cluster

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
WINDOWS = 12
NOW = int(time.time() * 1000) // 60_000 * 60_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with running_browser(tmp_path_factory.mktemp("profile")) as chrome:
        yield chrome


@pytest.fixture(scope="module")
def page(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page of two streams: a cloud that becomes a circle halfway, and one with an attack as name."""
    folder = tmp_path_factory.mktemp("page")
    streams = make_streams(cluster)
    compared = {"metric": "bottleneck", "dimensions": [1], "threshold": 0.3}
    window = {"kind": "count", "size": 40, "slide": 40, "timeout": None}
    with job(streams, folder, window, distance_to_previous=compared):
        send(streams, "pump", WINDOWS)
        send(streams, HOSTILE, 1)
        file = folder / "page.html"
        words = ("--topic", streams.output, "--count", str(WINDOWS + 1), "--timeout", "90")
        done = cluster.run("results", *words, "--plot", str(file), "-o", "json", timeout=120)
        assert len(done.stdout.splitlines()) == WINDOWS + 1
        assert f"{file} shows {WINDOWS + 1} results." in done.stderr
    return file


def send(streams: Streams, stream: str, windows: int) -> None:
    numbers = random.Random(7)
    messages = []
    for number in range(windows):
        radius = 1.0 if number >= windows // 2 else 0.02
        angles = [2 * math.pi * (k + 0.3 * numbers.random()) / 40 for k in range(40)]
        points = [[radius * math.cos(a), radius * math.sin(a)] for a in angles]
        messages.append({"stream_id": stream, "points": points, "timestamp": NOW + 1000 * number})
    streams.send(messages)


def fresh(browser: Chrome, page: Path) -> None:
    from selenium.webdriver.support.select import Select

    browser.get(page.as_uri())
    Select(browser.find_element("id", "series")).select_by_visible_text(f"pump ({WINDOWS})")


def text(browser: Chrome, element: str) -> str:
    return browser.find_element("id", element).text


def press(browser: Chrome, *keys: str) -> None:
    browser.find_element("tag name", "body").send_keys(*keys)


def bars(browser: Chrome, dimension: int) -> list[str]:
    drawn = browser.find_elements("css selector", f"#barcode .bar[data-dimension='{dimension}'] title")
    return [title.get_attribute("textContent") or "" for title in drawn]


def labels(browser: Chrome, drawing: str) -> list[str]:
    drawn = browser.find_elements("css selector", f"#{drawing} text")
    return [label.get_attribute("textContent") or "" for label in drawn]


def test_the_slider_goes_over_the_windows_by_keys(browser: Chrome, page: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    fresh(browser, page)
    assert text(browser, "title") == "pump"
    assert text(browser, "place") == f"{WINDOWS} of {WINDOWS}"
    (loop,) = bars(browser, 1)
    assert loop.startswith("H1 [0.")
    press(browser, Keys.HOME)
    assert text(browser, "place") == f"1 of {WINDOWS}"
    assert "#1-40" in text(browser, "facts")
    press(browser, Keys.ARROW_RIGHT)
    assert "#41-80" in text(browser, "facts")
    slider = browser.find_element("id", "window")
    slider.send_keys(Keys.PAGE_DOWN)
    assert text(browser, "place") == f"{WINDOWS} of {WINDOWS}"
    slider.send_keys(Keys.ARROW_LEFT)
    assert text(browser, "place") == f"{WINDOWS - 1} of {WINDOWS}"
    assert slider.get_attribute("value") == str(WINDOWS - 2)


def test_axes_say_what_they_show(browser: Chrome, page: Path) -> None:
    """The axis shows count windows by the sequence number of their last point, not by their time."""
    fresh(browser, page)
    assert {"point 40", f"point {40 * WINDOWS}"} <= set(labels(browser, "ranks"))
    assert {"birth (edge length)", "death (edge length)"} <= set(labels(browser, "diagram"))


def test_what_changed_between_windows_is_seen(browser: Chrome, page: Path) -> None:
    fresh(browser, page)
    assert text(browser, "metric") == "Distance to the previous window, bottleneck"
    alerts = browser.find_elements("css selector", "#distances .alarm")
    assert len(alerts) == 1
    press(browser, "\ue011", *["\ue014"] * (WINDOWS // 2))  # Home, then to the first circle
    assert "distance" in text(browser, "facts")
    assert browser.find_elements("css selector", "#facts .alarm")
    lines = browser.find_elements("css selector", "#ranks .trace")
    assert len(lines) == 2
    assert len(browser.find_elements("css selector", "#diagram .dot")) == 41


def test_light_and_dark(browser: Chrome, page: Path) -> None:
    def background() -> str:
        return browser.find_element("tag name", "body").value_of_css_property("background-color")

    fresh(browser, page)
    before = background()
    browser.find_element("id", "theme").click()
    assert background() != before
    assert text(browser, "theme") == "Light"


def test_a_hostile_stream_id_stays_text_and_nothing_is_fetched(browser: Chrome, page: Path) -> None:
    from selenium.webdriver.support.select import Select

    browser.get_log("browser")
    fresh(browser, page)
    Select(browser.find_element("id", "series")).select_by_visible_text(f"{HOSTILE} (1)")
    assert text(browser, "title") == HOSTILE
    assert browser.title == f"{HOSTILE} · tdaflink"
    assert browser.find_elements("tag name", "img") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.get_log("browser") == []
