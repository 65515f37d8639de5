"""Looks at a component of an environment of ours: whether it answers, and what."""

from __future__ import annotations

from tdaflink.adapters.json_answers import JsonObject, WrongForm, json_object, read_json
from tdaflink.adapters.web_calls import Limits, WebError


def probe(url: str, seconds: float) -> JsonObject | None:
    """The object that is answered; None where there is none in time. Its fields raise `WrongForm`."""
    from tdaflink.adapters.web_client import WebClient

    client = WebClient(limits=Limits(seconds, seconds, seconds))
    try:
        answer = client.request("GET", url)
        return json_object(read_json(answer.body)) if answer.ok else None
    except (WebError, WrongForm):
        return None
    finally:
        client.close()
