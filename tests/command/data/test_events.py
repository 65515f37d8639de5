"""Events as they are stored, and as they are shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tdaflink.adapters.kafka.tail import Record
from tdaflink.display import console
from tdaflink.display.diagrams.results import show_arrivals
from tdaflink.display.jobs.events import show_events
from tdaflink.domain.errors import UsageError
from tdaflink.domain.jobs.audit_event import control_event
from tdaflink.domain.jobs.history import AuditEntry
from tdaflink.domain.messages.models import examples
from tdaflink.domain.messages.records import Arrival, EventArrival, event_from, is_event, result_from
from tdaflink.services.observability.events import EventsSought
from tdaflink.services.observability.stream_alerts import alerts_of

CONTROL = json.loads(
    control_event(
        AuditEntry(1.7e9, "stop", "failed", "a" * 32, "tda", "me@here", {"reason": "no slot"}), "local"
    )[1]
)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("COLUMNS", "150")
    console.configure(output="table", verbose=False, no_color=True)
    yield
    console.configure(output="table", verbose=False, no_color=False)


def arrival(message: Mapping[str, Any]) -> EventArrival:
    return EventArrival(json.dumps(message).encode(), event_from(message))


def test_both_kinds_are_read() -> None:
    alert, control = event_from(examples.EVENT), event_from(CONTROL)
    assert (alert.kind, alert.subject) == ("alert", examples.EVENT["stream_id"])
    assert alert.distance is not None
    assert f"{alert.distance.value:g}" in alert.text
    assert (control.kind, control.subject, control.text) == (
        "control",
        "tda",
        "stop failed by me@here: no slot",
    )
    assert event_from(examples.CONTROL_EVENT).kind == "control"


@pytest.mark.parametrize("broken", ["kind", "timestamp", "stream_id", "distance_to_previous"])
def test_what_is_none_is_refused_as_such(broken: str) -> None:
    message = {key: value for key, value in copy.deepcopy(dict(examples.EVENT)).items() if key != broken}
    with pytest.raises(ValueError, match=r"an event|without its distance"):
        event_from(message)


def test_results_differ_from_events() -> None:
    assert is_event(examples.EVENT)
    assert is_event(CONTROL)
    assert not is_event(examples.RESULT)


@pytest.mark.parametrize(
    ("sought", "taken"),
    [
        (EventsSought(), [True, True]),
        (EventsSought(kind="alert"), [True, False]),
        (EventsSought(kind="control"), [False, True]),
        (EventsSought(streams=(str(examples.EVENT["stream_id"]),)), [True, False]),
        (EventsSought(streams=("another",)), [False, False]),
        (EventsSought(since=1.7e12), [True, True]),
        (EventsSought(since=1.7e12 + 1), [True, False]),
    ],
)
def test_filters(sought: EventsSought, taken: list[bool]) -> None:
    assert [sought.takes(arrival(one)) for one in (examples.EVENT, CONTROL)] == taken


@pytest.mark.parametrize(
    "sought",
    [EventsSought(count=0), EventsSought(timeout=0.0), EventsSought(streams=("a",), kind="control")],
)
def test_what_cannot_be_meant_is_refused(sought: EventsSought) -> None:
    with pytest.raises(UsageError):
        sought.check()


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_events([arrival(examples.EVENT), arrival(CONTROL)], follow=False)
    heading, alert, control = capsys.readouterr().out.splitlines()
    assert heading.split() == ["WHEN", "KIND", "SUBJECT", "WINDOW", "WHAT"]
    assert " alert " in alert
    assert "bottleneck distance" in alert
    assert control.split()[:4] == ["2023-11-14", "22:13:20", "control", "tda"]


def test_lines_of_json_are_the_messages(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    console.configure(output="json", verbose=False, no_color=True)
    show_events([arrival(CONTROL)], follow=True)
    assert json.loads(capsysbinary.readouterr().out) == CONTROL


@pytest.mark.parametrize("follow", [True, False])
def test_windows_show_their_distance_and_whether_it_is_an_alert(
    capsys: pytest.CaptureFixture[str], follow: bool
) -> None:
    first, second = (copy.deepcopy(dict(examples.STREAM_RESULT)) for _ in range(2))
    first["tda_results"]["distance_to_previous"] = None
    second["tda_results"]["distance_to_previous"] = {
        **examples.EVENT["distance_to_previous"],
        "distance": 0.625,
        "alert": True,
    }
    shown = [Arrival(json.dumps(one).encode(), result_from(one)) for one in (first, second)]
    show_arrivals(shown, follow=follow)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[-4:] == ["DISTANCE", "ALERT", "LONGEST", "BARS"]
    at = lines[0].index("DISTANCE"), lines[0].index("LONGEST")
    cells = [line[at[0] : at[1]].split() for line in lines[1:] if line[at[0] : at[1]].strip()]
    assert cells == [["-"], ["0.625", "yes"]]


def test_the_dashboard_has_the_newest_alert_of_each_stream() -> None:
    def record(offset: int, message: Any, at: int) -> Record:
        return Record("tda_events", 0, offset, at, b"k", json.dumps(message).encode())

    other = {**examples.EVENT, "stream_id": "other"}
    newer = {**examples.EVENT, "timestamp": "2030-01-01T00:00:00.000Z"}
    records = [record(0, examples.EVENT, 1000), record(1, CONTROL, 9000), record(2, newer, 3000)]
    found = alerts_of([*records, record(3, other, 2000), record(4, ["no event"], 9000), record(5, 5, 9000)])
    assert [(at, alert.name) for at, alert in found] == [
        (3.0, f"stream {examples.EVENT['stream_id']}"),
        (2.0, "stream other"),
    ]
    assert found[0][1].since == newer["timestamp"]
