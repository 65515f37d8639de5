"""Results of setup and teardown, and the saved environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.display.format import format_size
from tdaflink.domain.environments.environment import DiskUsage
from tdaflink.domain.environments.external import EnvironmentView
from tdaflink.domain.environments.setup import EnvironmentRow, SetupPlan, SetupResult, TeardownResult


@console.printed
def show_setup(result: SetupResult) -> None:
    """Show the addresses of the environment, the changes, and the next commands."""
    if not show_data(result):
        _show_pairs(
            f"{result.environment} is up{'' if result.changed else '; nothing changed'}",
            {
                "Flink": f"{result.rest_url} (open it in a browser)",
                "Kafka": result.kafka,
                **_services(result),
                "Alerts sent to": result.alerts or "",
                "Started": ", ".join(result.started),
                "Job": result.job_id or "",
                "Jobs resumed": ", ".join(result.jobs_resumed),
                "Topics created": ", ".join(result.topics_created),
                "Schemas registered": ", ".join(result.schemas_registered),
                "JARs fetched": str(len(result.jars_fetched) or ""),
                "Took": f"{result.seconds:.1f} s",
            },
        )
    err = console.err()
    option = "" if result.current else f" --env {result.environment}"
    status = f"tdaflink status{option} shows the job"
    first = status if result.job_id else f"tdaflink submit{option} starts the analysis"
    err.print(f"Next: {first}; tdaflink send circle{option}, then tdaflink results{option}", soft_wrap=True)


def _services(result: SetupResult) -> dict[str, str]:
    named = {name.replace("_", " ").capitalize(): address for name, address in result.services.items()}
    if "Grafana" in named:
        named["Grafana"] += f" (user {result.grafana_login})"
    return named


@console.printed
def show_plan(plan: SetupPlan) -> None:
    """Show the plan of a setup."""
    if show_data(plan):
        return
    _show_pairs(
        f"setup of {plan.environment} would",
        {
            "use": f"profile {plan.profile} ({plan.about}), Flink at {plan.rest_url}, Kafka at {plan.kafka}",
            "listen on": ", ".join(f"{port} ({purpose})" for purpose, port in plan.ports.items()),
            "Python": plan.python,
            "start": ", ".join(plan.start) or "nothing",
            "recreate": ", ".join(plan.replace),
            "stop or lose": _affected_jobs(plan.jobs),
            "keep unchanged": ", ".join(plan.unchanged),
            "send alerts to": plan.alerts or "",
            "fetch": _some(plan.jars, "JARs"),
            "create": ", ".join(plan.topics),
            "register": ", ".join(plan.schemas),
        },
    )


@console.printed
def show_teardown(result: TeardownResult, *, dry_run: bool = False) -> None:
    """Show the stopped components and the place of the data."""
    if show_data(result):
        return
    would = "teardown would" if dry_run else "teardown"
    data = f"removed, {result.folder}" if result.purged else f"kept in {result.folder}"
    _show_pairs(
        f"{would} of {result.environment}",
        {"stopped": ", ".join(result.stopped) or "nothing: it was not running", "data": data},
    )


@console.printed
def show_environments(rows: Sequence[EnvironmentRow]) -> None:
    """Show the saved environments as a table."""
    if show_data(rows):
        return
    table = console.table("", "ENVIRONMENT", "PROFILE", "RUNTIME", "FLINK", "KAFKA")
    for row in rows:
        mark = "*" if row.current else ""
        runtime = "damaged" if row.error else row.runtime
        table.add_row(mark, row.name, row.profile, runtime, row.rest_url, row.kafka)
    console.out().print(table)
    for row in rows:
        if row.error:
            console.err().print(f"Warning: {row.error}", soft_wrap=True)
    _show_disk_usage({row.name: row.disk for row in rows if row.disk})


def _show_disk_usage(usages: Mapping[str, DiskUsage]) -> None:
    if not usages:
        return
    table = console.table("", "ENVIRONMENT")
    for heading in ("ON DISK", "STATE", "KAFKA", "LOGS", "TEMPORARY", "OTHER"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, disk in usages.items():
        parts = (disk.state_bytes, disk.kafka_bytes, disk.logs_bytes, disk.temporary_bytes, disk.other_bytes)
        table.add_row("", name, format_size(disk.bytes), *(format_size(part) for part in parts))
    out = console.out()
    out.print()
    out.print(table)
    for disk in usages.values():
        out.print(disk.folder, soft_wrap=True)


@console.printed
def show_environment(view: EnvironmentView) -> None:
    """Show one environment in full, with the results of its checks."""
    if show_data(view):
        return
    pairs = {"runtime": view.runtime, **{name.replace("_", " "): text for name, text in view.options.items()}}
    pairs["alerts sent to"] = view.alerts or ""
    _show_pairs(f"{view.name}{' (current)' if view.current else ''}", pairs)
    for check in view.checks:
        console.out().print(f"  {check.state:<10}{check.what}: {check.says}", soft_wrap=True)
        if check.fix:
            console.out().print(f"{'':12}{check.fix}", soft_wrap=True)


def _affected_jobs(names: Sequence[str]) -> str:
    return f"{', '.join(names)}: --resume-jobs resumes each from a savepoint" if names else ""


def _show_pairs(title: str, pairs: dict[str, str]) -> None:
    from rich.text import Text

    table = console.table(show_header=False)
    for name, value in pairs.items():
        if value:
            table.add_row(f"  {name}", Text(value, overflow="fold"))
    out = console.out()
    out.print(Text(title, style="bold"))
    out.print(table)


def _some(items: Sequence[str], what: str) -> str:
    return f"{len(items)} {what}" if items else ""
