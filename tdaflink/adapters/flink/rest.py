"""Calls of Flink's REST interface: one method makes each, sets its limits and maps its errors."""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tdaflink.adapters.web.calls import (
    BadAnswer,
    CallBroken,
    HttpResponse,
    Limits,
    NoConnection,
    TooSlow,
    WebError,
    words_of,
)
from tdaflink.adapters.web.json_fields import (
    JsonObject,
    WrongForm,
    json_object,
    json_objects,
    read_json,
)
from tdaflink.domain.addresses import web_address
from tdaflink.domain.environments.credentials import hide_credentials
from tdaflink.domain.environments.security import NO_WEB_SECURITY, WebSecurity
from tdaflink.domain.errors import NotFound, Refused, UnexpectedAnswer, Unreachable

CONNECT_SECONDS = 2.0  # a dead endpoint is reported within 3 s
READ_SECONDS = 10.0
_NOT_FOUND_ERRORS = tuple(
    f"org.apache.flink.runtime.messages.Flink{kind}NotFoundException: " for kind in ("Job", "Application")
)
_WHOLE_CALL_FACTOR = 3  # a whole response may take this multiple of the longest silence
_LOG_BYTES = 256 << 20
_LOG_SECONDS = 120.0
_EXAMPLE = "http://host:8081"
_CREDENTIALS = (
    "tdaflink env add NAME --rest-url URL --kafka HOST:PORT --rest-basic env:VARIABLE refers to them"
)


