"""Disabling of Beam's state sampling, which reduced the throughput by a tenth.

For each bundle Beam starts a thread that samples the state of the worker at intervals, each 1.2 times longer
than the previous one. At the end of the bundle Beam waits until that thread wakes up: a tenth of the bundle's
time on average, up to 200 ms, in which the worker is idle. Flink discards the samples.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

_STATESAMPLER = "apache_beam.runners.worker.statesampler"


def stop_sampling() -> None:
    """Run this worker's bundles without the sampling thread. Call it in `open()`, before the first bundle.

    Does nothing where functions run in threads of the JVM, which do not use Beam.
    """
    beam = sys.modules.get(_STATESAMPLER)
    if beam is None:
        return

    def start(sampler: Any) -> None:
        sampler.tracked_thread = threading.current_thread()
        sampler.started = True
        beam.set_current_tracker(sampler)

    def stop(_sampler: object) -> None:
        beam.set_current_tracker(None)

    beam.StateSampler.start = start
    beam.StateSampler.stop = stop
