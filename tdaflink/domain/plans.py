"""A change that was looked at before it is made: the command, and all that its dry run saw."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tdaflink.domain.errors import ConfigError, UsageError

SCHEMA = 1
PLANNED = ("setup", "submit", "upgrade", "rollback")


@dataclass(frozen=True)
class SavedPlan:
    """`words` are the command's, `folder` where they were said; `seen` is its dry run's JSON.

    `jobs` are those that ran then: id -> name; None where the cluster did not answer.
    """

    schema: int
    tdaflink: str
    made_at: str
    folder: str
    words: tuple[str, ...]
    seen: Any
    jobs: Mapping[str, str] | None

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str) -> SavedPlan:
        """Raises `ConfigError`."""
        hint = "tdaflink plan FILE setup|submit|upgrade … makes one"
        try:
            document = json.loads(text)
            plan = cls(**{**document, "words": tuple(str(word) for word in document["words"])})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{source} is not a plan: {error!r}", hint=hint) from error
        if plan.schema != SCHEMA:
            raise ConfigError(f"{source}: schema is {plan.schema!r}, this tdaflink reads {SCHEMA}", hint=hint)
        check_words(plan.words)
        return plan


def check_words(words: Sequence[str]) -> None:
    """Raise `UsageError` unless the words are a command that can be planned."""
    if not words or words[0] not in PLANNED:
        said = f"{words[0]!r} cannot be planned" if words else "which command?"
        raise UsageError(said, hint=f"tdaflink plan FILE {'|'.join(PLANNED)} [OPTIONS]")
    for word in words:
        if word == "--dry-run" or word == "-o" or word.startswith("--output"):
            raise UsageError(f"{word} has no place in a plan", hint="leave it out")


def changes(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Where two JSON values differ, one line each."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from changes(before.get(key), after.get(key), f"{place}.{key}" if place else str(key))
    elif before != after:
        yield f"{place or 'the plan'}: {_short(before)} then, {_short(after)} now"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "…"
