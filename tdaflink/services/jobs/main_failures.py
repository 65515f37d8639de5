"""Failures of main(): Flink's response has at most the Java cause, the JobManager's log the traceback."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from tdaflink.adapters.flink.client import FlinkRest
from tdaflink.domain.errors import JobFailed, NotFound, Refused, TdaflinkError, Unhealthy
from tdaflink.domain.jobs.failures import own_frames, printed_by_main, python_traceback, root_cause
from tdaflink.domain.polling import poll

_LOCAL_ENVIRONMENT = "the execution environment is local"  # raised by main() if it got another gateway
_WEDGED = "setGatewayServer"
_EXITED = "Python process exits with code"
_ENDING = ("FAILING", "CANCELING")
_FAILING_SECONDS = 10.0


def log_sizes(cluster: FlinkRest) -> Mapping[str, int]:
    """Return the sizes of the JobManager's logs in bytes; empty if it does not expose them."""
    with suppress(NotFound, Refused):
        return cluster.jobmanager_log_sizes()
    return {}


def new_log_text(cluster: FlinkRest, before: Mapping[str, int]) -> str:
    """Return the new text of the JobManager's logs; the response to a failed run has no Python traceback.

    Several files may contain the same lines (a copy of the log from the console): the first with output of
    Python is used.
    """
    grown = [name for name, size in log_sizes(cluster).items() if size > before.get(name, 0)]
    texts = [cluster.jobmanager_log(name, skip=before.get(name, 0)) for name in sorted(grown)]
    return next((text for text in texts if printed_by_main(text)), "\n".join(texts))


def failed_after_submitting(cluster: FlinkRest, name: str, job_id: str) -> JobFailed | None:
    """Return the failure of a main() that had submitted its job already: Flink 2.3 then cancels the job."""
    text = _application_failure(cluster, job_id)
    if _EXITED not in text:
        return None
    return JobFailed(
        f"{name} was canceled: its main() failed after it had submitted the job ({root_cause(text)})",
        noise=text,
        hint="tdaflink logs jobmanager has its traceback",
    )


def _application_failure(cluster: FlinkRest, application_id: str) -> str:
    """Wait for the failures that Flink stores of an application and return them; empty without a failure."""
    with suppress(NotFound, Refused):
        for _ in poll(_FAILING_SECONDS, every=0.2):
            failures = cluster.application_failures(application_id)
            if failures or cluster.application(application_id).status not in _ENDING:
                return "\n".join(failures)
    return ""


def used_wrong_gateway(output: str) -> bool:
    """Return whether main() got the gateway of another submission while the JobManager is intact."""
    return _LOCAL_ENVIRONMENT in output and _WEDGED not in output


def to_error(refusal: Refused, name: str, output: str) -> TdaflinkError:
    """Return the error for a refused run, by the output of main() in the JobManager's log."""
    if _WEDGED in output or _LOCAL_ENVIRONMENT in output:
        return Unhealthy(
            "the JobManager can no longer run Python: two concurrent submissions left its gateway in use",
            hint="restart it: tdaflink teardown, then tdaflink setup (checkpoints are kept)",
            noise=output,
        )
    printed = printed_by_main(output)
    noise = "\n".join(filter(None, (printed, refusal.noise)))
    traceback = python_traceback(printed)
    if traceback is not None:
        return JobFailed(
            f"{name} was not started: its main() raised {root_cause(traceback)}",
            detail=own_frames(traceback),
            noise=noise,
            hint="fix the script and submit it again",
        )
    if "No jobs included" in refusal.reason:
        return JobFailed(f"{name} was not started: its main() ended without calling env.execute()")
    return JobFailed(f"{name} was not started: {refusal.reason}", detail=_last_lines(printed), noise=noise)


def _last_lines(text: str) -> str | None:
    return "\n".join(text.splitlines()[-20:]) or None
