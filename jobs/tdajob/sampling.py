"""Beam's clock of where a worker's time goes, switched off: it cost a tenth of the throughput.

For each bundle Beam starts a thread that looks every so often at what the worker is doing, sleeping 1.2 times
longer from look to look, and at the bundle's end it waits until that thread has woken up: a tenth of the
bundle's time on average, up to 200 ms, in which the worker does nothing. Flink throws the numbers away.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

_STATESAMPLER = "apache_beam.runners.worker.statesampler"


def stop_sampling() -> None:
    """Let this worker's bundles run without the sampling thread. For `open()`, before the first bundle.

    Does nothing where functions run in threads of the JVM, which have no Beam around them.
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
