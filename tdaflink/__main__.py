"""Entry point of the `tdaflink` command and of `python -m tdaflink`."""

from tdaflink.cli.app import app


def main() -> None:
    app()


if __name__ == "__main__":
    main()
