"""Report of the health checks, each problem with its fix."""

from __future__ import annotations

from tdaflink.display import console
from tdaflink.display.data import show_data
from tdaflink.domain.environments.health_checks import CheckResult, Report

_SIGNS = {"problem": ("✗", "red"), "warning": ("!", "yellow"), "unknown": ("?", "cyan"), "ok": ("✓", "green")}


@console.printed
def show_report(report: Report) -> None:
    """Show every result; problems come last, next to the prompt."""
    if show_data(report):
        return
    order = ("ok", "unknown", "warning", "problem")
    for result in sorted(report.results, key=lambda result: order.index(result.state)):
        _show(result)
    problems = len(report.problems)
    if report.healthy:
        console.out().print(f"{report.environment} is healthy", style="bold")
    else:
        text = f"{report.environment} has {problems} problem{'' if problems == 1 else 's'}"
        console.out().print(text, style="bold red")


def _show(result: CheckResult) -> None:
    from rich.text import Text

    out = console.out()
    sign, style = _SIGNS[result.state]
    out.print(Text.assemble((sign, style), f" {result.check:<11} {result.text}"), soft_wrap=True)
    if result.why:
        out.print(f"              why: {result.why}", soft_wrap=True)
    if result.fix:
        out.print(f"              fix: {console.hint(result.fix)}", soft_wrap=True)
