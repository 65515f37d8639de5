"""env list, use, show, add, remove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import Session, command, confirm, typed_secret

env_app = typer.Typer(help="Saved environments.", no_args_is_help=True)
app.add_typer(env_app, name="env")

_ADD_HELP = """Save a cluster that somebody else runs, so that every command works with it.

A SECRET is never typed into the call: it is env:NAME, an environment variable; file:PATH, a file that
only its owner may open; or ask, which reads it from the terminal or from standard input and keeps it
in a file of mode 0600.

What ends in -cluster is for where the job runs: it is looked for there when the job starts. Without it,
the cluster has the same variable or file at the same place.
"""


def _option(metavar: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(metavar=metavar, help=text)
    return option


@command(env_app, "list")
def env_list(session: Session) -> None:
    """Saved environments; the current one is marked. With -v: what each occupies on this machine's disk."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.environments import show_environments
    from tdaflink.services.environments import list_environments

    show_environments(list_environments(EnvironmentStore(), disk=session.verbose))


@command(env_app, "use")
def env_use(
    session: Session,  # noqa: ARG001 - every command takes the shared options
    name: Annotated[str, typer.Argument(help="A saved environment.")],
) -> None:
    """Make an environment the one that commands mean without --env."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.environments import show_environments
    from tdaflink.services.environments import use_environment

    show_environments([use_environment(EnvironmentStore(), name)])


@command(env_app, "show")
def env_show(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="A saved environment; default: the current one.")] = None,
) -> None:
    """One environment in full: where it answers and how it is entered. Secrets as their whereabouts."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.environments import show_environment
    from tdaflink.services import external

    show_environment(external.show_environment(name or session.env, EnvironmentStore()))


@command(env_app, "remove")
def env_remove(
    session: Session,
    name: Annotated[str, typer.Argument(help="An environment that env add has saved.")],
) -> None:
    """Forget a cluster that somebody else runs, with its secrets and history here; it is left alone."""
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.display.environments import show_environment
    from tdaflink.services.external import removable, remove_environment

    store = EnvironmentStore()
    env = removable(name, store)
    if not session.yes:
        confirm(f"Forget {name}, {env.endpoints.rest_url}, with the history of its jobs?")
    show_environment(remove_environment(name, store, session.reporter()))


@command(env_app, "add", help=_ADD_HELP)
def env_add(
    session: Session,
    name: Annotated[str, typer.Argument(help="What it shall be called.")],
    rest_url: Annotated[str | None, _option("URL", "Flink's REST interface.")] = None,
    kafka: Annotated[str | None, _option("HOSTS", "Brokers: host:port, with commas.")] = None,
    kafka_cluster: Annotated[str | None, _option("HOSTS", "Brokers as the job sees them.")] = None,
    schema_registry: Annotated[str | None, _option("URL", "A Confluent-compatible registry.")] = None,
    python: Annotated[str | None, _option("PATH", "The cluster's Python; default: python3.")] = None,
    rest_token: Annotated[str | None, _option("SECRET", "Bearer token for REST.")] = None,
    rest_basic: Annotated[str | None, _option("SECRET", "user:password for REST.")] = None,
    rest_ca: Annotated[str | None, _option("FILE", "Authorities that REST is trusted by.")] = None,
    rest_cert: Annotated[str | None, _option("FILE", "Client certificate for REST.")] = None,
    rest_key: Annotated[str | None, _option("FILE", "Its key.")] = None,
    kafka_protocol: Annotated[
        str | None, _option("PROTOCOL", "PLAINTEXT (default), SSL, SASL_PLAINTEXT or SASL_SSL.")
    ] = None,
    kafka_mechanism: Annotated[
        str | None, _option("MECHANISM", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
    ] = None,
    kafka_user: Annotated[str | None, _option("NAME", "User for SASL.")] = None,
    kafka_password: Annotated[str | None, _option("SECRET", "Its password.")] = None,
    kafka_ca: Annotated[str | None, _option("FILE", "Authorities that brokers are trusted by.")] = None,
    kafka_cert: Annotated[str | None, _option("FILE", "Client certificate for Kafka.")] = None,
    kafka_key: Annotated[str | None, _option("FILE", "Its key.")] = None,
    kafka_password_cluster: Annotated[str | None, _option("SECRET", "The password, on the cluster.")] = None,
    kafka_ca_cluster: Annotated[str | None, _option("FILE", "The authorities, on the cluster.")] = None,
    kafka_cert_cluster: Annotated[str | None, _option("FILE", "The certificate, on the cluster.")] = None,
    kafka_key_cluster: Annotated[str | None, _option("FILE", "Its key, on the cluster.")] = None,
    registry_token: Annotated[str | None, _option("SECRET", "Bearer token for the registry.")] = None,
    registry_basic: Annotated[str | None, _option("SECRET", "user:password for the registry.")] = None,
    registry_ca: Annotated[str | None, _option("FILE", "Authorities that it is trusted by.")] = None,
    registry_cert: Annotated[str | None, _option("FILE", "Client certificate for the registry.")] = None,
    registry_key: Annotated[str | None, _option("FILE", "Its key.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="These options from a file, such as rest_url: …; those of the call win."),
    ] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look at what answers there.")] = True,
) -> None:
    given = {name: value for name, value in locals().items() if isinstance(value, str) and name != "name"}
    from tdaflink.adapters.configfiles import read_config
    from tdaflink.adapters.environments import EnvironmentStore
    from tdaflink.adapters.user_files import require_regular
    from tdaflink.display.environments import show_environment
    from tdaflink.domain.external import read_options
    from tdaflink.services.external import add_environment

    if config is not None:
        require_regular(config, "--config")
    options = {**(read_options(read_config(config), str(config)) if config else {}), **given}
    view = add_environment(name, options, EnvironmentStore(), session.reporter(), typed_secret, check=check)
    show_environment(view)
