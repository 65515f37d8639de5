"""Saved plans: a command with the output of its dry run, for a later execution."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tdaflink.domain.errors import ConfigError, UsageError

SCHEMA = 2
PLANNED = ("setup", "submit", "upgrade", "rollback")


@dataclass(frozen=True)
class SavedPlan:
    """A planned command: arguments `words`, working directory `folder`, the dry run's JSON `seen`.

    `jobs` are the jobs that ran at that time (id -> name); None if the cluster did not respond. The saved
    form has a digest of all fields, so that a later edit is detected.
    """

    schema: int
    tdaflink: str
    made_at: str
    folder: str
    words: tuple[str, ...]
    seen: Any
    jobs: Mapping[str, str] | None

    def to_json(self) -> str:
        document = {**asdict(self), "digest": self.digest()}
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    def digest(self) -> str:
        """Return the SHA-256 of the plan's content, independent of its layout in the file."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str, *, source: str) -> SavedPlan:
        """Parse a saved plan. Raises `ConfigError`."""
        hint = "create one: tdaflink plan --out FILE setup|submit|upgrade …"
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{source} is not a plan: {_reason(error)}", hint=hint) from None
        if not isinstance(document, dict):
            raise ConfigError(f"{source} is not a plan: it is not a JSON object", hint=hint)
        if document.get("schema") != SCHEMA:
            schema = _short(document.get("schema"))
            raise ConfigError(f"{source}: schema is {schema}, this tdaflink reads {SCHEMA}", hint=hint)
        digest = document.pop("digest", None)
        if wrong := [
            name for name, test in _FORM.items() if name not in document or not test(document[name])
        ]:
            raise ConfigError(f"{source} is not a plan: {', '.join(wrong)} missing or malformed", hint=hint)
        if unknown := sorted(set(document) - set(_FORM)):
            raise ConfigError(f"{source} is not a plan: unknown {_short(unknown)}", hint=hint)
        try:
            plan = cls(**{**document, "words": tuple(document["words"])})
            actual = plan.digest()
        except RecursionError:
            raise ConfigError(f"{source} is not a plan: it is nested too deeply", hint=hint) from None
        if actual != digest:
            raise ConfigError(
                f"{source} was changed after it was created: its content does not match its digest",
                hint=f"create it again: tdaflink plan --out {source} COMMAND…",
            )
        check_words(plan.words)
        return plan


def check_words(words: Sequence[str]) -> None:
    """Raise `UsageError` unless the arguments are a command that can be planned."""
    if not words or words[0] not in PLANNED:
        problem = f"{words[0]!r} cannot be planned" if words else "the command is missing"
        raise UsageError(problem, hint=f"tdaflink plan --out FILE {'|'.join(PLANNED)} [OPTIONS]")
    for word in words:
        if word == "--dry-run" or word == "-o" or word.startswith("--output"):
            raise UsageError(f"{word} cannot be used in a plan", hint="remove it")


def changes(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Yield a line for each difference of two JSON values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from changes(before.get(key), after.get(key), f"{place}.{key}" if place else str(key))
    elif before != after:
        yield f"{place or 'the plan'}: {_short(before)} then, {_short(after)} now"


def _texts(value: Any, kind: type[Collection[Any]]) -> bool:
    return isinstance(value, kind) and all(isinstance(text, str) for text in value)


# The members of a plan, each with the check of its type.
_FORM: Mapping[str, Callable[[Any], bool]] = {
    "schema": lambda value: value == SCHEMA,
    "tdaflink": lambda value: isinstance(value, str),
    "made_at": lambda value: isinstance(value, str),
    "folder": lambda value: isinstance(value, str) and "\x00" not in value,
    "words": lambda value: _texts(value, list) and not any("\x00" in word for word in value),
    "seen": lambda value: isinstance(value, dict | list),
    "jobs": lambda value: value is None or (_texts(value, dict) and _texts(list(value.values()), list)),
}


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "…"
