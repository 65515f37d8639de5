"""python list, python prune."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command

python_app = typer.Typer(help="The Python packages that clusters run, and their locks.", no_args_is_help=True)
app.add_typer(python_app, name="python")


@command(python_app, "list")
def python_list(session: Session) -> None:  # noqa: ARG001 - every command has it
    """List the virtual environments that setup made for local clusters, with their users."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.python_environments import show_pythons
    from tdaflink.services.python_environments import list_pythons

    show_pythons(list_pythons(EnvironmentStore()))


@command(python_app, "prune")
def python_prune(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed.")] = False,
) -> None:
    """Remove the virtual environments that no saved environment and no process uses."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.python_environments import show_prune
    from tdaflink.services.python_environments import prune_pythons

    show_prune(prune_pythons(EnvironmentStore(), session.reporter(), dry_run=dry_run))
