"""Options and arguments shared by several commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tdaflink.cli.common import Exclude
from tdaflink.cli.completion import complete_job

if TYPE_CHECKING:
    from tdaflink.services.jobs.config_resolution import ConfigOverrides

_WHICH_JOB = "Job id, unique id prefix, or name."

JobArgument = Annotated[str, typer.Argument(metavar="ID", help=_WHICH_JOB, autocompletion=complete_job)]
OptionalJob = Annotated[
    str | None, typer.Argument(metavar="ID", help=_WHICH_JOB, autocompletion=complete_job)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Job config file, JSON or YAML.", show_default=False),
]
JobName = Annotated[str | None, typer.Option("--job-name", metavar="NAME", help="Job name on the cluster.")]
Parallelism = Annotated[
    int | None,
    typer.Option(
        "--parallelism",
        metavar="N",
        help="Parallelism of the job (default of submit: a quarter of the free slots).",
    ),
]
WindowSize = typer.Option(metavar="N", help="Size of a count window, in points.")
SlideInterval = typer.Option(metavar="N", help="Slide of a count window, in points.")
Window = Annotated[
    str | None,
    typer.Option(
        "--window",
        metavar="W",
        help="Window: sliding:SIZE/SLIDE, tumbling:SIZE, session:GAP, count:POINTS/SLIDE/TIMEOUT or none;"
        " such as sliding:60s/10s or count:100/10.",
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set a job config key; repeatable.")
]


@dataclass(frozen=True)
class ConfigOptions:
    """Options of a call that change the job config."""

    config: ConfigFile = None
    job_name: JobName = None
    parallelism: Parallelism = None
    window_size: Annotated[int | None, WindowSize] = None
    slide_interval: Annotated[int | None, SlideInterval] = None
    window: Window = None
    settings: Settings = None

    def asked(self) -> ConfigOverrides:
        """Return the options as a value for services."""
        from tdaflink.services.jobs.config_resolution import ConfigOverrides

        return ConfigOverrides(
            self.config,
            self.job_name,
            self.parallelism,
            self.window_size,
            self.slide_interval,
            self.window,
            tuple(self.settings or ()),
        )


# A job that runs keeps its name.
ChangedConfig = Annotated[ConfigOptions, Exclude("job_name")]
