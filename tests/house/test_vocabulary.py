"""The documents contain no word that docs/style.md refuses in documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.texts.vocabulary import ROOT, STYLE, find_refused, refused_words

WORDS = refused_words("documents")
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


def prose(page: Path) -> str:
    """Return the page's text with everything else blanked out, so that lines keep their numbers."""
    text = page.read_text(encoding="utf-8")
    if page == STYLE:
        text = TABLE.sub("", text)
    return NOT_PROSE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def refused(text: str, name: str) -> Iterator[str]:
    """Yield file, line, word and replacement for each refused word."""
    for line, word, replacement in find_refused(text, WORDS):
        yield f"{name}:{line}: {word!r}: write {replacement}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_contains_no_refused_word(page: Path) -> None:
    failures = list(refused(prose(page), page.name))
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("word", WORDS)
def test_planted_word_is_refused(word: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\nA sentence with {word.replace(' ', chr(10))}, planted.\n", encoding="utf-8")
    (failure,) = refused(prose(page), page.name)
    assert failure == f"page.md:3: {word!r}: write {WORDS[word]}"


def test_code_and_longer_words_are_not_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```\nmade anew\n```\n`--beside` shallow recommended [x](#goes-on)\n", encoding="utf-8")
    assert list(refused(prose(page), page.name)) == []
