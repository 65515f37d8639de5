"""Redaction of secrets in data that leaves the machine: known values, and text that looks like a secret."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

REDACTED = "[redacted]"
_SHORTEST = 4  # a shorter value would match large parts of any text
_NO_SECRETS = frozenset({"true", "false", "none", "null", "default", "disabled", "enabled", "required"})
_SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase)?(?:$|[._-])|[._-]pwd|secret|token|credential|api.?key|access.?key|service.?key"
    r"|account.?key|private.?key|jaas|authorization|user.?info|(?:^|[._-])auth(?:$|[._-])|sasl.*config|cookie"
    r"|webhook",
    re.IGNORECASE,
)
_NAMED = r"[\w.-]*(?:password|passwd|passphrase|secret|token|api[_.-]?key|access[_.-]?key|credential)[\w.-]*"
_PATTERNS = (
    # scheme://user:password@host
    (
        re.compile(r"(?P<keep>\b[a-z][a-z0-9+.-]*://[^\s:/@\"']*:)[^\s@/\"']+(?=@)", re.IGNORECASE),
        r"\g<keep>",
    ),
    (re.compile(r"(?P<keep>\b(?:Basic|Bearer)\s+)[A-Za-z0-9+/._~-]{8,}=*"), r"\g<keep>"),
    # name=value, name: value, "name": "value"
    (
        re.compile(
            rf"(?P<keep>(?<![\w.-]){_NAMED}[\"']?\s*[=:]\s*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&}}\"']+)", re.I
        ),
        r"\g<keep>",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), ""),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL), ""),
)


def is_secret_name(name: str) -> bool:
    """Return whether a setting or variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


class Redactor:
    """Replaces secrets; `values` are known ones, whose usual encodings are replaced as well."""

    def __init__(self, values: Iterable[str]) -> None:
        known = {part for value in values for part in _parts(value)}
        forms = {form for value in known for form in _forms(value)}
        # The longest first: a form may begin with another one.
        alternatives = "|".join(
            re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))
        )
        self._known = re.compile(alternatives) if alternatives else None
        self.count = 0

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text, replaced = self._known.subn(REDACTED, text)
            self.count += replaced
        for pattern, kept in _PATTERNS:
            text, replaced = pattern.subn(kept + REDACTED, text)
            self.count += replaced
        return text

    def value(self, value: Any, name: str = "") -> Any:
        """Return a JSON value without secrets; the whole value of a secret's name is replaced."""
        if isinstance(value, Mapping):
            # Flink lists settings as objects with the members key and value.
            named = str(value.get("key", "")) if set(value) == {"key", "value"} else ""
            return {
                str(k): self.value(v, named if k == "value" and named else str(k)) for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(item, name) for item in value]
        if isinstance(value, str):
            if value and is_secret_name(name):
                self.count += 1
                return REDACTED
            return self.text(value)
        return value


def secret_values(named: Mapping[str, str]) -> list[str]:
    """Return the values of variables or settings whose names are those of secrets."""
    return [value for name, value in named.items() if is_secret_name(name)]


def _parts(value: str) -> list[str]:
    """Return the secret, and for user:password also the password."""
    stripped = value.strip()
    _, colon, password = stripped.partition(":")
    candidates = [stripped, password] if colon and "/" not in stripped else [stripped]
    return [part for part in candidates if len(part) >= _SHORTEST and part.lower() not in _NO_SECRETS]


def _forms(value: str) -> list[str]:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return [value, quote(value, safe=""), base64.b64encode(value.encode()).decode("ascii"), escaped]
