"""A schema registry by Confluent's REST interface. One place makes every call and maps errors, once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tdaflink.adapters.web_security import (
    authorization,
    basic_header,
    bearer_header,
    denied,
    tls_context,
    tls_problem,
)
from tdaflink.domain.errors import ConfigError, Incompatible, NotFound, Refused, Unreachable
from tdaflink.domain.schemas import RegisteredSchema
from tdaflink.domain.security import NO_WEB_SECURITY, WebSecurity

if TYPE_CHECKING:
    import httpx

    from tdaflink.domain.config import RegistryAuth

BASIC_VARIABLE = "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"  # Confluent's own names
BEARER_VARIABLE = "SCHEMA_REGISTRY_BEARER_AUTH_TOKEN"
CONNECT_SECONDS = 2.0  # a dead registry is reported within 3 s, also one that takes calls and is silent
READ_SECONDS = 2.5
WRITE_SECONDS = 15.0
_ADDRESS = "http://host:port, with a path where the registry has one"
_UNKNOWN = frozenset({40401, 40402, 40403, 40408})  # subject, version, schema, a subject's own config

T = TypeVar("T")


class SchemaRegistry:
    """One registry.

    Every method raises `Unreachable` where nothing answers in time, `NotFound` where the address is not a
    registry's, `Incompatible` for a version that may not be, and `Refused` for every other no.
    """

    def __init__(
        self, url: str, auth: RegistryAuth | None = None, security: WebSecurity = NO_WEB_SECURITY
    ) -> None:
        """What is shown is that of a config, else of an environment, else Confluent's variables."""
        import httpx

        self.url = _checked(url)
        verify = tls_context(self.url, security, "registry")
        self._client = httpx.Client(
            base_url=self.url,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            headers=_authorization(auth, security),
            verify=verify,
            trust_env=bool(verify),
        )

    def close(self) -> None:
        self._client.close()

    def versions(self, subject: str) -> tuple[int, ...]:
        """The versions of a subject, none where the registry does not know it."""
        path = f"/subjects/{subject}/versions"
        return self._ask("GET", path, lambda found: tuple(sorted(int(one) for one in found))) or ()

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The latest version of a subject."""
        return self._ask("GET", f"/subjects/{subject}/versions/latest", _registered)

    def find(self, subject: str, text: str) -> RegisteredSchema | None:
        """The version of a subject that is this schema."""
        return self._ask("POST", f"/subjects/{subject}", _registered, body=_json_schema(text))

    def register(self, subject: str, text: str) -> int:
        """Make the schema the next version; its id, the old one where it is a version already."""
        path = f"/subjects/{subject}/versions"
        found = self._ask("POST", path, lambda answer: int(answer["id"]), body=_json_schema(text))
        if found is None:
            raise Refused(f"the schema registry at {self.url} did not take a version of {subject}")
        return found

    def level(self, subject: str) -> str:
        """By which rule the registry compares versions of the subject: NONE, BACKWARD, FULL_TRANSITIVE…"""
        own = self._ask("GET", f"/config/{subject}?defaultToGlobal=true", _level)
        return own or self._ask("GET", "/config", _level) or "NONE"

    def compatible(self, subject: str, text: str) -> tuple[bool, tuple[str, ...]]:
        """Whether the schema may become the next version of a known subject, and the registry's reasons."""
        path = f"/compatibility/subjects/{subject}/versions?verbose=true"
        return self._ask("POST", path, _verdict, body=_json_schema(text)) or (True, ())

    # -- the one chokepoint

    def _ask(
        self, method: str, path: str, read: Callable[[Any], T], body: Mapping[str, str] | None = None
    ) -> T | None:
        """The answer as `read` sees it; None where the registry does not know what was asked about."""
        response = self._send(method, path, body)
        try:
            answer = response.json()
            if response.is_success:
                return read(answer)
            code, words = int(answer["error_code"]), str(answer["message"])
        except (ValueError, KeyError, TypeError):
            raise self._stranger(response, method, path) from None
        if code in _UNKNOWN:
            return None
        if response.status_code == 409:
            raise Incompatible(
                f"the schema registry at {self.url} refused {path}: incompatible", detail=words
            )
        raise Refused(f"the schema registry at {self.url} refused {method} {path}: {words}", reason=words)

    def _send(self, method: str, path: str, body: Mapping[str, str] | None) -> httpx.Response:
        import httpx

        timeout = httpx.Timeout(READ_SECONDS if method == "GET" else WRITE_SECONDS, connect=CONNECT_SECONDS)
        try:
            response = self._client.request(method, path, json=body, timeout=timeout)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            if (problem := tls_problem(f"the schema registry at {self.url}", error, "registry")) is not None:
                raise problem from None
            raise Unreachable(
                f"no schema registry answers at {self.url} ({str(error) or type(error).__name__})",
                hint="start it, or name another one by SCHEMA_REGISTRY_URL or --registry",
            ) from error
        if response.status_code in (401, 403):
            raise denied(
                f"the schema registry at {self.url}",
                response.status_code,
                "registry",
                also=f"set {BASIC_VARIABLE} to user:password or {BEARER_VARIABLE} to a token,"
                " give a --config with schema_registry_auth",
            )
        return response

    def _stranger(self, response: httpx.Response, method: str, path: str) -> NotFound | Refused:
        """What to say of an answer that no registry gives."""
        hint = "an address may have a path: Apicurio's ends in /apis/ccompat/v7"
        said = f"{method} {path} with status {response.status_code}"
        if response.status_code == 404 or response.is_success or response.is_redirect:
            return NotFound(f"{self.url} is not a schema registry: it answered {said}", hint=hint)
        return Refused(f"the schema registry at {self.url} answered {said}", noise=response.text[:2000])


def _json_schema(text: str) -> Mapping[str, str]:
    return {"schemaType": "JSON", "schema": text}


def _registered(answer: Any) -> RegisteredSchema:
    return RegisteredSchema(int(answer["id"]), int(answer["version"]), answer.get("schema"))


def _level(answer: Any) -> str:
    return str(answer["compatibilityLevel"])


def _verdict(answer: Any) -> tuple[bool, tuple[str, ...]]:
    return bool(answer["is_compatible"]), tuple(str(message) for message in answer.get("messages") or ())


def _checked(url: str) -> str:
    import httpx

    # An address that may hold a password is not repeated.
    shown = repr(url) if "@" not in url else "what is given"
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ConfigError(f"{shown} is no address of a schema registry", hint=_ADDRESS) from None
    if parsed.userinfo:
        raise ConfigError(
            f"the address of the schema registry at {parsed.host} holds credentials, which would be shown",
            hint=f"leave them out of it and set {BASIC_VARIABLE}=user:password",
        )
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigError(f"{shown} is no address of a schema registry", hint=_ADDRESS)
    return url.rstrip("/")


def _authorization(auth: RegistryAuth | None, security: WebSecurity) -> dict[str, str]:
    """The header that proves who asks, by the first of the three that says something."""
    if auth is not None:
        return authorization(auth.basic, auth.bearer, "schema_registry_auth")
    if security.basic or security.bearer:
        return authorization(security.basic, security.bearer, "security.registry")
    if token := os.environ.get(BEARER_VARIABLE):
        return bearer_header(token, BEARER_VARIABLE)
    user = os.environ.get(BASIC_VARIABLE)
    return basic_header(user, BASIC_VARIABLE) if user else {}
