"""Record pictures of the command's screens, docs/images/*.svg, from real commands on a real cluster.

PYTHONPATH=tests python tools/screens.py            records all, in about three minutes
PYTHONPATH=tests python tools/screens.py watch      records one

It creates its own environment, on free ports and in a temporary folder, and removes it at the end.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pyte
from made import ROOT
from rich.console import Console
from rich.style import Style
from rich.text import Text
from support.command_runner import Runner, command_environ, command_line, runner
from support.terminal import Terminal

IMAGES = ROOT / "docs" / "images"
STREAM = ("send", "circle", "--noise", "0.08", "--points", "20000", "--stream", "pump-7", "--batch", "10")
FAILS = """\
from pyflink.datastream import StreamExecutionEnvironment

def digest(reading):
    raise ValueError(f"cannot digest {reading}")

env = StreamExecutionEnvironment.get_execution_environment()
env.from_collection([7]).map(digest).print()
env.execute("indigestion")
"""
# pyte's names of colours that rich names differently.
_COLOURS = {"brown": "yellow", "default": "default"}


def main() -> int:
    selected = sys.argv[1:] or list(SCREENS)
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        with _environment(state) as run:
            for screen in selected:
                SCREENS[screen](run, state)
    return 0


def _demo(run: Runner, state: Path) -> None:
    """Record the demo, including the start of its environment, with three results."""
    run("teardown", "--env", "local", timeout=120)
    with _terminal(state, "demo", "--keep", columns=94, lines=150) as terminal:
        terminal.wait_for("tdaflink teardown", seconds=400)
        lines = terminal.drawn(coloured)
    results = [number for number, line in enumerate(lines) if "Betti numbers " in line.plain]
    (table,) = [number for number, line in enumerate(lines) if line.plain.startswith("SHAPE ")]
    lines[results[3] : table] = [Text("…"), Text("")]
    _keep("demo", "tdaflink demo --keep", [Text.assemble("$ ", ("tdaflink demo --keep", "bold")), *lines])
    run("cancel", "tda-demo", timeout=90)


def _watch(run: Runner, state: Path) -> None:
    """Record the dashboard of a job that processes a stream, and a job that fails."""
    (state / "indigestion.py").write_text(FAILS, encoding="utf-8")
    run("submit", "--parallelism", "2", "--from", "none", timeout=240)
    run("submit", "--job", str(state / "indigestion.py"), "--no-wait", "--from", "none", timeout=240)
    sender = subprocess.Popen(
        command_line(*STREAM, "--rate", "20"), env=command_environ(state), stderr=subprocess.DEVNULL
    )
    try:
        with _terminal(state, "watch", "--every", "2", columns=100, lines=30) as terminal:
            terminal.wait_for("indigestion", seconds=60)
            terminal.press("/", *"tda", "Enter")
            terminal.wait_for("pump-7", seconds=120)
            terminal.press("/", "Esc")
            terminal.wait_for(_is_complete, seconds=180)
            _keep("watch", "tdaflink watch", terminal.drawn(coloured))
            terminal.press("q")
            terminal.ended()
    finally:
        sender.kill()
        sender.wait()


def _is_complete(screen: str) -> bool:
    """Return whether the screen has a full sparkline of one job's rates, and the other job has failed."""
    rates = re.search("tda-streaming .*[▁-█]{8} ", screen)
    return rates is not None and re.search("(FAILED|RESTARTING) +indigestion", screen) is not None


SCREENS: Mapping[str, Callable[[Runner, Path], None]] = {"demo": _demo, "watch": _watch}


@contextmanager
def _environment(state: Path) -> Iterator[Runner]:
    run = runner(state)
    try:
        run("setup", "--env", "local", "--port-offset", "auto", "-o", "json", timeout=420).json()
        yield run
    finally:
        run("teardown", "--env", "local", "--purge", "--yes", timeout=120)


def _terminal(state: Path, *words: str, columns: int, lines: int) -> Terminal:
    environ = command_environ(state)
    del environ["NO_COLOR"]
    return Terminal(command_line(*words), environ, state, columns=columns, lines=lines)


def _keep(name: str, title: str, lines: list[Text]) -> None:
    (IMAGES / f"{name}.svg").write_text(svg(lines, title, name), encoding="utf-8")


def coloured(screen: pyte.Screen) -> list[Text]:
    """Return the lines of a terminal's screen up to the last line that is not blank."""
    lines = [_line(screen, number) for number in range(screen.lines)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def _line(screen: pyte.Screen, number: int) -> Text:
    line = Text(no_wrap=True, end="")
    cells = [screen.buffer[number][column] for column in range(screen.columns)]
    for style, alike in groupby(cells, key=_style):
        line.append("".join(cell.data for cell in alike), style)
    return line


def _style(cell: Any) -> Style:
    return Style(color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold, reverse=cell.reverse)


def _colour(name: str) -> str:
    """Return rich's name of a colour."""
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    return _COLOURS.get(name, name.replace("bright", "bright_"))


def svg(lines: list[Text], title: str, name: str) -> str:
    """Render the lines as a picture of a terminal."""
    width = max(len(line) for line in lines)
    console = Console(
        record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in lines:
        console.print(line, crop=True, end="\n")
    return console.export_svg(title=title, unique_id=name)


if __name__ == "__main__":
    sys.exit(main())
