"""Authentication and TLS of HTTP endpoints: the header of the credentials, and certificates."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tdaflink.adapters.security.references import private_text, secret
from tdaflink.adapters.storage.user_files import require_file
from tdaflink.adapters.web.calls import Limits
from tdaflink.domain.environments.security import Reference, WebSecurity
from tdaflink.domain.errors import AccessDenied, ConfigError, TdaflinkError, Unreachable

if TYPE_CHECKING:
    from tdaflink.adapters.web.client import WebClient


def authorization(basic: Reference | None, bearer: Reference | None, setting: str) -> dict[str, str]:
    """Return the header, empty without a reference. Raises `ConfigError` for a missing or invalid secret."""
    if bearer:
        return bearer_header(secret(bearer, f"{setting}.bearer"), f"{setting}.bearer")
    return basic_header(secret(basic, f"{setting}.basic"), f"{setting}.basic") if basic else {}


def bearer_header(token: str, setting: str) -> dict[str, str]:
    """Return the header of a token."""
    if not token.isascii() or not token.isprintable():
        raise ConfigError(f"{setting}: its value is not a token: a header may have printable ASCII only")
    return {"Authorization": f"Bearer {token}"}


def basic_header(value: str, setting: str) -> dict[str, str]:
    """Return the header of user:password."""
    if ":" not in value:
        raise ConfigError(f"{setting}: its value is not of the form user:password")
    return {"Authorization": "Basic " + base64.b64encode(value.encode()).decode("ascii")}


def web_client(
    urls: Sequence[str],
    security: WebSecurity,
    name: str,
    *,
    headers: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> WebClient:
    """Create the client of one service; `name` begins the names of its options. Raises `ConfigError`."""
    from tdaflink.adapters.web.client import WebClient

    context = tls_context(urls, security, name)
    proxies = None
    if context is not None:
        from tdaflink.adapters.web.proxies import Proxies

        proxies = Proxies()
    return WebClient(headers=headers, context=context, proxies=proxies, limits=limits)


def tls_context(urls: Sequence[str], security: WebSecurity, name: str) -> ssl.SSLContext | None:
    """Return the context with authorities and client certificate; None for plain http.

    Loading certificates takes 20 ms.
    """
    if not any(url.startswith("https:") for url in urls):
        if security.ca or security.certificate:
            raise ConfigError(
                f"--{name}-ca and --{name}-cert have no effect with {urls[0]}",
                hint="use an https:// address, or leave them out",
            )
        return None
    context = _trusted_context(security.ca, f"--{name}-ca")
    if security.certificate and security.key:
        private_text(Path(security.key), f"--{name}-key")
        require_file(security.certificate, f"--{name}-cert")
        try:
            # An encrypted key would otherwise prompt on the terminal.
            context.load_cert_chain(security.certificate, security.key, password="")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"--{name}-cert {security.certificate} and --{name}-key {security.key} are not a matching"
                f" certificate and key: {_reason(error)}",
                hint="give PEM files, and a key without a passphrase",
            ) from None
    return context


def denied(what: str, status: int, name: str, *, also: str = "") -> AccessDenied:
    """Return the error of a response with status 401 or 403; `also` names another way to give credentials."""
    reason = "requires other credentials" if status == 401 else "does not allow this with these credentials"
    return AccessDenied(
        f"{what} {reason} (status {status})",
        hint=(f"{also}, or " if also else "")
        + f"--{name}-token or --{name}-basic of tdaflink env add; tdaflink env show lists what is sent",
    )


def tls_problem(what: str, error: BaseException, name: str) -> TdaflinkError | None:
    """Return the error of a failed TLS connection, None for another cause."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.rsplit("verify failed:", 1)[-1].split("(_ssl")[0].strip()
        return AccessDenied(
            f"the certificate of {what} is not trusted: {reason}",
            hint=f"--{name}-ca FILE of tdaflink env add names the authority that signed it",
        )
    if "CERTIFICATE_REQUIRED" in text or "HANDSHAKE_FAILURE" in text or "UNKNOWN_CA" in text:
        return AccessDenied(
            f"{what} requires a client certificate that it trusts",
            hint=f"give one by --{name}-cert FILE and --{name}-key FILE of tdaflink env add",
        )
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return Unreachable(
            f"{what} does not speak TLS", hint="check the address: http:// instead of https://?"
        )
    return None


def _trusted_context(ca: str | None, option: str) -> ssl.SSLContext:
    if ca is None:
        from tdaflink.adapters.web.proxies import trusted_authorities

        return trusted_authorities()
    require_file(ca, option)
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{option} {ca} has no certificates: {_reason(error)}", hint="give a PEM file"
        ) from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
