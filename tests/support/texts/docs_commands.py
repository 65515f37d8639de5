"""The calls in README and docs: each `$ tdaflink …` of a console block, and such lines elsewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_OPTIONAL = re.compile(r"\[(--.*?)\]")  # a synopsis: [--option value]


@dataclass(frozen=True)
class Shown:
    """A call of tdaflink on a page; `words` are those after the name of the command."""

    page: Path
    line: str
    words: tuple[str, ...]


def shown(page: Path, *, console_only: bool = False) -> Iterator[Shown]:
    """Yield the page's calls in their order."""
    for language, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if console_only and language != "console":
            continue
        for line in block.replace("\\\n", " ").splitlines():
            text = line.removeprefix("$ ")
            if language in ("", "bash", "console") and re.match(r"(\S+/)?tdaflink ", text):
                yield from _calls(page, text)


def _calls(page: Path, line: str) -> Iterator[Shown]:
    words = shlex.split(_OPTIONAL.sub(r"\1", line), comments=True)
    call: list[str] = []
    for word in [*words, "&&"]:
        if word not in ("&&", "|", ";"):
            call.append(word)
            continue
        if call and call[0].split("/")[-1] == "tdaflink":
            yield Shown(page, line, tuple(call[1:]))
        call = []
