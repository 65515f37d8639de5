"""The commands env list, use, show, add and remove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tdaflink.cli.app import app
from tdaflink.cli.common import command, confirm, typed_secret
from tdaflink.cli.context import CommandContext

env_app = typer.Typer(help="List, select, show, add and remove environments.", no_args_is_help=True)
app.add_typer(env_app, name="env")

_ADD_HELP = """Add an existing external cluster as an environment.

A SECRET is a reference, never the secret itself: env:NAME (an environment variable), file:PATH (a file
that only its owner can read), or ask (read from the terminal or standard input, and stored in a file with
mode 0600).

Options that end in -cluster apply on the cluster and are resolved there when the job starts. Their default
is the same variable or path as on this machine.
"""


def _option(metavar: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(metavar=metavar, help=text)
    return option


@command(env_app, "list")
def env_list(context: CommandContext) -> None:
    """List the environments; the current one is marked.

    With -v, also their disk usage on this machine.
    """
    from tdaflink.display.environments.listing import show_environments
    from tdaflink.services.environments.listing import list_environments

    show_environments(list_environments(context.store, disk=context.verbose))


@command(env_app, "use")
def env_use(
    context: CommandContext,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Environment to select.")],
) -> None:
    """Select the environment that commands use without --env."""
    from tdaflink.display.environments.listing import show_environments
    from tdaflink.services.environments.listing import use_environment

    show_environments([use_environment(context.store, name)])


@command(env_app, "show")
def env_show(
    context: CommandContext,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Environment (default: the current one).")
    ] = None,
) -> None:
    """Show an environment's endpoints and authentication.

    Secrets are shown as references only.
    """
    from tdaflink.display.environments.listing import show_environment
    from tdaflink.services.environments import external

    show_environment(external.show_environment(name or context.env_option, context.store))


@command(env_app, "remove")
def env_remove(
    context: CommandContext,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Environment saved by env add.")],
) -> None:
    """Remove an external cluster from the saved environments.

    Deletes its stored secrets and the job history on this machine. The cluster itself is not touched.
    """
    from tdaflink.display.environments.listing import show_environment
    from tdaflink.services.environments.external import removable, remove_environment

    store = context.store
    env = removable(name, store)
    if not context.yes:
        confirm(f"Remove {name}, {env.endpoints.rest_url}, with the history of its jobs?")
    show_environment(remove_environment(name, store, context.reporter))


@command(env_app, "add", help=_ADD_HELP)
def env_add(
    context: CommandContext,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name for the environment.")],
    rest_url: Annotated[str | None, _option("URL", "URL of Flink's REST API.")] = None,
    kafka: Annotated[str | None, _option("HOSTS", "Kafka brokers (host:port, comma-separated).")] = None,
    kafka_cluster: Annotated[
        str | None, _option("HOSTS", "Kafka brokers as seen by the job (default: --kafka).")
    ] = None,
    schema_registry: Annotated[str | None, _option("URL", "URL of a Confluent-compatible registry.")] = None,
    python: Annotated[str | None, _option("PATH", "Python on the cluster (default: python3).")] = None,
    rest_token: Annotated[str | None, _option("SECRET", "Bearer token for the REST API.")] = None,
    rest_basic: Annotated[str | None, _option("SECRET", "user:password for the REST API.")] = None,
    rest_ca: Annotated[str | None, _option("FILE", "CA bundle used to verify the REST endpoint.")] = None,
    rest_cert: Annotated[str | None, _option("FILE", "Client certificate for the REST API.")] = None,
    rest_key: Annotated[str | None, _option("FILE", "Private key of --rest-cert.")] = None,
    kafka_protocol: Annotated[
        str | None,
        _option("PROTOCOL", "Security protocol: PLAINTEXT (default), SSL, SASL_PLAINTEXT or SASL_SSL."),
    ] = None,
    kafka_mechanism: Annotated[
        str | None, _option("MECHANISM", "SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
    ] = None,
    kafka_user: Annotated[str | None, _option("NAME", "SASL user name.")] = None,
    kafka_password: Annotated[str | None, _option("SECRET", "SASL password.")] = None,
    kafka_ca: Annotated[str | None, _option("FILE", "CA bundle used to verify the brokers.")] = None,
    kafka_cert: Annotated[str | None, _option("FILE", "Client certificate for Kafka.")] = None,
    kafka_key: Annotated[str | None, _option("FILE", "Private key of --kafka-cert.")] = None,
    kafka_password_cluster: Annotated[str | None, _option("SECRET", "SASL password, on the cluster.")] = None,
    kafka_ca_cluster: Annotated[str | None, _option("FILE", "CA bundle, on the cluster.")] = None,
    kafka_cert_cluster: Annotated[str | None, _option("FILE", "Client certificate, on the cluster.")] = None,
    kafka_key_cluster: Annotated[str | None, _option("FILE", "Private key, on the cluster.")] = None,
    registry_token: Annotated[str | None, _option("SECRET", "Bearer token for the registry.")] = None,
    registry_basic: Annotated[str | None, _option("SECRET", "user:password for the registry.")] = None,
    registry_ca: Annotated[str | None, _option("FILE", "CA bundle used to verify the registry.")] = None,
    registry_cert: Annotated[str | None, _option("FILE", "Client certificate for the registry.")] = None,
    registry_key: Annotated[str | None, _option("FILE", "Private key of --registry-cert.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with these options, such as rest_url: …; options of the call take precedence.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Check the endpoints before saving.")
    ] = True,
) -> None:
    given = {name: value for name, value in locals().items() if isinstance(value, str) and name != "name"}
    from tdaflink.adapters.storage.config_files import read_config
    from tdaflink.adapters.storage.user_files import require_regular
    from tdaflink.display.environments.listing import show_environment
    from tdaflink.domain.environments.external import read_options
    from tdaflink.services.environments.external import add_environment

    if config is not None:
        require_regular(config, "--config")
    options = {**(read_options(read_config(config), str(config)) if config else {}), **given}
    view = add_environment(name, options, context.store, context.reporter, typed_secret, check=check)
    show_environment(view)
