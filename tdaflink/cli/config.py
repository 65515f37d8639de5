"""The commands config show, explain, validate, schema and init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command
from tdaflink.cli.options import ConfigOptions

group = typer.Typer(help="Show, explain, validate and create the job config.", no_args_is_help=True)
app.add_typer(group, name="config")


@command(group, "show")
def show(
    session: Session,
    config: ConfigOptions = ConfigOptions(),
) -> None:
    """Show the resolved job config."""
    from tdaflink.cli.wiring import resolved_config
    from tdaflink.display.config import show_config

    show_config(resolved_config(session, config.asked())[1])


@command(group, "explain")
def explain(
    session: Session,
    config: ConfigOptions = ConfigOptions(),
) -> None:
    """Show each value of the job config with its source."""
    from tdaflink.cli.wiring import resolved_config
    from tdaflink.display.config import show_explained

    show_explained(resolved_config(session, config.asked())[1])


@command(group, "validate")
def validate(
    session: Session,  # noqa: ARG001 - the shared options still apply to how errors are shown
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Job config file, JSON or YAML.")],
) -> None:
    """Validate a job config file.

    Exit code 2 if the file is invalid; the error names the field, its value and the reason.
    """
    from tdaflink.display.config import show_valid
    from tdaflink.services.configuration import validate_file

    show_valid(file, validate_file(file))


@command(group, "schema")
def schema(session: Session) -> None:  # noqa: ARG001 - it is JSON with any --output
    """Print the JSON Schema of the job config, for editors."""
    from tdaflink.display.config import show_schema
    from tdaflink.services.configuration import config_schema

    show_schema(config_schema())


@command(group, "init")
def init(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write, .json or .yaml.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    production: Annotated[
        bool,
        typer.Option(
            "--production", help="Write a sample for a production cluster, with brokers and parallelism."
        ),
    ] = False,
) -> None:
    """Write a job config with the defaults of the environment.

    A YAML file has every key with a comment; a JSON file has the most important keys.
    """
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.adapters.profiles import load_profile, profile_names
    from tdaflink.services.configuration import write_config

    store = EnvironmentStore()
    saved = store.find(store.chosen_name(session.env))
    profile = saved.profile if saved is not None else store.chosen_name(session.env)
    own = profile in profile_names() and not (saved is not None and saved.runtime == "external")
    job = load_profile(profile).job if own else {}
    write_config(file, job, force=force, production=production)
    session.reporter().note(f"Wrote {file}. Next: tdaflink config validate {file}")
