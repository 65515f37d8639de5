"""All results as one self-contained page for a browser.

Content of topics is treated as data: it is embedded as JSON that cannot end its element, the script inserts
it as text only, and the page's content security policy permits no other script and no request.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from tdaflink.adapters.storage.user_files import output_file
from tdaflink.display.diagrams.page_data import CURVE_VALUES, Gathered
from tdaflink.display.diagrams.plot import UNITS
from tdaflink.domain.messages.records import Result

_PARTS = Path(__file__).parent / "web"


class Page:
    """A page of results."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._gathered = Gathered()

    def take(self, result: Result) -> None:
        """Add a result."""
        self._gathered.take(result)

    def save(self) -> str:
        """Write the page, if there is a result; return a message for the user."""
        count = len(self._gathered)
        if not count:
            return f"No result, so no page: {self._path} was not written."
        document = self._gathered.document()
        output_file(self._path, "--plot").write(html(document))
        left_out = document["left_out"]
        older = f" {left_out} older results are omitted." if left_out else ""
        return f"{self._path} shows {count} result{'s' if count > 1 else ''}.{older}"


def html(document: dict[str, Any]) -> str:
    """Return the page for a document of `pagedata`."""
    style, script = (_part(name) for name in ("results.css", "results.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none';"
        " form-action 'none'"
    )
    data = {**document, "units": UNITS, "curve_values": CURVE_VALUES}
    page = _part("results.html").replace("POLICY", policy)
    # The data last, so that no placeholder in it is replaced.
    for place, content in (("STYLE", style), ("SCRIPT", script), ("DATA", _inert(data))):
        page = page.replace(f"<!--{place}-->", content)
    return page


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _inert(data: dict[str, Any]) -> str:
    """Return equivalent JSON without characters that begin or end markup."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
