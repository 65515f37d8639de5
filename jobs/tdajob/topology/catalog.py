"""Catalog of the built-in algorithms as JSON data, for programs that cannot import them.

`tools/algorithms.py` writes it to profiles/algorithms.json; a test compares the file with the registry.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tdajob.topology import registry
from tdajob.topology.about import About
from tdajob.topology.parameters import Parameter
from tdajob.topology.registry import Algorithm

KINDS = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list of numbers"}


def algorithm_document(algorithm: Algorithm) -> dict[str, Any]:
    """Return the description and the parameters of an algorithm in JSON types."""
    about: About | None = algorithm.about
    description = {} if about is None else asdict(about)
    return {
        "name": algorithm.name,
        **description,
        "takes": ["points", "distances"] if algorithm.takes_distances else ["points"],
        "bounds_ambient_dimension": algorithm.bounds_ambient_dimension,
        "hausdorff_factor": algorithm.hausdorff_factor,
        "parameters": [parameter_document(parameter) for parameter in algorithm.parameters()],
    }


def built_in_documents() -> list[dict[str, Any]]:
    """Return the documents of all built-in algorithms, sorted by name."""
    registry.load_built_in()
    return [algorithm_document(registry.get(name)) for name in registry.built_in_names()]


def parameter_document(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter's document; `default` null: the data determine the value, and null is allowed."""
    return {
        "name": parameter.name,
        "type": KINDS[parameter.kind],
        "default": parameter.default,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "exclusive": parameter.exclusive,
        "choices": list(parameter.choices),
        "unit": parameter.unit,
        "description": parameter.description,
    }
