"""The help of the commands contains no word that docs/style.md refuses there, and has one form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from support.texts.hints import tree
from support.texts.vocabulary import find_refused, refused_words

WORDS = refused_words("help")
# Words that cannot begin an imperative sentence.
NOT_IMPERATIVE = {"A", "All", "An", "Everything", "How", "One", "The", "Those", "What", "Where", "Whether"}


def nodes(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command and group with its name, the root first."""
    yield name, node
    for word, child in getattr(node, "commands", {}).items():
        yield from nodes(child, f"{name} {word}")


def texts(root: Any) -> Iterator[tuple[str, str]]:
    """Yield each text of the help with its place: the command, and the option or argument if it is of one."""
    for name, node in nodes(root, "tdaflink"):
        yield name, node.help or ""
        for parameter in node.params:
            yield f"{name}, {parameter.opts[0]}", getattr(parameter, "help", None) or ""


def refused(root: Any) -> Iterator[str]:
    """Yield command, option, word and replacement for each refused word."""
    for place, text in texts(root):
        for _, word, replacement in find_refused(text, WORDS):
            yield f"{place}: {word!r}: write {replacement}"


def planted(description: str, option: str) -> Any:
    """Return a command line of two commands, the second with these texts."""
    app = typer.Typer(help="Do things.")
    app.command("first", help="Do the first thing.")(lambda: None)

    @app.command("second", help=description)
    def second(number: int = typer.Option(1, "--number", help=option)) -> None:
        """Do nothing."""

    return typer.main.get_command(app)


def test_help_has_no_refused_word() -> None:
    found = list(refused(tree()))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("word", sorted(WORDS))
def test_planted_word_is_refused_with_command_option_and_replacement(word: str) -> None:
    said = f"{word!r}: write {WORDS[word]}"
    assert list(refused(planted("Do the second thing.", f"The {word} of it."))) == [
        f"tdaflink second, --number: {said}"
    ]
    assert list(refused(planted(f"Do it, {word.replace(' ', chr(10))}.", "The number."))) == [
        f"tdaflink second: {said}"
    ]


def test_longer_words_and_options_are_not_refused() -> None:
    assert list(refused(planted("Recommend it: a marshalled --beside, alongside.", "See --go-on."))) == []


def test_every_command_and_option_has_a_text() -> None:
    assert [place for place, text in texts(tree()) if not text] == []


def test_descriptions_are_imperative_sentences() -> None:
    for name, node in nodes(tree(), "tdaflink"):
        first = (node.help or "").partition("\n\n")[0]
        assert first.endswith("."), f"{name}: {first}"
        word = first.split()[0].rstrip(",")
        if name != "tdaflink":
            assert word not in NOT_IMPERATIVE, f"{name}: {first}"
            assert not re.search("[^s]s$", word), f"{name}: {first}"


def test_texts_of_options_are_sentences_that_state_defaults_in_one_form() -> None:
    for place, text in texts(tree()):
        assert text.endswith("."), f"{place}: {text}"
        assert not re.search(
            r"(?<!\()default: |[Dd]efaults to", text.replace("(saved; default: ", "(default: ")
        ), f"{place}: {text!r}: write (default: …)"


def test_ids_of_messages_are_called_request_ids() -> None:
    found = [text for place, text in texts(tree()) if place.endswith(", --job-id")]
    assert found
    assert [text for text in found if "request id" not in text.lower()] == []
