"""The webhook for an environment's alerts, stored apart from its settings: the address may be a secret."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tdaflink.adapters.security.credential_store import Credentials
from tdaflink.adapters.security.references import private_text
from tdaflink.adapters.web.calls import Limits, WebError
from tdaflink.domain.environments.alerts import WEBHOOK, checked_webhook, shown_webhook
from tdaflink.domain.environments.security import NO_WEB_SECURITY
from tdaflink.domain.errors import ConfigError, Unreachable

_VARIABLE = "TDAFLINK_ALERT_WEBHOOK"
_NAME = "alert-webhook"
_LIMITS = Limits(connect=3.0, silence=5.0, whole=8.0, size=1 << 20)


def alert_webhook(details: Mapping[str, str] | None = None, folder: Path | None = None) -> str | None:
    """Return the address that `setup --webhook` saved, else that of TDAFLINK_ALERT_WEBHOOK.

    None where the settings name an address that is not saved (yet); `require_webhook` raises in that case.
    """
    if folder is not None and details and WEBHOOK in details:
        path = Credentials(folder).path(_NAME)
        return checked_webhook(private_text(path, "webhook"), "the saved webhook") if path.exists() else None
    address = os.environ.get(_VARIABLE, "").strip()
    return checked_webhook(address, _VARIABLE) if address else None


def keep_webhook(folder: Path, address: str | None) -> None:
    """Save the address for later calls, or remove the saved one."""
    if address is not None:
        Credentials(folder).keep(_NAME, address)
    else:
        Credentials(folder).path(_NAME).unlink(missing_ok=True)


def require_webhook(details: Mapping[str, str], folder: Path) -> None:
    """Raise `ConfigError` for settings whose address is no longer saved."""
    if WEBHOOK in details and alert_webhook(details, folder) is None:
        raise ConfigError(
            f"the saved address of the alert webhook is missing: {details[WEBHOOK]}",
            hint="tdaflink setup --webhook URL saves it again; --webhook none turns sending off",
        )


def post_alerts(address: str, document: Mapping[str, Any]) -> None:
    """Send alerts to the webhook. Raises `Unreachable`, which does not show the address."""
    from tdaflink.adapters.web.authentication import web_client

    shown = shown_webhook(address)
    body = json.dumps(document).encode()
    try:
        with closing(web_client([address], NO_WEB_SECURITY, "webhook", limits=_LIMITS)) as client:
            response = client.request("POST", address, body=body)
    except WebError as error:
        raise Unreachable(f"the webhook {shown} did not accept the alert: {error}") from None
    if not response.ok:
        raise Unreachable(f"the webhook {shown} did not accept the alert: status {response.status}")
