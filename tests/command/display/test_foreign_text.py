"""Text of producers and clusters is shown on the terminal as text, by every command."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import pkgutil
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

import tdaflink.display
from tdaflink.cli.completion import is_plain_word
from tdaflink.display import console, errors, progress
from tdaflink.display.diagrams.page import Page
from tdaflink.display.diagrams.results import show_arrivals
from tdaflink.display.jobs import logs
from tdaflink.display.jobs.listing import show_jobs
from tdaflink.domain.environments.environment import LogLine
from tdaflink.domain.errors import TdaflinkError
from tdaflink.domain.jobs.job import Job
from tdaflink.domain.messages.demo import CLOUDS, DemoAnswer
from tdaflink.domain.messages.records import Arrival, Bar, Result, message_from, result_from
from tdaflink.domain.observability.logs import Entry
from tdaflink.domain.printable import printable, printable_lines, printable_value
from tdaflink.services.jobs.listing import Canceled
from tdaflink.services.upgrades.restart import RestartPlan
from tdaflink.services.upgrades.savepoints import Saved

HOSTILE = (
    "id\x1b]0;title\x07\x1b]8;;http://evil\x1b\\\x1b]52;c;eA==\x07\x1b[2J\x9b2J\x9d0;x\x9c"
    "[/data][bold] :smile: \u202eabc\u2066\u200bd\u2028\u00ad\ufeff\ud800$_$\x7f\t\r\nFORGED"
)
# Functions that write a text line by line: a traceback on one line is of no use.
BY_LINES = {"show_job", "show_once"}
# Functions whose arguments cannot be built from their types alone.
SPECIAL = {"show_config", "show_explained", "show_valid", "show_logs", "show_platforms"}
DATA = {"show_schema", "show_messages"}  # written in JSON in any case
NOT_TYPED = {
    "show_canceled": Sequence[Canceled],
    "show_saved": Saved,
    "show_restart_plan": RestartPlan,
}
pytestmark = pytest.mark.usefixtures("screen")


def shows() -> Iterator[Callable[..., Any]]:
    """Yield every function of the display that shows a value."""
    for module in pkgutil.walk_packages(tdaflink.display.__path__, "tdaflink.display."):
        for name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if name.startswith("show_") and function.__module__ == module.name:
                yield function


SHOWS = [function for function in shows() if function.__name__ not in ("show_error", "show_data")]


def made(kind: Any) -> Any:
    """Return a value of a type in which every text is hostile."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return made(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return made(next(part for part in arguments if part is not type(None)))
    if origin is typing.Literal:
        return arguments[0]
    if origin is tuple:
        return tuple(made(part) for part in arguments if part is not ...)
    if origin is not None and issubclass(origin, Mapping):
        return {made(arguments[0]): made(arguments[1])}
    if origin is not None and issubclass(origin, Sequence | Iterable):
        return [made(arguments[0])]
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return kind(**{field.name: made(hints[field.name]) for field in fields(kind) if field.init})
    plain = {int: 1, float: 1.0, bool: True, bytes: b"{}", datetime: datetime.now(timezone.utc)}
    return Path("file") if kind is Path else plain.get(kind, HOSTILE)


