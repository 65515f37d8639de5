"""The commands config show, explain, validate, schema and init."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext
from tdaflink.cli.options import ConfigOptions

group = typer.Typer(help="Show, explain, validate and create the job config.", no_args_is_help=True)
app.add_typer(group, name="config")


@command(group, "show")
def show(
    context: CommandContext,
    config: ConfigOptions = ConfigOptions(),
) -> None:
    """Show the resolved job config."""
    from tdaflink.display.jobs.config import show_config

    show_config(context.job_builder().resolve(config.asked()))


@command(group, "explain")
def explain(
    context: CommandContext,
    config: ConfigOptions = ConfigOptions(),
) -> None:
    """Show each value of the job config with its source."""
    from tdaflink.display.jobs.config import show_explained

    show_explained(context.job_builder().resolve(config.asked()))


@command(group, "validate")
def validate(
    context: CommandContext,  # noqa: ARG001 - the shared options still apply to how errors are shown
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Job config file, JSON or YAML.")],
) -> None:
    """Validate a job config file.

    Exit code 2 if the file is invalid; the error names the field, its value and the reason.
    """
    from tdaflink.display.jobs.config import show_valid
    from tdaflink.services.jobs.config_resolution import validate_file

    show_valid(file, validate_file(file))


@command(group, "schema")
def schema(context: CommandContext) -> None:  # noqa: ARG001 - it is JSON with any --output
    """Print the JSON Schema of the job config, for editors."""
    from tdaflink.display.jobs.config import show_schema
    from tdaflink.services.jobs.config_resolution import config_schema

    show_schema(config_schema())


@command(group, "init")
def init(
    context: CommandContext,
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
    from tdaflink.adapters.storage.shipped_profiles import load_profile, profile_names
    from tdaflink.services.jobs.config_resolution import write_config

    saved = context.saved_environment
    profile = saved.profile if saved is not None else context.environment_name
    own = profile in profile_names() and (saved is None or saved.is_managed)
    job = load_profile(profile).job if own else {}
    write_config(file, job, force=force, production=production)
    context.reporter.note(f"Wrote {file}. Next: tdaflink config validate {file}")
