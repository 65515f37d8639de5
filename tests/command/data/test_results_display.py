"""Results as text for people and as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tdaflink.adapters.kafka.tail import Record, Tail
from tdaflink.display import console
from tdaflink.display.diagrams.results import show_arrivals
from tdaflink.domain.errors import DeadlinePassed
from tdaflink.domain.messages.records import Arrival, Bar, DiagramDistance, error_from, result_from
from tdaflink.domain.progress import Silent
from tdaflink.services.data.results import Sought, arrivals


def message(job_id: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "0a",
        "job_id": job_id,
        "timestamp": "2024-01-01T12:00:05.000Z",
        "algorithm": "alpha",
        "computation_info": {
            "num_points": 500,
            "computation_time": 0.25,
            "success": True,
            "max_persistence": 0.75,
        },
        "tda_results": {
            "betti_numbers": {"0": [1], "1": [2], "2": [1]},
            "persistence_pairs": [
                {"dimension": 0, "birth": 0.0, "death": "inf"},
                {"dimension": 0, "birth": 0.0, "death": 0.2},
                {"dimension": 1, "birth": 0.163, "death": "inf"},
                {"dimension": 1, "birth": 0.167, "death": "inf"},
                {"dimension": 2, "birth": 0.475, "death": "inf"},
            ],
            "homology_groups": [{"dimension": 0, "num_features": 2}],
        },
        **changes,
    }


ERROR = {
    "timestamp": "2024-01-01T12:00:06.000Z",
    "code": "bad_json",
    "reason": "byte 7: expected a value",
    "job_id": None,
    "source": {"topic": "tda_jobs", "partition": 2, "offset": 41, "timestamp": "2024-01-01T12:00:00.000Z"},
}


def result(job_id: str, **changes: Any) -> Arrival:
    found = message(job_id, **changes)
    return Arrival(json.dumps(found).encode(), result_from(found))


def error() -> Arrival:
    return Arrival(json.dumps(ERROR).encode(), error_from(ERROR))


@pytest.fixture
def screen(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Callable[[], str]]:
    """Provide a function that returns the stdout of a call, 90 columns wide, without colour."""
    monkeypatch.setenv("COLUMNS", "90")
    console.configure(output="table", verbose=False, no_color=True)

    def text() -> str:
        written = capsysbinary.readouterr().out.decode()
        return "".join(line.rstrip() + "\n" for line in written.splitlines())

    yield text
    console.configure(output="table", verbose=False, no_color=False)


def test_the_table_is_in_the_order_of_time(screen: Callable[[], str]) -> None:
    late = result("late", timestamp="2024-01-01T12:00:09.000Z")
    show_arrivals([late, error(), result("torus-1")])
    assert (
        screen()
        == """\
JOB      ALGORITHM  POINTS     T  BETTI    SECONDS  LONGEST BARS
torus-1  alpha         500  0.75  1, 2, 1    0.250  H1[0.163,∞)  H1[0.167,∞)  H2[0.475,∞)
late     alpha         500  0.75  1, 2, 1    0.250  H1[0.163,∞)  H1[0.167,∞)  H2[0.475,∞)
JOB  CODE      MESSAGE        REASON
     bad_json  tda_jobs/2/41  byte 7: expected a value
"""
    )


def test_followed_rows_stand_in_one_column_each(screen: Callable[[], str]) -> None:
    show_arrivals(iter([result("a"), result("a-much-longer-name"), error()]), follow=True)
    assert (
        screen()
        == """\
JOB                     ALGORITHM      POINTS       T  BETTI     SECONDS  LONGEST BARS
a                       alpha             500    0.75  1, 2, 1     0.250  H1[0.163,∞)
                                                                          H1[0.167,∞)
                                                                          H2[0.475,∞)
a-much-longer-name      alpha             500    0.75  1, 2, 1     0.250  H1[0.163,∞)
                                                                          H1[0.167,∞)
                                                                          H2[0.475,∞)
