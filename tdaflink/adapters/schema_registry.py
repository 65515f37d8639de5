"""The client of a schema registry with Confluent's REST interface. One method makes all calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tdaflink.adapters.web.authentication import (
    authorization,
    basic_header,
    bearer_header,
    denied,
    tls_problem,
    web_client,
)
from tdaflink.adapters.web.calls import BadAnswer, HttpResponse, Limits, WebError, words_of
from tdaflink.adapters.web.json_fields import WrongForm, json_object, read_json
from tdaflink.domain.addresses import web_address
from tdaflink.domain.environments.security import NO_WEB_SECURITY, WebSecurity
from tdaflink.domain.errors import Incompatible, Refused, UnexpectedAnswer, Unreachable
from tdaflink.domain.messages.schemas import RegisteredSchema

if TYPE_CHECKING:
    from tdaflink.domain.config.job_config import RegistryAuth

BASIC_VARIABLE = "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO"  # Confluent's own names
BEARER_VARIABLE = "SCHEMA_REGISTRY_BEARER_AUTH_TOKEN"
CONNECT_SECONDS = (
    2.0  # a dead registry is reported within 3 s, also one that accepts calls without a response
)
READ_SECONDS = 2.5
WRITE_SECONDS = 15.0
_EXAMPLE = "http://host:port, with a path where the registry has one"
_CREDENTIALS = f"leave them out of it and set {BASIC_VARIABLE}=user:password"
_NOT_FOUND_CODES = frozenset({40401, 40402, 40403, 40408})  # subject, version, schema, a subject's own config

T = TypeVar("T")


class SchemaRegistry:
    """The client of one registry.

    Every method raises `Unreachable` if nothing responds in time, `UnexpectedAnswer` for a response of
    another service, `Incompatible` for an incompatible version, and `Refused` for all other errors.
    """

    def __init__(
        self, url: str, auth: RegistryAuth | None = None, security: WebSecurity = NO_WEB_SECURITY
    ) -> None:
        """Use the credentials of a config, else of an environment, else of Confluent's variables."""
        self.url = web_address(url, "the address of the schema registry", _EXAMPLE, credentials=_CREDENTIALS)
        limits = Limits(CONNECT_SECONDS, READ_SECONDS, 2 * READ_SECONDS)
        headers = _authorization(auth, security)
        self._client = web_client([self.url], security, "registry", headers=headers, limits=limits)

    def close(self) -> None:
        self._client.close()

    def versions(self, subject: str) -> tuple[int, ...]:
        """Return the versions of a subject; none if the registry does not have it."""
        path = f"/subjects/{subject}/versions"
        return self._call("GET", path, _versions) or ()

    def latest(self, subject: str) -> RegisteredSchema | None:
        """Return the latest version of a subject."""
        return self._call("GET", f"/subjects/{subject}/versions/latest", _registered)

    def find(self, subject: str, text: str) -> RegisteredSchema | None:
        """Return the version of a subject that is this schema."""
        return self._call("POST", f"/subjects/{subject}", _registered, body=_json_schema(text))

    def register(self, subject: str, text: str) -> int:
        """Register the schema as the next version, unless it is a version already, and return its id."""
        path = f"/subjects/{subject}/versions"
        schema_id = self._call(
            "POST", path, lambda value: json_object(value).whole("id"), body=_json_schema(text)
        )
        if schema_id is None:
            raise Refused(f"the schema registry at {self.url} did not accept a version of {subject}")
        return schema_id

    def level(self, subject: str) -> str:
        """Return the subject's compatibility level: NONE, BACKWARD, FULL_TRANSITIVE…"""
        own = self._call("GET", f"/config/{subject}?defaultToGlobal=true", _level)
        return own or self._call("GET", "/config", _level) or "NONE"

    def compatible(self, subject: str, text: str) -> tuple[bool, tuple[str, ...]]:
        """Return whether the schema is compatible with an existing subject, and the registry's reasons."""
        path = f"/compatibility/subjects/{subject}/versions?verbose=true"
        return self._call("POST", path, _verdict, body=_json_schema(text)) or (True, ())

    # -- the methods that all calls go through

    def _call(
        self, method: str, path: str, read: Callable[[Any], T], body: Mapping[str, str] | None = None
    ) -> T | None:
        """Make a call and convert its response with `read`; None if the registry does not have the object."""
        response = self._send(method, path, body)
        try:
            value = read_json(response.body)
            if response.ok:
                return read(value)
            refusal = json_object(value)
            code, reason = refusal.whole("error_code"), refusal.text("message")
        except WrongForm as error:
            raise self._unexpected(response, method, path, str(error)) from None
        if code in _NOT_FOUND_CODES:
            return None
        if response.status == 409:
            raise Incompatible(
                f"the schema registry at {self.url} refused {path}: incompatible", detail=reason
            )
        raise Refused(f"the schema registry at {self.url} refused {method} {path}: {reason}", reason=reason)

    def _send(self, method: str, path: str, body: Mapping[str, str] | None) -> HttpResponse:
        service = f"the schema registry at {self.url}"
        content = None if body is None else json.dumps(body).encode()
        limits = Limits(CONNECT_SECONDS, WRITE_SECONDS, WRITE_SECONDS) if method != "GET" else None
        try:
            response = self._client.request(method, self.url + path, body=content, limits=limits)
        except BadAnswer as error:
            raise self._not_a_registry(f"{method} {path}: {error}") from None
        except WebError as error:
            if (problem := tls_problem(service, error, "registry")) is not None:
                raise problem from None
            raise Unreachable(
                f"no schema registry answers at {self.url} ({words_of(error)})",
                hint="start it, or name another address by SCHEMA_REGISTRY_URL",
            ) from error
        if response.status in (401, 403):
            raise denied(
                service,
                response.status,
                "registry",
                also=f"set {BASIC_VARIABLE} to user:password or {BEARER_VARIABLE} to a token,"
                " give a --config with schema_registry_auth",
            )
        return response

    def _unexpected(self, response: HttpResponse, method: str, path: str, why: str) -> UnexpectedAnswer:
        return self._not_a_registry(f"{method} {path} has status {response.status}: {why}")

    def _not_a_registry(self, reason: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"{self.url} is not a schema registry: {reason}",
            hint="an address may have a path: Apicurio's ends in /apis/ccompat/v7",
        )


def _json_schema(text: str) -> Mapping[str, str]:
    return {"schemaType": "JSON", "schema": text}


def _versions(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(version) is int for version in value):
        raise WrongForm("the response must be a list of versions")
    return tuple(sorted(value))


def _registered(value: Any) -> RegisteredSchema:
    schema = json_object(value)
    return RegisteredSchema(schema.whole("id"), schema.whole("version"), schema.text("schema", None))


def _level(value: Any) -> str:
    return json_object(value).text("compatibilityLevel")


def _verdict(value: Any) -> tuple[bool, tuple[str, ...]]:
    verdict = json_object(value)
    return verdict.flag("is_compatible"), tuple(verdict.texts("messages", []))


def _authorization(auth: RegistryAuth | None, security: WebSecurity) -> dict[str, str]:
    """Return the header of the credentials: of a config, else of an environment, else of the variables."""
    if auth is not None:
        return authorization(auth.basic, auth.bearer, "schema_registry_auth")
    if security.basic or security.bearer:
        return authorization(security.basic, security.bearer, "security.registry")
    if token := os.environ.get(BEARER_VARIABLE):
        return bearer_header(token, BEARER_VARIABLE)
    user = os.environ.get(BASIC_VARIABLE)
    return basic_header(user, BASIC_VARIABLE) if user else {}
