"""Generated files: write them, or with --check compare them and write nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_or_compare(generated: Mapping[Path, str], existing: Iterable[Path] = (), *, by: str) -> int:
    """Write the generated files, or compare them, and return the exit code.

    Existing files that are not generated any more are removed. `by` is the source of the files, with a verb.
    """
    stale = sorted(set(existing) - set(generated))
    changed = [
        path for path, text in generated.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    if "--check" not in sys.argv[1:]:
        for path in changed:
            path.write_text(generated[path], encoding="utf-8")
        for path in stale:
            path.unlink()
        return 0
    tool = Path(sys.argv[0]).name
    for path in [*changed, *stale]:
        print(f"{path.relative_to(ROOT)} is not what {by}: run python tools/{tool}")
    return 1 if changed or stale else 0