class RestCalls:
    """The JobManager of one cluster, or a standby JobManager where it does not respond.

    Every method raises `Unreachable` if nothing responds in time, `UnexpectedAnswer` for a response that is
    not Flink's, `AccessDenied` for wrong credentials or certificates, `NotFound` for an id that the cluster
    does not have, and `Refused` with the decisive line of Flink's error for every other failure.
    """

    def __init__(
        self,
        rest_url: str,
        read_seconds: float = READ_SECONDS,
        security: WebSecurity = NO_WEB_SECURITY,
        *,
        standby: Sequence[str] = (),
    ) -> None:
        from tdaflink.adapters.web.authentication import authorization, web_client

        self._urls = [
            web_address(url, "the REST address", _EXAMPLE, credentials=_CREDENTIALS)
            for url in (rest_url, *standby)
        ]
        self.url = self._urls[0]
        self._client = web_client(
            self._urls,
            security,
            "rest",
            headers=authorization(security.basic, security.bearer, "security.rest"),
            limits=Limits(CONNECT_SECONDS, read_seconds, _WHOLE_CALL_FACTOR * read_seconds),
        )

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        """Return a JSON resource as Flink sends it."""
        return self._get(path, params=params)

    def rows(self, path: str, *, params: Mapping[str, str] | None = None) -> list[JsonObject]:
        """Return a resource that is a list of objects, such as metrics."""
        call = f"GET {path}"
        return json_objects(self._get(path, params=params), lambda why: self._unexpected(call, why))

    def object(self, path: str, *, params: Mapping[str, str] | None = None) -> JsonObject:
        """Return a resource that is an object."""
        return self._object(path, params=params)

    def text(self, path: str) -> str:
        """Return a resource that is not JSON, such as a log."""
        return self._log(path).text

    def _get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        return self._as_json(self._send("GET", path, params=params), f"GET {path}")

    def _object(self, path: str, *, params: Mapping[str, str] | None = None) -> JsonObject:
        return self._as_object(self._send("GET", path, params=params), f"GET {path}")

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> JsonObject:
        """Request a change. Flink responds with an object; any other response does not confirm the change."""
        body = None if json is None else json_text.dumps(json).encode()
        limits = None if timeout is None else self._limits(timeout)
        response = self._send(method, path, params=params, body=body, limits=limits)
        return self._as_object(response, f"{method} {path}")

    def _log(self, path: str) -> HttpResponse:
        limits = replace(self._client.limits, whole=_LOG_SECONDS, size=_LOG_BYTES)
        response = self._send("GET", path, limits=limits)
        if response.form in ("text/html", "application/xhtml+xml"):
            raise self._unexpected(f"GET {path}", f"the response is {response.form}, and no log")
        return response

    def _limits(self, seconds: float) -> Limits:
        return replace(self._client.limits, silence=seconds, whole=seconds)

    def _as_json(self, response: HttpResponse, call: str) -> Any:
        try:
            return read_json(response.body)
        except WrongForm as error:
            raise self._unexpected(call, f"{error} ({response.form}, status {response.status})") from None

    def _as_object(self, response: HttpResponse, call: str) -> JsonObject:
        return json_object(self._as_json(response, call), lambda why: self._unexpected(call, why))

    def _send(self, method: str, path: str, **options: Any) -> HttpResponse:
        """Make a call and return its response. Raises an error for every response that is not a success."""
        from tdaflink.adapters.web.authentication import denied, tls_problem

        call, service = f"{method} {path}", f"Flink at {self.url}"
        try:
            response = self._respond(method, path, **options)
        except BadAnswer as error:
            raise self._unexpected(call, str(error)) from None
        except WebError as error:
            if (problem := tls_problem(service, error, "rest")) is not None:
                raise problem from None
            raise self._no_response(error, call) from error
        if response.ok:
            return response
        if response.status in (401, 403):
            raise denied(service, response.status, "rest")
        text = _error_text(response)
        if text is None:
            raise self._unexpected(call, _status(response))
        reason = _decisive_line(text, response)
        # Flink responds with 500 to requests for a job or an application that does not exist.
        if response.status == 404 or any(exception in text for exception in _NOT_FOUND_ERRORS):
            raise NotFound(f"Flink at {self.url} has no {path}: {reason}")
        raise Refused(f"Flink at {self.url} refused {call}: {reason}", reason=reason, noise=text)

    def _respond(self, method: str, path: str, **options: Any) -> HttpResponse:
        """Send the request to the JobManagers in turn; the one that responds is the first in later calls.

        A port whose container is about to start accepts a connection and closes it. Only a request that
        changes nothing may then be sent to another JobManager.
        """
        first = self.url
        for url in (url for url in self._urls if url != first):
            try:
                return self._client.request(method, self.url + path, **options)
            except NoConnection:
                self.url = url
            except CallBroken as error:
                if method != "GET" or isinstance(error, TooSlow):
                    raise
                self.url = url
        return self._client.request(method, self.url + path, **options)

    def _no_response(self, error: WebError, call: str) -> Unreachable:
        if isinstance(error, NoConnection):
            return Unreachable(
                f"no Flink REST interface answers at {' or '.join(self._urls)} ({words_of(error)})",
                hint="tdaflink setup starts the local environment; --env or FLINK_REST_URL name another one",
            )
        return Unreachable(
            f"Flink at {self.url} did not answer {call} ({words_of(error)})", hint="tdaflink status"
        )

    def _unexpected(self, call: str, why: str) -> UnexpectedAnswer:
        return UnexpectedAnswer(
            f"the service at {self.url} is not Flink's REST interface: {call}: {why}",
            hint="check the address: a proxy or a sign-in page may respond in place of Flink;"
            " --env or FLINK_REST_URL name another address",
        )


def _error_text(response: HttpResponse) -> str | None:
    """Return the whole text of Flink's error; None if the response does not have Flink's form."""
    try:
        lines = json_object(read_json(response.body)).texts("errors")
    except WrongForm:
        return None
    return "\n".join(lines)


def _decisive_line(text: str, response: HttpResponse) -> str:
    """Return the root cause of Flink's error, else its first line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return causes[-1] if causes else (lines[0] if lines else f"status {response.status}")


def _status(response: HttpResponse) -> str:
    if 300 <= response.status < 400:
        target = hide_credentials(response.headers.get("location", "nowhere")).partition("?")[0][:200]
        return f"it redirects to {target} (status {response.status})"
    return f"status {response.status} with {response.form}"
