"""A schema registry by Confluent's REST interface. One place makes every call and maps errors, once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tdaflink.adapters.json_answers import WrongForm, json_object, read_json
from tdaflink.adapters.web_calls import Answer, BadAnswer, Limits, WebError, words_of
from tdaflink.adapters.web_security import (
    authorization,
    basic_header,
    bearer_header,
    denied,
    tls_problem,
    web_client,
)
from tdaflink.domain.addresses import web_address
from tdaflink.domain.errors import Incompatible, Refused, UnexpectedAnswer, Unreachable
from tdaflink.domain.schemas import RegisteredSchema
from tdaflink.domain.security import NO_WEB_SECURITY, WebSecurity

if TYPE_CHECKING:
    from tdaflink.domain.config import RegistryAuth

BASIC_VARIABLE = "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"  # Confluent's own names
BEARER_VARIABLE = "SCHEMA_REGISTRY_BEARER_AUTH_TOKEN"
CONNECT_SECONDS = 2.0  # a dead registry is reported within 3 s, also one that takes calls and is silent
READ_SECONDS = 2.5
WRITE_SECONDS = 15.0
_EXAMPLE = "http://host:port, with a path where the registry has one"
_CREDENTIALS = f"leave them out of it and set {BASIC_VARIABLE}=user:password"
_UNKNOWN = frozenset({40401, 40402, 40403, 40408})  # subject, version, schema, a subject's own config

T = TypeVar("T")


class SchemaRegistry:
    """One registry.

    Every method raises `Unreachable` where nothing answers in time, `UnexpectedAnswer` where what answers is
    no registry, `Incompatible` for a version that may not be, and `Refused` for every other no.
    """

    def __init__(
        self, url: str, auth: RegistryAuth | None = None, security: WebSecurity = NO_WEB_SECURITY
    ) -> None:
        """What is shown is that of a config, else of an environment, else Confluent's variables."""
        self.url = web_address(url, "the address of the schema registry", _EXAMPLE, credentials=_CREDENTIALS)
        limits = Limits(CONNECT_SECONDS, READ_SECONDS, 2 * READ_SECONDS)
        headers = _authorization(auth, security)
        self._client = web_client([self.url], security, "registry", headers=headers, limits=limits)

    def close(self) -> None:
        self._client.close()

    def versions(self, subject: str) -> tuple[int, ...]:
        """The versions of a subject, none where the registry does not know it."""
        path = f"/subjects/{subject}/versions"
        return self._ask("GET", path, _versions) or ()

    def latest(self, subject: str) -> RegisteredSchema | None:
        """The latest version of a subject."""
        return self._ask("GET", f"/subjects/{subject}/versions/latest", _registered)

    def find(self, subject: str, text: str) -> RegisteredSchema | None:
        """The version of a subject that is this schema."""
        return self._ask("POST", f"/subjects/{subject}", _registered, body=_json_schema(text))

    def register(self, subject: str, text: str) -> int:
        """Make the schema the next version; its id, the old one where it is a version already."""
        path = f"/subjects/{subject}/versions"
        found = self._ask(
            "POST", path, lambda answer: json_object(answer).whole("id"), body=_json_schema(text)
        )
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
        answer = self._send(method, path, body)
        try:
            value = read_json(answer.body)
            if answer.ok:
                return read(value)
            refusal = json_object(value)
            code, words = refusal.whole("error_code"), refusal.text("message")
        except WrongForm as error:
            raise self._unexpected(answer, method, path, str(error)) from None
        if code in _UNKNOWN:
            return None
        if answer.status == 409:
            raise Incompatible(
                f"the schema registry at {self.url} refused {path}: incompatible", detail=words
            )
        raise Refused(f"the schema registry at {self.url} refused {method} {path}: {words}", reason=words)

    def _send(self, method: str, path: str, body: Mapping[str, str] | None) -> Answer:
        what = f"the schema registry at {self.url}"
        content = None if body is None else json.dumps(body).encode()
        limits = Limits(CONNECT_SECONDS, WRITE_SECONDS, WRITE_SECONDS) if method != "GET" else None
        try:
            answer = self._client.request(method, self.url + path, body=content, limits=limits)
        except BadAnswer as error:
            raise self._not_a_registry(f"{method} {path}: {error}") from None
        except WebError as error:
            if (problem := tls_problem(what, error, "registry")) is not None:
                raise problem from None
            raise Unreachable(
                f"no schema registry answers at {self.url} ({words_of(error)})",
                hint="start it, or name another one by SCHEMA_REGISTRY_URL",
            ) from error
        if answer.status in (401, 403):
            raise denied(
                what,
                answer.status,
                "registry",
                also=f"set {BASIC_VARIABLE} to user:password or {BEARER_VARIABLE} to a token,"
                " give a --config with schema_registry_auth",
            )
        return answer

    def _unexpected(self, answer: Answer, method: str, path: str, why: str) -> UnexpectedAnswer:
        return self._not_a_registry(f"it answered {method} {path} with status {answer.status}: {why}")

    def _not_a_registry(self, said: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"{self.url} is not a schema registry: {said}",
            hint="an address may have a path: Apicurio's ends in /apis/ccompat/v7",
        )


def _json_schema(text: str) -> Mapping[str, str]:
    return {"schemaType": "JSON", "schema": text}


def _versions(answer: Any) -> tuple[int, ...]:
    if not isinstance(answer, list) or not all(type(one) is int for one in answer):
        raise WrongForm("the answer must be a list of versions")
    return tuple(sorted(answer))


def _registered(answer: Any) -> RegisteredSchema:
    found = json_object(answer)
    return RegisteredSchema(found.whole("id"), found.whole("version"), found.text("schema", None))


def _level(answer: Any) -> str:
    return json_object(answer).text("compatibilityLevel")


def _verdict(answer: Any) -> tuple[bool, tuple[str, ...]]:
    found = json_object(answer)
    return found.flag("is_compatible"), tuple(found.texts("messages", []))


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
