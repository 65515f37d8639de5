"""The commands schemas list, check and register."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm_chosen
from tdaflink.cli.context import CommandContext
from tdaflink.cli.options import ConfigFile

schemas_app = typer.Typer(help="List, check and register message schemas.", no_args_is_help=True)
app.add_typer(schemas_app, name="schemas")

Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        envvar="SCHEMA_REGISTRY_URL",
        metavar="URL",
        help="Confluent-compatible registry (default: from the config or the environment).",
        show_envvar=False,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="SCHEMA", help="Schemas, topics or subjects (default: all).", show_default=False),
]


@command(schemas_app, "list")
def schemas_list(context: CommandContext, registry: Registry = None, config: ConfigFile = None) -> None:
    """List the shipped schemas and the registry's versions.

    Without a registry, lists the shipped schemas only.
    """
    from tdaflink.adapters.storage.shipped_profiles import load_schemas
    from tdaflink.display.environments.schemas import show_schemas
    from tdaflink.services.environments.schemas import NoRegistry, list_schemas, list_shipped

    try:
        rows = list_schemas(context.registry(registry, config), load_schemas())
    except NoRegistry as error:
        context.reporter.note(f"{error.message}: {error.hint}")
        rows = list_shipped(load_schemas())
    show_schemas(rows)


@command(schemas_app, "check")
def schemas_check(
    context: CommandContext, names: Names = None, registry: Registry = None, config: ConfigFile = None
) -> None:
    """Check the shipped schemas for compatibility.

    Compares them with the registry's versions. Exit code 1 if one is incompatible.
    """
    from tdaflink.adapters.storage.shipped_profiles import load_schemas
    from tdaflink.display.environments.schemas import show_checks
    from tdaflink.services.environments.schemas import check_schemas, choose_schemas, raise_if_incompatible

    chosen = choose_schemas(load_schemas(), names or [])
    checks = check_schemas(context.registry(registry, config), chosen)
    show_checks(checks)
    raise_if_incompatible(checks)


@command(schemas_app, "register")
def schemas_register(
    context: CommandContext,
    names: Names = None,
    registry: Registry = None,
    config: ConfigFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")
    ] = False,
) -> None:
    """Register schemas that the registry does not have.

    Checks their compatibility with the registry's versions first.
    """
    from tdaflink.adapters.storage.shipped_profiles import load_schemas
    from tdaflink.display.environments.schemas import show_schema_changes
    from tdaflink.services.environments.schemas import choose_schemas, plan_register, register_schemas

    chosen = choose_schemas(load_schemas(), names or [])
    opened = context.registry(registry, config)
    if dry_run:
        show_schema_changes(plan_register(opened, chosen), dry_run=True)
        return
    reporter = context.reporter
    reporter.note(f"schema registry at {opened.url}")
    confirm_chosen(context)
    show_schema_changes(register_schemas(opened, chosen, reporter))
