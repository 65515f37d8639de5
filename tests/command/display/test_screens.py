"""Pictures of screens: their text and colours."""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import Console
from screens import coloured, svg
from support.terminal import Terminal

PROGRAM = r"printf '\033[1;31mred\033[0m and \033[38;5;75mblue\033[0m\n\n'; sleep 60"


def test_a_screen_becomes_a_picture_with_its_words_and_colours(tmp_path: Path) -> None:
    with Terminal(["sh", "-c", PROGRAM], {"PATH": os.defpath}, tmp_path, columns=20, lines=5) as terminal:
        terminal.wait_for("blue")
        lines = terminal.drawn(coloured)
    assert [line.plain.rstrip() for line in lines] == ["red and blue"]
    console = Console()
    red, blue = (lines[0].get_style_at_offset(console, column) for column in (0, 8))
    assert (red.bold, red.color and red.color.name) == (True, "red")
    assert (blue.bold, blue.color and blue.color.name) == (False, "#5fafff")
    picture = svg(lines, "a title", "picture")
    assert "a&#160;title" in picture or "a title" in picture
    assert ">red</text>" in picture
    assert "fill: #5fafff" in picture
