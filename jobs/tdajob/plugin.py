"""Public API for plug-in algorithms; the modules that define these names may move.

A module that the job config names under `plugins`, or a package with an entry point of the group
`tdaflink.algorithms`, defines a subclass of `Algorithm` and registers it: docs/algorithms.md has an example.
"""

from __future__ import annotations

from tdajob.topology.about import About, Cost
from tdajob.topology.diagrams.bars import finished_bars
from tdajob.topology.engine import Engine
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm, register
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Limits, Query

__all__ = [
    "About",
    "Algorithm",
    "ComputationError",
    "Cost",
    "Diagram",
    "Engine",
    "FloatArray",
    "Limits",
    "Parameter",
    "Query",
    "finished_bars",
    "register",
]
