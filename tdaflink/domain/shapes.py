"""Point clouds of known topology, in plain Python, so that the light command can make them.

A cloud depends on its shape, the number of points, the noise and the seed alone: the same on every
machine and every Python. Noise moves the same points that the shape has without noise.
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
    """A space to draw points from.

    `betti` are the Betti numbers of the space itself, from H0 up. A cloud of `points` points shows them
    in its alpha complex at `radius`, for nearly every seed.
    """

    name: str
    title: str
    betti: tuple[int, ...]
    points: int
    radius: float
    draw: _Sampler


def sample(shape: Shape, points: int | None = None, *, noise: float = 0.0, seed: int = 0) -> list[Point]:
    """Draw a cloud; `noise` is the standard deviation of a normal step in every coordinate."""
    count = shape.points if points is None else points
    if count < 1:
        raise UsageError(f"{count} points: a cloud has at least one", hint="--points 500")
    if not (noise >= 0.0 and math.isfinite(noise)):
        raise UsageError(f"noise {noise}: it is a standard deviation, 0 or more", hint="--noise 0.05")
    places = Random(seed)  # noqa: S311 - reproducible on purpose
    cloud = [shape.draw(places) for _ in range(count)]
    if noise == 0.0:
        return cloud
    steps = Random(f"noise of {seed}")  # noqa: S311 - reproducible on purpose
    return [[x + steps.gauss(0.0, noise) for x in point] for point in cloud]


def find(name: str) -> Shape:
    """The shape of that name; `figure-eight` and `figure_eight` are the same."""
    shape = SHAPES.get(name.replace("-", "_").lower())
    if shape is None:
        near = difflib.get_close_matches(name, SHAPES, n=1)
        raise NotFound(
            f"no shape is called {name!r}",
            hint=f"did you mean {near[0]}?" if near else f"one of {', '.join(SHAPES)}",
        )
    return shape


def _angle(random: Random) -> float:
    return math.tau * random.random()


def _circle(random: Random) -> Point:
    angle = _angle(random)
    return [math.cos(angle), math.sin(angle)]


def _direction(random: Random) -> Point:
    """Uniform on the sphere: a slice's area depends on its height alone (Archimedes)."""
    height = 2.0 * random.random() - 1.0
    angle = _angle(random)
    across = math.sqrt(1.0 - height * height)
    return [across * math.cos(angle), across * math.sin(angle), height]


def _torus(random: Random) -> Point:
    """Uniform by area: the tube's angle is kept with a probability in proportion to its circumference."""
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
    """Uniform by area between the radii `inner` and 1."""

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
    """A strip rolled up one and a half times, uniform in the angle."""
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
