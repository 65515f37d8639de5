"""The algorithms that can be asked for by name."""

from __future__ import annotations

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar, TypeVar

from tdajob.topology import algorithms
from tdajob.topology.about import About
from tdajob.topology.parameters import Parameter, hint
from tdajob.topology.values import ComputationError, Diagram, FloatArray, Query

ENTRY_POINT_GROUP = "tdaflink.algorithms"


class Algorithm(ABC):
    """One way from a point cloud to a persistence diagram.

    A class of somebody else becomes available by the decorator `register` in a module that is given to
    `load_modules`, or by an entry point of the group `tdaflink.algorithms` that names it. Instances hold
    no state between computations.
    """

    name: ClassVar[str]
    about: ClassVar[About | None] = None
    """For the table of algorithms, and the cost that refusals name; optional."""
    bounds_ambient_dimension: ClassVar[bool] = False
    """Whether `Limits.max_ambient_dimension` applies."""
    hausdorff_factor: ClassVar[float | None] = None
    """How far bars move at most, times the Hausdorff distance of two clouds; None: no such bound is known."""
    takes_distances: ClassVar[bool] = False
    """Whether a matrix of distances does instead of points. It comes in their place, unsorted, with
    `tdajob.topology.metrics.PRECOMPUTED` as the parameter `metric`."""

    def parameters(self) -> Sequence[Parameter]:
        """The parameters of its own that it accepts."""
        return ()

    def check(self, points: FloatArray, query: Query) -> None:  # noqa: B027 -- for others to refuse
        """Raise ComputationError where the points and the parameters do not suit each other."""

    def landmark_factor(self, params: Mapping[str, object], dim: int) -> float | None:  # noqa: ARG002 -- likewise
        """`hausdorff_factor` for points of `dim` coordinates at a Euclidean Hausdorff distance.

        `params` holds those parameters that were given.
        """
        return self.hausdorff_factor

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- for others to decide by
        """Whether n points of `dim` coordinates may run away or crash, so that a child process does it."""
        return True

    @abstractmethod
    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:
        """Memory, in bytes, that n points of `dim` coordinates will certainly take."""

    @abstractmethod
    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """The diagram of lexicographically sorted, finite points (n, d), n and d at least 1.

        `query.params` holds every accepted parameter. `tdajob.topology.bars.finished_bars` makes
        the bars of the result from raw intervals. Raises ComputationError.
        """


AlgorithmClass = TypeVar("AlgorithmClass", bound=type[Algorithm])

_registered: dict[str, Algorithm] = {}
_modules: list[str] = []


def register(algorithm: AlgorithmClass) -> AlgorithmClass:
    """Class decorator that makes an algorithm available under its name; ValueError where it cannot be."""
    made = algorithm()
    known = _registered.get(made.name)
    if known is not None and _place(type(known)) != _place(algorithm):
        raise ValueError(f"the algorithm '{made.name}' of {_place(type(known))} cannot be replaced")
    common = {field.name for field in fields(Query)}
    for parameter in made.parameters():
        if parameter.name in common:
            raise ValueError(f"'{parameter.name}' is a parameter of all algorithms: use another name")
    _registered[made.name] = made
    return algorithm


def load_modules(names: Sequence[str]) -> None:
    """Import modules, each of which registers at least one algorithm, here and in child processes.

    ComputationError `bad_plugin` tells the module that cannot be used, and why.
    """
    load_built_in()
    for name in names:
        if name not in _modules:
            _load_module(name)
            _modules.append(name)


def loaded_modules() -> tuple[str, ...]:
    """The modules that `load_modules` has imported."""
    return tuple(_modules)


def get(name: str) -> Algorithm:
    """The algorithm of that name; ComputationError `unknown_algorithm` names the nearest one."""
    load_built_in()
    if name not in _registered:
        # Looking through the installed packages is slow: only names that nobody here has pay for it.
        _load_entry_points()
    if name not in _registered:
        raise ComputationError("unknown_algorithm", f"algorithm is '{name}': {hint(name, _registered)}")
    return _registered[name]


def names() -> list[str]:
    """The names of all algorithms, those of other packages included."""
    load_built_in()
    _load_entry_points()
    return sorted(_registered)


def built_in_names() -> list[str]:
    """The names of the algorithms that the job ships."""
    load_built_in()
    package = f"{algorithms.__name__}."
    return sorted(name for name, known in _registered.items() if type(known).__module__.startswith(package))


@cache
def load_built_in() -> None:
    """Import the built-in algorithms, which register themselves."""
    for module in pkgutil.iter_modules(algorithms.__path__, f"{algorithms.__name__}."):
        import_module(module.name)


def _load_module(name: str) -> None:
    before = set(_registered)
    try:
        import_module(name)
    except Exception as error:
        raise ComputationError(
            "bad_plugin", f"the module '{name}' cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    there = {type(algorithm).__module__ for algorithm in _registered.values()}
    if set(_registered) == before and name not in there:
        raise ComputationError(
            "bad_plugin",
            f"the module '{name}' registers no algorithm: put the decorator "
            f"tdajob.plugin.{register.__name__} before a subclass of {Algorithm.__name__}",
        )


def _place(algorithm: type) -> str:
    return f"{algorithm.__module__}.{algorithm.__qualname__}"


def _load_entry_points() -> None:
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        algorithm = entry_point.load()
        # A package may add algorithms, never replace one.
        _registered.setdefault(algorithm.name, algorithm())
