"""The options that all commands share, the registration of commands, and prompts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_type_hints

import typer

from tdaflink.cli.completion import complete_environment
from tdaflink.cli.context import CommandContext, Output
from tdaflink.cli.plain_values import PlainCommand
from tdaflink.domain.errors import TdaflinkError, UsageError
from tdaflink.domain.printable import printable

EnvOption = Annotated[
    str | None,
    typer.Option(
        "--env",
        "--environment",
        envvar="TDA_ENVIRONMENT",
        metavar="NAME",
        help="Environment (default: TDA_ENVIRONMENT, then the current one, then local).",
        show_envvar=False,
        autocompletion=complete_environment,
    ),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Output format on stdout.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show more detail on stderr.")]
NoColorOption = Annotated[
    bool, typer.Option("--no-color", help="Disable colours (like the variable NO_COLOR).")
]

PRODUCTION = "prod"

YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Skip confirmation prompts, such as those before prod is changed.")
]

_SHARED: dict[str, tuple[Any, Any]] = {
    "env": (EnvOption, None),
    "output": (OutputOption, Output.table),
    "verbose": (VerboseOption, False),
    "no_color": (NoColorOption, False),
    "yes": (YesOption, False),
}


@dataclass(frozen=True)
class Exclude:
    """Annotation of a group of options in a parameter's type: the command omits the option `name`."""

    name: str


def command(
    group: typer.Typer, name: str | None = None, **settings: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function of a `CommandContext` and its own options; the shared options are added.

    A parameter whose type is a dataclass is a group of options, one for each field.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        groups = {p.name: _Group.of(p) for p in list(signature.parameters.values())[1:]}
        own = [option for group_ in groups.values() for option in group_.options]
        shared = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for key, (annotation, default) in _SHARED.items()
        ]

        @functools.wraps(function)
        def run(**values: Any) -> None:
            with CommandContext(**{key: values.pop(key) for key in _SHARED}) as context:
                _configure_display(context)
                function(context, **{name: options.collected(values) for name, options in groups.items()})

        del run.__wrapped__
        keywords = [*own, *shared]
        run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in keywords}
        group.command(name, cls=PlainCommand, **settings)(run)
        return function

    return register


@dataclass(frozen=True)
class _Group:
    """A parameter of a command's function, and the options that make its value."""

    name: str
    kind: Callable[..., Any] | None
    options: list[inspect.Parameter]

    @classmethod
    def of(cls, parameter: inspect.Parameter) -> _Group:
        """Return one option for a plain parameter, one for each field of a dataclass."""
        kind: Any = getattr(parameter.annotation, "__origin__", parameter.annotation)
        if not (isinstance(kind, type) and is_dataclass(kind)):
            return cls(parameter.name, None, [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)])
        left_out = [note.name for note in getattr(parameter.annotation, "__metadata__", ())]
        types = get_type_hints(kind, include_extras=True)
        options = [
            inspect.Parameter(
                one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=types[one.name]
            )
            for one in fields(kind)
            if one.name not in left_out
        ]
        return cls(parameter.name, kind, options)

    def collected(self, values: dict[str, Any]) -> Any:
        given = {option.name: values[option.name] for option in self.options}
        return self.kind(**given) if self.kind is not None else given[self.name]


def asker() -> Callable[[str], bool] | None:
    """Return a function that asks the user yes or no; None without a terminal."""
    import sys

    if not sys.stdin.isatty():
        return None
    return lambda question: typer.confirm(printable(question), err=True)


def confirm(question: str) -> None:
    """Ask on the terminal. Raises `UsageError` without a terminal, or if the user declines."""
    import sys

    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask on.", hint="add --yes")
    if not typer.confirm(printable(question), err=True):
        raise UsageError("nothing was done")


def confirm_production(context: CommandContext, name: str, profile: str) -> None:
    """Require the name of a production environment to be typed, unless --yes is given."""
    import sys

    if context.yes or PRODUCTION not in (name, profile):
        return
    question = f"{name} is a production environment."
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to ask on.", hint="add --yes")
    if (
        typer.prompt(f"{question} Type its name to continue", err=True, default="", show_default=False)
        != name
    ):
        raise UsageError("nothing was done")


def confirm_target(context: CommandContext) -> None:
    """Show which environment a command is about to change; ask if it is a production environment."""
    from tdaflink.display.console import err

    env = context.environment
    err().print(f"Environment {env.name} at {env.endpoints.rest_url}", markup=False)
    confirm_production(context, env.name, env.profile)


def confirm_chosen(context: CommandContext) -> None:
    """Ask before a production environment is changed, whether it is saved or only named."""
    saved = context.saved_environment
    confirm_production(context, context.environment_name, saved.profile if saved else "")


def typed_secret(option: str) -> str:
    """Return a secret typed on the terminal without echo, or the next line of standard input."""
    import sys

    if sys.stdin.isatty():
        return str(typer.prompt(f"Secret for {option}", hide_input=True, err=True))
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise UsageError(f"{option} ask: standard input has no line for it", hint=f"{option} env:NAME")
    return line


def _configure_display(context: CommandContext) -> None:
    from tdaflink.display import console

    console.configure(
        output=context.output.value,
        verbose=context.verbose,
        no_color=context.no_color,
        environment=lambda: _environment_to_name(context.env_option),
    )


def _environment_to_name(asked: str | None) -> str | None:
    """Return the environment that hints must name; None if it is also the default of the next call."""
    import os

    from tdaflink.adapters.storage.environment_store import EnvironmentStore

    try:
        store = EnvironmentStore()
        meant = store.chosen_name(asked)
        return None if meant == store.chosen_name(os.environ.get("TDA_ENVIRONMENT")) else meant
    except (TdaflinkError, ValueError):
        return asked
