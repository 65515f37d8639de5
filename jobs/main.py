"""Entry point of the shipped job: `--settings JSON` → dataflow → run on the cluster that runs this."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from pyflink.datastream import StreamExecutionEnvironment
from tdajob import pipeline, settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the job and submit it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, help="the resolved settings, as one JSON object")
    try:
        chosen = settings.load(parser.parse_args(arguments).settings)
    except settings.SettingsError as error:
        sys.exit(f"tdajob: bad settings: {error}")
    env = StreamExecutionEnvironment.get_execution_environment()
    refuse_local(env)
    pipeline.build(env, chosen)
    env.execute(chosen.job_name)


def refuse_local(env: StreamExecutionEnvironment) -> None:
    """Stop where Flink would run the job in a cluster of its own inside this process.

    A JobManager whose Python gateway is in a wedged state does that without a word: nobody would see the job.
    """
    kind = env._j_stream_execution_environment.getClass().getSimpleName()
    if kind == "LocalStreamEnvironment":
        sys.exit(
            "tdajob: the execution environment is local (a MiniCluster), not the cluster's: submit this job"
            " with `tdaflink submit`. If that is what you did, the JobManager's Python gateway is wedged:"
            " restart the JobManager."
        )


if __name__ == "__main__":
    main()
