"""Run a job's main() so that Flink keeps the reason of its failure: `tdaflink_entry JOB_ID MODULE ARGS...`.

Flink's PythonDriver reports the exit code of a failed main() and nothing else, unless an exception was handed
over to it. The JobManager has one place for that exception, so its text begins with the id of the job.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from contextlib import suppress
from types import TracebackType

_MACHINERY = (__file__, runpy.__file__, "<frozen runpy>")


def main() -> None:
    """Run the module as `python -m` does."""
    job_id, module = sys.argv[1:3]
    del sys.argv[1:3]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if error.code:
            _hand_over(job_id, f"SystemExit: {error.code}")
        raise
    except BaseException as error:
        text = "".join(traceback.format_exception(type(error), error, _own_frames(error.__traceback__)))
        print(text, file=sys.stderr)
        _hand_over(job_id, text)
        sys.exit(1)


def _own_frames(frames: TracebackType | None) -> TracebackType | None:
    """The traceback from the job's first frame on; all of it where the job has none."""
    rest = frames
    while rest is not None and rest.tb_frame.f_code.co_filename in _MACHINERY:
        rest = rest.tb_next
    return rest or frames


def _hand_over(job_id: str, text: str) -> None:
    """Give the failure to the PythonDriver that started this process. Where that fails, the log has it."""
    if "PYFLINK_GATEWAY_PORT" not in os.environ:
        return  # PyFlink would start a JVM of its own
    with suppress(Exception):
        from pyflink.java_gateway import get_gateway

        flink = get_gateway().jvm.org.apache.flink
        # The one kind that PythonDriver keeps. With a status it would stand for a job that has ended.
        failure = flink.client.deployment.application.UnsuccessfulExecutionException(
            flink.api.common.JobID.fromHexString(job_id), None, f"main() of job {job_id} failed\n{text}", None
        )
        flink.client.python.PythonEnvUtils.setPythonException(failure)


if __name__ == "__main__":
    main()
