"""Files that are made from something else: write them, or with --check compare them and write nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_or_compare(wanted: Mapping[Path, str], there: Iterable[Path] = (), *, by: str) -> int:
    """The exit code. What is `there` and is not wanted is removed; `by` says from what the files are made."""
    stale = sorted(set(there) - set(wanted))
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" not in sys.argv[1:]:
        for path in changed:
            path.write_text(wanted[path], encoding="utf-8")
        for path in stale:
            path.unlink()
        return 0
    tool = Path(sys.argv[0]).name
    for path in [*changed, *stale]:
        print(f"{path.relative_to(ROOT)} is not what {by}: python tools/{tool}")
    return 1 if changed or stale else 0
