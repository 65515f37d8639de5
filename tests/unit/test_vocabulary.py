"""The documents use the vocabulary of docs/style.md: its first table lists the words that are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STYLE = ROOT / "docs" / "style.md"
GENERATED = ROOT / "docs" / "reference.md"  # its text is that of the command
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
PAGES = [
    *(ROOT / name for name in ROOT_PAGES),
    *sorted(page for page in (ROOT / "docs").glob("*.md") if page != GENERATED),
]
# Not prose: blocks and spans of code, the generated parts of docs/messages.md, addresses of links.
NOT_PROSE = re.compile(
    r"^```.*?^```|<!-- made from the models.*?<!-- end -->|<!--.*?-->|`[^`\n]+`|\]\([^)]*\)",
    re.DOTALL | re.MULTILINE,
)
TABLE = re.compile(r"^\|.*\|$", re.MULTILINE)


def replacements() -> dict[str, str]:
    """Return each refused word of the style page with its replacement."""
    rows = re.search(
        r"^\| word \| write instead \|\n\|[-|]+\|\n((?:\|.*\|\n)+)", STYLE.read_text("utf-8"), re.M
    )
    assert rows, "docs/style.md has no table of words"
    words = {}
    for row in rows[1].splitlines():
        column, replacement = (cell.strip() for cell in row.strip("|").split("|"))
        words.update((word.strip(), replacement) for word in column.split(","))
    return words


def prose(page: Path) -> str:
    """Return the page's text with everything else blanked out, so that lines keep their numbers."""
    text = page.read_text(encoding="utf-8")
    if page == STYLE:
        text = TABLE.sub("", text)
    return NOT_PROSE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def refused(text: str, words: Mapping[str, str], name: str) -> Iterator[str]:
    """Yield file, line, word and replacement for each refused word; its parts may be on two lines."""
    longest_first = sorted(words, key=len, reverse=True)
    pattern = "|".join(r"\s+".join(map(re.escape, word.split())) for word in longest_first)
    for match in re.finditer(rf"\b(?:{pattern})\b", text, re.IGNORECASE):
        word = " ".join(match[0].split())
        yield f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {word!r}: write {words[word.lower()]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_contains_no_refused_word(page: Path) -> None:
    found = list(refused(prose(page), replacements(), page.name))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("word", replacements())
def test_planted_word_is_refused(word: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\nA sentence with {word.replace(' ', chr(10))}, planted.\n", encoding="utf-8")
    (failure,) = refused(prose(page), replacements(), page.name)
    assert failure == f"page.md:3: {word!r}: write {replacements()[word]}"


def test_code_and_longer_words_are_not_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\nmade anew\n```\n`--beside` shallow recommended [x](#goes-on)\n", encoding="utf-8")
    assert list(refused(prose(page), replacements(), page.name)) == []
