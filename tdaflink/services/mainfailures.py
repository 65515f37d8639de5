"""Why a main() failed: Flink's answer has the Java cause at most, the JobManager's log has the traceback."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from tdaflink.adapters.flink import FlinkRest
from tdaflink.domain.errors import JobFailed, NotFound, Refused, TdaflinkError, Unhealthy
from tdaflink.domain.failures import own_frames, printed_by_main, python_traceback, root_cause
from tdaflink.domain.waiting import poll

_LOCAL_ENVIRONMENT = "the execution environment is local"  # main() says so where gateways were mixed up
_WEDGED = "setGatewayServer"
_EXITED = "Python process exits with code"
_ENDING = ("FAILING", "CANCELING")
_FAILING_SECONDS = 10.0


def log_sizes(cluster: FlinkRest) -> Mapping[str, int]:
    """Where the JobManager's logs end now; empty where it does not show them."""
    with suppress(NotFound, Refused):
        return cluster.jobmanager_log_sizes()
    return {}


def new_log_text(cluster: FlinkRest, before: Mapping[str, int]) -> str:
    """What the JobManager has logged since; the reply to a failed run has no Python in it.

    Several files may hold the same lines (a console's copy of the log): the first that has Python counts.
    """
    grown = [name for name, size in log_sizes(cluster).items() if size > before.get(name, 0)]
    texts = [cluster.jobmanager_log(name, skip=before.get(name, 0)) for name in sorted(grown)]
    return next((text for text in texts if printed_by_main(text)), "\n".join(texts))


def failed_after_submitting(cluster: FlinkRest, name: str, job_id: str) -> JobFailed | None:
    """The failure of a main() that had submitted its job already: Flink 2.3 then cancels the job."""
    text = _application_failure(cluster, job_id)
    if _EXITED not in text:
        return None
    return JobFailed(
        f"{name} was canceled: its main() failed after it had submitted the job ({root_cause(text)})",
        noise=text,
        hint="tdaflink logs jobmanager has its traceback",
    )


def _application_failure(cluster: FlinkRest, application_id: str) -> str:
    """What Flink keeps of a failed application, as soon as it is there; empty without a failure."""
    with suppress(NotFound, Refused):
        for _ in poll(_FAILING_SECONDS, every=0.2):
            failures = cluster.application_failures(application_id)
            if failures or cluster.application(application_id).status not in _ENDING:
                return "\n".join(failures)
    return ""


def ran_elsewhere(output: str) -> bool:
    """Whether main() was given another gateway than its own, and the JobManager is sound all the same."""
    return _LOCAL_ENVIRONMENT in output and _WEDGED not in output


def explained(refusal: Refused, name: str, output: str) -> TdaflinkError:
    """The refusal of a run as what it means, by what the JobManager has logged of main()."""
    if _WEDGED in output or _LOCAL_ENVIRONMENT in output:
        return Unhealthy(
            "the JobManager can run no more Python: two submissions met in it and left its gateway in use",
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
            hint="mend the script and submit it again",
        )
    if "No jobs included" in refusal.reason:
        return JobFailed(f"{name} was not started: its main() ended without calling env.execute()")
    return JobFailed(f"{name} was not started: {refusal.reason}", detail=_last_lines(printed), noise=noise)


def _last_lines(text: str) -> str | None:
    return "\n".join(text.splitlines()[-20:]) or None
