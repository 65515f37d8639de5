"""Requests to a component of a managed environment, to check its health."""

from __future__ import annotations

from tdaflink.adapters.web.calls import Limits, WebError
from tdaflink.adapters.web.json_fields import JsonObject, WrongForm, json_object, read_json


def probe(url: str, seconds: float) -> JsonObject | None:
    """Return the response's JSON object; None if there is none in time. Its fields raise `WrongForm`."""
    from tdaflink.adapters.web.client import WebClient

    client = WebClient(limits=Limits(seconds, seconds, seconds))
    try:
        response = client.request("GET", url)
        return json_object(read_json(response.body)) if response.ok else None
    except (WebError, WrongForm):
        return None
    finally:
        client.close()
