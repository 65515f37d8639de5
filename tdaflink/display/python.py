"""What `python lock` changed."""

from __future__ import annotations

from collections.abc import Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.python_lock import PythonLockChanges


def show_python_locks(changes: Sequence[PythonLockChanges], *, check: bool) -> None:
    """List what each new lock has that the old one had not."""
    if show_data(list(changes)):
        return
    out = console.out()
    for lock in changes:
        for sign, names in (("+", lock.added), ("-", lock.removed), ("~", lock.rehashed)):
            for name in names:
                out.print(f"{lock.lock}: {sign} {name}", soft_wrap=True, markup=False)
        state = "as locked" if lock.fits else "differs" if check else "written"
        out.print(f"{lock.lock}: {lock.packages} packages, {state}", soft_wrap=True)
