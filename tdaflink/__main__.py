"""Entry point of the `tdaflink` command and of `python -m tdaflink`."""

import gc
import os
import sys


def main() -> None:
    """Run the command."""
    try:
        _open_closed_streams()
        _run()
    except KeyboardInterrupt:
        sys.exit(130)  # before the command was read: there is nothing to say


def _run() -> None:
    if sys.argv[1:] in (["--help"], ["-h"]) and "_TDAFLINK_COMPLETE" not in os.environ:
        from tdaflink.cli.helppage import print_help_page

        if print_help_page():
            return
    # Imports make many objects and no garbage: looking for some took a tenth of the start.
    gc.set_threshold(100_000, 50, 50)
    from tdaflink.cli.app import app, load

    load(sys.argv[1:])
    app()


def _open_closed_streams() -> None:
    """Open a standard stream that the caller has closed, or the next file would get its number."""
    if sys.stdin and sys.stdout and sys.stderr:
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")


if __name__ == "__main__":
    main()
