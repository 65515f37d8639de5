"""Docstrings, comments and strings of the code contain no word that docs/style.md refuses in code."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.texts.vocabulary import ROOT, find_refused, refused_words

WORDS = refused_words("code")
FOLDERS = ("tdaflink", "tdaformats", "jobs", "tools")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
CODE_SPAN = re.compile(r"``?[^`\n]+``?")  # names in docstrings and comments are not prose
NOT_A_SPACE = "\0"  # separates texts that no phrase may cross


def strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield first line and text of each string with several words; placeholders of f-strings are cut out."""
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts = (part.value if isinstance(part, ast.Constant) else NOT_A_SPACE for part in node.values)
            text = "".join(map(str, texts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        # A single word is a name: a key, a field or a parameter.
        if re.search(r"\s", text.strip()):
            yield node.lineno, text


def comments(source: str) -> str:
    """Return the comments on their lines; a phrase may continue in a comment on the next line."""
    lines = [NOT_A_SPACE] * (source.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = token.string.lstrip("#")
    return "\n".join(lines)


def refused(path: Path, name: str) -> list[str]:
    """Return file, line, word and replacement of each refused word.

    The line is exact for comments and docstrings; for a string of several parts it is at or after its first.
    """
    source = path.read_text(encoding="utf-8")
    texts = [(1, comments(source)), *strings(ast.parse(source))]
    failures = [
        (first + line - 1, f"{word!r}: write {replacement}")
        for first, text in texts
        for line, word, replacement in find_refused(CODE_SPAN.sub(NOT_A_SPACE, text), WORDS)
    ]
    return [f"{name}:{line}: {failure}" for line, failure in sorted(failures)]


def test_code_contains_no_refused_word() -> None:
    failures = [line for path in SOURCES for line in refused(path, path.relative_to(ROOT).as_posix())]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("word", WORDS)
def test_planted_word_is_refused_in_docstrings_comments_and_strings(word: str, tmp_path: Path) -> None:
    first, _, rest = word.partition(" ")
    path = tmp_path / "planted.py"
    path.write_text(
        f'"""Title.\n\nA sentence with {word.replace(" ", chr(10))}, planted.\n"""\n'
        + "\n" * (2 - word.count(" "))
        + f"# a comment: {word}\n"
        + f'print("a string: {first}" " {rest}", f"{{1}} and {word} {{2}}")\n',
        encoding="utf-8",
    )
    message = f"{word!r}: write {WORDS[word]}"
    assert refused(path, "planted.py") == [f"planted.py:{line}: {message}" for line in (3, 7, 8, 8)]


def test_names_and_longer_words_are_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "names.py"
    path.write_text(
        '"""A field `beside` and ``told``, untold and recommended."""\n'
        'def dear(beside: str) -> dict[str, str]:\n    return {"beside": beside, "shall": f"{beside}"}\n'
        "# it goes\nto = 'here'\n# on\nprint('see --beside and --go-on')\n",
        encoding="utf-8",
    )
    assert refused(path, "names.py") == []