def arguments_of(function: Callable[..., Any]) -> dict[str, Any]:
    if function.__name__ == "show_bill":
        return {"document": {"components": [dict.fromkeys(("purl", "group", "name", "version"), HOSTILE)]}}
    if function.__name__ == "show_demo":
        return {"answers": [DemoAnswer(CLOUDS[0], made(Result))], "kept": True}
    if function.__name__ == "show_answer":
        return {"answer": DemoAnswer(CLOUDS[0], made(Result))}
    hints = typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    wanted = inspect.signature(inspect.unwrap(function)).parameters
    kinds = {
        name: NOT_TYPED.get(function.__name__, hints[name]) if "Any" in str(hints[name]) else hints[name]
        for name in wanted
    }
    return {name: None if name == "picture" else made(kind) for name, kind in kinds.items()}


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Set a width at which nothing is wrapped, without colour."""
    monkeypatch.setenv("COLUMNS", "9999")
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    yield
    console.configure(output="table", verbose=False, no_color=False)


def assert_harmless(text: str) -> None:
    """Check that a terminal executes, hides or interprets no part of the text, and that none is missing."""
    assert [sign for sign in text if not sign.isprintable() and sign != "\n"] == []
    assert "[/data][bold] :smile:" in text
    assert r"\x1b]0;title\x07" in text
    assert r"\x9b2J" in text
    assert r"\u202e" in text
    assert r"\ud800" in text


def test_every_function_that_shows_something_escapes_its_arguments() -> None:
    assert [f"{f.__module__}.{f.__name__}" for f in SHOWS if not hasattr(f, "__wrapped__")] == []


@pytest.mark.parametrize(
    "show", [f for f in SHOWS if f.__name__ not in SPECIAL], ids=lambda f: f"{f.__module__[17:]}.{f.__name__}"
)
def test_no_sign_of_a_value_drives_the_terminal(
    show: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    console.configure(output="table", verbose=True, no_color=True)
    given = arguments_of(show)
    show(**given)
    written = "".join(capsys.readouterr())
    assert [sign for sign in written if not sign.isprintable() and sign != "\n"] == []
    assert "\U0001f604" not in written
    if "[/data]" in written and show.__name__ not in DATA:
        assert_harmless(written)
        if show.__name__ not in BY_LINES:
            assert "\nFORGED" not in written


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_data_are_exact_and_harmless_at_once(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.configure(output=form, verbose=False, no_color=True)
    show_jobs([replace(made(Job), name=HOSTILE + "ä")], "")
    written = capsys.readouterr().out
    assert [sign for sign in written if not sign.isprintable() and sign != "\n"] == []
    read = json.loads if form == "json" else yaml.safe_load
    assert read(written)[0]["name"] == HOSTILE + "ä"


def test_a_result_in_json_is_the_message_with_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure(output="json", verbose=False, no_color=True)
    raw = '{"job_id": "a\u009b2J\u202e\x7f", "n": 1e999,\r\n\t"m": 1.10}'.encode()
    show_arrivals([Arrival(raw, made(Result))])
    written = capsys.readouterr().out
    assert written == '{"job_id": "a\\u009b2J\\u202e\\u007f", "n": 1e999,"m": 1.10}\n'
    assert json.loads(written) == json.loads(raw)


def test_errors_progress_and_questions_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure(output="table", verbose=True, no_color=True)
    error = TdaflinkError(HOSTILE, hint=HOSTILE, detail=HOSTILE, noise=HOSTILE)
    errors.show_error(error)
    reporter = progress.ConsoleReporter()
    reporter.note(HOSTILE)
    reporter.warn(HOSTILE)
    with reporter.step(HOSTILE) as step:
        step.update(HOSTILE)
        step.unchanged(HOSTILE)
    out, err = capsys.readouterr()
    assert out == ""
    assert_harmless(err)
    assert err.count(r"\x1b]52;") == 8
    assert "\n       FORGED" in err  # the following lines of an error are indented


def test_log_lines_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    console.configure(output="table", verbose=False, no_color=True)
    line = LogLine("\tat a.Frame " + HOSTILE.replace("\n", ""), None)
    logs.show_logs([Entry("jobmanager", line)], ["jobmanager"])
    logs.show_logs([Entry("jobmanager", line)], ["jobmanager", HOSTILE])
    written = capsys.readouterr().out
    assert_harmless(written)
    assert written.startswith("        at a.Frame id")
    assert written.count("\n") == 2


def test_a_page_shows_ids_with_escapes(tmp_path: Path) -> None:
    page = Page(tmp_path / "page.html")
    page.take(replace(made(Result), betti=(1,), bars=(Bar(0, 0.0, math.inf),)))
    page.save()
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(written.partition('id="data">')[2].partition("</script>")[0])
    assert_harmless(json.dumps(data["series"][0], ensure_ascii=False).replace("\\\\", "\\"))


def test_text_that_is_seen_as_such_stays_as_it_is() -> None:
    for text in ("tda-streaming", "ünïcødé 你好 한글 🙂", "a\u00a0b", "1 → 2 ∞"):
        assert printable(text) == text
    assert printable("\u3000你") == " 你"
    assert printable("a\u200db\ufe0f\u3164") == r"a\u200db\ufe0f\u3164"
    assert printable_lines("a\tb\r\nc\x1b\n") == "a       b\nc\\x1b\n"
    assert printable(printable(HOSTILE)) == printable(HOSTILE)


def test_values_without_odd_signs_are_not_copied() -> None:
    value = [{"a": ("b", 1, None)}, made(Bar)]
    assert printable_value(value) is value
    nested: Any = "x"
    for _ in range(5000):
        nested = [nested]
    assert "..." in str(printable_value(nested))


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 200_000 + b"]" * 200_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"",
        b"null",
        b"\xff\xfe",
        b"5",
    ],
    ids=repr,
)
def test_what_is_no_message_is_refused_in_words(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        result_from(message_from(raw))


def test_a_job_name_that_a_shell_would_expand_completes_no_line() -> None:
    for name in ("tda-streaming", "a.b_c@2:x,y%"):
        assert is_plain_word(name)
    for name in ("", "a b", "$(id)", "`id`", "a;b", "a'b", 'a"b', "a\x1b[2J", "a\nb", "~", "a*", HOSTILE):
        assert not is_plain_word(name)
