"""Entry point of the `tdaflink` command and of `python -m tdaflink`."""

import gc
import os
import sys

# If installed, httpx imports its own command line, and httpcore two libraries for asynchronous calls. No call
# here is asynchronous, so these imports would only make the start slower.
NOT_IMPORTED = ("httpx._main", "anyio", "trio")


def main() -> None:
    """Run the command."""
    from tdaflink.display.standard_streams import prepare_streams

    try:
        prepare_streams()
        _run()
    except KeyboardInterrupt:
        sys.exit(130)  # before the command line was parsed: there is nothing to report


def _run() -> None:
    if sys.argv[1:] in (["--help"], ["-h"]) and "_TDAFLINK_COMPLETE" not in os.environ:
        from tdaflink.cli.help_page import print_help_page

        if print_help_page():
            return
    # Imports create many objects and no garbage: collections took a tenth of the start.
    gc.set_threshold(100_000, 50, 50)
    for name in NOT_IMPORTED:
        sys.modules[name] = None  # type: ignore[assignment]
    from tdaflink.cli.app import app, load

    load(sys.argv[1:])
    app()


if __name__ == "__main__":
    main()
