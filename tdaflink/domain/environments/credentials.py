"""Removal of user and password from URLs that are shown."""

from __future__ import annotations

import re
from typing import overload

# Everything up to the last @ of the authority: a password may contain one.
_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/?#\"'<>]*@", re.IGNORECASE)


@overload
def hide_credentials(text: str) -> str: ...
@overload
def hide_credentials(text: None) -> None: ...
def hide_credentials(text: str | None) -> str | None:
    """Return the text with user and password of its URLs replaced."""
    if text is None or "://" not in text or "@" not in text:
        return text
    return _CREDENTIALS.sub(r"\g<scheme>[redacted]@", text)
