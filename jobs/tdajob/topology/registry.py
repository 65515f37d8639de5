"""Registry of algorithms by name."""

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
    """An algorithm that computes a persistence diagram from a point cloud.

    A plug-in registers its class by the decorator `register` in a module that is passed to `load_modules`,
    or by an entry point of the group `tdaflink.algorithms`. Instances have no state between computations.
    """

    name: ClassVar[str]
    about: ClassVar[About | None] = None
    """Description for the table of algorithms, and cost rules for error messages; optional."""
    bounds_ambient_dimension: ClassVar[bool] = False
    """Whether `Limits.max_ambient_dimension` applies."""
    hausdorff_factor: ClassVar[float | None] = None
    """Bound of the bottleneck distance / Hausdorff distance of two clouds; None: no bound is known."""
    takes_distances: ClassVar[bool] = False
    """Whether a distance matrix is accepted instead of points. It is then passed as `points`, unsorted, with
    `tdajob.topology.geometry.point_metrics.PRECOMPUTED` as the parameter `metric`."""

    def parameters(self) -> Sequence[Parameter]:
        """Return the algorithm's own parameters."""
        return ()

    def check(self, points: FloatArray, query: Query) -> None:  # noqa: B027 -- optional hook
        """Raise ComputationError if the points and the parameters do not fit together."""

    def landmark_factor(self, params: Mapping[str, object], dim: int) -> float | None:  # noqa: ARG002 -- optional hook
        """Return `hausdorff_factor` for points of `dim` coordinates and the Euclidean Hausdorff distance.

        `params` has the given parameters only.
        """
        return self.hausdorff_factor

    def needs_isolation(self, n: int, dim: int, query: Query) -> bool:  # noqa: ARG002 -- optional hook
        """Return whether n points of `dim` coordinates need a child process: they may crash or run long."""
        return True

    @abstractmethod
    def predicted_bytes(self, n: int, dim: int, query: Query) -> int:
        """Return a lower bound of the memory, in bytes, that n points of `dim` coordinates take."""

    @abstractmethod
    def compute(self, points: FloatArray, query: Query) -> Diagram:
        """Return the diagram of lexicographically sorted, finite points (n, d), n and d at least 1.

        `query.params` has every accepted parameter. `tdajob.plugin.finished_bars` converts raw
        intervals to the bars of the result. Raises ComputationError.
        """


AlgorithmClass = TypeVar("AlgorithmClass", bound=type[Algorithm])

_registered: dict[str, Algorithm] = {}
_modules: list[str] = []


def register(algorithm: AlgorithmClass) -> AlgorithmClass:
    """Register an algorithm class under its name (decorator); ValueError if its names are taken."""
    instance = algorithm()
    known = _registered.get(instance.name)
    if known is not None and _place(type(known)) != _place(algorithm):
        raise ValueError(
            f"the algorithm '{instance.name}' of {_place(type(known))} cannot be replaced: use another name"
        )
    common = {field.name for field in fields(Query)}
    for parameter in instance.parameters():
        if parameter.name in common:
            raise ValueError(f"'{parameter.name}' is a parameter of all algorithms: use another name")
    _registered[instance.name] = instance
    return algorithm


def load_modules(names: Sequence[str]) -> None:
    """Import modules, each of which registers at least one algorithm, here and in child processes.

    Raises ComputationError `bad_plugin` with the module that cannot be used, and the reason.
    """
    load_built_in()
    for name in names:
        if name not in _modules:
            _load_module(name)
            _modules.append(name)


def loaded_modules() -> tuple[str, ...]:
    """Return the modules that `load_modules` has imported."""
    return tuple(_modules)


def get(name: str) -> Algorithm:
    """Return the algorithm of that name; ComputationError `unknown_algorithm` has the nearest name."""
    load_built_in()
    if name not in _registered:
        # Searching the installed packages is slow: only names that are not registered need it.
        _load_entry_points()
    if name not in _registered:
        raise ComputationError("unknown_algorithm", f"algorithm is '{name}': {hint(name, _registered)}")
    return _registered[name]


def names() -> list[str]:
    """Return the names of all algorithms, including those of other packages."""
    load_built_in()
    _load_entry_points()
    return sorted(_registered)


def built_in_names() -> list[str]:
    """Return the names of the algorithms that the job ships."""
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
    origins = {type(algorithm).__module__ for algorithm in _registered.values()}
    if set(_registered) == before and name not in origins:
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
        # Packages may add algorithms but not replace one.
        _registered.setdefault(algorithm.name, algorithm())
