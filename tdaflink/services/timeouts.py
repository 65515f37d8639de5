"""Timeouts that several services share, in seconds."""

from __future__ import annotations

CANCEL_SECONDS = 60.0  # until a cancelled job has ended
MAIN_SECONDS = 150.0  # until main() has submitted its job, another user's included
RUNNING_SECONDS = 180.0  # until a submitted job runs
