"""The table of refused words in docs/style.md, and the search for them in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STYLE = ROOT / "docs" / "style.md"
PLACES = ("documents", "help", "code")
HEADER = re.compile(r"^\| word \| write instead \| refused in \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", re.MULTILINE)


def refused_words(place: str) -> dict[str, str]:
    """Return each word that is refused in `place`, one of `PLACES`, with its replacement."""
    assert place in PLACES
    table = HEADER.search(STYLE.read_text(encoding="utf-8"))
    assert table, "docs/style.md has no table of refused words"
    words: dict[str, str] = {}
    for row in table[1].splitlines():
        column, replacement, places = (cell.strip() for cell in row.strip("|").split("|"))
        refused_in = {name.strip() for name in places.split(",")}
        assert refused_in <= set(PLACES), row
        if place in refused_in:
            words.update((word.strip(), replacement) for word in column.split(","))
    return words


def find_refused(text: str, words: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    """Yield line number, word and replacement of each refused word.

    A phrase may be on two lines. Names of options and parts of longer words are not matched.
    """
    longest_first = sorted(words, key=len, reverse=True)
    pattern = "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest_first)
    for match in re.finditer(rf"(?<![\w-])(?:{pattern})(?![\w-])", text, re.IGNORECASE):
        word = " ".join(match[0].split())
        yield text.count("\n", 0, match.start()) + 1, word, words[word.lower()]
