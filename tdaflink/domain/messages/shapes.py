"""Point clouds of known topology, in pure Python, because the command has no numerical libraries.

A cloud depends only on its shape, the number of points, the noise and the random seed: it is the same on
every machine and Python version. Noise displaces the points that the shape has without noise.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tdaflink.domain.errors import NotFound, UsageError

Point = list[float]
_Sampler = Callable[[Random], Point]


@dataclass(frozen=True)
class Shape:
    """A space to sample points from.

    `betti` are the Betti numbers of the space, from H0 up. A cloud of `points` points has them in its alpha
    complex at `radius`, for nearly every random seed.
    """

    name: str
    title: str
    betti: tuple[int, ...]
    points: int
    radius: float
    draw: _Sampler


def sample(shape: Shape, points: int | None = None, *, noise: float = 0.0, seed: int = 0) -> list[Point]:
    """Sample a cloud; `noise` is the standard deviation of a normal displacement in each coordinate.

    Raises `UsageError`.
    """
    count = shape.points if points is None else points
    if count < 1:
        raise UsageError(f"{count} points: a cloud needs at least one", hint="--points 500")
    if not (noise >= 0.0 and math.isfinite(noise)):
        raise UsageError(f"noise {noise}: must be a standard deviation, 0 or more", hint="--noise 0.05")
    positions = Random(seed)  # noqa: S311 - reproducible on purpose
    cloud = [shape.draw(positions) for _ in range(count)]
    if noise == 0.0:
        return cloud
    displacements = Random(f"noise of {seed}")  # noqa: S311 - reproducible on purpose
    return [[x + displacements.gauss(0.0, noise) for x in point] for point in cloud]


def find(name: str) -> Shape:
    """Return the shape of that name; `figure-eight` is accepted for `figure_eight`. Raises `NotFound`."""
    shape = SHAPES.get(name.replace("-", "_").lower())
    if shape is None:
        near = difflib.get_close_matches(name, SHAPES, n=1)
        raise NotFound(
            f"no shape is named {name!r}",
            hint=f"did you mean {near[0]}?" if near else f"one of {', '.join(SHAPES)}",
        )
    return shape


def _angle(random: Random) -> float:
    return math.tau * random.random()


def _circle(random: Random) -> Point:
    angle = _angle(random)
    return [math.cos(angle), math.sin(angle)]


def _direction(random: Random) -> Point:
    """Sample uniformly on the sphere: a slice's area depends on its height alone (Archimedes)."""
    height = 2.0 * random.random() - 1.0
    angle = _angle(random)
    across = math.sqrt(1.0 - height * height)
    return [across * math.cos(angle), across * math.sin(angle), height]


def _torus(random: Random) -> Point:
    """Sample uniformly by area: accept the tube's angle in proportion to its circumference."""
    major, minor = 2.0, 1.0
    while True:
        tube = _angle(random)
        across = major + minor * math.cos(tube)
        if random.random() * (major + minor) <= across:
            break
    angle = _angle(random)
    return [across * math.cos(angle), across * math.sin(angle), minor * math.sin(tube)]


def _figure_eight(random: Random) -> Point:
    x, y = _circle(random)
    return [x - 1.0 if random.random() < 0.5 else x + 1.0, y]


def _linked_circles(random: Random) -> Point:
    x, y = _circle(random)
    return [x, y, 0.0] if random.random() < 0.5 else [x + 1.0, 0.0, y]


def _ring(inner: float) -> _Sampler:
    """Return a sampler that is uniform by area between the radii `inner` and 1."""

    def draw(random: Random) -> Point:
        radius = math.sqrt(inner * inner + (1.0 - inner * inner) * random.random())
        x, y = _circle(random)
        return [radius * x, radius * y]

    return draw


def _box(dimension: int) -> _Sampler:
    return lambda random: [random.random() for _ in range(dimension)]


def _clusters(random: Random) -> Point:
    centre = -2.0 if random.random() < 0.5 else 2.0
    x, y = _ring(0.0)(random)
    return [centre + x, y]


def _swiss_roll(random: Random) -> Point:
    """Sample a strip rolled up one and a half times, uniformly in the angle."""
    angle = math.pi * (1.5 + 3.0 * random.random())
    radius = angle / math.pi
    return [radius * math.cos(angle), 5.0 * random.random(), radius * math.sin(angle)]


SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("circle", "circle of radius 1", (1, 1), 500, 0.4, _circle),
        Shape("sphere", "sphere of radius 1, uniform by area", (1, 0, 1), 500, 0.5, _direction),
        Shape("torus", "torus with radii 2 and 1, uniform by area", (1, 2, 1), 1000, 0.75, _torus),
        Shape("figure_eight", "two circles of radius 1 that touch", (1, 2), 500, 0.4, _figure_eight),
        Shape("linked_circles", "two linked circles of radius 1", (2, 2), 500, 0.25, _linked_circles),
        Shape("annulus", "ring between the radii 0.5 and 1", (1, 1), 500, 0.3, _ring(0.5)),
        Shape("disk", "disk of radius 1", (1, 0), 500, 0.3, _ring(0.0)),
        Shape("square", "square with side 1", (1, 0), 500, 0.15, _box(2)),
        Shape("cube", "cube with side 1", (1, 0, 0), 500, 0.3, _box(3)),
        Shape("clusters", "two disks of radius 1, their centres 4 apart", (2, 0), 500, 0.4, _clusters),
        Shape("swiss_roll", "a strip rolled up in space", (1, 0, 0), 1000, 0.9, _swiss_roll),
    )
}
