"""The commands jars list, fetch and lock."""

from __future__ import annotations

from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command
from tdaflink.cli.context import CommandContext

jars_app = typer.Typer(help="List, fetch and lock the JARs of environments.", no_args_is_help=True)
app.add_typer(jars_app, name="jars")

Mirror = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Maven repository (default: TDAFLINK_MAVEN_MIRROR or Maven Central)."),
]


@command(jars_app, "list")
def jars_list(context: CommandContext) -> None:  # noqa: ARG001 - every command takes the shared options
    """List the locked JARs and whether each is cached."""
    from tdaflink.adapters.jars.cache import JarCache
    from tdaflink.adapters.storage.shipped_profiles import load_lock
    from tdaflink.display.artifacts.jars import show_jars
    from tdaflink.services.artifacts.jars import list_jars

    show_jars(list_jars(load_lock(), JarCache()))


@command(jars_app, "fetch")
def jars_fetch(
    context: CommandContext,
    mirror: Mirror = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be downloaded; change nothing.")
    ] = False,
) -> None:
    """Download missing JARs and verify all checksums."""
    from tdaflink.adapters.jars.cache import JarCache
    from tdaflink.adapters.storage.shipped_profiles import load_lock
    from tdaflink.display.artifacts.jars import show_fetched
    from tdaflink.services.artifacts.jars import fetch_jars, plan_fetch

    if dry_run:
        show_fetched(plan_fetch(load_lock(), JarCache()), dry_run=True)
    else:
        fetched = fetch_jars(load_lock(), JarCache(), context.reporter, mirror=mirror, thorough=True)
        show_fetched(fetched)


@command(jars_app, "lock")
def jars_lock(
    context: CommandContext,
    mirror: Mirror = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the new lock; write nothing.")] = False,
) -> None:
    """Resolve versions.yaml and write the JAR lock file."""
    from tdaflink.adapters.jars.cache import JarCache
    from tdaflink.adapters.storage.shipped_profiles import load_lock, load_versions, lock_path, save_lock
    from tdaflink.display.artifacts.jars import show_lock
    from tdaflink.domain.artifacts.jars import differences
    from tdaflink.services.artifacts.jars import lock_jars

    lock = lock_jars(load_versions().jar_roots, JarCache(), context.reporter, mirror=mirror)
    changes = differences(load_lock(), lock)
    if not dry_run:
        save_lock(lock)
    show_lock(changes, lock_path(), dry_run=dry_run)