tda_jobs/2/41  bad_json  byte 7: expected a value
"""
    )


def test_barcodes(screen: Callable[[], str]) -> None:
    show_arrivals([result("torus-1")], barcodes=True)
    assert (
        screen()
        == """\
torus-1  alpha, 500 points, 0.250 s,  Betti numbers 1, 2, 1 at T = 0.75
H0  ┃███████████████████████████████████████████████████████████████████▶ [0, ∞)
    ┃██████████████████                                                   [0, 0.2)
H1  ┃               ████████████████████████████████████████████████████▶ [0.163, ∞)
    ┃               ████████████████████████████████████████████████████▶ [0.167, ∞)
H2  ┃                                           ████████████████████████▶ [0.475, ∞)
    ┗━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━
    0                 0.2               0.4               0.6

"""
    )


def test_what_came_before_the_deadline_is_shown(screen: Callable[[], str]) -> None:
    def late() -> Iterator[Arrival]:
        yield result("first")
        raise DeadlinePassed("1 of 2 results arrived within 1 s")

    with pytest.raises(DeadlinePassed):
        show_arrivals(late())
    assert "first  alpha" in screen()


def test_a_name_in_square_brackets_is_not_markup(screen: Callable[[], str]) -> None:
    show_arrivals([result("[red]job[/red]")])
    assert "[red]job[/red]" in screen()


def test_json_is_the_message_as_it_lies_in_the_topic(screen: Callable[[], str]) -> None:
    console.configure(output="json", verbose=False, no_color=False)
    raw = b'{"job_id":"\xc3\xa4" , "pairs":[1.10, 2e0]}'
    pretty = json.dumps({"a": [1, 2]}, indent=2).encode()
    show_arrivals([Arrival(raw, result("a").says), Arrival(pretty, result("b").says)])
    assert screen() == raw.decode() + '\n{"a": [1,2]}\n'


def test_a_result_message_is_read() -> None:
    read = result_from(message("a"))
    assert (read.betti, read.cut, read.num_points, read.seconds) == ((1, 2, 1), 0.75, 500, 0.25)
    assert read.longest(2) == [Bar(1, 0.163, math.inf), Bar(1, 0.167, math.inf)]
    assert result_from(message(None, stream_id="s-1")).job_id == "s-1"


@pytest.mark.parametrize("missing", ["computation_info", "tda_results", "timestamp"])
def test_what_is_not_a_result_is_told_apart(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        result_from({key: value for key, value in message("a").items() if key != missing})


def test_a_windows_distance_and_its_end_are_read() -> None:
    compared = {"metric": "bottleneck", "distance": 0.25, "threshold": None, "alert": False}
    found = message(
        None, stream_id="s", window={"end": "2024-01-01T12:01:00.000Z", "first_seq": 1, "last_seq": 9}
    )
    found["tda_results"]["distance_to_previous"] = compared
    read = result_from(found)
    assert read.distance == DiagramDistance("bottleneck", 0.25, None, False)
    assert (read.moment, read.window) == ("2024-01-01T12:01:00.000Z", "#1-9")


def test_the_betti_column_of_uncut_windows_tells_a_loop_from_none(screen: Callable[[], str]) -> None:
    info = {"num_points": 50, "computation_time": 0.25, "max_persistence": None}
    parts = [{"dimension": 0, "birth": 0.0, "death": 0.05 + k / 1000} for k in range(20)]
    parts.append({"dimension": 0, "birth": 0.0, "death": "inf"})
    loop = {"dimension": 1, "birth": 0.2, "death": 1.7}
    noise = {"dimension": 1, "birth": 0.2, "death": 0.3}
    betti = {"0": [1], "1": [0]}
    show_arrivals(
        [
            result(
                name, computation_info=info, tda_results={"betti_numbers": betti, "persistence_pairs": bars}
            )
            for name, bars in (("with", [*parts, loop]), ("without", [*parts, noise]), ("cut", parts))
        ]
        + [result("torus")]
    )
    rows = {row.split()[0]: row for row in screen().splitlines()}
    assert "~1, 1" in rows["with"]
    assert "~1, 0" in rows["without"]
    assert "0.75  1, 2, 1" in rows["torus"]


ODD = [
    b"[" * 200_000 + b"]" * 200_000,
    b'{"job_id": {"a": [1]}, "timestamp": [], "computation_info": 5}',
    b'{"timestamp": 1}',
    b"\xff\xfe\x00",
    b"null",
    *(
        json.dumps(message("odd", **changes)).encode()
        for changes in (
            {"computation_info": {"num_points": 1e400, "computation_time": 1}},
            {"computation_info": {"num_points": 5, "computation_time": 10**400}},
            {"tda_results": {"betti_numbers": {"1000000000": [1]}, "persistence_pairs": []}},
            {"tda_results": {"betti_numbers": {"x": 1}, "persistence_pairs": None}},
            {
                "tda_results": {
                    "betti_numbers": {},
                    "persistence_pairs": [{"dimension": 10**9, "birth": 0, "death": 1}],
                }
            },
            {
                "tda_results": {
                    "betti_numbers": {},
                    "persistence_pairs": [{"dimension": 0, "birth": "nan", "death": 1}],
                }
            },
            {"window": {"end": 5}},
            {"window": [1, 2]},
        )
    ),
]
SHOWN_IN_SPITE = [
    {"tda_results": {"betti_numbers": {}, "persistence_pairs": []}},
    {"tda_results": {"betti_numbers": {"0": [10**30]}, "persistence_pairs": []}},
    {
        "tda_results": {
            "betti_numbers": {"0": [1]},
            "persistence_pairs": [{"dimension": 0, "birth": 0, "death": 5e-324}],
        },
        "computation_info": {"num_points": 2, "computation_time": 1e300, "max_persistence": None},
    },
    {
        "tda_results": {
            "betti_numbers": {"0": [1]},
            "persistence_pairs": [{"dimension": 1, "birth": 1.7e308, "death": 1.7e308}],
        }
    },
    {"job_id": 5, "algorithm": ["a"], "timestamp": {"a": 1}},
    {"job_id": "x" * 100_000},
]


class Topic(Tail):
    """The records of a topic, without a broker."""

    def __init__(self, values: list[bytes]) -> None:
        self._left = [Record("tda_results", 0, n, 0, None, value) for n, value in enumerate(values)]

    @property
    def caught_up(self) -> bool:
        return not self._left

    def read(self, seconds: float) -> Record | None:
        assert seconds > 0
        return self._left.pop(0)

    def close(self) -> None:
        """Do nothing: there is no consumer to close."""

    def __exit__(self, *_: object) -> None:
        self.close()


class Notes(Silent):
    """A reporter that keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.mark.parametrize("options", [{}, {"follow": True}, {"barcodes": True}], ids=str)
def test_odd_records_leave_the_others_on_the_screen(
    screen: Callable[[], str], options: dict[str, bool]
) -> None:
    topic = [*ODD, *(json.dumps(message("odd") | changes).encode() for changes in SHOWN_IN_SPITE)]
    reporter = Notes()
    show_arrivals(arrivals(Topic([*topic, result("last").raw]), Sought(), reporter), **options)
    *named, rest = reporter.warnings
    assert all(" was skipped: " in note and len(note) < 300 for note in named)
    assert rest == f"{len(ODD) - len(named)} more records of tda_results were skipped"
    shown = screen()
    assert "last" in shown
    assert max(map(len, shown.splitlines())) < 400


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_odd_records_leave_the_others_in_the_data(screen: Callable[[], str], form: str) -> None:
    console.configure(output=form, verbose=False, no_color=False)
    nested = json.dumps(message("deep")).encode()[:-1] + b', "x": ' + b"[" * 500 + b"]" * 500 + b"}"
    show_arrivals([Arrival(nested, result("deep").says), result("last")])
    assert "last" in screen()
