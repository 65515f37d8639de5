"""Entry point of the job: builds the dataflow from `--settings JSON` and submits it to this cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pyflink.datastream import StreamExecutionEnvironment
from tdajob.flink import pipeline
from tdajob.settings import job


def main(arguments: Sequence[str] | None = None) -> None:
    """Build and submit the job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the resolved settings, as one JSON object")
    try:
        job_settings = job.load(parser.parse_args(arguments).settings)
    except job.SettingsError as error:
        sys.exit(f"tdajob: bad settings: {error}")
    env = StreamExecutionEnvironment.get_execution_environment()
    refuse_local(env)
    pipeline.build(env, job_settings)
    env.execute(job_settings.job_name)


def refuse_local(env: StreamExecutionEnvironment) -> None:
    """Exit if Flink would run the job in a MiniCluster inside this process.

    A JobManager whose Python gateway is stuck does that silently, and no list of jobs would show the job.
    """
    kind = env._j_stream_execution_environment.getClass().getSimpleName()
    if kind == "LocalStreamEnvironment":
        sys.exit(
            "tdajob: the execution environment is local (a MiniCluster), not the cluster's: submit this job"
            " with `tdaflink submit`. If it was submitted that way, the JobManager's Python gateway is stuck:"
            " restart the JobManager."
        )


if __name__ == "__main__":
    main()
