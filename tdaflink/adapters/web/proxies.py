"""Proxies and certificate authorities from environment variables."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tdaflink.domain.addresses import ascii_host
from tdaflink.domain.errors import ConfigError

_PROXY = "http://host:port, or NO_PROXY for the addresses that need none"


@dataclass(frozen=True)
class Proxy:
    """A proxy; its text is its address without credentials."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Proxies:
    """The proxies of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY; lower case has precedence, as in curl.

    Raises `ConfigError` that names the variable and shows no credentials.
    """

    def __init__(self) -> None:
        self._by_scheme = {scheme: _proxy(scheme) for scheme in ("https", "http")}
        self._direct = [entry.strip() for entry in _variable("no_proxy")[1].split(",") if entry.strip()]

    def proxy_for(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for a host, None for a direct connection."""
        proxy = self._by_scheme[scheme]
        return None if proxy is None or any(_matches(entry, host, port) for entry in self._direct) else proxy


def trusted_authorities() -> ssl.SSLContext:
    """Return a context with the authorities of SSL_CERT_FILE and SSL_CERT_DIR if set, else of certifi."""
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if not file and not folders:
        import certifi

        return ssl.create_default_context(cafile=certifi.where())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for folder in (folders or "").split(os.pathsep):
        if folder:
            if not Path(folder).is_dir():
                raise ConfigError(
                    f"SSL_CERT_DIR: {folder!r} is not a folder", hint=_UNSET.format("SSL_CERT_DIR")
                )
            context.load_verify_locations(capath=folder)
    if file:
        try:
            context.load_verify_locations(cafile=file)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            hint = _UNSET.format("SSL_CERT_FILE")
            raise ConfigError(f"SSL_CERT_FILE: {file!r} has no certificates: {why}", hint=hint) from None
    return context


_UNSET = "name PEM certificates, or unset {} to trust the usual authorities"


def _variable(name: str) -> tuple[str, str]:
    """Return the spelling of the variable that is set, and its value."""
    for spelling in (name, name.upper()):
        if value := os.environ.get(spelling, "").strip():
            return spelling, value
    return name.upper(), ""


def _proxy(scheme: str) -> Proxy | None:
    variable, value = _variable(f"{scheme}_proxy")
    if not value:
        variable, value = _variable("all_proxy")
    if not value:
        return None
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port, host = parts.port, ascii_host(parts.hostname or "")
        user = parts.username
    except ValueError:
        raise ConfigError(f"{variable} is not the address of a proxy", hint=_PROXY) from None
    if parts.scheme != "http":
        kind = parts.scheme if parts.scheme.isalnum() else "another"
        raise ConfigError(f"{variable} names a proxy of kind {kind}://, which is not supported", hint=_PROXY)
    if not host or any(character.isspace() for character in value):
        raise ConfigError(f"{variable} is not the address of a proxy", hint=_PROXY)
    headers = {}
    if user is not None:
        login = f"{unquote(user)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(login.encode()).decode("ascii")
    return Proxy(host, port or 80, headers)


def _matches(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY matches: a name with its subdomains, an address, a network, `*`."""
    if entry == "*":
        return True
    entry = entry.rpartition("://")[2].lower()
    bare, separator, last = entry.rpartition(":")
    if separator and last.isdigit() and (":" not in bare or bare.endswith("]")):
        if int(last) != port:
            return False
        entry = bare
    entry = entry.strip("[]").removeprefix("*").removeprefix(".")
    host = host.lower().rstrip(".")
    if not entry:
        return False
    if host == entry or host.endswith(f".{entry}"):
        return True
    return "/" in entry and _in_network(host, entry)


def _in_network(host: str, network: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
