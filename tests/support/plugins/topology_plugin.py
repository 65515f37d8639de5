"""An algorithm of another package that fails on request; tests install it with an entry point."""

# ruff: noqa: ARG002 -- the signatures are those of the base class

from __future__ import annotations

import os
import time

import numpy as np
from tdajob.plugin import Algorithm, Diagram, FloatArray, Parameter, Query, finished_bars


class Unruly(Algorithm):
    name = "unruly"

    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter("act", str, "behave", "what to do"),
            Parameter("isolated", bool, True, "where to do it"),
            Parameter("factor", float, 1.0, "a number", minimum=0),
        )

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:
        return bool(query.params["isolated"])

    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:
        return 0

    def compute(self, points: FloatArray, query: Query) -> Diagram:
        act = str(query.params["act"])
        if act in _ACTS:
            _ACTS[act]()
        raw = [np.array([[0.0, np.nan if act == "give_nan" else np.inf]])]
        bars = (raw[0],) if act == "give_nan" else finished_bars(raw, query, None)
        return Diagram(bars, f"process {os.getpid()}", None, 0.0)


def _print_much() -> None:
    os.write(1, b"noise " * 1000)
    print("noise " * 1000)


def _allocate() -> None:
    np.ones(1 << 40)


def _hold_the_interpreter_lock() -> None:
    sum(range(10**15))


def _fail() -> None:
    raise ZeroDivisionError("of the algorithm")


_ACTS = {
    "print": _print_much,
    "allocate": _allocate,
    "abort": os.abort,
    "exit": lambda: os._exit(3),
    "fail": _fail,
    "wait": lambda: time.sleep(1000),
    "hog": _hold_the_interpreter_lock,
}
