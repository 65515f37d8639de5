"""Entry point of the `tdaflink` command and of `python -m tdaflink`."""

import gc
import sys


def main() -> None:
    """Run the command."""
    # Imports make many objects and no garbage: looking for some took a tenth of the start.
    gc.set_threshold(100_000, 50, 50)
    # httpx brings a command line of its own along, with all that it imports, unless it cannot be had.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    from tdaflink.cli.app import app, load

    load(sys.argv[1:])
    app()


if __name__ == "__main__":
    main()
