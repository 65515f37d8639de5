"""Validation of the addresses of HTTP endpoints."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from tdaflink.domain.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")


def web_address(
    text: str, source: str, example: str, *, credentials: str = "remove user and password from the address"
) -> str:
    """Return the address without surrounding spaces and without a slash at its end.

    Raises `ConfigError`, which names `source`, the option or variable that the address is from. An address
    with user or password is refused and not repeated; `credentials` is the hint that names their place.
    """
    text = text.strip()
    if "@" in text:
        raise ConfigError(f"{source} must be an address without credentials", hint=credentials)
    problem = web_problem(text)
    if problem is None:
        return text.rstrip("/")
    bare = "://" not in text and web_problem(f"http://{text}") is None
    raise ConfigError(
        f"{source} {text!r} is not a valid address: {problem}", hint=f"http://{text}" if bare else example
    )


def ascii_host(host: str) -> str | None:
    """Return the host as it is sent over the wire; None if no resolver accepts it."""
    if ":" in host:
        return host if _IPV6.fullmatch(host) else None
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    return host if _NAME.fullmatch(host) and len(host) <= 253 else None


def web_problem(text: str, *, query: bool = False) -> str | None:
    """Return the reason why a text is not an HTTP endpoint's address; `query` allows a query and fragment."""
    if not text:
        return "it is empty"
    if any(character.isspace() or not character.isprintable() for character in text):
        return "it contains a space or a control character"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        return str(error)
    if "://" not in text:
        return "http:// or https:// is missing"
    if parts.scheme not in ("http", "https"):
        return f"it begins with {parts.scheme}:// and not with http:// or https://"
    if not parts.hostname:
        return "the host is missing"
    if ascii_host(parts.hostname) is None:
        return f"{parts.hostname!r} is not a host name"
    if port == 0:
        return "port 0 is not allowed"
    if (parts.query or parts.fragment) and not query:
        return "it must not have a query (?) or a fragment (#)"
    return None
